"""Calls of tools and JSON by a schema, by the bundled model under templates that know tools."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sure_question import ANSWER, QUESTION
from tool_templates import LLAMA, QWEN

from edge_router import ChatRequest, Config, EdgeRouter, ExpertConfig, Message, Reason
from edge_router.backends.deadline import Deadline
from edge_router.backends.llama_cpp.answer.tool_format import calls_tools
from edge_router.backends.llama_cpp.backend import LlamaCppBackend
from edge_router.backends.llama_cpp.engine import EngineName
from edge_router.chat.completion import ChatCompletion
from edge_router.errors import BackendUnavailable, NoExpertFits
from made_gguf import TEMPLATE, remake, text

PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}, "days": {"enum": [1, 3, 7]}},
    "required": ["city", "days"],
}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": PARAMETERS,
    },
}
TIME = {"type": "function", "function": {"name": "time"}}
ASK = {"role": "user", "content": "What will the weather be in Ulm in the next 3 days?"}


@pytest.fixture(scope="module", params=[QWEN, LLAMA], ids=["marked", "bare"])
def calling(
    engine: EngineName, request: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LlamaCppBackend]:
    """The bundled model with a template that asks for calls in one of the forms."""
    path = tmp_path_factory.mktemp("models") / "calls.gguf"
    remake(path, {TEMPLATE: text(request.param)}, weights=True)
    assert calls_tools(str(path))
    backend = LlamaCppBackend(path, n_ctx=1024, engine=engine)
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def plain(engine: EngineName) -> Iterator[LlamaCppBackend]:
    """The bundled model as it is: its template knows no tools."""
    backend = LlamaCppBackend("smollm2-135m", n_ctx=1024, engine=engine)
    yield backend
    backend.close()


def ask(backend: LlamaCppBackend, *messages: Any, **settings: Any) -> ChatCompletion:
    request = ChatRequest(messages, **{"max_tokens": 80} | settings)
    return backend.complete(request, deadline=Deadline.after(60))


def test_a_required_call_is_one_by_its_schema(calling: LlamaCppBackend) -> None:
    """Whatever a model this small would rather say."""
    answer = ask(calling, ASK, tools=[WEATHER, TIME], tool_choice={"function": {"name": "weather"}})
    (call,) = answer.tool_calls
    arguments = json.loads(call.arguments)
    assert (call.name, answer.text, answer.finish_reason) == ("weather", "", "tool_calls")
    assert arguments.keys() == {"city", "days"}
    assert arguments["days"] in (1, 3, 7)
    assert len(arguments["city"]) <= 20


def test_a_required_call_may_be_of_any_tool(calling: LlamaCppBackend) -> None:
    """Each with its own arguments."""
    answer = ask(calling, ASK, tools=[TIME, WEATHER], tool_choice="required", max_tokens=120)
    if answer.finish_reason == "length":
        pytest.skip("the model goes on calling until the limit")
    assert {call.name for call in answer.tool_calls} <= {"time", "weather"}
    assert all(json.loads(call.arguments) is not None for call in answer.tool_calls)


def test_a_result_is_answered_in_words(calling: LlamaCppBackend) -> None:
    """The whole round: question, call, result, answer; nothing of it is dropped on the way."""
    call = {"id": "1", "function": {"name": "weather", "arguments": '{"city": "Ulm", "days": 3}'}}
    turn = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "1", "content": "21 degrees <|im_end|> and dry"}
    answer = ask(calling, ASK, turn, result, tools=[WEATHER], tool_choice="none")
    assert answer.text
    assert answer.tool_calls == ()
    again = ask(calling, ASK, turn, result, tools=[WEATHER])
    assert again.text or again.tool_calls
    assert again.usage is not None
    assert answer.usage is not None
    assert again.usage.prompt_tokens > answer.usage.prompt_tokens > 40


def test_json_by_a_schema(plain: LlamaCppBackend) -> None:
    """By any model: a grammar binds what it writes."""
    form = {
        "type": "json_schema",
        "json_schema": {"name": "w", "schema": PARAMETERS, "strict": False},
    }
    value = json.loads(ask(plain, ASK, response_format=form).text)
    assert value.keys() == {"city", "days"}
    assert value["days"] in (1, 3, 7)


def test_each_of_many_callers_gets_its_own_answer(plain: LlamaCppBackend) -> None:
    """Also where the engine writes several together: each schema has one answer."""
    answers: dict[int, str] = {}

    def called(number: int) -> None:
        schema = {"enum": [f"Caller number {number}."]}
        form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
        answers[number] = ask(plain, ASK, response_format=form).text

    callers = [threading.Thread(target=called, args=(number,)) for number in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert {number: json.loads(answers[number]) for number in range(6)} == {
        number: f"Caller number {number}." for number in range(6)
    }


def test_json_mode(plain: LlamaCppBackend) -> None:
    """Any object."""
    answer = ask(plain, ASK, response_format={"type": "json_object"}, max_tokens=200)
    assert answer.text.lstrip().startswith("{")
    if answer.finish_reason == "stop":
        assert isinstance(json.loads(answer.text), dict)


def test_sampling_is_as_asked(plain: LlamaCppBackend) -> None:
    """With one token to choose from, heat and seed change nothing."""
    settings: dict[str, Any] = {"max_tokens": 8, "temperature": 1.5, "top_p": 1.0}
    sure = {"role": "user", "content": QUESTION}
    cold = ask(plain, sure, max_tokens=8).text
    assert ANSWER in cold
    assert ask(plain, sure, **settings, seed=3, extra={"top_k": 1}).text == cold
    warm = {ask(plain, ASK, **settings, seed=n).text for n in range(3)}
    assert len(warm) > 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"tools": [WEATHER]}, "does not call tools"),
        ({"logprobs": True}, "gives no log-probabilities"),
    ],
)
def test_what_the_model_cannot_is_said_and_not_stripped(
    plain: LlamaCppBackend, settings: dict[str, Any], words: str
) -> None:
    """Also where nobody ruled it out before."""
    with pytest.raises(BackendUnavailable, match=words):
        ask(plain, ASK, **settings)
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    with pytest.raises(BackendUnavailable, match="reads text alone"):
        ask(plain, {"role": "user", "content": [picture]})
    call = {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f"}}]}
    with pytest.raises(BackendUnavailable, match="does not call tools"):
        ask(plain, ASK, call, {"role": "tool", "tool_call_id": "1", "content": "7"})


def test_the_router_knows_which_file_calls_tools(engine: EngineName, tmp_path: Path) -> None:
    """From the file itself: no setting is needed, and one that says otherwise holds."""
    path = remake(tmp_path / "calls.gguf", {TEMPLATE: text(QWEN)}, weights=True)
    model = ExpertConfig("llama_cpp", str(path), "135m", context_tokens=512, engine=engine)
    request = ChatRequest(
        (Message("user", ASK["content"]),), tools=(WEATHER,), tool_choice="required",
        parallel_tool_calls=False, max_tokens=60,  # else one engine calls until the limit
    )  # type: ignore[arg-type]  # fmt: skip
    with EdgeRouter(Config(experts={"local": model})) as router:
        answer = router.complete(request)
        assert answer.finish_reason == answer.record.finish_reason == "tool_calls"
        assert not answer.record.empty
        assert answer.message.tool_calls == answer.tool_calls != ()
    unable = ExpertConfig("llama_cpp", str(path), "135m", tools=False, engine=engine)
    with EdgeRouter(Config(experts={"local": unable})) as router:
        with pytest.raises(NoExpertFits) as caught:
            router.complete(request)
        assert caught.value.excluded["local"] is Reason.NO_TOOLS
