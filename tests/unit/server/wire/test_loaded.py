"""What a server says of its models in memory, and to whom."""

from __future__ import annotations

import math

import pytest

from edge_router.client.local_models import LocalModel
from edge_router.server.wire.errors import Refused
from edge_router.server.wire.loaded import ModelsInMemory, require_here

IDLE = LocalModel("a", "a.gguf", 100, loaded=True, loading=False, busy=False, left_s=12.34)
BUSY = LocalModel("b", "b.gguf", 200, loaded=True, loading=False, busy=True, left_s=math.inf)


def test_models_are_listed_and_unloaded() -> None:
    """A number for never is null, and who is answering is told."""
    asked: list[str | None] = []

    def unload(expert: str | None) -> list[str]:
        asked.append(expert)
        return ["a"]

    memory = ModelsInMemory(lambda: [IDLE, BUSY], unload)
    first, last = memory.list_object()["data"]
    assert (first["unloads_in_s"], last["unloads_in_s"], last["answering"]) == (12.3, None, True)
    assert memory.released({}) == {"unloaded": ["a"], "answering": ["b"]}
    assert memory.released({"expert": "a"}) == {"unloaded": ["a"], "answering": []}
    assert asked == [None, "a"]
    with pytest.raises(Refused, match="a name"):
        memory.released({"expert": ["a"]})


@pytest.mark.parametrize(
    ("peer", "own", "here"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("::1", "::1", True),
        ("192.168.1.5", "192.168.1.5", True),
        ("192.168.1.6", "192.168.1.5", False),
        ("", "", False),
    ],
)
def test_only_this_machine_has_a_say(peer: str, own: str, here: bool) -> None:
    """By the connection's addresses, which no header changes."""
    if here:
        require_here(peer, own)
    else:
        with pytest.raises(Refused, match="own machine"):
            require_here(peer, own)


@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded", "via", "x-real-ip"])
def test_a_proxy_on_this_machine_has_no_say(name: str) -> None:
    """It speaks for others; a header can only take the say away."""
    require_here("127.0.0.1", "127.0.0.1", ["host", "accept"])
    with pytest.raises(Refused, match="own machine"):
        require_here("127.0.0.1", "127.0.0.1", ["host", name])
