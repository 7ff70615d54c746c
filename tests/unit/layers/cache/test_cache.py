"""One pass of the encoder decides and gives the embedding that a cache compares."""

from __future__ import annotations

import numpy as np
import pytest

from edge_router.chat.message import Message
from edge_router.chat.request import ChatRequest
from edge_router.routing.artifact.encoder import OnnxEncoder
from edge_router.routing.router import Router
from edge_router.settings.config import Config

QUESTION = "What is the capital of France, and how many people live there today?"


@pytest.fixture(scope="module")
def router() -> Router:
    """The one of a semantic cache."""
    return Router.from_config(Config(cache={"mode": "semantic"}))  # type: ignore[arg-type]


def test_a_decision_brings_the_embedding(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same numbers as a pass of their own, without that pass."""
    request = ChatRequest.of(QUESTION)
    expected, decision = router.embed(QUESTION), router.route(request)
    monkeypatch.setattr(OnnxEncoder, "embed", None)
    assert np.array_equal(router.embedding(request, decision), expected)


def test_it_is_that_of_the_last_turn_alone(router: Router) -> None:
    """Though a short turn is decided with the one before it."""
    turns = (Message("user", QUESTION), Message("assistant", "Paris."), Message("user", "Why?"))
    request = ChatRequest(turns)
    embedding = router.embedding(request, router.route(request))
    assert np.array_equal(embedding, router.embed("Why?"))


def test_decisions_are_the_same_with_and_without(router: Router) -> None:
    """The embedding is one more output of the same graph."""
    plain = Router.from_config(Config())
    assert plain.route(QUESTION) == router.route(QUESTION)
    grounds = plain.route(QUESTION).grounds
    assert grounds is not None
    assert grounds.query is not None
    assert grounds.query.representation.embedding is None
