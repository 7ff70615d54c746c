"""The privacy gate: who may read private data, at the decision and at every later call."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from edge_router import ChatRequest, Config, ConfigError, EdgeRouter, ExpertConfig, Message, Reason
from edge_router.chat.completion import ToolCall
from edge_router.chat.private_data import PrivateKind
from edge_router.errors import (
    AllBackendsFailed,
    BackendProtocolError,
    BackendUnavailable,
    ConsentMissing,
    NoExpertFits,
    PrivacyWithheld,
)
from edge_router.layers.privacy.gate import ConsentQuestion
from edge_router.routing.deciding.reason import PRIVATE, RULED_OUT
from edge_router.routing.opening import open_backend
from edge_router.testing import FakeBackend
from made_experts import CLOUD, LOCAL

LAN = ExpertConfig("openai", "m", "frontier", base_url="http://10.0.0.2/v1", location="lan")
PRIVATE_TEXT = "Please write to ann.smith@clinic.org about the results."
PLAIN = "Prove that there are infinitely many primes."
WANTED = {"min_gain": -1.0}  # the cloud expert is wanted for everything


def asked(
    prompt: Any,
    privacy: dict[str, Any],
    *,
    consent: Callable[[ConsentQuestion], bool] | None = None,
    cloud: FakeBackend | None = None,
    local: FakeBackend | None = None,
    other: tuple[str, ExpertConfig] = ("cloud", CLOUD),
    **settings: Any,
) -> tuple[EdgeRouter, FakeBackend, FakeBackend, Any]:
    """A router whose other expert is wanted, both experts, and the answer."""
    far, near = cloud or FakeBackend("From afar."), local or FakeBackend("From here.")
    name, expert = other
    config = Config(experts={"local": LOCAL, name: expert}, privacy=privacy, **(WANTED | settings))
    router = EdgeRouter(config, backends={"local": near, name: far}, consent=consent)
    with router:
        return router, far, near, router.complete(prompt)


@pytest.mark.parametrize("kind", PrivateKind)
def test_each_kind_has_its_own_reason(kind: PrivateKind) -> None:
    """In words that name it."""
    assert RULED_OUT[PRIVATE[kind]] == f"it may not read {kind.words}"


def test_nothing_is_looked_for_by_default() -> None:
    """Experts that the user configured read everything."""
    _, far, near, answer = asked(PRIVATE_TEXT, {})
    assert (answer.record.answered_by, near.requests) == ("cloud", [])
    assert far.requests[0].question == PRIVATE_TEXT


def test_never_keeps_a_turn_on_the_device() -> None:
    """The reason says what it holds; another turn goes where it would."""
    _, far, near, answer = asked(PRIVATE_TEXT, {"cloud": "never"})
    assert (far.requests, len(near.requests)) == ([], 1)
    assert answer.record.reason == Reason.PRIVATE_EMAIL
    assert answer.record.decision.excluded == {"cloud": Reason.PRIVATE_EMAIL}
    assert answer.record.words == "cloud was wanted, but it may not read an e-mail address"
    assert asked(PLAIN, {"cloud": "never"})[3].record.answered_by == "cloud"


@pytest.mark.parametrize(
    ("place", "privacy", "reads"),
    [
        ("device", {"cloud": "never", "lan": "never"}, True),
        ("device elsewhere", {"cloud": "never"}, False),
        ("device elsewhere", {"lan": "never"}, False),
        ("lan", {"lan": "never"}, False),
        ("lan", {"cloud": "never"}, True),
        ("cloud", {"lan": "never"}, True),
        ("cloud", {"cloud": "never"}, False),
    ],
)
def test_each_place_has_its_setting(place: str, privacy: dict[str, str], reads: bool) -> None:
    """The rows of the table in `settings.location`; a device elsewhere keeps both."""
    experts = {
        "device": replace(LAN, base_url="http://127.0.0.1:9/v1", location=None),
        "device elsewhere": replace(LAN, location="device"),
        "lan": LAN,
        "cloud": CLOUD,
    }
    _, far, _, _ = asked(
        PRIVATE_TEXT, privacy, other=("it", experts[place]), preference="performance", min_gain=None
    )
    assert bool(far.requests) is reads


def test_with_no_other_expert_it_is_refused() -> None:
    """By name and with the reason code."""
    config = Config(experts={"cloud": CLOUD}, privacy={"cloud": "never"})  # type: ignore[arg-type]
    with (
        EdgeRouter(config, backends={"cloud": FakeBackend()}) as router,
        pytest.raises(NoExpertFits, match=r"cloud \(it may not read an e-mail address") as refused,
    ):
        router.complete(PRIVATE_TEXT)
    assert refused.value.excluded["cloud"] == Reason.PRIVATE_EMAIL


def conversation(**where: Any) -> ChatRequest:
    """One whose last turn is plain; the private data stands where it is put."""
    call = ToolCall("c1", "look", where.get("arguments", "{}"))
    return ChatRequest(
        (
            Message("system", where.get("system", "Be brief.")),
            Message("user", where.get("history", "Look it up.")),
            Message("assistant", None, tool_calls=(call,)),
            Message("tool", where.get("result", "Done."), tool_call_id="c1"),
            Message("assistant", where.get("answer", "I see.")),
            Message("user", where.get("parts", "Thanks, go on.")),
        ),
        tools=({"type": "function", "function": {"name": "look", **where.get("tool", {})}},),  # type: ignore[arg-type]
        **where.get("settings", {}),
    )


MAIL = "ann.smith@clinic.org"
FILE = {"file_data": "data:text/plain;base64,V3JpdGUgdG8gYW5uLnNtaXRoQGNsaW5pYy5vcmc="}


@pytest.mark.parametrize(
    "where",
    [
        {"system": f"The user is {MAIL}."},
        {"history": f"I am {MAIL}."},
        {"answer": f"You are {MAIL}."},
        {"result": f"From: {MAIL}"},
        {"result": '{"from": "ann.smith\\u0040clinic.org"}'},
        {"arguments": json.dumps({"to": MAIL})},
        {"arguments": '{"to": "ann.smith\\u0040clinic.org"}'},
        {"arguments": f'{{"to": "{MAIL}'},
        {"parts": [{"type": "text", "text": f"Ask {MAIL}."}]},
        {"tool": {"description": f"Mail of {MAIL}."}},
        {"tool": {"parameters": {"type": "object", "properties": {"a": {"enum": [MAIL]}}}}},
        {"settings": {"user": MAIL}},
        {"settings": {"metadata": {"who": MAIL}}},
        {"settings": {"metadata": {MAIL: "x"}}},
        {"settings": {"extra": {"deep": [{"er": MAIL}]}}},
        {"settings": {"stop": [MAIL]}},
    ],
)
def test_the_whole_request_is_searched(where: dict[str, Any]) -> None:
    """Never lets none of it out, and redaction leaves none of it in."""
    tools = replace(LOCAL, tools=True)
    for mode in ("never", "redact"):
        config = Config(
            experts={"local": tools, "cloud": CLOUD}, privacy={"cloud": mode}, min_gain=-1.0
        )
        far, near = FakeBackend(), FakeBackend()
        with EdgeRouter(config, backends={"local": near, "cloud": far}) as router:
            router.complete(conversation(**where))
        sent = json.dumps([one.to_json() for one in far.requests], default=dict)
        assert "ann.smith" not in sent
        assert len(far.requests) == (mode == "redact")


def test_text_of_a_file_is_read_and_a_picture_counts_by_itself() -> None:
    """Neither can be redacted, so that is no way out; `detect` may leave pictures out."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    for part, mode, reason in (
        ({"type": "file", "file": FILE}, "never", Reason.PRIVATE_EMAIL),
        ({"type": "file", "file": FILE}, "redact", Reason.PRIVATE_EMAIL),
        (picture, "never", Reason.PRIVATE_MEDIA),
        (picture, "redact", Reason.PRIVATE_MEDIA),
    ):
        seeing = replace(CLOUD, vision=True, files=True)
        config = Config(experts={"cloud": seeing}, privacy={"cloud": mode})  # type: ignore[arg-type]
        request = ChatRequest.of(
            [{"role": "user", "content": [{"type": "text", "text": "See."}, part]}]
        )
        with EdgeRouter(config, backends={"cloud": FakeBackend()}) as router:
            with pytest.raises(NoExpertFits) as refused:
                router.complete(request)
            assert refused.value.excluded["cloud"] == reason
    loose = {"cloud": "never", "detect": ["email"]}
    config = Config(experts={"cloud": seeing}, privacy=loose)  # type: ignore[arg-type]
    request = ChatRequest.of(
        [{"role": "user", "content": [{"type": "text", "text": "See."}, picture]}]
    )
    with EdgeRouter(config, backends={"cloud": FakeBackend()}) as router:
        assert router.complete(request).record.answered_by == "cloud"


