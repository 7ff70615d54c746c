"""Turn a conversation into the tokens of a prompt that fits the context.

What users write stays text: a chat template's marks mean something only where the template wrote
them. Text without such marks gets exactly the tokens that the tokenizer gives it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, Self

from edge_router.chat.message import Message, last_turn
from edge_router.errors import ContextExceeded

from .answer.tool_format import TEMPLATE, ToolFormat, tool_format
from .chat_template import ChatTemplate, Conversations, Rendered, Tools, default_template

__all__ = ["Encoded", "Fragment", "Prompt", "PromptMaker", "Vocabulary"]

MAX_CHARACTERS_PER_TOKEN = 32  # beyond it, tokenizing would only cost time
STAND_INS = range(0xF0000, 0xFFFFE)  # private characters: no language has them

log = logging.getLogger("edge_router.llama_cpp")


@dataclass(frozen=True, slots=True)
class Prompt:
    """`tokens` to read, `count` of them, and their `text`; how many old messages were left out, and
    texts that end the answer."""

    tokens: Sequence[int | str]
    count: int
    dropped: int
    stop: tuple[str, ...]
    text: str = ""


class Fragment(NamedTuple):
    """A part of a prompt. Marks in it count as such only with `marks`; with `add_bos` the model's
    own beginning of a text stands before it, where it has one."""

    text: str
    marks: bool
    add_bos: bool = False


@dataclass(frozen=True, slots=True)
class Encoded:
    """A prompt as its engine takes it, tokens or texts of which the engine makes `count` tokens."""

    tokens: Sequence[int | str]
    count: int


class Vocabulary(Protocol):
    """A loaded model's tokenizer. Thread-safe."""

    @property
    def marks(self) -> frozenset[str]:
        """The texts of tokens that mean something else than text."""
        ...

    def encode(self, fragments: Sequence[Fragment]) -> Encoded:
        """The fragments one after another."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class PromptMaker:
    """Makes the prompts of one loaded model, called `name`, for a context of `n_ctx` tokens."""

    vocabulary: Vocabulary
    conversations: Conversations
    n_ctx: int
    name: str

    @classmethod
    def of(
        cls,
        vocabulary: Vocabulary,
        facts: Mapping[str, Any],
        *,
        bos: str,
        eos: str,
        n_ctx: int,
        system: str | None,
        name: str,
    ) -> Self:
        """`facts` are those of the model file's header, `bos` and `eos` the texts of its tokens
        for the beginning and the end of a text."""
        source = facts.get(TEMPLATE) or facts.get(f"{TEMPLATE}.default")
        own = None
        if source:
            own = ChatTemplate(source, bos, eos, stop=(eos,) if eos else ())
        conversations = Conversations(
            own,
            default_template(vocabulary.marks.__contains__),
            system,
            say=lambda words: log.warning("%s: %s", name, words),
        )
        return cls(vocabulary, conversations, n_ctx, name)

    @property
    def calls_as(self) -> ToolFormat | None:
        """The form of calls of tools that its chat template asks for, None for none."""
        own = self.conversations.own
        return None if own is None else tool_format(own.source)

    def prompt(
        self,
        messages: Sequence[Message],
        max_tokens: int,
        wanted: Callable[[], bool],
        tools: Tools = (),
    ) -> Prompt:
        """System messages and the last turn stay; the oldest turns go where room is short.

        At least half of the context is for reading. Raises ContextExceeded where the rest does not
        fit, BackendUnavailable once the prompt is not `wanted` any more.
        """
        room = self.n_ctx - min(max_tokens, self.n_ctx // 2)
        kept = list(range(len(messages)))
        turns = [at for at in kept[: last_turn(messages)] if messages[at].role != "system"]
        over: float = self._far_too_long(messages, turns)
        scaffold = 0.0
        while True:
            while turns and (over > 0 or messages[turns[0]].role != "user"):
                over -= self._size(messages[turns[0]]) + scaffold
                kept.remove(turns.pop(0))
            rendered, encoded = self._read([messages[at] for at in kept], wanted, tools)
            over = encoded.count - room
            if over <= 0 or not turns:
                break
            said = sum(self._size(messages[at]) for at in kept)
            scaffold = max(0, encoded.count - said) / len(kept)  # the template around each message
        if encoded.count >= self.n_ctx:
            raise ContextExceeded(
                f"a prompt of {encoded.count} tokens does not fit the context of {self.n_ctx} "
                f"tokens of {self.name}; give it more context_tokens, or ask for less"
            )
        return Prompt(
            encoded.tokens,
            encoded.count,
            len(messages) - len(kept),
            rendered.stop,
            rendered.text,
        )

    def count(self, text: str) -> int:
        """Tokens of a text; a lower bound for one far beyond the context."""
        if len(text) > self.n_ctx * MAX_CHARACTERS_PER_TOKEN:
            return len(text) // MAX_CHARACTERS_PER_TOKEN
        return self.vocabulary.encode([Fragment(text, marks=False)]).count

    def _size(self, message: Message) -> int:
        return sum(map(self.count, message.texts))

    def _far_too_long(self, messages: Sequence[Message], turns: Sequence[int]) -> int:
        """Tokens that are surely too many, by the characters alone. Raises if turns cannot go."""
        most = self.n_ctx * MAX_CHARACTERS_PER_TOKEN
        for at, message in enumerate(messages):
            if message.characters > most and at not in turns:
                raise ContextExceeded(
                    f"a message of {message.characters} characters does not fit the context of "
                    f"{self.n_ctx} tokens of {self.name}"
                )
        characters = sum(message.characters for message in messages)
        return max(0, characters - most) // MAX_CHARACTERS_PER_TOKEN

    def _read(
        self, messages: Sequence[Message], wanted: Callable[[], bool], tools: Tools
    ) -> tuple[Rendered, Encoded]:
        stand_ins = self._stand_ins(messages, tools)
        if not stand_ins:
            rendered = self.conversations.render(messages, wanted, tools)
            fragments = [Fragment(rendered.text, marks=True, add_bos=rendered.add_bos)]
        else:
            pattern = _any_of(stand_ins)

            def hide(text: str) -> str:
                return pattern.sub(lambda mark: stand_ins[mark[0]], text)

            hidden = [_changed(message, hide) for message in messages]
            rendered = self.conversations.render(hidden, wanted, _changed_json(list(tools), hide))
            fragments = list(self._around(rendered, stand_ins))
        return rendered, self.vocabulary.encode(fragments)

    def _stand_ins(self, messages: Sequence[Message], tools: Tools) -> Mapping[str, str]:
        """A private character for each mark that the users' texts hold, or those of tools."""
        texts = [text for message in messages for text in message.texts]
        said = "\0".join([*texts, *_texts_in(list(tools))])
        marks = [mark for mark in self.vocabulary.marks if mark in said]
        free = (chr(code) for code in STAND_INS if chr(code) not in said)
        return dict(zip(sorted(marks, key=len, reverse=True), free, strict=False))

    def _around(self, rendered: Rendered, stand_ins: Mapping[str, str]) -> Iterator[Fragment]:
        """Fragments of a prompt with stand-ins: a piece between two marks of the template that
        holds a stand-in is read as plain text."""
        back = {standing: mark for mark, standing in stand_ins.items()}
        put_back = _any_of(back)
        pieces = re.split(f"({_any_of(self.vocabulary.marks).pattern})", rendered.text)
        plain, first = "", rendered.add_bos
        for piece in pieces:
            if not put_back.search(piece):
                plain += piece
                continue
            if plain:
                yield Fragment(plain, marks=True, add_bos=first)
                plain, first = "", False
            text = put_back.sub(lambda mark: back[mark[0]], piece)
            yield Fragment(text, marks=False, add_bos=first)
            first = False
        if plain:
            yield Fragment(plain, marks=True, add_bos=first)


def _changed(message: Message, change: Callable[[str], str]) -> Message:
    """The message with each of its texts changed."""
    calls = (replace(one, arguments=change(one.arguments)) for one in message.tool_calls)
    thought = message.reasoning_content
    return replace(
        message,
        content=None if message.content is None else change(message.text),
        tool_calls=tuple(calls),
        reasoning_content=None if thought is None else change(thought),
    )


def _changed_json(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON value with each text in it changed, names of fields too."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(name): _changed_json(one, change) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_changed_json(one, change) for one in value]
    return value


def _texts_in(value: Any) -> Iterator[str]:
    """The texts in a JSON value, names of fields too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield name
            yield from _texts_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts_in(one)


def _any_of(texts: Any) -> re.Pattern[str]:
    """A pattern with the longest first, the order in which llama.cpp matches them."""
    return re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True))))
