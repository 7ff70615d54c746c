"""What servers refuse: parameters they do not know are left out or renamed, once and for all."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import replace
from typing import Any

import pytest

from asking import ASK, DONE, asking, both_verbs, complete, failure_of, saying, text_of
from edge_router.backends.deadline import Deadline
from edge_router.backends.openai.backend import OpenAIBackend
from edge_router.backends.openai.refusal import refused_field
from edge_router.chat.completion import ChatRequest
from edge_router.errors import BackendRejected, BackendUnavailable, ConfigError
from fault_server import FaultServer, Peer, Script, answer, answer_json, piece

WHOLE = {"choices": [{"message": {"content": "42"}, "finish_reason": "stop"}]}
FULL = ChatRequest(ASK.messages, max_tokens=9, temperature=0.5, stop=("\n",), seed=7)


def _bad_request(param: str, code: str = "unsupported_parameter") -> bytes:
    told = {"message": f"'{param}' does not go", "param": param, "code": code, "type": "x"}
    return answer_json({"error": told}, status="400 Bad Request")


def _without(*refused: str, seen: list[dict[str, Any]]) -> Script:
    """A server that takes none of these fields, and names the first one it finds."""

    def script(peer: Peer) -> None:
        while text := peer.request():
            body = json.loads(text.partition("\r\n\r\n")[2])
            seen.append(body)
            found = next((name for name in refused if name in body), None)
            if found is not None:
                peer.send(_bad_request(found))
            elif body["stream"]:
                peer.send(answer(piece("42", finish="stop") + DONE))
            else:
                peer.send(answer_json(WHOLE))

    return script


@both_verbs
def test_a_refused_limit_is_sent_by_its_other_name(
    verb: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It is renamed, remembered, reported and logged; the second request is right at once."""
    caplog.set_level(logging.INFO, logger="edge_router")
    seen: list[dict[str, Any]] = []
    with asking(_without("max_tokens", seen=seen)) as backend:
        assert backend.adaptations == {}
        for _ in range(2):
            assert text_of(verb(backend, Deadline.after(10))) == "42"
        assert backend.adaptations == {"max_tokens": "sent as max_completion_tokens"}
    assert [sorted({"max_tokens", "max_completion_tokens"} & body.keys()) for body in seen] == [
        ["max_tokens"],
        ["max_completion_tokens"],
        ["max_completion_tokens"],
    ]
    assert {body.get("max_completion_tokens", 512) for body in seen} == {512}
    assert len([r for r in caplog.records if "max_completion_tokens" in r.getMessage()]) == 1


def test_a_level_of_thinking_is_not_left_out() -> None:
    """Without it another expert would answer, at another price; what the caller states goes first,
    and may be left out where no level was named."""
    seen: list[dict[str, Any]] = []
    stated = replace(FULL, reasoning_effort="high")
    refuses = _without("reasoning_effort", seen=seen)
    with asking(refuses, reasoning_effort="low") as backend:
        for request in (FULL, stated):
            with pytest.raises(BackendRejected, match="reasoning_effort"):
                backend.complete(request, deadline=Deadline.after(10))
        assert backend.adaptations == {}
    assert [body["reasoning_effort"] for body in seen] == ["low", "high"]
    with asking(refuses) as backend:
        assert backend.complete(stated, deadline=Deadline.after(10)).text == "42"


def test_several_fields_may_go_one_by_one() -> None:
    """A request may need three changes, and keeps what the server takes."""
    seen: list[dict[str, Any]] = []
    with asking(_without("max_tokens", "temperature", "seed", seen=seen)) as backend:
        assert backend.complete(FULL, deadline=Deadline.after(10)).text == "42"
        assert backend.adaptations.keys() == {"max_tokens", "temperature", "seed"}
    assert len(seen) == 4
    assert seen[-1]["stop"] == ["\n"]


def test_a_server_that_refuses_everything_is_left() -> None:
    """Four attempts, and then its words."""
    seen: list[dict[str, Any]] = []
    script = _without("max_tokens", "temperature", "seed", "stop", seen=seen)
    with asking(script) as backend:
        with pytest.raises(BackendRejected, match="'stop' does not go"):
            backend.complete(FULL, deadline=Deadline.after(10))
        assert len(seen) == 4


