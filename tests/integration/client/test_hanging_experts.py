"""Experts that hang: each is waited for no longer than leaves time for the next one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_router import Config, EdgeRouter
from edge_router.chat.completion import ChatChunk
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.testing import FakeBackend
from made_experts import CLOUD, LOCAL
from made_gate import EASY, ELSEWHERE, watched

WORDS = "one two three four five six seven eight"
WANTS_CLOUD = Config(experts={"local": LOCAL, "cloud": CLOUD}, min_gain=-1.0, deadline_s=2.0)


@pytest.fixture
def gated(tmp_path: Path, artifact: RouterArtifact) -> Config:
    """A gate by the margin alone, and an operating point at which the query just stays here."""
    return replace(watched(tmp_path, artifact), deadline_s=2.0)


def test_a_cloud_that_hangs_does_not_cost_the_local_answer(gated: Config) -> None:
    """It is waited for half of what is left; then the answer that is there already is shown."""
    backends = {"local": FakeBackend(WORDS, margin=0.1), "cloud": FakeBackend("x", delay_s=60.0)}
    stream = EdgeRouter(gated, backends=backends).stream(EASY)
    assert stream.decision.expert == "local"
    assert "".join(chunk.delta for chunk in stream) == WORDS
    assert stream.record is not None
    assert stream.record.answered_by == "local"
    assert "cloud is unavailable" in stream.record.words


def test_a_whole_answer_that_hangs_in_the_cloud_leaves_time_for_the_local_one(
    gated: Config,
) -> None:
    """One word came from there and was not shown; the local expert is asked again."""

    class Hanging(FakeBackend):
        def stream(self, *args: Any, **how: Any) -> Any:
            for chunk in super().stream(*args, **how):
                yield chunk
                self.delay_s = 60.0

    backends = {"local": FakeBackend(WORDS, margin=0.1), "cloud": Hanging(ELSEWHERE)}
    answer = EdgeRouter(gated, backends=backends).complete(EASY)
    assert (answer.text, answer.record.answered_by) == (WORDS, "local")
    assert list(answer.record.failures) == ["cloud"]


def test_a_whole_answer_that_hangs_leaves_time_for_the_next() -> None:
    """One word, then nothing: the other expert has a quarter of the time left."""

    class Hanging(FakeBackend):
        def stream(self, request: object, *, deadline: object) -> Iterator[object]:  # type: ignore[override]
            yield ChatChunk("1", "m", "one")
            self.delay_s = 60.0
            yield from super().stream(request, deadline=deadline)  # type: ignore[arg-type]

    backends = {"local": FakeBackend("from here"), "cloud": Hanging()}
    answer = EdgeRouter(WANTS_CLOUD, backends=backends).complete("Why?")
    assert (answer.text, answer.record.answered_by) == ("from here", "local")


def test_the_deadline_covers_the_fallback_too() -> None:
    """A slow expert leaves time for the next one."""
    slow, local = FakeBackend(delay_s=1.2), FakeBackend("from here")
    router = EdgeRouter(WANTS_CLOUD, backends={"local": local, "cloud": slow})
    router.router.route("load the encoder first")
    assert router.complete("Why?").record.answered_by == "local"
