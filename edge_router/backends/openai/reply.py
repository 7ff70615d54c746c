"""A reply's events become an answer: its texts, finish reason and usage. No I/O."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from io import StringIO
from typing import Any

from edge_router.chat.completion import ChatChunk, ChatCompletion, FinishReason, Usage

from .fields import (
    Malformed,
    ending,
    joined,
    json_object,
    reason_text,
    split_pair,
    thinks,
    words,
)

__all__ = [
    "Answer",
    "ErrorReported",
    "ToolCalled",
    "Unfinished",
    "completion",
]

_MAX_TOKENS = 10**9  # a larger count is a mistake
_MAX_NAME = 200
_LONGEST_PING = 64
_MAX_IDLE = 100_000  # events that add nothing
_MAX_CHARACTERS = 16 << 20


class ErrorReported(Exception):
    """The reply is an error object, although its status was 2xx."""

    def __init__(self, error: object) -> None:
        super().__init__()
        self.error = error


class ToolCalled(Exception):
    """The model calls a tool, which cannot be run here."""


class Unfinished(Exception):
    """The reply ended before the answer did."""


def completion(events: Iterable[str], *, model: str) -> ChatCompletion:
    """A whole answer; `model` is its name where the server gives none.

    Raises Malformed, ErrorReported, ToolCalled and Unfinished.
    """
    answer = Answer(model)
    texts = [answer.take(event) for event in events]
    if not answer.has_message:
        raise Malformed(answer.oddity or "the reply has no message")
    texts.append(answer.end())
    last = answer.last_piece()
    reason = last.finish_reason or "stop"
    return ChatCompletion(last.id, last.model, "".join(texts), reason, last.usage)


class Answer:
    """The answer of one reply, so far. Every piece of text carries the same id and model.

    `awake`: the server is at work; reasoning counts. `begun`: there has been text. `finish`: why
    the answer ended, None before. `overtaken`: more text followed, so the reason came too early and
    may come again. `moved`: the last event held text or reasoning. `has_message`: there has been a
    message, or a part of one. `oddity`: what came instead of one, "" for nothing. `done`: nothing
    more is read.
    """

    __slots__ = (
        "_calls",
        "_half",
        "_id",
        "_idle",
        "_model",
        "_refuses",
        "_text",
        "_usage",
        "_whole",
        "awake",
        "begun",
        "done",
        "finish",
        "has_message",
        "moved",
        "oddity",
        "overtaken",
    )

    def __init__(self, model: str) -> None:
        self._id = _new_id()
        self._model = model
        self._usage: Usage | None = None
        self._text = StringIO()
        self._half = ""  # of a surrogate pair whose other half has not come yet
        self._idle = 0
        self._calls = False
        self._refuses = False
        self._whole = False
        self.awake = False
        self.begun = False
        self.has_message = False
        self.moved = False
        self.overtaken = False
        self.done = False
        self.oddity = ""
        self.finish: FinishReason | None = None

    def take(self, event: str) -> str:
        """Read one event; returns the text it adds, often none.

        Raises Malformed, ErrorReported and ToolCalled.
        """
        data = event.strip()
        self.moved = False
        if self.done or not data:
            return ""
        if data.strip('"') == "[DONE]":
            self.finish = self.finish or "stop"
            self.done = True
            return ""
        if getattr(event, "kind", "") == "error":
            raise ErrorReported(_error_of(data))
        self._idle += 1
        if self._idle > _MAX_IDLE:
            raise Malformed(f"more than {_MAX_IDLE} events add nothing to the answer")
        if not data.startswith("{"):  # null, ping, heartbeat: no part of an answer
            if data.startswith("["):
                self.oddity = self.oddity or "expected a JSON object, got a list"
            elif len(data) > _LONGEST_PING or data.startswith('"{'):
                self.oddity = self.oddity or "malformed JSON"
            return ""
        try:
            reply = json_object(data)
        except Malformed:
            if self.finish is None or not self.begun or self.overtaken:
                raise
            return ""  # the answer is complete without it
        text = self._take_reply(reply)
        if self.moved:
            self._idle = 0
        return text

    def end(self) -> str:
        """Note the end of the reply; returns the text that was held back, often none.

        Raises ToolCalled for a call of a tool instead of an answer, Unfinished for a reply that
        ended too early, and Malformed for one without a message.
        """
        if self._calls and not self.begun:
            raise ToolCalled
        if self._whole:
            self.finish = self.finish or "stop"
        if self.finish is None:
            if self.oddity and not self.begun:
                raise Malformed(self.oddity)
            raise Unfinished("the stream ended before the answer")
        if not self.has_message:
            raise Malformed(self.oddity or "the reply has no message")
        half, self._half = self._half, ""
        return joined(half)

    def piece(self, text: str) -> ChatChunk:
        """`text` as the client gets it."""
        return ChatChunk(self._id, self._model, text)

    def last_piece(self) -> ChatChunk:
        """The end of the answer, without text."""
        reason = self.finish or "stop"
        if self._refuses and reason == "stop":
            reason = "content_filter"
        return ChatChunk(self._id, self._model, "", reason, self._usage)

    def _take_reply(self, reply: Mapping[str, Any]) -> str:
        if _reports(reply.get("error")) or _is_bare_error(reply):
            raise ErrorReported(reply.get("error") or reply)
        if not self.begun:  # later pieces keep the names of the first one
            self._id = _name_or(reply.get("id"), self._id)
            self._model = _name_or(reply.get("model"), self._model)
        self._usage = _usage(reply.get("usage")) or self._usage
        choice = self._choice(reply)
        finished = self.finish is not None
        text = self._take_choice(choice)
        self.overtaken = self.overtaken or (finished and self.moved)
        return text

    def _choice(self, reply: Mapping[str, Any]) -> Mapping[str, Any]:
        """The choice with index 0; empty for an event without a part of the answer."""
        choices = reply.get("choices")
        if not choices:
            # The chunk with the usage has no choices; neither has a "ping". More is an oddity.
            if "choices" not in reply and not _is_without_choices(reply):
                message = reply.get("message")
                quote = f" ({message})" if isinstance(message, str) else ""
                self.oddity = self.oddity or f"the reply has no choices{quote}"
            elif choices is not None and not isinstance(choices, list):
                self.oddity = self.oddity or "the reply has no choices"
            return {}
        if not isinstance(choices, list):
            raise Malformed("the reply has no choices")
        if choices[0] is None:
            self.oddity = self.oddity or "the first choice is not an object"
            return {}
        if not isinstance(choices[0], dict):
            raise Malformed("the first choice is not an object")
        return next((one for one in choices[:16] if _is_first(one)), {})

    def _take_choice(self, choice: Mapping[str, Any]) -> str:
        delta, message = choice.get("delta"), choice.get("message")
        if isinstance(delta, str):
            delta = {"content": delta}
        elif not isinstance(delta, dict) and not isinstance(message, dict):
            text = choice.get("text")  # of the older completions
            delta = {"content": text} if isinstance(text, str) else None
        added = self._take_delta(delta) if isinstance(delta, dict) else ""
        if isinstance(message, dict) and not added:
            moved = self.moved
            self._whole = self._whole or not delta or bool(message.get("content"))
            added = self._take_delta(message, so_far=self._text.getvalue())
            self.moved = self.moved or moved
        self._take_reason(reason_text(choice.get("finish_reason")))
        return added

    def _take_delta(self, delta: Mapping[str, Any], so_far: str = "") -> str:
        """The text that `delta` adds; a message may say again what was said `so_far`."""
        self.has_message = True
        if delta.get("tool_calls") or delta.get("function_call"):
            raise ToolCalled
        refusal = words(delta.get("refusal"), "refusal")
        self._refuses = self._refuses or bool(refusal)
        text = words(delta.get("content"), "content") + refusal
        text = "" if so_far and text.strip() == so_far.strip() else text.removeprefix(so_far)
        text, self._half = split_pair(self._half + text)
        if self._text.tell() + len(text) > _MAX_CHARACTERS:
            raise Malformed(f"the answer is longer than {_MAX_CHARACTERS} characters")
        self._text.write(text)
        self.begun = self.begun or bool(text)
        self.moved = bool(text) or thinks(delta)
        self.awake = self.awake or self.moved
        return text

    def _take_reason(self, word: str) -> None:
        """Keep the first reason that has a meaning."""
        reason = ending(word)
        if not reason:
            return
        if reason == "failed":
            raise ErrorReported({"message": f"it ended the answer with {word!r}", "code": 500})
        self._calls = self._calls or reason == "tools"
        if self.finish in (None, "stop"):
            self.finish = "stop" if reason == "tools" else reason


def _is_first(choice: object) -> bool:
    """Whether a choice has index 0, or none: only one is requested."""
    if not isinstance(choice, dict):
        return False
    index = choice.get("index")
    return type(index) is not int or index == 0


def _reports(error: object) -> bool:
    """Whether an error is one: some servers send {"code": 0, "message": ""} with every chunk."""
    if isinstance(error, dict) and error.get("code") in (0, "0", 200, "200"):
        words_in = (str(value or "").lower() for name, value in error.items() if name != "code")
        return any(word not in ("", "ok", "success") for word in words_in)
    return bool(error)


def _is_bare_error(reply: Mapping[str, Any]) -> bool:
    """Whether this is an error without its envelope."""
    if reply.get("choices"):
        return False
    kind, code = reply.get("type"), reply.get("code", reply.get("status"))
    if reply.get("object") == "error" or (isinstance(kind, str) and "error" in kind.lower()):
        return True
    failed = isinstance(code, str | int) and re.fullmatch("[45][0-9]{2}", str(code)) is not None
    return bool(reply.get("detail")) or (failed and bool(reply.get("message")))


def _is_without_choices(reply: Mapping[str, Any]) -> bool:
    """Whether an event without choices is of a known kind."""
    return bool(reply) and ("usage" in reply or "type" in reply or "object" in reply)


def _error_of(data: str) -> object:
    """The error in an event of the kind "error": an object, or text."""
    try:
        reply = json_object(data)
    except Malformed:
        return data
    return reply.get("error") or reply


def _usage(stated: object) -> Usage | None:
    if not isinstance(stated, dict):
        return None
    read, written = stated.get("prompt_tokens"), stated.get("completion_tokens")
    if type(read) is not int or type(written) is not int:  # nor a bool, which is an int
        return None
    if not (0 <= read <= _MAX_TOKENS and 0 <= written <= _MAX_TOKENS):
        return None
    return Usage(read, written)


def _name_or(name: object, fallback: str) -> str:
    fits = isinstance(name, str) and 0 < len(name) <= _MAX_NAME and name.isprintable()
    return str(name) if fits else fallback


def _new_id() -> str:
    return f"chatcmpl-{uuid.uuid4().hex}"
