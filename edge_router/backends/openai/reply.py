"""A reply's events become an answer: its texts, finish reason and usage. No I/O.

Plain replies are read here; what is in another shape, a few functions of `oddities` read.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from io import StringIO
from typing import Any

from edge_router.chat.completion import (
    ChatChunk,
    ChatCompletion,
    FinishReason,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)

from .events import Malformed, joined, json_object, split_pair
from .logprobs import token_logprobs
from .oddities import (
    THOUGHTS,
    Ending,
    ErrorReported,
    ToolCalled,
    Unfinished,
    ending,
    error_of,
    is_error,
    oddity_of,
    reason_text,
    thinks,
    thoughts,
    words,
)
from .tool_calls import CallReader

__all__ = ["Answer", "Delta", "completion"]

_LONGEST_PING = 64
_MAX_IDLE = 100_000  # events that add nothing
_MAX_CHARACTERS = 16 << 20
_MAX_TOKENS = 10**9  # a larger count is a mistake
_MAX_NAME = 200
_OF_ERRORS = ("error", "type", "code", "status", "detail")
_BEYOND_TEXT = (*THOUGHTS, "refusal", "tool_calls", "function_call")
_ENDINGS: Mapping[str, Ending] = {"stop": "stop", "length": "length"}  # the usual ones


@dataclass(frozen=True, slots=True)
class Delta:
    """What one event adds to an answer; false where that is nothing. `refuses` says that the text
    is the words of a refusal."""

    text: str = ""
    thought: str = ""
    calls: tuple[ToolCallDelta, ...] = ()
    refuses: bool = False
    logprobs: tuple[TokenLogprob, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.text or self.thought or self.calls or self.logprobs)


NOTHING = Delta()


def completion(events: Iterable[str], answer: Answer) -> ChatCompletion:
    """The whole `answer`. Raises Malformed, ErrorReported, ToolCalled and Unfinished."""
    deltas = [answer.take(event) for event in events]
    if not answer.has_message:
        raise Malformed(answer.oddity or "the reply has no message")
    deltas.append(answer.end())
    pieces = [answer.piece(delta) for delta in deltas if delta]
    return ChatCompletion.from_chunks([*pieces, answer.last_piece()])


@dataclass(slots=True, eq=False)
class Answer:
    """The answer of one reply, so far. Every piece of it carries the same id and model.

    `model` is its name where the server gives none; `tools` says that it may call tools, `logprobs`
    that it is to give log-probabilities.

    `awake`: the server is at work; reasoning counts. `begun`: there has been text or a call.
    `finish`: why the answer ended, None before. `overtaken`: more text followed, so the reason came
    too early and may come again. `moved`: the last event held text or reasoning. `has_message`:
    there has been a message, or a part of one. `oddity`: what came instead of one, "" for nothing.
    `done`: nothing more is read.
    """

    model: str
    tools: bool = field(default=False, kw_only=True)
    logprobs: bool = field(default=False, kw_only=True)
    awake: bool = False
    begun: bool = False
    has_message: bool = False
    moved: bool = False
    overtaken: bool = False
    done: bool = False
    oddity: str = ""
    finish: FinishReason | None = None
    _id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    _usage: Usage | None = None
    _text: StringIO = field(default_factory=StringIO)
    _half: str = ""  # of a surrogate pair whose other half has not come yet
    _idle: int = 0
    _calls: CallReader = field(default_factory=CallReader)
    _claims: bool = False  # it says that it calls a tool
    _thought: int = 0  # characters
    _refuses: bool = False
    _whole: bool = False

    def take(self, event: str) -> Delta:
        """Read one event; returns what it adds, often nothing.

        Raises Malformed, ErrorReported and ToolCalled.
        """
        data = event.strip()
        self.moved = False
        if self.done or not data:
            return NOTHING
        if data.strip('"') == "[DONE]":
            self.finish = self.finish or "stop"
            self.done = True
            return NOTHING
        if getattr(event, "kind", "") == "error":
            raise ErrorReported(error_of(data))
        self._idle += 1
        if self._idle > _MAX_IDLE:
            raise Malformed(f"more than {_MAX_IDLE} events add nothing to the answer")
        if not data.startswith("{"):  # null, ping, heartbeat: no part of an answer
            if data.startswith("["):
                self.oddity = self.oddity or "expected a JSON object, got a list"
            elif len(data) > _LONGEST_PING or data.startswith('"{'):
                self.oddity = self.oddity or "malformed JSON"
            return NOTHING
        try:
            reply = json_object(data)
        except Malformed:
            if self.finish is None or not self.begun or self.overtaken:
                raise
            return NOTHING  # the answer is complete without it
        delta = self._take_reply(reply)
        if self.moved:
            self._idle = 0
        return delta

    def end(self) -> Delta:
        """Note the end of the reply; returns what was held back, often nothing.

        Raises ToolCalled for a call of a tool instead of an answer, Unfinished for a reply that
        ended too early, and Malformed for one without a message.
        """
        if self._claims and not self.begun:
            if not self.tools:
                raise ToolCalled
            raise Malformed("it ends to call a tool, and calls none")
        if self._whole:
            self.finish = self.finish or "stop"
        if self.finish is None:
            if self.oddity and not self.begun:
                raise Malformed(self.oddity)
            raise Unfinished("the stream ended before the answer")
        if not self.has_message:
            raise Malformed(self.oddity or "the reply has no message")
        half, self._half = self._half, ""
        return Delta(
            joined(half),
            calls=self._calls.rest() if self._calls.calls else (),
            refuses=self._refuses,
        )

    def piece(self, delta: Delta) -> ChatChunk:
        """`delta` as the client gets it."""
        return ChatChunk(
            self._id,
            self.model,
            delta.text,
            tool_calls=delta.calls,
            reasoning_content=delta.thought,
            refuses=delta.refuses and bool(delta.text),
            logprobs=delta.logprobs,
        )

    def last_piece(self) -> ChatChunk:
        """The end of the answer, without text."""
        reason = self.finish or "stop"
        if self._calls.calls and reason == "stop":
            reason = "tool_calls"
        if self._refuses and reason == "stop":
            reason = "content_filter"
        return ChatChunk(self._id, self.model, "", reason, self._usage)

    def _take_reply(self, reply: Mapping[str, Any]) -> Delta:
        if not _is_sound(reply) and is_error(reply):
            raise ErrorReported(reply.get("error") or reply)
        if not self.begun:  # later pieces keep the names of the first one
            self._id = _name_or(reply.get("id"), self._id)
            self.model = _name_or(reply.get("model"), self.model)
        self._usage = _usage_of(reply.get("usage")) or self._usage
        choice = self._choice(reply)
        finished = self.finish is not None
        delta = self._take_choice(choice)
        self.overtaken = self.overtaken or (finished and self.moved)
        return delta

    def _choice(self, reply: Mapping[str, Any]) -> Mapping[str, Any]:
        """The choice with index 0; empty for an event without a part of the answer."""
        choices = reply.get("choices")
        if choices == []:  # the chunk with the usage
            return {}
        if isinstance(choices, list) and isinstance(choices[0], dict):
            return next((one for one in choices[:16] if _is_first(one)), {})
        oddity = oddity_of(reply)
        self.oddity = self.oddity or oddity
        return {}

    def _take_choice(self, choice: Mapping[str, Any]) -> Delta:
        delta, message = choice.get("delta"), choice.get("message")
        if isinstance(delta, str):
            delta = {"content": delta}
        elif not isinstance(delta, dict) and not isinstance(message, dict):
            text = choice.get("text")  # of the older completions
            delta = {"content": text} if isinstance(text, str) else None
        added = self._take_delta(delta) if isinstance(delta, dict) else NOTHING
        if isinstance(message, dict) and not added:
            moved = self.moved
            self._whole = self._whole or not delta or bool(message.get("content"))
            added = self._take_delta(message, so_far=self._text.getvalue(), whole=True)
            self.moved = self.moved or moved
        if (reason := choice.get("finish_reason")) is not None:
            self._take_reason(reason)
        if self.logprobs and (logprobs := token_logprobs(choice.get("logprobs"))):
            added = replace(added, logprobs=logprobs)
        return added

    def _take_delta(
        self, delta: Mapping[str, Any], so_far: str = "", *, whole: bool = False
    ) -> Delta:
        """What `delta` adds; a `whole` message may say again what was said `so_far`."""
        self.has_message = True
        plain = _is_plain(delta)
        said = Delta(delta.get("content") or "") if plain else self._beyond_text(delta, whole=whole)
        text = said.text
        text = "" if so_far and text.strip() == so_far.strip() else text.removeprefix(so_far)
        text, self._half = split_pair(self._half + text)
        if self._text.tell() + len(text) > _MAX_CHARACTERS:
            raise Malformed(f"the answer is longer than {_MAX_CHARACTERS} characters")
        self._text.write(text)
        self.begun = self.begun or bool(text) or bool(said.calls)
        self.moved = bool(text) or bool(said.calls) or (not plain and thinks(delta))
        self.awake = self.awake or self.moved
        if not (text or said.thought or said.calls):
            return NOTHING
        return Delta(text, said.thought, said.calls, refuses=said.refuses and bool(text))

    def _beyond_text(self, delta: Mapping[str, Any], *, whole: bool) -> Delta:
        """What a delta states that may hold more than a text."""
        calls = self._take_calls(delta, whole=whole)
        thought = self._take_thought(delta, whole=whole)
        refusal = words(delta.get("refusal"), "refusal")
        self._refuses = self._refuses or bool(refusal)
        text = words(delta.get("content"), "content") + refusal
        return Delta(text, thought, calls, refuses=bool(refusal))

    def _take_calls(self, delta: Mapping[str, Any], *, whole: bool) -> tuple[ToolCallDelta, ...]:
        if not (delta.get("tool_calls") or delta.get("function_call")):
            return ()
        if not self.tools:
            raise ToolCalled
        if whole and self._calls.calls:
            return ()  # said again
        calls = self._calls.take(delta, whole=whole)
        self._count(sum(len(call.arguments) for call in calls))
        return calls

    def _take_thought(self, delta: Mapping[str, Any], *, whole: bool) -> str:
        thought = "" if whole and self._thought else thoughts(delta)
        self._count(len(thought))
        return thought

    def _count(self, characters: int) -> None:
        """Bound what is no text of the answer."""
        self._thought += characters
        if self._thought > _MAX_CHARACTERS:
            raise Malformed(f"the answer is longer than {_MAX_CHARACTERS} characters")

    def _take_reason(self, stated: object) -> None:
        """Keep the first reason that has a meaning."""
        reason = _ENDINGS.get(stated) if isinstance(stated, str) else None
        if reason is None:
            reason = ending(reason_text(stated))
        if not reason:
            return
        if reason == "failed":
            word = reason_text(stated)
            raise ErrorReported({"message": f"it ended the answer with {word!r}", "code": 500})
        self._claims = self._claims or reason == "tools"
        if self.finish in (None, "stop"):
            self.finish = "stop" if reason == "tools" else reason


def _is_sound(reply: Mapping[str, Any]) -> bool:
    """Whether there is nothing in it by which servers report errors."""
    return reply.get("object") != "error" and not any(map(reply.get, _OF_ERRORS))


def _is_plain(delta: Mapping[str, Any]) -> bool:
    """Whether it is a text, or nothing."""
    content = delta.get("content")
    return (content is None or isinstance(content, str)) and all(
        delta.get(name) is None for name in _BEYOND_TEXT
    )


def _is_first(choice: object) -> bool:
    """Whether a choice has index 0, or none: only one is requested."""
    if not isinstance(choice, dict):
        return False
    index = choice.get("index")
    return type(index) is not int or index == 0


def _usage_of(stated: object) -> Usage | None:
    if not isinstance(stated, dict):
        return None
    read, written = stated.get("prompt_tokens"), stated.get("completion_tokens")
    if type(read) is not int or type(written) is not int:  # nor a bool, which is an int
        return None
    if not (0 <= read <= _MAX_TOKENS and 0 <= written <= _MAX_TOKENS):
        return None
    details = stated.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    said = type(cached) is int and 0 <= cached <= read
    return Usage(read, written, cached_tokens=cached if said else None)


def _name_or(name: object, fallback: str) -> str:
    fits = isinstance(name, str) and 0 < len(name) <= _MAX_NAME and name.isprintable()
    return str(name) if fits else fallback