def test_a_value_is_replaced_where_no_detector_sees_it_too() -> None:
    """A password that is a word elsewhere; the user reads the word."""
    text = 'In Summer I wrote password = "Summer" down, and Summer is over.'
    _, far, _, answer = asked(text, {"cloud": "redact"}, cloud=FakeBackend("[SECRET-1] it is."))
    assert far.requests[0].question == (
        'In [SECRET-1] I wrote password = "[SECRET-1]" down, and [SECRET-1] is over.'
    )
    assert answer.text == "Summer it is."


@pytest.mark.parametrize("mode", ["redact", "never"])
def test_a_text_marked_as_confidential_stays(mode: str) -> None:
    """No placeholder can stand for what it means, so with "redact" it is withheld too."""
    text = "Strictly confidential, for our patent: prove that e is irrational."
    router, far, near, _ = asked(text, {"cloud": mode})
    assert (len(far.requests), len(near.requests)) == (0, 1)
    decision = router.router.route(ChatRequest.of(text))
    assert decision.expert == "cloud"  # the router alone would have asked it


def test_a_fallback_does_not_read_it() -> None:
    """The expert on the device fails; the cloud is not asked in its place."""
    down = FakeBackend(error=BackendUnavailable("down"))
    far = FakeBackend()
    with pytest.raises(AllBackendsFailed):
        asked(PRIVATE_TEXT, {"cloud": "never"}, local=down, cloud=far)
    assert far.requests == []


