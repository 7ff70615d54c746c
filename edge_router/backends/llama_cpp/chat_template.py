"""Render a conversation with a model file's chat template, which is untrusted Jinja.

It runs in a sandbox, in a thread that is abandoned if it does not end. A conversation that it
refuses is offered in other forms: without our own system message, with the turns of one role
joined, with the system messages folded into the first question. A file without a template, or with
one that refuses every form, gets a documented one instead: ChatML where the vocabulary has its
marks, else "User:" and "Assistant:". Tools have their place in the file's own template alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any

from edge_router.chat.message import Message, ToolCall
from edge_router.errors import BackendUnavailable

from .abandonable import Endless, abandonable

__all__ = ["ChatTemplate", "Conversations", "Rendered", "default_template", "forms"]

LIMIT_S = 3.0  # a template that takes longer is taken for one that never ends
MOST_TIMES = 20  # as long as one of ours, on a machine that is slow or busy
MAX_CHARACTERS = 64 << 20
CHATML_MARKS = ("<|im_start|>", "<|im_end|>")
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PLAIN = (
    "{% for message in messages %}{% if message['role'] != 'system' %}"
    "{{ message['role'] | capitalize }}: {% endif %}{{ message['content'] }}\n"
    "{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
PLAIN_STOP = ("\nUser:",)
OURS = (CHATML, PLAIN)  # which end


Tools = Sequence[Mapping[str, Any]]
"""Tools as OpenAI's dicts."""


class TemplateFailed(Exception):
    """The template refuses the conversation in this form, or cannot be used at all."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt. `stop` are texts that end the answer besides the model's own mark; with `add_bos`
    the tokenizer adds the beginning-of-text token, since the template does not."""

    text: str
    stop: tuple[str, ...] = ()
    add_bos: bool = False


@dataclass(slots=True, eq=False)
class ChatTemplate:
    """A template in Jinja. `bos` and `eos` are texts that it may use. Not thread-safe."""

    source: str
    bos: str = ""
    eos: str = ""
    stop: tuple[str, ...] = ()
    add_bos: bool = False
    _compiled: Any = None
    _hopeless: str = ""

    def render(
        self, messages: Sequence[Message], wanted: Callable[[], bool], tools: Tools = ()
    ) -> Rendered:
        """The prompt. Raises TemplateFailed, and BackendUnavailable once it is not `wanted`."""
        if self._hopeless:
            raise TemplateFailed(self._hopeless)

        def work() -> str:
            if self._compiled is None:
                self._compiled = _compile(self.source)
            return self._write(messages, tools)

        try:
            if self.source in OURS:
                text = work()
            else:
                text = abandonable(work, limit_s=_limit_s(), wanted=wanted)
        except BackendUnavailable:
            raise
        except Endless as error:
            self._hopeless = str(error)  # once is enough to wait for
            raise TemplateFailed(self._hopeless) from None
        except Exception as error:  # noqa: BLE001 - a template may raise whatever it likes
            if self._compiled is None:
                self._hopeless = f"{type(error).__name__}: {error}"[:200]
            # Once it is compiled, its words may quote the conversation.
            raise TemplateFailed(self._hopeless or type(error).__name__) from None
        return Rendered(text, self.stop, self.add_bos)

    def _write(self, messages: Sequence[Message], tools: Tools) -> str:
        pieces: list[str] = []
        length = 0
        self._compiled.environment.made = 0
        for piece in self._compiled.generate(
            messages=_turns(messages),
            bos_token=self.bos,
            eos_token=self.eos,
            raise_exception=_raise,
            strftime_now=lambda form: datetime.now().strftime(form),  # noqa: DTZ005 - local time
            add_generation_prompt=True,
            functions=None,
            function_call=None,
            tools=list(tools) or None,
            tool_choice=None,
        ):
            pieces.append(piece)
            length += len(piece)
            if length > MAX_CHARACTERS:
                raise ValueError(f"it writes more than {MAX_CHARACTERS} characters")
        if not (text := "".join(pieces)):
            raise ValueError("it writes nothing")
        text.encode()  # half a surrogate pair is no text that a tokenizer takes
        return text


def default_template(has_token: Callable[[str], bool]) -> ChatTemplate:
    """The template of a model without a usable one: ChatML if its vocabulary has the marks."""
    if all(has_token(mark) for mark in CHATML_MARKS):
        return ChatTemplate(CHATML, stop=CHATML_MARKS[1:], add_bos=True)
    return ChatTemplate(PLAIN, stop=PLAIN_STOP, add_bos=True)


