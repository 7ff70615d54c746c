"""Turn a conversation into the tokens of a prompt that fits the context.

What users write stays text: a chat template's marks mean something only where the template wrote
them. Text without such marks gets exactly the tokens that the tokenizer gives it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from edge_router.chat.completion import Message
from edge_router.errors import BackendUnavailable

from .chat_template import ChatTemplate, Conversations, Rendered, default_template

__all__ = ["Prompt", "PromptMaker", "Vocabulary"]

MAX_CHARACTERS_PER_TOKEN = 32  # beyond it, tokenizing would only cost time
UNKNOWN, CONTROL = 1, 8  # llama.cpp's attributes of tokens that text is not searched for
TEMPLATE = "tokenizer.chat_template"
STAND_INS = range(0xF0000, 0xFFFFE)  # private characters: no language has them

log = logging.getLogger("edge_router.llama_cpp")


@dataclass(frozen=True, slots=True)
class Prompt:
    """`tokens` to read, how many old messages were left out, and texts that end the answer."""

    tokens: list[int]
    dropped: int
    stop: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """A loaded model's tokenizer. Thread-safe: llama.cpp only reads it."""

    model: Any
    marks: frozenset[str]
    bos: int

    @classmethod
    def of(cls, llama_cpp: Any, model: Any) -> Self:
        inner = model._model  # noqa: SLF001 - its tokenizer takes `special`, and any thread
        attributes = llama_cpp.llama_vocab_get_attr
        marks = {
            _text_of(inner, token)
            for token in range(model.n_vocab())
            if attributes(inner.vocab, token) & (UNKNOWN | CONTROL)
        }
        return cls(inner, frozenset(marks - {""}), model.token_bos())

    def tokens(self, text: str, *, marks: bool, add_bos: bool = False) -> list[int]:
        """The tokens of a text, in which marks count as such only with `marks`."""
        tokens: list[int] = self.model.tokenize(text.encode(), add_bos=add_bos, special=marks)
        return tokens

    def text_of(self, token: int) -> str:
        return "" if token < 0 else _text_of(self.model, token)


def _text_of(inner: Any, token: int) -> str:
    try:
        text: str = inner.token_get_text(token)
    except UnicodeDecodeError:
        return ""
    return text


