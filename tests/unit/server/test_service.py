"""The service without a transport: requests for embeddings have a deadline, and end with it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edge_router.routing.arrays import Float32s
from edge_router.server.exchange import Exchange
from edge_router.server.limits import BodyBudget, Limits
from edge_router.server.models import Models
from edge_router.server.service import Service
from edge_router.server.wire.errors import Refused

TEXTS = json.dumps({"input": ["a", "b", "c"]}).encode()


def service(embeds: Callable[[str], Float32s], within_s: float = 60.0) -> Service:
    """A service that embeds, and can do nothing else."""

    def nothing(*_: object) -> Any:
        raise AssertionError

    models = Models([], {}, embedding="router")
    stop = threading.Event()
    return Service(nothing, embeds, nothing, 2, models, Limits(), stop, within_s=within_s)


def exchange(sent: list[Any]) -> Exchange:
    """An exchange whose reply goes into a list."""

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError

    budget = BodyBudget(1)
    return Exchange({"headers": []}, receive, send, limits=Limits(), budget=budget)


def test_embeddings_are_written() -> None:
    """One for each text, in their order."""
    sent: list[Any] = []
    work = service(lambda text: np.full(2, ord(text), np.float32)).embed(exchange(sent), TEXTS)
    asyncio.run(work)
    data = json.loads(sent[1]["body"])["data"]
    assert [one["embedding"] for one in data] == [[97, 97], [98, 98], [99, 99]]


def test_embeddings_end_with_the_deadline() -> None:
    """503, which says how far it came."""
    with pytest.raises(Refused, match="0 of 3 texts were embedded in 0 s") as caught:
        asyncio.run(service(lambda _: np.zeros(2, np.float32), 0.0).embed(exchange([]), TEXTS))
    assert caught.value.status == 503


def test_embeddings_of_a_client_that_left_end() -> None:
    """The text under way is the last one; so a server that stops does not wait for the others."""
    begun, go_on, texts = threading.Event(), threading.Event(), list[str]()

    def embeds(text: str) -> Float32s:
        texts.append(text)
        begun.set()
        go_on.wait(10)
        return np.zeros(2, np.float32)

    async def work() -> None:
        task = asyncio.create_task(service(embeds).embed(exchange([]), TEXTS))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()

    asyncio.run(work())
    assert texts == ["a"]
