"""/v1/chat/completions: the chat protocol, whole or as events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from edge_router.chat.completion import ChatChunk, ChatCompletion, FinishReason, TokenLogprob

from .body import Asked, asked_of
from .errors import Refused, error_object
from .events import DONE, event
from .outcome import Outcome, head_json, usage_json

__all__ = ["ChatEvents", "asked", "reply"]


def asked(body: Mapping[str, Any], *, max_tokens: int) -> Asked:
    """The request in a body. Raises Refused and InvalidRequest."""
    return asked_of(body, body, max_tokens=max_tokens)


def reply(_: Asked, answer: ChatCompletion, outcome: Outcome) -> dict[str, Any]:
    """A whole answer as OpenAI's chat completion."""
    choice = {
        "index": 0,
        "message": _message(answer),
        "logprobs": _logprobs(answer.logprobs),
        "finish_reason": answer.finish_reason,
    }
    return {
        **head_json(outcome, prefix="chatcmpl", kind="chat.completion"),
        "choices": [choice],
        "usage": usage_json(outcome.usage),
        **outcome.extra,
    }


def _message(answer: ChatCompletion) -> dict[str, Any]:
    text = answer.text.removesuffix(answer.refusal)  # what it said before it refused
    has_text = bool(text or not (answer.tool_calls or answer.refusal))
    message: dict[str, Any] = {"role": "assistant", "content": text if has_text else None}
    message["refusal"] = answer.refusal or None
    if answer.reasoning_content:
        message["reasoning_content"] = answer.reasoning_content
    if answer.tool_calls:
        message["tool_calls"] = [call.to_json() for call in answer.tool_calls]
    return message


class ChatEvents:
    """An answer as `chat.completion.chunk` events.

    The finish reason is held back until the answer has ended, so that its chunk can carry the
    decision; with `include_usage` a last chunk without choices has the usage, and the decision.
    """

    def __init__(self, asked: Asked, begun: Outcome) -> None:
        self._include_usage = asked.include_usage
        self._finish: FinishReason | None = None
        self._head = head_json(begun, prefix="chatcmpl", kind="chat.completion.chunk")

    def begin(self) -> Iterator[bytes]:
        yield self._event({"role": "assistant", "content": ""})

    def take(self, chunk: ChatChunk) -> Iterator[bytes]:
        self._finish = chunk.finish_reason or self._finish
        delta = _delta(chunk)
        if delta or chunk.logprobs:
            yield self._event(delta, logprobs=chunk.logprobs)

    def end(self, outcome: Outcome) -> Iterator[bytes]:
        last = {} if self._include_usage else outcome.extra
        yield self._event({}, finish=self._finish or "stop", extra=last)
        if self._include_usage:
            usage = usage_json(outcome.usage)
            yield event({**self._head, "choices": [], "usage": usage, **outcome.extra})
        yield DONE

    def fail(self, refused: Refused) -> Iterator[bytes]:
        yield event(error_object(refused))

    def _event(
        self,
        delta: Mapping[str, Any],
        *,
        finish: FinishReason | None = None,
        logprobs: Iterable[TokenLogprob] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> bytes:
        choice = {
            "index": 0,
            "delta": delta,
            "logprobs": _logprobs(logprobs),
            "finish_reason": finish,
        }
        usage = {"usage": None} if self._include_usage else {}
        return event(self._head | {"choices": [choice]} | usage | dict(extra or {}))


def _logprobs(of: Iterable[TokenLogprob]) -> dict[str, Any] | None:
    content = [one.to_json() for one in of]
    return {"content": content, "refusal": None} if content else None


def _delta(chunk: ChatChunk) -> dict[str, Any]:
    """What a piece adds to the message."""
    delta: dict[str, Any] = {}
    if chunk.delta:
        delta["refusal" if chunk.refuses else "content"] = chunk.delta
    if chunk.reasoning_content:
        delta["reasoning_content"] = chunk.reasoning_content
    if chunk.tool_calls:
        delta["tool_calls"] = [call.to_json() for call in chunk.tool_calls]
    return delta
