"""Conversations with and without affinity, and what that saves: python -m tests.affinity_switches

200 made conversations of ten turns, each decided by the shipped router: once free to switch at
every turn, once with affinity. A model on this device reads 60 tokens a second; a server charges
$2.5 for a million tokens, and $0.25 for those in its cache. A prefix is lost when the conversation
leaves its expert: the one context of a local model is then another conversation's. Nothing is
asked of any expert; seconds and dollars are those of the experts' own speeds and prices.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_router.chat.completion import CHARACTERS_PER_TOKEN, ChatRequest, Message
from edge_router.client.affinity import Affinity
from edge_router.device.latency import ExpertState
from edge_router.routing.deciding.decision import Decision, Snapshot, Stay
from edge_router.routing.router import Router
from edge_router.settings.config import Config

sys.path.append(str(Path(__file__).parent / "made"))
from reworded import groups

CONVERSATIONS, TURNS, SEED = 200, 10, 1
ANSWER = (
    "What is true of this holds in most cases, and where it does not, the reason is clear. " * 6
)
EXPERTS = {
    "local": {
        "backend": "llama_cpp", "model": "smollm2-135m", "profile": "8b", "context_tokens": 16384,
        "start_s": 0.1, "input_tokens_per_s": 60.0, "output_tokens_per_s": 10.0,
    },
    "cloud": {
        "backend": "openai", "model": "big", "profile": "frontier", "context_tokens": 128000,
        "base_url": "https://llm.example/v1", "start_s": 0.6, "input_tokens_per_s": 2000.0,
        "output_tokens_per_s": 60.0, "input_usd_per_million": 2.5, "output_usd_per_million": 10.0,
        "cached_input_usd_per_million": 0.25,
    },
}  # fmt: skip
USD_PER_SECOND = 0.0001  # $0.36 an hour


@dataclass(frozen=True, slots=True)
class Turn:
    """A decision in a conversation with an expert to `stay` with; `free` is what would have been
    decided without."""

    decision: Decision
    free: Decision
    stay: Stay | None

    @property
    def switches(self) -> bool:
        return self.stay is not None and self.decision.expert != self.stay.expert


@dataclass(slots=True)
class Course:
    """All conversations: turns, and what they took in seconds here and in dollars there."""

    turns: list[Turn] = field(default_factory=list)
    reread_tokens: float = 0.0
    device_s: float = 0.0
    usd: float = 0.0
    quality: float = 0.0

    @property
    def switches(self) -> int:
        return sum(turn.switches for turn in self.turns)


def config() -> Config:
    """The settings that are compared."""
    return Config(
        experts=EXPERTS,  # type: ignore[arg-type]
        usd_per_second=USD_PER_SECOND,
        operating_point="economy",
        affinity=True,
    )


def course(router: Router, *, affine: bool, conversations: int = CONVERSATIONS) -> Course:
    """All conversations, one after the other."""
    affinity = Affinity.from_config(config(), router.experts)
    draw, result = random.Random(SEED), Course()
    questions = [group.question for group in groups()]
    for _ in range(conversations):
        _converse(router, affinity, draw.sample(questions, TURNS), result, affine=affine)
    return result


def _converse(
    router: Router, affinity: Affinity, questions: Sequence[str], result: Course, *, affine: bool
) -> None:
    messages: tuple[Message, ...] = ()
    before: str | None = None
    read = 0
    for question in questions:
        request = ChatRequest((*messages, Message("user", question)))
        stay = affinity.stay(request, {})
        states = {before: ExpertState(cached_tokens=float(read))} if before == "local" else {}
        free = router.route(request, snapshot=Snapshot(states))
        chosen = router.route(request, snapshot=Snapshot(states, stay=stay)) if affine else free
        result.turns.append(Turn(chosen, free, stay))
        tokens = request.characters / CHARACTERS_PER_TOKEN
        _count(result, chosen, tokens, read if chosen.expert == before else 0, read)
        affinity.answered(request, chosen.expert)
        messages = (*request.messages, Message("assistant", ANSWER))
        before = chosen.expert
        read = sum(message.characters for message in messages) // CHARACTERS_PER_TOKEN


def _count(result: Course, chosen: Decision, tokens: float, cached: float, history: int) -> None:
    expert, written = EXPERTS[chosen.expert], len(ANSWER) / CHARACTERS_PER_TOKEN
    result.reread_tokens += history - cached
    result.quality += chosen.estimates[chosen.expert].quality
    if chosen.expert == "local":
        result.device_s += (tokens - cached) / float(expert["input_tokens_per_s"])  # type: ignore[arg-type]
        return
    full, kept = expert["input_usd_per_million"], expert["cached_input_usd_per_million"]
    paid = (tokens - cached) * float(full) + cached * float(kept)  # type: ignore[arg-type]
    result.usd += (paid + written * float(expert["output_usd_per_million"])) / 1e6  # type: ignore[arg-type]


def report(free: Course, kept: Course) -> Iterator[str]:
    """Both beside each other."""
    yield f"{'':24} {'free':>12} {'affinity':>12}"
    turns = len(free.turns)
    for name, one, other in (
        ("switches", free.switches, kept.switches),
        ("tokens read anew", free.reread_tokens, kept.reread_tokens),
        ("seconds read here", free.device_s, kept.device_s),
        ("dollars", free.usd, kept.usd),
        ("expected quality", free.quality / turns, kept.quality / turns),
        ("turns in the cloud", _in_cloud(free), _in_cloud(kept)),
    ):
        yield f"{name:24} {one:12.4g} {other:12.4g}"
    worth = (free.device_s - kept.device_s) * USD_PER_SECOND + free.usd - kept.usd
    yield f"saved: {free.device_s - kept.device_s:.0f} s, ${free.usd - kept.usd:.4f}"
    yield f"together, at ${USD_PER_SECOND:g} a second: ${worth:.4f}"


def _in_cloud(one: Course) -> int:
    return sum(turn.decision.expert == "cloud" for turn in one.turns)


if __name__ == "__main__":
    routed = Router.from_config(config())
    print(*report(course(routed, affine=False), course(routed, affine=True)), sep="\n")
