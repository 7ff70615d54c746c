"""A reply's events become an answer: its texts, finish reason and usage. No I/O."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
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

from .envelope import (
    error_of,
    is_bare_error,
    is_first,
    is_without_choices,
    name_or,
    reports,
    usage_of,
)
from .fields import (
    ErrorReported,
    Malformed,
    ToolCalled,
    Unfinished,
    ending,
    joined,
    json_object,
    reason_text,
    split_pair,
    thinks,
    thoughts,
    words,
)
from .logprobs import token_logprobs
from .tool_calls import CallReader

__all__ = ["Answer", "Delta", "completion"]

_LONGEST_PING = 64
_MAX_IDLE = 100_000  # events that add nothing
_MAX_CHARACTERS = 16 << 20


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

    __slots__ = (
        "_calls",
        "_claims",
        "_half",
        "_id",
        "_idle",
        "_model",
        "_refuses",
        "_text",
        "_thought",
        "_tools",
        "_usage",
        "_wants_logprobs",
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

    def __init__(self, model: str, *, tools: bool = False, logprobs: bool = False) -> None:
        self._id = _new_id()
        self._model = model
        self._usage: Usage | None = None
        self._text = StringIO()
        self._half = ""  # of a surrogate pair whose other half has not come yet
        self._idle = 0
        self._tools = tools
        self._wants_logprobs = logprobs
        self._calls = CallReader()
        self._claims = False  # it says that it calls a tool
        self._thought = 0  # characters
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
            if not self._tools:
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
            self._model,
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
        return ChatChunk(self._id, self._model, "", reason, self._usage)

    def _take_reply(self, reply: Mapping[str, Any]) -> Delta:
        if reports(reply.get("error")) or is_bare_error(reply):
            raise ErrorReported(reply.get("error") or reply)
        if not self.begun:  # later pieces keep the names of the first one
            self._id = name_or(reply.get("id"), self._id)
            self._model = name_or(reply.get("model"), self._model)
        self._usage = usage_of(reply.get("usage")) or self._usage
        choice = self._choice(reply)
        finished = self.finish is not None
        delta = self._take_choice(choice)
        self.overtaken = self.overtaken or (finished and self.moved)
        return delta

    def _choice(self, reply: Mapping[str, Any]) -> Mapping[str, Any]:
        """The choice with index 0; empty for an event without a part of the answer."""
        choices = reply.get("choices")
        if not choices:
            # The chunk with the usage has no choices; neither has a "ping". More is an oddity.
            if "choices" not in reply and not is_without_choices(reply):
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
        return next((one for one in choices[:16] if is_first(one)), {})

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
        self._take_reason(reason_text(choice.get("finish_reason")))
        if self._wants_logprobs and (logprobs := token_logprobs(choice.get("logprobs"))):
            added = replace(added, logprobs=logprobs)
        return added

    def _take_delta(
        self, delta: Mapping[str, Any], so_far: str = "", *, whole: bool = False
    ) -> Delta:
        """What `delta` adds; a `whole` message may say again what was said `so_far`."""
        self.has_message = True
        calls = self._take_calls(delta, whole=whole)
        thought = self._take_thought(delta, whole=whole)
        refusal = words(delta.get("refusal"), "refusal")
        self._refuses = self._refuses or bool(refusal)
        text = words(delta.get("content"), "content") + refusal
        text = "" if so_far and text.strip() == so_far.strip() else text.removeprefix(so_far)
        text, self._half = split_pair(self._half + text)
        if self._text.tell() + len(text) > _MAX_CHARACTERS:
            raise Malformed(f"the answer is longer than {_MAX_CHARACTERS} characters")
        self._text.write(text)
        self.begun = self.begun or bool(text) or bool(calls)
        self.moved = bool(text) or bool(calls) or thinks(delta)
        self.awake = self.awake or self.moved
        if not (text or thought or calls):
            return NOTHING
        return Delta(text, thought, calls, refuses=bool(refusal) and bool(text))

    def _take_calls(self, delta: Mapping[str, Any], *, whole: bool) -> tuple[ToolCallDelta, ...]:
        if not (delta.get("tool_calls") or delta.get("function_call")):
            return ()
        if not self._tools:
            raise ToolCalled
        if whole and self._calls.calls:
            return ()  # said again
        calls = self._calls.take(delta)
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

    def _take_reason(self, word: str) -> None:
        """Keep the first reason that has a meaning."""
        reason = ending(word)
        if not reason:
            return
        if reason == "failed":
            raise ErrorReported({"message": f"it ended the answer with {word!r}", "code": 500})
        self._claims = self._claims or reason == "tools"
        if self.finish in (None, "stop"):
            self.finish = "stop" if reason == "tools" else reason


def _new_id() -> str:
    return f"chatcmpl-{uuid.uuid4().hex}"