def test_an_answer_must_be_bounded() -> None:
    """A server that knows no limit by any name is not asked without one."""
    seen: list[dict[str, Any]] = []
    with asking(_without("max_tokens", "max_completion_tokens", seen=seen)) as backend:
        for asked in (2, 1):
            seen.clear()
            with pytest.raises(BackendRejected, match="must be bounded"):
                complete(backend, Deadline.after(10))
            assert len(seen) == asked


def test_a_server_that_refuses_what_it_was_not_sent_is_rejected_at_once() -> None:
    """Nothing to leave out, so nothing to try again."""
    seen: list[str] = []

    def script(peer: Peer) -> None:
        while text := peer.request():
            seen.append(text)
            peer.send(_bad_request("logprobs"))

    with asking(script) as backend, pytest.raises(BackendRejected, match="logprobs"):
        complete(backend, Deadline.after(10))
    assert len(seen) == 1


def test_trying_again_keeps_the_deadline() -> None:
    """The second attempt has what is left of the first one's time."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(_bad_request("max_tokens"))
        peer.request()
        peer.pause()

    with asking(script) as backend, pytest.raises(BackendUnavailable, match="out of time"):
        complete(backend, Deadline.after(0.2))


def test_threads_that_learn_the_same_do_not_unlearn_it() -> None:
    """Eight refusals of one name are one change."""
    seen: list[dict[str, Any]] = []
    with asking(_without("max_tokens", seen=seen)) as backend:
        told: list[str] = []
        threads = [
            threading.Thread(target=lambda: told.append(complete(backend, Deadline.after(10)).text))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert told == ["42"] * 8


_PYDANTIC = {"type": "extra_forbidden", "msg": "Extra inputs are not permitted", "input": 7}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"error": {"param": "stop", "code": "unsupported_parameter", "message": "m"}}, "stop"),
        ({"error": {"param": "temperature", "code": "unsupported_value"}}, "temperature"),
        (
            {"error": {"param": "stream_options.include_usage", "code": "unknown_parameter"}},
            "stream_options",
        ),
        (
            {
                "error": {
                    "message": "Unsupported parameter: 'max_tokens' is not supported with this "
                    "model. Use 'max_completion_tokens' instead."
                }
            },
            "max_tokens",
        ),
        (
            {"error": {"message": "Unrecognized request argument supplied: stream_options"}},
            "stream_options",
        ),
        ({"error": {"message": "property 'seed' is unsupported"}}, "seed"),
        ({"error": {"message": "Model grok does not support parameter stop."}}, "stop"),
        ({"error": 'json: unknown field "seed"'}, "seed"),
        ({"message": "temperature is not supported by this model"}, "temperature"),
        ({"detail": [_PYDANTIC | {"loc": ["body", "seed"]}]}, "seed"),
        ({"object": "error", "message": {"detail": [_PYDANTIC | {"loc": ["stop"]}]}}, "stop"),
        ({"object": "error", "message": f"[{ {**_PYDANTIC, 'loc': ('body', 'seed')}!r}]"}, "seed"),
        ({"message": "Additional properties are not allowed ('stop' was unexpected)"}, "stop"),
        ([{"error": {"message": 'Unknown name "seed": Cannot find field.'}}], "seed"),
        ("unknown argument: seed", "seed"),
        # What is about a value, about something else, or about nothing we sent
        ({"error": {"param": "max_tokens", "code": "invalid_value", "message": "m"}}, None),
        ({"error": {"message": "max_tokens is too large: 9; at most 5 are supported"}}, None),
        ({"error": {"message": "temperature must be between 0 and 1, 5 is not supported"}}, None),
        ({"detail": [{"type": "less_than", "loc": ["body", "temperature"], "msg": "less"}]}, None),
        ({"error": {"message": "This model does not support images. Please stop"}}, None),
        ({"error": {"param": "top_p", "code": "unsupported_parameter"}}, None),
        ({"error": {"message": "the prompt is too long"}}, None),
        ({"error": {"param": ["x"], "code": {"a": 1}, "message": [[["m"]]]}}, None),
        ("<html>no</html>", None),
        ("", None),
    ],
)
def test_the_refused_field_is_found(body: Any, field: str | None) -> None:
    """In the words of OpenAI, Azure, vLLM, Mistral, Groq, xAI, Google and Go servers."""
    told = body if isinstance(body, str) else json.dumps(body)
    sent = {"max_tokens", "temperature", "stop", "seed", "stream_options"}
    assert refused_field(400, told, sent) == refused_field(422, told, sent) == field
    assert refused_field(503, told, sent) is None


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("seed is not yet supported", "seed"),
        ("stream_options is not currently supported", "stream_options"),
        ("This model does not accept the parameter 'temperature'.", "temperature"),
        ("Parameter temperature isn't allowed for this model", "temperature"),
        ("invalid temperature: only 1 is allowed for this model", "temperature"),
        ("Only the default temperature is supported by this model", "temperature"),
        ("temperature is not configurable for this model", "temperature"),
        ("must not specify temperature", "temperature"),
        ("Invalid parameter(s): seed", "seed"),
        ("`seed` is not a valid parameter", "seed"),
        ("no such field: seed", "seed"),
        ("illegal parameter: stream_options", "stream_options"),
        ("'stop' is not implemented", "stop"),
        ("stop sequences are not supported", "stop"),
        ("max_tokens cannot be used here; use max_completion_tokens", "max_tokens"),
        ("Unsupported: max_tokens. It should be max_completion_tokens", "max_tokens"),
        ("'max_tokens' is bad; set the maximum with 'max_completion_tokens'", "max_tokens"),
        ("not supported MaxTokens, please use MaxCompletionTokens", "max_tokens"),
        ("Stop word is unknown: your stop was..", None),
        ("unknown model; the seed parameter is fine", None),
        ("Model is unknown", None),
    ],
)
def test_a_field_is_known_by_the_words(message: str, field: str | None) -> None:
    """Adverbs, other verbs, camel case, and the name to use instead."""
    sent = {"max_tokens", "temperature", "stop", "seed", "stream_options"}
    body = json.dumps({"error": {"message": message, "param": None, "code": None}})
    assert refused_field(400, body, sent) == field
    assert refused_field(500, body, sent) is None


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "'seed' does not go", "code": "unsupported_value"}},
        {"error": {"message": "m", "param": "$.seed", "code": "unsupported_parameter"}},
        {"message": "bad", "errors": {"seed": ["is unsupported"]}},
        {"error": {"details": [{"field": "seed", "description": "unsupported"}]}},
        {"error": {"message": {"detail": "seed unsupported"}}},
        {"error": {"message": "x", "metadata": {"raw": "unsupported parameter: seed"}}},
    ],
)
def test_a_field_is_known_in_other_envelopes(body: Any) -> None:
    """Its name may stand beside the words, or be a key."""
    assert refused_field(422, json.dumps(body), {"seed", "stop"}) == "seed"


@pytest.mark.parametrize(
    ("status", "field"),
    [(400, "seed"), (405, "seed"), (415, "seed"), (500, "seed"), (501, "seed"), (404, None)],
)
def test_a_status_of_a_refusal(status: int, field: str | None) -> None:
    """500 only with a code that says it."""
    body = json.dumps({"error": {"param": "seed", "code": "unsupported_parameter"}})
    assert refused_field(status, body, {"seed"}) == field


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("7", 7),
        ("1e300", 86_400),
        ("9" * 400, None),
        ("9" * 100, 86_400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("-7", None),
        ("-inf", None),
        ("Mon, 99 Foo 0000 99:99:99 -9999", None),
    ],
)
def test_a_retry_after_is_never_longer_than_a_day(told: str, meant: float | None) -> None:
    """An absurd number is cut or ignored."""
    script = saying(answer("", status="429 Slow down", retry_after=told))
    assert failure_of(complete, script).retry_after_s == meant


# Settings


def _sent(request: ChatRequest = ASK, **options: Any) -> tuple[str, dict[str, Any]]:
    seen: list[str] = []

    def script(peer: Peer) -> None:
        seen.append(peer.request())
        peer.send(answer_json(WHOLE))

    with asking(script, **options) as backend:
        backend.complete(request, deadline=Deadline.after(10))
    head, _, body = seen[0].partition("\r\n\r\n")
    return head, json.loads(body)


def test_the_limit_goes_by_the_name_that_is_set() -> None:
    """`max_tokens_field` saves the first refusal."""
    _, body = _sent(max_tokens_field="max_completion_tokens")
    assert body["max_completion_tokens"] == 512
    assert "max_tokens" not in body


@pytest.mark.parametrize(
    ("setting", "asked", "sent"),
    [(None, None, None), (0.3, None, 0.3), (0.3, 0.5, 0.5), ("omit", 0.5, None), (0, None, 0)],
)
def test_the_temperature_is_the_requests_then_the_experts(
    setting: Any, asked: float | None, sent: float | None
) -> None:
    """ "omit" never sends one."""
    _, body = _sent(ChatRequest(ASK.messages, temperature=asked), temperature=setting)
    assert body.get("temperature") == sent


def test_extra_fields_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a server wants besides, in the body and in headers from the environment."""
    monkeypatch.setenv("TINY_ORG", " org 7 ")
    extra = {"reasoning_effort": "low", "chat_template_kwargs": {"enable_thinking": False}}
    head, body = _sent(extra_body=extra, extra_headers_env={"X-Org": "TINY_ORG"})
    assert extra.items() <= body.items()
    assert "x-org: org 7\r\n" in head.lower() + "\r\n"


