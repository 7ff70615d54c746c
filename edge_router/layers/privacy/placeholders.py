"""Placeholders: what stands for private data in a request, and is put back in its answer."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from edge_router.chat.completion import ChatChunk, ToolCallDelta
from edge_router.chat.private_data import PrivateKind
from edge_router.chat.request import ChatRequest
from edge_router.guards.forking import ForkSafeLock

__all__ = ["Conversation", "Conversations", "Restorer", "StreamRestorer"]

MOST_CONVERSATIONS = 1_000
MOST_VALUES = 10_000  # of one conversation


@dataclass(slots=True)
class Conversation:
    """The placeholders of one conversation: "[EMAIL-1]" for the first e-mail address in it.

    The same value of the same kind has the same one, whichever expert reads it.
    """

    known: dict[tuple[PrivateKind, str], str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    counts: dict[PrivateKind, int] = field(default_factory=dict)

    def placeholder(self, kind: PrivateKind, value: str, *, taken: Callable[[str], bool]) -> str:
        """The placeholder of a value; a new one is none that is `taken`, as text of the request."""
        if (kind, value) in self.known and not taken(self.known[kind, value]):
            return self.known[kind, value]
        while True:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            made = f"[{kind.value.upper().replace('_', '-')}-{self.counts[kind]}]"
            if made not in self.used and not taken(made):
                break
        self.used.add(made)
        self.known[kind, value] = made
        return made


class Conversations:
    """The conversations of one EdgeRouter, in memory alone, the oldest of many forgotten.
    Thread-safe.

    A conversation is known by its first question; when an application leaves that out of a long
    one, its placeholders are made anew.
    """

    def __init__(self) -> None:
        self._lock = ForkSafeLock()
        self._kept: OrderedDict[bytes, Conversation] = OrderedDict()

    def placeholders(
        self,
        request: ChatRequest,
        values: Iterable[tuple[PrivateKind, str]],
        *,
        taken: Callable[[str], bool],
    ) -> dict[tuple[PrivateKind, str], str]:
        """The placeholder of each of the values of a request."""
        first = next(message for message in request.messages if message.role == "user")
        name = hashlib.blake2b(repr((request.user, first.text)).encode(), digest_size=16).digest()
        with self._lock:
            conversation = self._kept.setdefault(name, Conversation())
            self._kept.move_to_end(name)
            if len(conversation.known) > MOST_VALUES:
                conversation = self._kept[name] = Conversation()
            while len(self._kept) > MOST_CONVERSATIONS:
                self._kept.popitem(last=False)
            return {
                (kind, value): conversation.placeholder(kind, value, taken=taken)
                for kind, value in values
            }


class Restorer:
    """Puts values back into a text that comes in pieces; a piece may end within a placeholder.

    `values` are by placeholder. What may still become one is held back.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._longest = max(map(len, values), default=0)
        self._held = ""

    def take(self, piece: str) -> str:
        """What can be shown once `piece` has come."""
        text = self._held + piece
        self._held = ""
        if "[" not in text:
            return text
        shown, place = [], 0
        while (begin := text.find("[", place)) >= 0:
            shown.append(text[place:begin])
            end = text.find("]", begin, begin + self._longest) + 1
            word = text[begin:end] if end else text[begin:]
            if end and word in self._values:
                shown.append(self._values[word])
                place = end
            elif not end and any(one.startswith(word) for one in self._values):
                self._held = word
                return "".join(shown)
            else:
                shown.append("[")
                place = begin + 1
        return "".join([*shown, text[place:]])

    def rest(self) -> str:
        """What was held back, once nothing more comes."""
        held, self._held = self._held, ""
        return held


class StreamRestorer:
    """Puts values back into the chunks of an answer: its text, its thoughts, and the arguments of
    each call of a tool, where they are written as JSON writes them; in the text too if that is
    `as_json`, but for a refusal."""

    def __init__(self, values: Mapping[str, str], *, as_json: bool = False) -> None:
        self._in_json = {name: _in_json(one) for name, one in values.items()}
        self._values, self._of_text = values, self._in_json if as_json else values
        self._text, self._thought = Restorer(self._of_text), Restorer(values)
        self._refusal = Restorer(values)
        self._calls: dict[int, Restorer] = {}

    def take(self, chunk: ChatChunk) -> ChatChunk | None:
        """The chunk to show, None where all of it is held back; the last one holds the rest."""
        said = self._refusal if chunk.refuses else self._text
        text, thought = said.take(chunk.delta), self._thought.take(chunk.reasoning_content)
        calls = tuple(filter(None, map(self._call, chunk.tool_calls)))
        if chunk.finish_reason is not None:
            text += self._text.rest() + self._refusal.rest()
            thought += self._thought.rest()
            calls = (*calls, *self._rest_of_calls())
        shown = replace(chunk, delta=text, reasoning_content=thought, tool_calls=calls)
        if shown == chunk:
            return chunk
        return shown if text or thought or calls or _tells_more(chunk) else None

    def rest(self, last: ChatChunk) -> ChatChunk | None:
        """What was held back of an answer that broke off after a chunk; None for nothing."""
        text, thought = self._text.rest() + self._refusal.rest(), self._thought.rest()
        calls = (*self._rest_of_calls(),)
        if not (text or thought or calls):
            return None
        return ChatChunk(last.id, last.model, text, reasoning_content=thought, tool_calls=calls)

    def text(self, written: str) -> str:
        """The whole text of an answer."""
        return _whole(written, self._of_text)

    def plain(self, written: str) -> str:
        """All that was thought, or a refusal: plain words in any form of an answer."""
        return _whole(written, self._values)

    def arguments(self, written: str) -> str:
        """The whole arguments of a call, as JSON."""
        return _whole(written, self._in_json)

    def _call(self, delta: ToolCallDelta) -> ToolCallDelta | None:
        restorer = self._calls.setdefault(delta.index, Restorer(self._in_json))
        written = restorer.take(delta.arguments)
        if not (written or delta.id or delta.name):
            return None if delta.arguments else delta
        return replace(delta, arguments=written)

    def _rest_of_calls(self) -> Iterable[ToolCallDelta]:
        for index, restorer in self._calls.items():
            if rest := restorer.rest():
                yield ToolCallDelta(index, arguments=rest)


def _whole(written: str, values: Mapping[str, str]) -> str:
    restorer = Restorer(values)
    return restorer.take(written) + restorer.rest()


def _in_json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]


def _tells_more(chunk: ChatChunk) -> bool:
    """Whether a chunk without any text has to be shown."""
    return bool(chunk.finish_reason or chunk.usage or chunk.logprobs)