@dataclass(frozen=True, slots=True, eq=False)
class PromptMaker:
    """Makes the prompts of one loaded model, called `name`, for a context of `n_ctx` tokens."""

    vocabulary: Vocabulary
    conversations: Conversations
    n_ctx: int
    name: str

    @classmethod
    def of(cls, llama_cpp: Any, model: Any, *, n_ctx: int, system: str | None, name: str) -> Self:
        vocabulary = Vocabulary.of(llama_cpp, model)
        eos = vocabulary.text_of(model.token_eos())
        facts = model.metadata
        source = facts.get(TEMPLATE) or facts.get(f"{TEMPLATE}.default")
        own = None
        if source:
            bos = vocabulary.text_of(model.token_bos())
            own = ChatTemplate(source, bos, eos, stop=(eos,) if eos else ())
        conversations = Conversations(
            own,
            default_template(vocabulary.marks.__contains__),
            system,
            say=lambda words: log.warning("%s: %s", name, words),
        )
        return cls(vocabulary, conversations, n_ctx, name)

    def prompt(
        self, messages: Sequence[Message], max_tokens: int, wanted: Callable[[], bool]
    ) -> Prompt:
        """System messages and the last message stay; the oldest turns go where room is short.

        At least half of the context is for reading. Raises BackendUnavailable where the rest does
        not fit, and once the prompt is not `wanted` any more.
        """
        room = self.n_ctx - min(max_tokens, self.n_ctx // 2)
        kept = list(range(len(messages)))
        turns = [at for at in kept[:-1] if messages[at].role != "system"]
        over: float = self._far_too_long(messages, turns)
        scaffold = 0.0
        while True:
            while turns and (over > 0 or messages[turns[0]].role != "user"):
                over -= self.count(messages[turns[0]].content) + scaffold
                kept.remove(turns.pop(0))
            rendered, tokens = self._read([messages[at] for at in kept], wanted)
            over = len(tokens) - room
            if over <= 0 or not turns:
                break
            said = sum(self.count(messages[at].content) for at in kept)
            scaffold = max(0, len(tokens) - said) / len(kept)  # the template around each message
        if len(tokens) >= self.n_ctx:
            raise BackendUnavailable(
                f"a prompt of {len(tokens)} tokens does not fit the context of {self.n_ctx} tokens "
                f"of {self.name}; give it more context_tokens, or ask for less"
            )
        return Prompt(tokens, len(messages) - len(kept), rendered.stop)

    def count(self, text: str) -> int:
        """Tokens of a text; a lower bound for one far beyond the context."""
        if len(text) > self.n_ctx * MAX_CHARACTERS_PER_TOKEN:
            return len(text) // MAX_CHARACTERS_PER_TOKEN
        return len(self.vocabulary.tokens(text, marks=False))

    def _far_too_long(self, messages: Sequence[Message], turns: Sequence[int]) -> int:
        """Tokens that are surely too many, by the characters alone. Raises if turns cannot go."""
        most = self.n_ctx * MAX_CHARACTERS_PER_TOKEN
        for at, message in enumerate(messages):
            if len(message.content) > most and at not in turns:
                raise BackendUnavailable(
                    f"a message of {len(message.content)} characters does not fit the context of "
                    f"{self.n_ctx} tokens of {self.name}"
                )
        characters = sum(len(message.content) for message in messages)
        return max(0, characters - most) // MAX_CHARACTERS_PER_TOKEN

    def _read(
        self, messages: Sequence[Message], wanted: Callable[[], bool]
    ) -> tuple[Rendered, list[int]]:
        stand_ins = self._stand_ins(messages)
        if not stand_ins:
            rendered = self.conversations.render(messages, wanted)
            tokens = self.vocabulary.tokens(rendered.text, marks=True, add_bos=rendered.add_bos)
        else:
            pattern = _any_of(stand_ins)
            hidden = [
                replace(m, content=pattern.sub(lambda mark: stand_ins[mark[0]], m.content))
                for m in messages
            ]
            rendered = self.conversations.render(hidden, wanted)
            tokens = list(self._around(rendered, stand_ins))
        if tokens[:2] == [self.vocabulary.bos] * 2:
            del tokens[0]  # written by the template and by the tokenizer
        return rendered, tokens

    def _stand_ins(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """A private character for each mark that the users' texts hold."""
        said = "\0".join(message.content for message in messages)
        marks = [mark for mark in self.vocabulary.marks if mark in said]
        free = (chr(code) for code in STAND_INS if chr(code) not in said)
        return dict(zip(sorted(marks, key=len, reverse=True), free, strict=False))

    def _around(self, rendered: Rendered, stand_ins: Mapping[str, str]) -> Iterator[int]:
        """Tokens of a prompt with stand-ins: a piece between two marks of the template that holds a
        stand-in is read as plain text."""
        vocabulary = self.vocabulary
        back = {standing: mark for mark, standing in stand_ins.items()}
        put_back = _any_of(back)
        pieces = re.split(f"({_any_of(vocabulary.marks).pattern})", rendered.text)
        plain, first = "", rendered.add_bos
        for piece in pieces:
            if not put_back.search(piece):
                plain += piece
                continue
            if plain:
                yield from vocabulary.tokens(plain, marks=True, add_bos=first)
                plain, first = "", False
            text = put_back.sub(lambda mark: back[mark[0]], piece)
            yield from vocabulary.tokens(text, marks=False, add_bos=first)
            first = False
        if plain:
            yield from vocabulary.tokens(plain, marks=True, add_bos=first)


def _any_of(texts: Any) -> re.Pattern[str]:
    """A pattern with the longest first, the order in which llama.cpp matches them."""
    return re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True))))
