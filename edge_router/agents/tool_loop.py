"""ToolLoop: answer a request with the caller's own tools, by an expert that stays.

A router that decides about every answer of a loop anew changes the expert in the middle of the
work, and with it the prefix cache and the style. Here the expert that routing chose for the request
goes on, and gives way once, to the next stronger one, where the calls fail or repeat themselves.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from edge_router.chat.completion import ChatRequest, Message, Prompt, ToolCall
from edge_router.client.answer import Answer
from edge_router.errors import ConfigError
from edge_router.guards.json_lines import BadJson, json_value
from edge_router.routing.deciding.decision import Rule
from edge_router.routing.deciding.ranked_rule import RankedRule
from edge_router.routing.deciding.reason import Reason
from edge_router.settings.config import Config
from edge_router.settings.constraints import Constraints

from .catalog.schema import check_schema, schema_faults
from .states.step_signals import LoopLevel, Step, StepSignals, says_error

__all__ = ["LoopResult", "ToolLoop"]

MOST_ANSWERS = 16
MOST_RESULT = 16_384  # characters of a tool's result that a model reads
MOST_FAULT = 500  # of why it failed

Tools = Mapping[str, Callable[..., object]]


class AnsweringClient(Protocol):
    """What answers the requests of a loop: an EdgeRouter."""

    @property
    def config(self) -> Config: ...

    def complete(
        self,
        prompt: Prompt,
        *,
        constraints: Constraints | None = None,
        rule: Rule | None = None,
    ) -> Answer: ...


@dataclass(frozen=True, slots=True)
class LoopResult:
    """How a loop ended.

    `answer` is the last one; it still calls tools where the loop was `is_cut` off. `messages` are
    the conversation with it, `steps` the calls, `experts` those that answered, one after the other,
    and `signals` those of the last calls.
    """

    answer: Answer
    messages: tuple[Message, ...]
    steps: tuple[Step, ...]
    experts: tuple[str, ...]
    signals: StepSignals
    is_cut: bool = False

    @property
    def words(self) -> str:
        """What happened, for people."""
        stays = list(dict.fromkeys(self.experts))
        way = " then ".join(stays)
        failed = sum(step.failed for step in self.steps)
        end = ", cut off" if self.is_cut else ""
        counts = f"{len(self.experts)} answers, {len(self.steps)} calls, {failed} failed"
        return f"{way}: {counts}{end}"


class ToolLoop:
    """Loops of calls of tools with one client. Thread-safe.

    `ladder` names experts, the weakest first; an expert that is not on it drives its loops to the
    end. Constraints hold for every answer, so that a step up never leaves what may be asked, and an
    expert that cannot answer is stood in for as always. A loop is cut off after `most_answers`.
    Raises ConfigError for a name that is no expert's, or stands there twice.
    """

    def __init__(
        self, client: AnsweringClient, ladder: Sequence[str], *, most_answers: int = MOST_ANSWERS
    ) -> None:
        known = client.config.experts
        for name in ladder:
            if name not in known:
                raise ConfigError(f"expert {name!r:.80} is unknown; known are {', '.join(known)}")
        if len(set(ladder)) < len(ladder):
            raise ConfigError(f"an expert stands twice in {', '.join(ladder)}")
        if most_answers < 1:
            raise ConfigError(f"most_answers is {most_answers}; it must be 1 or more")
        self._client = client
        self._ladder = tuple(ladder)
        self._most = most_answers

    def run(
        self, prompt: Prompt, *, call: Tools, constraints: Constraints | None = None
    ) -> LoopResult:
        """The answer to a request whose `tools` the model may call.

        `call` has each tool's callable by its name, and nothing else is executed. Arguments that do
        not fit the tool's schema, a tool without a callable, and one that raises give the model an
        error to read; each counts as a failed call, as does a result that says it is an error (see
        `says_error`). A tool is waited for as long as it takes: give it a limit of its own.

        Raises as `EdgeRouter.complete` does, and InvalidAgent for a tool whose schema is none.
        """
        request = ChatRequest.of(prompt)
        schemas = {
            one.name: check_schema(one.parameters or {}, f"the parameters of {one.name!r}")
            for one in request.tools
        }
        steps: list[Step] = []
        experts: list[str] = []
        ladder = self._ladder
        level = LoopLevel.begin(0, levels=1)
        while True:
            rule = _staying(ladder, level.level) if experts else None
            answer = self._client.complete(request, constraints=constraints, rule=rule)
            name = answer.record.answered_by or ""
            if not experts:
                ladder = ladder if name in ladder else (name,)
                level = LoopLevel.begin(ladder.index(name), levels=len(ladder))
            experts.append(name)
            cut = len(experts) >= self._most and bool(answer.tool_calls)
            done = [] if cut else [_result(one, call, schemas) for one in answer.tool_calls]
            steps += [step for step, _ in done]
            messages = (*request.messages, answer.message, *(message for _, message in done))
            if not done:
                signals = StepSignals.of(steps)
                return LoopResult(answer, messages, tuple(steps), tuple(experts), signals, cut)
            request = replace(request, messages=messages)
            if name in ladder:
                level = level.raised(ladder.index(name))
            level = level.next(StepSignals.of(steps))


def _staying(ladder: Sequence[str], level: int) -> RankedRule:
    """The expert of the level; where it cannot answer, the stronger ones, then the weaker ones, the
    strongest first."""
    order = (*ladder[level:], *reversed(ladder[:level]))
    return RankedRule(order, "tool loop", reason=Reason.TOOL_LOOP)


def _result(
    asked: ToolCall, call: Tools, schemas: Mapping[str, Mapping[str, Any]]
) -> tuple[Step, Message]:
    """A call carried out: what is remembered of it, and what the model reads."""
    arguments, fault = _arguments(asked, schemas)
    said = ""
    if not fault and asked.name not in call:
        fault = f"no tool is called {asked.name!r}"
    if not fault:
        try:
            said = _written(call[asked.name](**arguments))
        except Exception as error:  # noqa: BLE001 - the caller's own code: the model reads what failed
            fault = f"{type(error).__name__}: {error}"
    text = f"error: {fault[:MOST_FAULT]}" if fault else said[:MOST_RESULT]
    step = Step(asked.name, arguments, failed=says_error(text))
    return step, Message("tool", text.encode(errors="replace").decode(), tool_call_id=asked.id)


def _arguments(
    asked: ToolCall, schemas: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Any], str]:
    """The arguments of a call, and what is wrong with them, "" for nothing."""
    if asked.name not in schemas:
        return {"arguments": asked.arguments}, f"no tool is called {asked.name!r}"
    try:
        value = json_value(asked.arguments or "{}")
    except BadJson as error:
        return {"arguments": asked.arguments}, f"the arguments: it {error}"
    if not isinstance(value, dict):
        return {"arguments": value}, "the arguments must be an object"
    return value, "; ".join(schema_faults(value, schemas[asked.name]))


def _written(result: object) -> str:
    """A tool's result as text: texts as they are, anything else as JSON where it can be. Raises
    TypeError for one that nobody would wait for."""
    if inspect.iscoroutine(result):
        result.close()
        raise TypeError("the tool is asynchronous; a plain function is needed")
    return (
        result if isinstance(result, str) else json.dumps(result, default=str, ensure_ascii=False)
    )
