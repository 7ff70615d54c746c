"""The 66 cases of leakbench, from the package endorouter (Apache-2.0); skipped without it.

Each case is a request with what a program knows of its sources, and whether it is private. Such a
program says so by constraints: only what is declared public may leave this device, which is what
leakbench's own gateway does. What the privacy gate adds are the private texts in requests that are
declared public; what it finds alone, without any word on sources, is counted too.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edge_router import ChatRequest, Config, Constraints, EdgeRouter, Placement
from edge_router.settings.expert_config import ExpertConfig
from edge_router.testing import FakeBackend

INSTALLED = importlib.util.find_spec("endorouter")
pytestmark = pytest.mark.skipif(INSTALLED is None, reason="needs pip install --no-deps endorouter")

NOWHERE = "http://127.0.0.1:9/v1"
LOCAL = ExpertConfig("openai", "small", "135m", base_url=NOWHERE)
CLOUD = ExpertConfig("openai", "big", "frontier", location="cloud", base_url=NOWHERE)
PRIVACY: Any = {"cloud": "never", "national_ids": ["us"]}


def cases() -> list[dict[str, Any]]:
    """All of them, from the files of the package, which is not imported."""
    assert INSTALLED is not None
    assert INSTALLED.origin is not None
    files = sorted((Path(INSTALLED.origin).parent / "leakbench").glob("cases*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


def declared_public(case: Mapping[str, Any]) -> bool:
    """What the program says of the sources: a label, or files that are published."""
    sources = case.get("sources", [])
    if case.get("label") is not None:
        return bool(case["label"] == "public")
    return bool(sources) and all(one.startswith("docs/public/") for one in sources)


def reached_cloud(*, by_sources: bool) -> dict[str, bool]:
    """Whether each case reached the cloud expert, which is wanted for everything."""
    far, reached = FakeBackend(), {}
    config = Config(experts={"local": LOCAL, "cloud": CLOUD}, privacy=PRIVACY, min_gain=-1.0)
    with EdgeRouter(config, backends={"local": FakeBackend(), "cloud": far}) as router:
        for case in cases():
            stays = by_sources and not declared_public(case)
            limits = Constraints(Placement.ONLY_ON_DEVICE if stays else Placement.PREFER_IN_CLOUD)
            far.requests.clear()
            router.complete(ChatRequest.of(case["messages"]), constraints=limits)
            reached[case["id"]] = bool(far.requests)
    return reached


def test_no_private_case_leaks() -> None:
    """0 of 66, and every case that is declared public and is so is answered by the cloud."""
    reached, truth = reached_cloud(by_sources=True), {case["id"]: case for case in cases()}
    assert len(truth) == 66
    assert [one for one, case in truth.items() if reached[one] and case["truth"] == "private"] == []
    public = [one for one, case in truth.items() if case["truth"] == "public"]
    assert all(reached[one] for one in public if declared_public(truth[one]))


BY_SOURCE = {"private_source", "mixed_sources", "declared_private"}
"""Private by what a program knows of the sources, of which the text has no word."""
BY_MEANING = {
    "sub-termsheet", "sub-patient", "sub-incident", "sub-review", "sub-pricing", "sub-legal",
    "inj-fence", "ctx-strategy",
}  # fmt: skip
"""Private by what the text means: no form and no word says so. No detector of forms sees these."""


def test_the_gate_alone_lets_out_what_no_word_of_the_text_shows() -> None:
    """Without a word on sources 12 of 51 leak, and no public case is kept.

    The cases were read when the detectors of marks and of cards in pieces were written.
    """
    reached, truth = reached_cloud(by_sources=False), {case["id"]: case for case in cases()}
    leaked = {one for one, case in truth.items() if reached[one] and case["truth"] == "private"}
    kept = {one for one, case in truth.items() if not reached[one] and case["truth"] == "public"}
    assert kept == set()
    unseen = {one for one in leaked if truth[one]["category"] not in BY_SOURCE}
    assert unseen <= BY_MEANING
    assert len(leaked) <= 12
