"""Who has read a conversation, what leaving costs, and a client that stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_router import Config, EdgeRouter
from edge_router.chat.message import Message
from edge_router.chat.request import ChatRequest
from edge_router.client.affinity import Affinity, lost_usd
from edge_router.device.latency import Pace
from edge_router.routing.deciding.ranked_rule import RankedRule
from edge_router.routing.deciding.reason import Reason
from edge_router.routing.experts.expert import Expert
from edge_router.routing.router import Router
from edge_router.testing import FakeBackend
from made_experts import CLOUD, LOCAL
from tests.affinity_switches import config as compared
from tests.affinity_switches import course

FIRST = ChatRequest.of("Why is the sky blue?")
NEXT = FIRST.with_messages(Message("assistant", "x" * 400), Message("user", "And at night?"))


def experts(**settings: Any) -> dict[str, Expert]:
    """A local one that reads 100 tokens a second, and one in the cloud."""
    local = replace(LOCAL, input_tokens_per_s=100.0, start_s=0.0, output_tokens_per_s=10.0)
    cloud = replace(CLOUD, input_usd_per_million=3.0, output_usd_per_million=9.0)
    config = Config(experts={"local": local, "cloud": cloud}, **settings)
    return {one.name: one for one in Router.from_config(config).experts}


def test_reading_anew_costs_seconds_here_and_dollars_there() -> None:
    """At the measured pace; a server without a price for cached tokens saves nothing."""
    known = experts()
    usual: dict[str, Any] = {"pace": Pace(), "usd_per_second": 0.01, "cached_usd_per_million": None}
    here = lost_usd(known["local"], 1000, **usual)
    assert here == pytest.approx(0.1, rel=0.2)
    slower = lost_usd(known["local"], 1000, **usual | {"pace": Pace(first=0.6931, first_seen=9.0)})
    assert slower == pytest.approx(2 * here, rel=1e-3)
    assert lost_usd(known["cloud"], 1e6, **usual) == 0
    for cached, lost in ((0.3, 2.7), (3.0, 0.0), (4.0, 0.0)):
        stated = usual | {"cached_usd_per_million": cached}
        assert lost_usd(known["cloud"], 1e6, **stated) == pytest.approx(lost)


def test_a_conversation_is_known_by_its_turns() -> None:
    """Not by its last words, nor where a turn before was changed."""
    affinity = Affinity(experts(), usd_per_second=0.01, cached_prices={})
    affinity.answered(FIRST, "local")
    stay = affinity.stay(NEXT, {})
    assert stay is not None
    assert stay.expert == "local"
    assert stay.lost_usd == pytest.approx(0.0105, rel=0.2)
    assert affinity.stay(FIRST, {}) is None
    other = ChatRequest((Message("user", "Why is the sea blue?"), *NEXT.messages[1:]))
    assert affinity.stay(other, {}) is None


def test_old_conversations_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that memory is bounded."""
    monkeypatch.setattr("edge_router.client.affinity.MOST_CONVERSATIONS", 2)
    affinity = Affinity(experts(), usd_per_second=0.01, cached_prices={})
    affinity.answered(FIRST, "local")
    for text in ("a", "b"):
        affinity.answered(ChatRequest.of(text), "local")
    assert affinity.stay(NEXT, {}) is None


@pytest.mark.parametrize("affinity", [True, False])
def test_a_client_stays_with_the_expert_of_a_conversation(tmp_path: Path, affinity: bool) -> None:
    """Once the device has read it, and only where the setting says so."""
    cloud = replace(CLOUD, input_usd_per_million=3.0, output_usd_per_million=9.0)
    local = replace(LOCAL, input_tokens_per_s=1.0, start_s=0.0, output_tokens_per_s=1000.0)
    config = Config(
        experts={"local": local, "cloud": cloud}, min_gain=0.6, usd_per_second=1e-4,
        affinity=affinity, data_dir=str(tmp_path),
    )  # fmt: skip
    answer = "word " * 200
    with EdgeRouter(config, backends={"local": FakeBackend(answer), "cloud": FakeBackend()}) as one:
        one.complete(FIRST, rule=RankedRule(("local",)))
        again = FIRST.with_messages(Message("assistant", answer), Message("user", "And at night?"))
        decision = one.complete(again).record.decision
        free = one.router.route(again)
    if affinity:
        assert (decision.expert, decision.reason) == ("local", Reason.SAME_EXPERT)
    assert free.reason is not Reason.SAME_EXPERT
    assert affinity or decision.reason is not Reason.SAME_EXPERT


def test_made_conversations_switch_only_where_it_pays() -> None:
    """python -m tests.affinity_switches prints the figures of 200 conversations."""
    router = Router.from_config(compared())
    free = course(router, affine=False, conversations=12)
    kept = course(router, affine=True, conversations=12)
    assert kept.switches < free.switches
    assert kept.reread_tokens < free.reread_tokens
    for turn in kept.turns:
        stays = turn.decision.reason is Reason.SAME_EXPERT
        assert stays == (turn.decision.expert != turn.free.expert)
        if stays:
            assert turn.decision.gain <= turn.decision.min_gain
