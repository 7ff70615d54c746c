"""Answers of a router that learns, and what is kept of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edge_router import AnswerRecord, Config, EdgeRouter, Router
from edge_router.chat.completion import Usage
from edge_router.settings.expert_config import ExpertConfig
from edge_router.testing import FakeBackend

LOCAL = ExpertConfig("openai", "small", "135m", base_url="http://127.0.0.1:9/v1")
CLOUD = ExpertConfig(
    "openai", "big", "frontier", location="cloud", base_url="http://127.0.0.1:9/v1"
)
EXPERTS = {"local": LOCAL, "cloud": CLOUD}


def answered() -> AnswerRecord:
    """One answer of the local expert."""
    decision = Router.from_config(Config(experts=EXPERTS, min_gain=1.0)).route("Hi there!")
    return AnswerRecord("id-0", decision, "local", {}, Usage(3, 4), 0.0, 0.001, 0.2, 0.5)


def numbered(record: AnswerRecord, number: int) -> AnswerRecord:
    """The same with another id."""
    return replace(record, id=f"id-{number}")


def router(folder: Path, **settings: object) -> EdgeRouter:
    """One that learns into `folder`, with experts that answer at once."""
    config = Config(experts=EXPERTS, data_dir=str(folder), min_gain=1.0)
    changed = config.with_changes(**{"learn": True} | settings)
    return EdgeRouter(changed, backends={"local": FakeBackend(), "cloud": FakeBackend()})
