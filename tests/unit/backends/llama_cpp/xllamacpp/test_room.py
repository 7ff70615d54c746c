"""The room of a context that answers share."""

from __future__ import annotations

import threading

import pytest

from edge_router.backends.llama_cpp.xllamacpp.room import Room
from edge_router.errors import BackendUnavailable


def always() -> bool:
    """The caller still waits."""
    return True


def test_room_is_given_back_whatever_happens() -> None:
    """Also after an error in the block."""
    room = Room(10)
    with pytest.raises(ZeroDivisionError), room.of(10, always):
        room.tokens //= 0
    assert room.tokens == 10


def test_a_large_answer_gets_its_turn() -> None:
    """A small one that came later waits behind it, though there would be room."""
    room, order = Room(10), []
    waiting = threading.Semaphore(0)

    def take(tokens: int) -> None:
        def asked() -> bool:
            waiting.release()  # it is about to wait
            return True

        with room.of(tokens, asked):
            order.append(tokens)

    with room.of(5, always):
        threads = [threading.Thread(target=take, args=(tokens,)) for tokens in (8, 2)]
        for thread in threads:
            thread.start()
            assert waiting.acquire(timeout=10)
        assert order == []
    for thread in threads:
        thread.join(10)
    assert order == [8, 2]


def test_who_does_not_want_it_any_more_stops_waiting() -> None:
    """And leaves its place."""
    room = Room(10)
    wanted = threading.Event()
    wanted.set()
    asked, raised = threading.Event(), threading.Event()

    def still() -> bool:
        asked.set()
        return wanted.is_set()

    def wait() -> None:
        with pytest.raises(BackendUnavailable, match="cancelled"), room.of(8, still):
            pass
        raised.set()

    with room.of(5, always):
        thread = threading.Thread(target=wait)
        thread.start()
        assert asked.wait(10)
        wanted.clear()
        room.look_again()
        assert raised.wait(10)
        with room.of(5, always):
            pass
    thread.join(10)
    assert room.tokens == 10
