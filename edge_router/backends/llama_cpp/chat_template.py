"""Render a conversation with a model file's chat template, which is untrusted Jinja.

It runs in a sandbox, in a thread that is abandoned if it does not end. A conversation that it
refuses is offered in other forms: without our own system message, with the turns of one role
joined, with the system messages folded into the first question. A file without a template, or with
one that refuses every form, gets a documented one instead: ChatML where the vocabulary has its
marks, else "User:" and "Assistant:".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import Any

from edge_router.chat.completion import Message
from edge_router.errors import BackendUnavailable

from .abandonable import Endless, abandonable

__all__ = ["ChatTemplate", "Conversations", "Rendered", "default_template", "forms"]

LIMIT_S = 3.0  # a template that takes longer is taken for one that never ends
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

    def render(self, messages: Sequence[Message], wanted: Callable[[], bool]) -> Rendered:
        """The prompt. Raises TemplateFailed, and BackendUnavailable once it is not `wanted`."""
        if self._hopeless:
            raise TemplateFailed(self._hopeless)

        def work() -> str:
            if self._compiled is None:
                self._compiled = _compile(self.source)
            return self._write(messages)

        try:
            text = abandonable(work, limit_s=LIMIT_S, wanted=wanted)
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

    def _write(self, messages: Sequence[Message]) -> str:
        pieces: list[str] = []
        length = 0
        self._compiled.environment.made = 0
        for piece in self._compiled.generate(
            messages=[{"role": m.role, "content": m.content} for m in messages],
            bos_token=self.bos,
            eos_token=self.eos,
            raise_exception=_raise,
            strftime_now=lambda form: datetime.now().strftime(form),  # noqa: DTZ005 - local time
            add_generation_prompt=True,
            functions=None,
            function_call=None,
            tools=None,
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

    def render(self, messages: Sequence[Message], wanted: Callable[[], bool]) -> Rendered:
        """The prompt. Raises BackendUnavailable."""
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
    """Turns of one role in a row become one."""
    return tuple(
        first if not rest else replace(first, content=_together(m.content for m in (first, *rest)))
        for first, *rest in (list(turns) for _, turns in groupby(messages, key=lambda m: m.role))
    )


def _gathered(messages: Sequence[Message]) -> tuple[Message, ...]:
    """One system message, at the beginning."""
    return _joined(sorted(messages, key=lambda m: m.role != "system"))


def _folded(messages: Sequence[Message]) -> tuple[Message, ...]:
    """No system message; their texts begin the first question."""
    systems = [m.content for m in messages if m.role == "system"]
    turns = _joined([m for m in messages if m.role != "system"])
    for at, turn in enumerate(turns):
        if turn.role == "user" and systems:
            folded = replace(turn, content=_together([*systems, turn.content]))
            return (*turns[:at], folded, *turns[at + 1 :])
    return turns


def _together(texts: Any) -> str:
    return "\n\n".join(texts)


def _is_whole(text: str, messages: Sequence[Message]) -> bool:
    """Whether all that the user and the system say is in the prompt."""
    return all(m.role == "assistant" or m.content.strip() in text for m in messages)


def _raise(message: object = "") -> None:
    raise ValueError(str(message))


def _compile(source: str) -> Any:
    """As transformers and llama-cpp-python do, with bounds."""
    from .sandbox import BoundedEnvironment

    return BoundedEnvironment().from_string(source)
