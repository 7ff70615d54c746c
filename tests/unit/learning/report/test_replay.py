"""Replay: logged queries decided again under other settings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_router import Config, Constraints, EdgeRouter, Placement
from edge_router.errors import LearningError
from edge_router.learning.outcomes.log import FILE, OutcomeLog
from edge_router.learning.report.replay import NotReplayed, Replay, replayed
from edge_router.routing.deciding.operating_point import OperatingPoint
from edge_router.routing.deciding.ranked_rule import RankedRule
from edge_router.routing.router import Router
from edge_router.settings.expert_config import ExpertConfig
from edge_router.testing import FakeBackend
from made_answers import row as line
from made_answers import simulated
from made_experts import CLOUD, LOCAL

QUERIES = (
    "Hi!", "What is 2 + 2?", "Thanks a lot", "Prove that the square root of 2 is irrational.",
    "Write a Rust macro that derives a parser from a grammar, with error recovery.",
)  # fmt: skip
EXPERTS = {"local": LOCAL, "cloud": CLOUD}
CONFIG = Config(experts=EXPERTS, learn=True)
ROUTER = Router.from_config(CONFIG)
UNLIMITED = Constraints()


def at(price: float, experts: Any = None) -> Router:
    """A router with another price."""
    return Router(
        ROUTER.artifact, experts or ROUTER.experts, point=OperatingPoint.of_price(price),
        encoder=ROUTER._encoder,
    )  # fmt: skip


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Answers to QUERIES at a price of 0.2, and one that was asked for by name."""
    folder = tmp_path_factory.mktemp("log")
    config = replace(CONFIG, data_dir=str(folder), min_gain=0.2)
    backends = {name: FakeBackend() for name in EXPERTS}
    with EdgeRouter(config, backends=backends) as router:
        for query in QUERIES:
            router.complete(query)
        router.complete("By name", rule=RankedRule(("cloud",)))
    return folder / FILE


def test_the_same_settings_choose_the_same(log: Path) -> None:
    """From the logged representation; what a rule of the caller chose is no choice of theirs."""
    found = replayed(log, at(0.2), UNLIMITED)
    assert (found.answers, dict(found.changes), found.by_estimates) == (5, {}, 0)
    assert found.not_replayed == {NotReplayed.NOT_ROUTED: 1}
    assert found.before == found.after


@pytest.mark.parametrize(("price", "to"), [(-1.0, "cloud"), (1.0, "local")])
def test_another_price_moves_queries(log: Path, price: float, to: str) -> None:
    """To the dearer expert below, to the cheaper one above; dollars follow."""
    found = replayed(log, at(price), UNLIMITED)
    before = [one.expert for one in OutcomeLog(log).rows()[:5]]
    assert sum(found.changes.values()) == sum(one != to for one in before)
    assert all(move.endswith(f"to {to}") for move in found.changes)
    assert found.after.usd is not None
    assert found.before.usd is not None
    dearer = found.after.usd > found.before.usd
    assert dearer == (to == "cloud") or not found.changes


def test_it_decides_as_the_router_would(log: Path) -> None:
    """On the text itself."""
    for price in (-0.5, 0.1, 0.3):
        router = at(price)
        now = [router.route(query).expert for query in QUERIES]
        then = [one.expert for one in OutcomeLog(log).rows()[:5]]
        moved = sum(a != b for a, b in zip(now, then, strict=True))
        assert sum(replayed(log, router, UNLIMITED).changes.values()) == moved


def test_limits_hold(log: Path) -> None:
    """Nothing may leave the device, or nothing may stay."""
    found = replayed(log, at(-1.0), Constraints(placement=Placement.ONLY_ON_DEVICE))
    assert found.savings is not None
    assert found.savings.shares[[one.name for one in found.savings.singles].index("local")] == 1
    with pytest.raises(LearningError, match="no expert may answer"):
        replayed(log, at(0.2), Constraints(max_latency_s=0.0))


def test_an_expert_that_was_not_there_then_is_asked_now(log: Path) -> None:
    """The representation tells what to expect of it."""
    newcomer = replace(ROUTER.experts[0], name="newcomer")
    found = replayed(log, at(1.0, (newcomer,)), UNLIMITED)
    assert all(move.endswith("to newcomer") for move in found.changes)
    assert sum(found.changes.values()) == 5


def write(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """A file of JSON lines."""
    path = folder / "log.jsonl"
    path.write_text("".join(f"{json.dumps(one)}\n" for one in rows))
    return path


def by_estimates(folder: Path, price: float, rows: list[dict[str, Any]]) -> Replay:
    """The replay of JSON lines, which hold no representation."""
    return replayed(write(folder, rows), at(price), UNLIMITED)


def test_a_useless_router_would_not_pay_either(tmp_path: Path) -> None:
    """Its log, decided again by the same useless estimates; a good one's paid."""
    how: dict[str, Any] = {"scored": 0.5, "exploration": 0.1}
    useless = by_estimates(tmp_path, 0.2, simulated(1, 1500, knows=0.0, **how))
    good = by_estimates(tmp_path, 0.2, simulated(1, 1500, knows=1.0, **how))
    assert useless.by_estimates == 1500
    assert useless.verdict.startswith("Routing did not pay")
    assert good.verdict.startswith("Routing paid")


def test_logged_text_is_read_anew(tmp_path: Path) -> None:
    """By whichever router there is."""
    found = by_estimates(tmp_path, -1.0, [line(n, prompt=text) for n, text in enumerate(QUERIES)])
    assert (found.answers, found.by_estimates) == (5, 0)


def test_what_cannot_be_decided_is_counted(tmp_path: Path) -> None:
    """With why; and a log of nothing else is refused."""
    unknown = line(1, estimates={"local": [0.5, 0.0, 1.0, 9.0], "cloud": [0.8, 0.01, 1, 9]})
    del unknown["estimates"]["cloud"]
    rows = [
        unknown, line(2), line(3, reason="tool_loop"), line(4, estimates=None),
        line(5, reason=["odd"]), line(6, vector="text", artifact=ROUTER.artifact.hash),
    ]  # fmt: skip
    found = by_estimates(tmp_path, 0.2, rows)
    assert found.answers == 1
    assert found.not_replayed == {
        NotReplayed.UNKNOWN: 1, NotReplayed.NOT_ROUTED: 1, NotReplayed.UNREADABLE: 3,
    }  # fmt: skip
    with pytest.raises(LearningError, match="no query that can be decided again"):
        by_estimates(tmp_path, 0.2, [unknown])


def test_no_expert_is_asked(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even opened."""
    monkeypatch.setattr(ExpertConfig, "__getattribute__", None, raising=False)
    assert replayed(log, at(0.5), UNLIMITED).answers == 5
