"""What an OpenAI-compatible server says, read into our values. No I/O."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from ..chat import ChatChunk, ChatCompletion, FinishReason, Usage

__all__ = ["Answer", "ErrorReported", "Malformed", "completion", "json_object", "require_type"]


class Malformed(ValueError):
    """The reply is not what the protocol allows."""


class ErrorReported(Exception):
    """The reply is an error object, although its status was 2xx."""

    def __init__(self, error: object) -> None:
        super().__init__()
        self.error = error


def require_type(content_type: str, expected: str) -> None:
    """Servers are careless with this header, so refuse only what is surely something else."""
    told = content_type.partition(";")[0].strip().lower()
    unfit = ("html", "json") if expected == "text/event-stream" else ("html", "event-stream")
    if any(word in told for word in unfit):
        raise Malformed(f"expected {expected}, got {told}; check base_url")


def json_object(text: str | bytes) -> dict[str, Any]:
    """The object that `text` holds. Raises Malformed."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Malformed("malformed JSON") from None  # not shown: it may hold the answer
    if not isinstance(value, dict):
        raise Malformed(f"expected a JSON object, got {type(value).__name__}")
    return value


def completion(body: bytes, *, model: str) -> ChatCompletion:
    """A whole answer; `model` is its name where the server gives none.

    Raises Malformed and ErrorReported.
    """
    reply = _reply(body)
    choice = _first_choice(reply)
    if not isinstance(choice.get("message"), dict):
        raise Malformed("the reply has no message")
    return ChatCompletion(
        id=_name_or(reply.get("id"), _new_id()),
        model=_name_or(reply.get("model"), model),
        text=_text(choice["message"], "content"),
        finish_reason=_finish_reason(choice.get("finish_reason")),
        usage=_usage(reply.get("usage")),
    )


class Answer:
    """What a stream has told so far. Every piece of text carries the same id and model.

    `awake`: the server is at work; reasoning counts. `begun`: there has been text. `finish`: why
    the answer ended, None before. `done`: nothing is left to be told.
    """

    __slots__ = ("_id", "_model", "_usage", "awake", "begun", "done", "finish")

    def __init__(self, model: str) -> None:
        self._id = _new_id()
        self._model = model
        self._usage: Usage | None = None
        self.awake = False
        self.begun = False
        self.done = False
        self.finish: FinishReason | None = None

    def take(self, data: str) -> str:
        """Read one event; returns the text it adds, often none.

        Raises Malformed and ErrorReported.
        """
        data = data.strip()
        if data == "[DONE]":
            self.finish = self.finish or "stop"
            self.done = True
        return self._take_chunk(_reply(data)) if data and not self.done else ""

    def piece(self, text: str) -> ChatChunk:
        """`text` as the client gets it."""
        return ChatChunk(self._id, self._model, text)

    def last_piece(self) -> ChatChunk:
        """The end of the answer, without text."""
        return ChatChunk(self._id, self._model, "", self.finish or "stop", self._usage)

    def _take_chunk(self, chunk: Mapping[str, Any]) -> str:
        if not self.begun:  # later pieces keep the names of the first one
            self._id = _name_or(chunk.get("id"), self._id)
            self._model = _name_or(chunk.get("model"), self._model)
        self._usage = _usage(chunk.get("usage")) or self._usage
        # The chunk with the usage has an empty list of choices, or none at all.
        choice = {} if self._usage and "choices" not in chunk else _first_choice(chunk)
        if self.finish is None and choice.get("finish_reason") is not None:
            self.finish = _finish_reason(choice["finish_reason"])
        self.done = self.finish is not None and self._usage is not None
        return self._take_delta(choice.get("delta"))

    def _take_delta(self, delta: object) -> str:
        if not isinstance(delta, dict):
            return ""
        text = _text(delta, "content")
        self.begun = self.begun or bool(text)
        thinks = delta.get("reasoning_content") or delta.get("reasoning")
        self.awake = self.awake or self.begun or bool(thinks)
        return text


def _reply(text: str | bytes) -> dict[str, Any]:
    reply = json_object(text)
    if reply.get("error"):
        raise ErrorReported(reply["error"])
    return reply


def _first_choice(reply: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first choice, empty where the list of choices is there and empty."""
    choices = reply.get("choices")
    if not isinstance(choices, list):
        raise Malformed("the reply has no choices")
    choice = choices[0] if choices else {}
    if not isinstance(choice, dict):
        raise Malformed("the first choice is not an object")
    return choice


def _text(holder: Mapping[str, Any], name: str) -> str:
    """The text called `name`; absent or null is empty, as in a refusal or a tool call."""
    value = holder.get(name)
    if value is not None and not isinstance(value, str):
        raise Malformed(f"{name} is not text but {type(value).__name__}")
    return value or ""


def _finish_reason(told: object) -> FinishReason:
    """Unknown reasons (tool_calls, a server's own, null at the end) mean: it stopped."""
    if told == "length":
        return "length"
    return "content_filter" if told == "content_filter" else "stop"


def _usage(told: object) -> Usage | None:
    if not isinstance(told, dict):
        return None
    read, written = told.get("prompt_tokens"), told.get("completion_tokens")
    if not (type(read) is type(written) is int and read >= 0 and written >= 0):
        return None
    return Usage(read, written)


def _name_or(told: object, fallback: str) -> str:
    return told if isinstance(told, str) and told else fallback


def _new_id() -> str:
    return f"chatcmpl-{uuid.uuid4().hex}"
