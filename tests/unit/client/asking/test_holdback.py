"""Holding back: what the user sees, and when, while the gate looks."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest

from edge_router import Config, ConfigError
from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatChunk, ChatRequest, Message
from edge_router.client.asking.gate import FEATURES, DeferralGate, GateStage
from edge_router.client.asking.holdback import Watch
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.deferral import Deferral
from edge_router.settings.config import DeferralMode
from edge_router.testing import FakeBackend

BY_MARGIN = GateStage(-20.0, np.array([40.0 * (name == "min_margin") for name in FEATURES]))
GATE = DeferralGate("fake", "0" * 64, "135m", "2026-11-24", 10, dict.fromkeys((2, 4), BY_MARGIN))
WORDS = "one two three four five six seven eight"
ELSEWHERE = "said elsewhere"


def tokens_of(text: str, margin: float | None) -> Generator[ChatChunk, None, None]:
    """An answer of the fake expert, a token a word, sure of each by `margin`."""
    request = ChatRequest((Message("user", "Why?"),))
    return FakeBackend(text, margin=margin).stream(request, deadline=Deadline.after(9))


class Seen:
    """What the watch asked for, and what came out of it."""

    def __init__(
        self,
        local: Generator[ChatChunk, None, None],
        *,
        mode: DeferralMode = "before",
        gate: DeferralGate = GATE,
        available: bool = True,
    ) -> None:
        self.judged: list[tuple[float, int]] = []
        self.available = available
        watch = Watch.of(gate, mode, 4)
        chunks = watch.hold_back(local, 0.5, judge=self.judge, hand_over=self.hand_over)
        self.text = "".join(chunk.delta for chunk in chunks)

    def judge(self, probability: float, tokens: int) -> Deferral | None:
        self.judged.append((round(probability, 3), tokens))
        return Deferral("a", "b", tokens, probability, 0.0, 0.0) if probability < 0.5 else None

    def hand_over(self, _: Deferral) -> Generator[ChatChunk, None, None] | None:
        return tokens_of(ELSEWHERE, None) if self.available else None


def test_a_good_answer_is_let_go_whole() -> None:
    """Looked at once, when four tokens are known."""
    seen = Seen(tokens_of(WORDS, 0.9))
    assert (seen.text, seen.judged) == (WORDS, [(1.0, 4)])


def test_a_bad_answer_is_replaced_before_any_of_it_is_seen() -> None:
    """And the local model is stopped."""
    local = tokens_of(WORDS, 0.1)
    assert Seen(local).text == ELSEWHERE
    assert next(local, None) is None


def test_nothing_is_lost_when_nobody_can_take_over() -> None:
    """What was held back comes first, then the rest."""
    assert Seen(tokens_of(WORDS, 0.1), available=False).text == WORDS


def test_while_looks_earlier_and_lets_go_at_the_first_pass() -> None:
    """A good answer after two tokens; a bad one is given every look there is."""
    assert Seen(tokens_of(WORDS, 0.9), mode="while").judged == [(1.0, 2)]
    bad = Seen(tokens_of(WORDS, 0.1), mode="while")
    assert (bad.text, bad.judged) == (ELSEWHERE, [(0.0, 2), (0.0, 4)])


@pytest.mark.parametrize(("margin", "text"), [(0.9, "yes"), (0.1, ELSEWHERE)])
def test_an_answer_shorter_than_the_look_is_looked_at_whole(margin: float, text: str) -> None:
    """One word suffices."""
    seen = Seen(tokens_of("yes", margin))
    assert (seen.text, seen.judged[0][1]) == (text, 1)


def test_an_answer_that_cannot_be_judged_goes_on() -> None:
    """Without confidence, of another model, or empty; at most one piece waits for the next."""
    other = DeferralGate("other", "0" * 64, "135m", "2026-11-24", 10, {4: BY_MARGIN})
    for seen in (Seen(tokens_of(WORDS, None)), Seen(tokens_of(WORDS, 0.1), gate=other)):
        assert (seen.text, seen.judged) == (WORDS, [])
    watch = Watch.of(GATE, "before", 4)
    pieces = tokens_of(WORDS, None)
    chunks = watch.hold_back(pieces, 0.5, judge=lambda *_: None, hand_over=lambda _: None)
    assert next(chunks).delta == "one"
    assert next(pieces).delta == " three"


def test_closing_stops_the_expert_that_answers() -> None:
    """The local model as well as the expert that took over."""
    local, other = tokens_of(WORDS, 0.9), tokens_of(WORDS, None)
    chunks = Watch.of(GATE, "before", 4).hold_back(
        local, 0.5, judge=lambda *_: None, hand_over=lambda _: None
    )
    next(chunks)
    chunks.close()
    assert next(local, None) is None
    deferral = Deferral("a", "b", 4, 0.1, 0.0, 0.0)
    chunks = Watch.of(GATE, "before", 4).hold_back(
        tokens_of(WORDS, 0.1), 0.5, judge=lambda *_: deferral, hand_over=lambda _: other
    )
    next(chunks)
    chunks.close()
    assert next(other, None) is None


def test_a_look_too_early_for_the_gate_is_refused() -> None:
    """The message says where it looks."""
    with pytest.raises(ConfigError, match=r"deferral_tokens = 1 is too few.* 2, 4 tokens"):
        Watch.of(GATE, "before", 1)


def test_settings_without_a_gate_or_an_expert_for_it_are_refused(
    tmp_path: Path, artifact: RouterArtifact
) -> None:
    """Off needs neither."""
    config = Config(data_dir=str(tmp_path), deferral="before")
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        Watch.from_config(config, artifact)
    assert Watch.from_config(Config(data_dir=str(tmp_path)), artifact) is None
