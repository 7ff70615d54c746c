"""Five thousand made prompts, conversations and settings: nothing but the documented errors.

At construction that is the EdgeRouterError family, ValueError and TypeError; when routing the
family alone. Every other error would be a traceback in a user's program.
"""

from __future__ import annotations

import json
import random
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edge_router import (
    ChatRequest,
    Config,
    Constraints,
    EdgeRouterError,
    Estimate,
    ExpertConfig,
    Message,
    Router,
)
from edge_router.chat.completion import Usage
from edge_router.cli.commands.answering.route import prompt_of
from edge_router.device.latency import Speed
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.deciding.operating_point import OperatingPoint
from edge_router.routing.experts.expert import Pricing
from edge_router.routing.roster import profile_experts
from edge_router.settings.preference import Preference, Weights
from edge_router.testing import FakeEncoder

ROUNDS = 5000
SEED = 13
WORDS = (
    "", " ", "Hello", "user", "system", "assistant", "developer", "tool", "role", "content",
    "text", "type", "image_url", "only_on_device", "nan", "inf", "-1", "1e999", "true", "yes",
    "cost<=", "\0", "\ud83d", "\u200b", "\U0001f600", "a" * 3000, "http://[", "auto", "..", "~",
    "http://x:99999/v1", "quality=1,cost=1e400", "openai", "llama_cpp", "device", "cloud", "omit",
    "135m", "1b>8b",
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 512, True, False, 1.5, -0.0, float("nan"), float("inf"), 10**400, 10**5000, 2**63,
    1e308, 5e-324, np.float32(1), np.int64(3), np.bool_(True), 1j,
)  # fmt: skip
ODD = (None, b"x", object(), int, ..., np.array([1, 2]), range(3), frozenset("a"), iter("ab"), len)
RIGHT: tuple[Any, ...] = (
    Constraints(),
    Config(),
    ExpertConfig("openai", "m", "8b", base_url="http://127.0.0.1:9/v1"),
    ChatRequest((Message("user", "Hello"),)),
    Message("user", "Hello"),
    Usage(1, 2),
    Estimate("a", 0.5, 0.0, 1.0, 10.0),
    Pricing(1.0, 2.0),
    Speed(0.1, 100.0, 10.0),
    Weights(1.0),
    OperatingPoint("a", "", 0.1),
    Preference("auto", "balance"),
)


def _junk(draw: random.Random, depth: int = 0) -> Any:
    kind = draw.randrange(6 if depth < 3 else 3)
    if kind < 3:
        return draw.choice((WORDS, NUMBERS, ODD)[kind])
    some = range(draw.randrange(4))
    if kind == 3:
        return [_junk(draw, depth + 1) for _ in some]
    if kind == 4:
        return tuple(_junk(draw, depth + 1) for _ in some)
    return {draw.choice(WORDS): _junk(draw, depth + 1) for _ in some}


def _turn(draw: random.Random) -> Any:
    if draw.random() < 0.2:
        return _junk(draw)
    turn = {"role": draw.choice(WORDS[3:8]), "content": draw.choice(WORDS)}
    if draw.random() < 0.3:
        turn[draw.choice(("role", "content", "tool_calls", "name"))] = _junk(draw)
    if draw.random() < 0.2:
        turn["content"] = [{"type": "text", "text": draw.choice(WORDS)}, _junk(draw)]  # type: ignore[assignment]
    return turn


def _prompt(draw: random.Random) -> Any:
    if draw.random() < 0.3:
        return _junk(draw)
    return [_turn(draw) for _ in range(draw.randrange(5))]


@pytest.fixture(scope="module")
def router(artifact: RouterArtifact) -> Router:
    """The shipped profiles, without the encoder's time."""
    encoder = FakeEncoder(artifact.manifest.representation_dim)
    experts = tuple(profile_experts(artifact).values())
    return Router(artifact, experts, point=OperatingPoint.of_price(0.1), encoder=encoder)


def test_what_is_made_is_made_or_refused() -> None:
    """Settings, limits, requests and all other values, from whatever comes along."""
    draw = random.Random(SEED)
    made = 0
    for _ in range(ROUNDS):
        value = draw.choice(RIGHT)
        names = draw.sample(value.__match_args__, k=min(2, len(value.__match_args__)))
        stated = {name: _junk(draw) for name in names[: draw.randrange(1, 3)]}
        with suppress(EdgeRouterError, ValueError, TypeError):
            assert repr(replace(value, **stated))
            made += 1
        if isinstance(value, Config):
            with suppress(EdgeRouterError, TypeError):
                value.with_changes(**stated)
    assert made > ROUNDS / 50


def test_what_is_routed_is_routed_or_refused(router: Router) -> None:
    """Prompts and conversations; the limits are sometimes right and sometimes not."""
    draw = random.Random(SEED)
    routed = 0
    for _ in range(ROUNDS):
        limits = _junk(draw) if draw.random() < 0.2 else Constraints(offline=draw.random() < 0.5)
        with suppress(EdgeRouterError):
            router.route(_prompt(draw), limits)
            routed += 1
    assert routed > ROUNDS / 50


DEEP, HUGE = b"[" * 100_000, b"1" * 5000
LINES = (DEEP, HUGE, b"\xff\xfe", b'{"messages": null}', b'{"query": {}}', b"{}", b"[]")


@pytest.mark.parametrize("line", LINES)
def test_a_line_that_is_no_query_is_refused(router: Router, line: bytes) -> None:
    """Too deep, not UTF-8, a number beyond all numbers, or nothing to route."""
    with pytest.raises(EdgeRouterError):
        router.route(prompt_of(line))


def test_made_lines_are_routed_or_refused(router: Router) -> None:
    """As a batch has them."""
    draw = random.Random(SEED)
    routed = 0
    for _ in range(500):
        result = {draw.choice(("query", "messages")): _prompt(draw)}
        with suppress(ValueError):  # a number that json does not write
            line = json.dumps(result, default=str).encode()
        with suppress(EdgeRouterError):
            router.route(prompt_of(line[: -draw.randrange(1, 9)]))
        with suppress(EdgeRouterError):
            router.route(prompt_of(line))
            routed += 1
    assert 0 < routed < 500
