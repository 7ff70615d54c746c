"""/v1/completions: one prompt as the user's turn, for clients older than the chat protocol.

The models behind are chat models, so a prompt is answered, not continued; what would need a plain
continuation (echo, suffix, log-probabilities in the old form, token ids) is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edge_router.chat.completion import ChatChunk, ChatCompletion, FinishReason

from .body import Asked, asked_of, refuse_unsupported
from .errors import Refused, error_object
from .events import DONE, event
from .outcome import Outcome, head_json, usage_json

__all__ = ["TextEvents", "asked", "reply"]

UNSUPPORTED = {
    "echo": "the answer is given alone",
    "suffix": "a chat model cannot insert a text",
    "logprobs": "use /v1/chat/completions for log-probabilities",
    "tools": "use /v1/chat/completions for tools",
    "logit_bias": "token ids differ from expert to expert",
}
DROPPED = (*UNSUPPORTED, "prompt", "best_of", "n")


def asked(body: Mapping[str, Any], *, max_tokens: int) -> Asked:
    """The request in a body. Raises Refused and InvalidRequest."""
    refuse_unsupported(body, UNSUPPORTED)
    for name in ("n", "best_of"):
        if body.get(name) not in (None, 1):
            raise Refused(400, f"{name} must be 1: one answer is given", code="unsupported")
    chat = {name: value for name, value in body.items() if name not in DROPPED}
    chat["messages"] = [{"role": "user", "content": _prompt(body.get("prompt"))}]
    return asked_of(body, chat, max_tokens=max_tokens)


def _prompt(stated: Any) -> str:
    if isinstance(stated, list) and len(stated) == 1:
        (stated,) = stated
    if isinstance(stated, str):
        return stated
    words = "prompt must be one text; several, or token ids, cannot be answered here"
    raise Refused(400, words, code="invalid_value", param="prompt")


def reply(_: Asked, answer: ChatCompletion, outcome: Outcome) -> dict[str, Any]:
    """A whole answer as OpenAI's text completion."""
    written = _object(_head(outcome), answer.text, answer.finish_reason)
    return {**written, "usage": usage_json(outcome.usage), **outcome.extra}


def _head(of: Outcome) -> dict[str, Any]:
    return head_json(of, prefix="cmpl", kind="text_completion")


def _object(head: Mapping[str, Any], text: str, finish: FinishReason | None) -> dict[str, Any]:
    choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}
    return {**head, "choices": [choice]}


class TextEvents:
    """An answer as `text_completion` events; the last one carries the decision."""

    def __init__(self, asked: Asked, begun: Outcome) -> None:
        self._include_usage = asked.include_usage
        self._head = _head(begun)
        self._finish: FinishReason | None = None

    def begin(self) -> Iterator[bytes]:
        yield from ()

    def take(self, chunk: ChatChunk) -> Iterator[bytes]:
        self._finish = chunk.finish_reason or self._finish
        if chunk.delta:
            yield event(_object(self._head, chunk.delta, None))

    def end(self, outcome: Outcome) -> Iterator[bytes]:
        last = _object(self._head, "", self._finish or "stop")
        if not self._include_usage:
            yield event({**last, **outcome.extra})
        else:
            yield event({**last, "usage": None})
            usage = usage_json(outcome.usage)
            yield event({**self._head, "choices": [], "usage": usage, **outcome.extra})
        yield DONE

    def fail(self, refused: Refused) -> Iterator[bytes]:
        yield event(error_object(refused))