@dataclass(slots=True, eq=False)
class Conversations:
    """Renders conversations with a model's own template, else with the default one.

    `system` is the system message of those that bring none. `say` is called once for each oddity.
    """

    own: ChatTemplate | None
    default: ChatTemplate
    system: str | None
    say: Callable[[str], object]
    _said: set[str] = field(default_factory=set)

    def render(
        self, messages: Sequence[Message], wanted: Callable[[], bool], tools: Tools = ()
    ) -> Rendered:
        """The prompt. Raises BackendUnavailable, also where the model's own template drops `tools`
        or what they were used for."""
        if tools or any(message.role == "tool" or message.tool_calls for message in messages):
            return self._with_tools(messages, wanted, tools)
        if self.own is None:
            self._say_once("it has no chat template")
        else:
            try:
                return self._first_that_works(self.own, messages, wanted)
            except TemplateFailed as error:
                self._say_once(f"its chat template fails ({error})")
        try:
            return self._first_that_works(self.default, messages, wanted)
        except TemplateFailed as error:
            raise BackendUnavailable(f"no prompt can be made: {error}") from None

    def _with_tools(
        self, messages: Sequence[Message], wanted: Callable[[], bool], tools: Tools
    ) -> Rendered:
        for form in forms(messages, self.system) if self.own else ():
            try:
                rendered = self.own.render(form, wanted, tools) if self.own else None
            except TemplateFailed:
                continue
            if rendered and _is_whole(rendered.text, form) and _has_tools(rendered.text, tools):
                return rendered
        raise BackendUnavailable("its chat template has no place for tools; ask another expert")

    def _first_that_works(
        self, template: ChatTemplate, messages: Sequence[Message], wanted: Callable[[], bool]
    ) -> Rendered:
        """The first form that the template renders whole, else the first that it takes."""
        partial: Rendered | None = None
        fault: TemplateFailed | None = None
        for form in forms(messages, self.system):
            try:
                rendered = template.render(form, wanted)
            except TemplateFailed as error:
                fault = fault or error
                continue
            if _is_whole(rendered.text, form):
                return rendered
            partial = partial or rendered
        if partial is not None:
            return partial
        raise fault or TemplateFailed("it takes no form of the conversation")

    def _say_once(self, why: str) -> None:
        if why not in self._said and len(self._said) < 8:
            self._said.add(why)
            name = "ChatML" if self.default.source == CHATML else "plain"
            self.say(f"{why}; a {name} prompt is used")


def forms(messages: Sequence[Message], system: str | None) -> Iterator[tuple[Message, ...]]:
    """The conversation in the forms that templates take, the most faithful first."""
    bare = tuple(messages)
    alone = all(message.role != "system" for message in bare)
    whole = (Message("system", system), *bare) if alone and system else bare
    tried: list[tuple[Message, ...]] = []
    for form in (whole, _joined(whole), bare, _joined(bare), _gathered(bare), _folded(bare)):
        if form not in tried:
            tried.append(form)
            yield form


def _joined(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Turns of one role in a row become one; those with calls or results of tools stay apart."""

    def kind(message: Message) -> object:
        apart = message.role == "tool" or message.tool_calls
        return id(message) if apart else message.role

    return tuple(
        first if not rest else replace(first, content=_together(m.text for m in (first, *rest)))
        for first, *rest in (list(turns) for _, turns in groupby(messages, key=kind))
    )


def _gathered(messages: Sequence[Message]) -> tuple[Message, ...]:
    """One system message, at the beginning."""
    return _joined(sorted(messages, key=lambda m: m.role != "system"))


def _folded(messages: Sequence[Message]) -> tuple[Message, ...]:
    """No system message; their texts begin the first question."""
    systems = [m.text for m in messages if m.role == "system"]
    turns = _joined([m for m in messages if m.role != "system"])
    for at, turn in enumerate(turns):
        if turn.role == "user" and systems:
            folded = replace(turn, content=_together([*systems, turn.text]))
            return (*turns[:at], folded, *turns[at + 1 :])
    return turns


def _together(texts: Any) -> str:
    return "\n\n".join(texts)


def _is_whole(text: str, messages: Sequence[Message]) -> bool:
    """Whether all that the user and the system say is in the prompt."""
    said = (m.text.strip() for m in messages if m.role != "assistant")
    calls = (call.name for message in messages for call in message.tool_calls)
    return all(_is_in(text, one) for one in (*calls, *said))


def _has_tools(text: str, tools: Tools) -> bool:
    """Whether the names of all tools are in the prompt, and what they are for."""
    functions = [tool["function"] for tool in tools]
    said = (one[name] for one in functions for name in ("name", "description") if name in one)
    return all(_is_in(text, one.strip()) for one in said)


def _is_in(text: str, words: str) -> bool:
    """Whether words are in a prompt, as they are or as JSON writes them."""
    return words in text or json.dumps(words, ensure_ascii=False)[1:-1] in text


def _turns(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The messages as templates take them: with content that is text, and arguments of calls that
    are objects."""
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    turns: list[dict[str, Any]] = []
    for message in messages:
        turn: dict[str, Any] = {"role": message.role, "content": message.text}
        if message.tool_calls:
            turn["tool_calls"] = [_call(call) for call in message.tool_calls]
        if message.role == "tool":
            identity = message.tool_call_id or ""
            turn |= {"tool_call_id": identity, "name": message.name or names.get(identity, "")}
        if message.reasoning_content is not None:
            turn["reasoning_content"] = message.reasoning_content
        turns.append(turn)
    return turns


def _call(call: ToolCall) -> dict[str, Any]:
    try:
        arguments = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):  # as the model wrote it
        arguments = call.arguments
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def _raise(message: object = "") -> None:
    raise ValueError(str(message))


def _limit_s() -> float:
    return max(LIMIT_S, MOST_TIMES * _seconds_of_ours())


@cache
def _seconds_of_ours() -> float:
    """Seconds to compile a template of ours for the first time, imports included."""
    started = time.monotonic()
    _compile(CHATML)
    return time.monotonic() - started


def _compile(source: str) -> Any:
    """As transformers and llama-cpp-python do, with bounds."""
    from .sandbox import BoundedEnvironment

    return BoundedEnvironment().from_string(source)
