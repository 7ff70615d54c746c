"""Private data and sockets: under `never` none is opened, under `redact` none carries a value."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoing import Echoing, cut
from edge_router import ChatRequest, Config, EdgeRouter, EdgeRouterError, ExpertConfig, Message
from edge_router.chat.completion import ToolCall
from edge_router.chat.private_data import PrivateKind
from edge_router.errors import BackendUnavailable
from edge_router.layers.privacy.detectors import Detectors
from edge_router.layers.privacy.placeholders import Conversations, StreamRestorer
from edge_router.layers.privacy.search import redacted, search
from edge_router.settings.privacy_config import PrivacyConfig
from edge_router.testing import FakeBackend
from made_experts import CLOUD, LOCAL
from private_texts import MadeText, positives

DETECTORS = Detectors(PrivacyConfig())
TEXTS = [
    one
    for one in positives(7, rounds=14)
    if one.kind != PrivateKind.NAME and DETECTORS.find(one.text)
]
VALUES = [one for one in TEXTS if one.kind != PrivateKind.MARKED]  # the others stay whole
FAR = ExpertConfig(
    "openai", "big", "frontier", base_url="https://llm.example.com/v1", retries=2,
    input_usd_per_million=1.0, output_usd_per_million=1.0,
)  # fmt: skip
NEAR = ExpertConfig("openai", "m", "8b", base_url="http://192.168.1.7:8080/v1", location="lan")
EXPERTS: Any = {"local": LOCAL, "far": FAR, "lan": NEAR}
NEVER: Any = {"cloud": "never", "lan": "never"}
KEPT = Config(experts=EXPERTS, privacy=NEVER, min_gain=-1.0)  # the cloud is wanted for everything


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every name that is looked up and every address that is connected to; all fail."""
    made: list[Any] = []

    def refuse(*where: Any, **_: Any) -> Any:
        made.append(where[-1])
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return made


def last_turn(text: str) -> ChatRequest:
    """As the question."""
    return ChatRequest.of(text)


def history(text: str) -> ChatRequest:
    """Before a plain question."""
    return ChatRequest(
        (Message("user", text), Message("assistant", "Yes."), Message("user", "Go on."))
    )


def system(text: str) -> ChatRequest:
    """In the system message."""
    return ChatRequest((Message("system", text), Message("user", "Hello.")))


def arguments(text: str) -> ChatRequest:
    """In the arguments of a call of a tool."""
    call = ToolCall("c", "f", json.dumps({"deep": [{"text": text}]}))
    turns = (Message("user", "Do."), Message("assistant", None, tool_calls=(call,)))
    return ChatRequest((*turns, Message("tool", "Done.", tool_call_id="c")))


def result(text: str) -> ChatRequest:
    """In what a tool gave."""
    call = ToolCall("c", "f")
    turns = (Message("user", "Do."), Message("assistant", None, tool_calls=(call,)))
    return ChatRequest((*turns, Message("tool", text, tool_call_id="c")))


def beside(text: str) -> ChatRequest:
    """In a field that goes to the server."""
    return ChatRequest((Message("user", "Hello."),), extra={"note": [text]})


PLACES: list[Callable[[str], ChatRequest]] = [last_turn, history, system, arguments, result, beside]


def _ask(router: EdgeRouter, request: ChatRequest, *, stream: bool) -> None:
    try:
        _ = [*router.stream(request)] if stream else router.complete(request)
    except EdgeRouterError:
        return


def test_no_socket_is_opened_for_a_text_that_is_to_stay(attempts: list[Any]) -> None:
    """Wherever it stands, and also where the expert on this device fails."""
    down, up = FakeBackend(error=BackendUnavailable("down")), FakeBackend()
    routers = [EdgeRouter(KEPT, backends={"local": local}) for local in (up, down)]

    @given(st.sampled_from(TEXTS), st.sampled_from(PLACES), st.sampled_from(routers), st.booleans())
    @settings(max_examples=300)
    def no_attempt(
        text: MadeText, place: Callable[[str], ChatRequest], router: EdgeRouter, stream: bool
    ) -> None:
        _ask(router, place(text.text), stream=stream)
        assert attempts == []

    no_attempt()
    for router in routers:
        router.close()
    assert up.requests
    assert down.requests


def test_a_plain_text_would_have_opened_one(attempts: list[Any]) -> None:
    """So that the test before means something."""
    with EdgeRouter(KEPT, backends={"local": FakeBackend()}) as router:
        _ask(router, last_turn("Prove that there are infinitely many primes."), stream=False)
    assert attempts


def test_a_thousand_texts_come_back_and_none_of_their_values_leaves() -> None:
    """The answer repeats them, with each placeholder cut at every one of its places."""
    texts = VALUES[:1_000]
    assert len(texts) == 1_000
    conversations, leaked = Conversations(), []
    for one in texts:
        request = ChatRequest.of(one.text)
        private = search(request, DETECTORS, media=True)
        clean = redacted(request, private, DETECTORS, conversations)
        assert clean is not None, one
        sent = clean.request.question
        leaked += [value for _, value in private.values if value in sent]
        for place in range(len(sent) + 1):
            restorer = StreamRestorer(clean.values)
            shown = [restorer._text.take(piece) for piece in cut(sent, [place])]
            assert "".join([*shown, restorer._text.rest()]) == one.text
    assert leaked == []


def test_the_client_puts_them_back_letter_by_letter() -> None:
    """In the text, in what is thought, and in a call of a tool, through the whole client."""
    echo = Echoing(lambda text: [*text])
    config = Config(experts={"cloud": CLOUD}, privacy={"cloud": "redact"})  # type: ignore[arg-type]
    with EdgeRouter(config, backends={"cloud": echo}) as router:
        for one in VALUES[::10]:
            if "\\" in one.text:  # the echo writes no backslash in JSON
                continue
            answer = router.complete(one.text)
            assert answer.text == answer.reasoning_content == one.text
            assert json.loads(answer.tool_calls[0].arguments) == {"text": one.text}
            assert one.value not in echo.requests[-1].question