def test_the_seam_refuses_what_a_decision_let_through() -> None:
    """Whatever asks a gated backend, at whatever time."""
    config = Config(experts={"cloud": CLOUD}, privacy={"cloud": "never"})  # type: ignore[arg-type]
    far = FakeBackend()
    with EdgeRouter(config, backends={"cloud": far}) as router:
        gated, deadline = router._backend("cloud"), _soon()
        for verb in (gated.complete, lambda *a, **k: list(gated.stream(*a, **k))):
            with pytest.raises(
                PrivacyWithheld, match="cloud was not asked: it may not read an e-m"
            ):
                verb(ChatRequest.of(PRIVATE_TEXT), deadline=deadline)
        assert gated.complete(ChatRequest.of(PLAIN), deadline=deadline).text
    assert len(far.requests) == 1


def test_a_configured_backend_is_behind_the_gate_too() -> None:
    """The gate is the outermost of its layers, so that a retry sends what passed it."""
    config = Config(experts={"cloud": CLOUD}, privacy={"cloud": "never"})  # type: ignore[arg-type]
    with EdgeRouter(config) as router:
        assert type(router._backend("cloud").inner).__name__ == "Breaker"  # type: ignore[attr-defined]
    assert not hasattr(open_backend(CLOUD), "inner")


def test_asking_without_consent_is_an_error() -> None:
    """No other expert is asked silently; nothing is sent."""
    far = FakeBackend()
    with pytest.raises(ConsentMissing, match="would read an e-mail address") as missing:
        asked(PRIVATE_TEXT, {"cloud": "ask"}, cloud=far)
    assert (far.requests, missing.value.kinds) == ([], ("email",))