def test_a_refused_extra_field_is_the_users_to_mend() -> None:
    """What was set on purpose is not left out behind the user's back."""
    seen: list[dict[str, Any]] = []
    script = _without("top_k", seen=seen)
    with asking(script, extra_body={"top_k": 5}) as backend, pytest.raises(BackendRejected):
        complete(backend, Deadline.after(10))
    assert len(seen) == 1


@pytest.mark.parametrize("name", ["model", "messages", "stream", "max_tokens"])
def test_an_extra_field_cannot_replace_what_is_asked(name: str) -> None:
    """The question, its model and its bound are the request's."""
    with pytest.raises(ConfigError, match=name):
        OpenAIBackend("tiny", base_url="https://h/v1", extra_body={name: "secret"})


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}, "\ud800", b"x"])
def test_an_extra_field_that_json_cannot_write_is_a_config_error(value: Any) -> None:
    """The field is named, its value is not shown."""
    with pytest.raises(ConfigError, match="top_k") as caught:
        OpenAIBackend("tiny", base_url="https://h/v1", extra_body={"top_k": value})
    assert repr(value) not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"max_tokens_field": "tokens"},
        {"temperature": "hot"},
        {"temperature": -1},
        {"temperature": float("nan")},
        {"temperature": True},
        {"extra_body": ["x"]},
        {"connect_timeout_s": "5"},
        {"stall_timeout_s": True},
        {"stall_timeout_s": 0},
        {"extra_headers_env": {"Authorization": "X"}},
        {"extra_headers_env": {"content-type": "X"}},
        {"extra_headers_env": {"Host": "X"}},
        {"extra_headers_env": {"X Y": "X"}},
        {"extra_headers_env": {"X-Y": "sk-secret"}},
        {"extra_headers_env": {"X-Y": 5}},
    ],
)
def test_settings_that_cannot_work_are_config_errors(options: dict[str, Any]) -> None:
    """At construction, before anything is asked."""
    with pytest.raises(ConfigError) as caught:
        OpenAIBackend("tiny", base_url="https://h/v1", **options)
    assert "sk-secret" not in str(caught.value)


@both_verbs
@pytest.mark.parametrize("value", [None, " ", "a\nb", "\u00e9"])
def test_a_header_without_its_variable_is_rejected_by_name(
    verb: Any, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent without what the settings promise."""
    monkeypatch.delenv("TINY_ORG", raising=False)
    if value is not None:
        monkeypatch.setenv("TINY_ORG", value)
    with FaultServer(lambda peer: peer.pause()) as server:
        backend = OpenAIBackend(
            "tiny", base_url=server.url, extra_headers_env={"X-Org": "TINY_ORG"}
        )
        with pytest.raises(BackendRejected, match=r"\$TINY_ORG, for the header X-Org"):
            verb(backend, Deadline.after(10))
        backend.close()
        assert server.connections == 0


def test_a_header_over_plain_http_is_a_config_error() -> None:
    """What stands in a variable may be a key, so it travels like one."""
    with pytest.raises(ConfigError, match="unencrypted"):
        OpenAIBackend("tiny", base_url="http://example.com/v1", extra_headers_env={"api-key": "K"})