def test_consent_lets_it_pass_as_it_is_and_is_asked_once() -> None:
    """For the same values and the same expert."""
    questions: list[ConsentQuestion] = []

    def consent(question: ConsentQuestion) -> bool:
        questions.append(question)
        return True

    config = Config(
        experts={"local": LOCAL, "cloud": CLOUD}, privacy={"cloud": "ask"}, min_gain=-1.0
    )  # type: ignore[arg-type]
    far = FakeBackend()
    backends = {"local": FakeBackend(), "cloud": far}
    with EdgeRouter(config, backends=backends, consent=consent) as router:
        for text in (PRIVATE_TEXT, PRIVATE_TEXT, PLAIN, f"And {MAIL}, too, and +1 415 555 0142."):
            router.complete(text)
    assert far.requests[0].question == PRIVATE_TEXT
    assert [question.values for question in questions] == [
        ((PrivateKind.EMAIL, MAIL),),
        ((PrivateKind.PHONE, "+1 415 555 0142"),),
    ]
    assert (questions[0].expert, questions[0].location, questions[0].kinds) == (
        "cloud",
        "cloud",
        ("email",),
    )


@pytest.mark.parametrize("given", [False, None, "yes", 1])
def test_without_a_plain_yes_another_expert_answers(given: Any) -> None:
    """The record says why; the expert counts as reachable."""
    router, far, near, answer = asked(PRIVATE_TEXT, {"cloud": "ask"}, consent=lambda _: given)
    assert (far.requests, len(near.requests)) == ([], 1)
    assert answer.record.failures == {
        "cloud": "cloud was not asked: it was not allowed to read an e-mail address"
    }
    assert router.experience.snapshot(ChatRequest.of(PLAIN), {}).doubts == {}


@pytest.mark.parametrize("given", [True, False])
def test_the_time_that_a_person_thinks_is_nobodys(
    given: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minute, with an answer that may take ten seconds: the expert still has its time."""
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def consent(_: ConsentQuestion) -> bool:
        clock[0] += 60.0
        return given

    _, _, _, answer = asked(PRIVATE_TEXT, {"cloud": "ask"}, consent=consent, deadline_s=10)
    assert answer.record.answered_by == ("cloud" if given else "local")


@pytest.mark.parametrize("mode", ["ask", "allow"])
def test_consent_that_cannot_be_called_is_refused(mode: str) -> None:
    """At once, not with the first private text, nor when the settings begin to ask."""
    config = Config(experts={"cloud": CLOUD}, privacy={"cloud": mode})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="consent is a bool; give a callable"):
        EdgeRouter(config, consent=True)  # type: ignore[arg-type]


def test_a_decision_explains_itself_and_holds_no_value() -> None:
    """Nor does anything that is logged or given to hooks."""
    router, _, _, answer = asked(PRIVATE_TEXT, {"cloud": "never"})
    told = json.dumps(answer.record.to_json()) + json.dumps(
        router.router.explain(answer.record.decision).to_json()
    )
    assert "private_email" in told
    assert "ann.smith" not in told


def test_an_answer_that_breaks_off_shows_what_was_held_back() -> None:
    """Half a placeholder is text."""
    far = FakeBackend("Write to [EMA x", error=BackendProtocolError("cut"), fail_after=3)
    config = Config(experts={"cloud": CLOUD}, privacy={"cloud": "redact"})  # type: ignore[arg-type]
    with EdgeRouter(config, backends={"cloud": far}) as router:
        stream = router.stream(PRIVATE_TEXT)
        assert [next(stream).delta for _ in range(3)] == ["Write", " to", " "]
        assert next(stream).delta == "[EMA"
        with pytest.raises(BackendProtocolError):
            next(stream)


def _soon() -> Any:
    from edge_router.backends.deadline import Deadline

    return Deadline.after(5.0)


def test_a_consent_that_raises_is_a_no(caplog: pytest.LogCaptureFixture) -> None:
    """Another expert answers; the log has the kind of error, not its text, which may quote data."""

    def consent(question: ConsentQuestion) -> bool:
        raise ValueError(question.values[0][1])

    _, far, near, answer = asked(PRIVATE_TEXT, {"cloud": "ask"}, consent=consent)
    assert (far.requests, len(near.requests)) == ([], 1)
    assert "was not allowed to read" in answer.record.failures["cloud"]
    assert "consent raised ValueError" in caplog.text
    assert "ann.smith" not in caplog.text
