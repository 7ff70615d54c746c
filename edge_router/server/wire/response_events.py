"""An answer as the events of /v1/responses: items open, grow and close, each event numbered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edge_router.chat.completion import ChatChunk, FinishReason, ToolCall, ToolCallDelta

from .body import Asked
from .errors import Refused, error_object
from .events import event
from .outcome import Outcome
from .response_object import (
    call_item,
    empty_response,
    ended,
    message_item,
    text_part,
    thought_item,
)

__all__ = ["ResponseEvents"]


class ResponseEvents:
    """The state of one streamed response. One item is open at a time; calls of tools that grow in
    turns are gathered, and each is told whole."""

    def __init__(self, asked: Asked, begun: Outcome) -> None:
        self._identity = begun.id
        self._started = empty_response(asked, begun)
        self._output: list[dict[str, Any]] = []
        self._open: str = ""  # "thought", "text" or "refusal"
        self._texts: list[str] = []
        self._calls: dict[int, list[ToolCallDelta]] = {}
        self._finish: FinishReason | None = None
        self._number = -1

    def begin(self) -> Iterator[bytes]:
        yield self._event("response.created", response=self._started)
        yield self._event("response.in_progress", response=self._started)

    def take(self, chunk: ChatChunk) -> Iterator[bytes]:
        self._finish = chunk.finish_reason or self._finish
        if chunk.reasoning_content:
            yield from self._grow("thought", chunk.reasoning_content)
        if chunk.delta:
            yield from self._grow("refusal" if chunk.refuses else "text", chunk.delta)
        for delta in chunk.tool_calls:
            self._calls.setdefault(delta.index, []).append(delta)

    def end(self, outcome: Outcome) -> Iterator[bytes]:
        if not (self._open or self._output or self._calls):
            yield from self._grow("text", "")  # an empty answer is an empty message
        yield from self._close()
        for place, (_, deltas) in enumerate(sorted(self._calls.items())):
            yield from self._call(_joined(deltas), place)
        response = ended(self._started, self._output, self._finish, outcome)
        yield self._event(f"response.{response['status']}", response=response)

    def fail(self, refused: Refused) -> Iterator[bytes]:
        error = {"code": "server_error", "message": error_object(refused)["error"]["message"]}
        failed = self._started | {"status": "failed", "error": error, "output": self._output}
        yield self._event("response.failed", response=failed)

    def _grow(self, kind: str, text: str) -> Iterator[bytes]:
        """The events of a piece of the item of that kind, which is opened if need be."""
        if self._open != kind:
            yield from self._close()
            yield from self._begin_item(kind)
        self._texts.append(text)
        if not text:
            return
        if kind == "thought":
            yield self._inside("response.reasoning_text.delta", delta=text)
        elif kind == "refusal":
            yield self._inside("response.refusal.delta", delta=text)
        else:
            yield self._inside("response.output_text.delta", delta=text, logprobs=[])

    def _begin_item(self, kind: str) -> Iterator[bytes]:
        self._open, self._texts = kind, []
        place = len(self._output)
        if kind == "thought":
            item = thought_item(self._item_id, "", "in_progress")
            yield self._event("response.output_item.added", output_index=place, item=item)
            return
        item = message_item(self._item_id, [], "in_progress")
        yield self._event("response.output_item.added", output_index=place, item=item)
        part = text_part("", refuses=kind == "refusal")
        yield self._inside("response.content_part.added", part=part)

    def _close(self) -> Iterator[bytes]:
        """The events that end the open item, if there is one."""
        kind, text = self._open, "".join(self._texts)
        if not kind:
            return
        place = len(self._output)
        if kind == "thought":
            yield self._inside("response.reasoning_text.done", text=text)
            item = thought_item(self._item_id, text)
        else:
            part = text_part(text, refuses=kind == "refusal")
            if kind == "refusal":
                yield self._inside("response.refusal.done", refusal=text)
            else:
                yield self._inside("response.output_text.done", text=text, logprobs=[])
            yield self._inside("response.content_part.done", part=part)
            item = message_item(self._item_id, [part], "completed")
        self._output.append(item)
        self._open = ""
        yield self._event("response.output_item.done", output_index=place, item=item)

    def _call(self, call: ToolCall, number: int) -> Iterator[bytes]:
        place, item = len(self._output), call_item(call, number)
        begun = item | {"arguments": "", "status": "in_progress"}
        where = {"item_id": item["id"], "output_index": place}
        yield self._event("response.output_item.added", output_index=place, item=begun)
        arguments = call.arguments
        name = "response.function_call_arguments"
        yield self._event(f"{name}.delta", **where, delta=arguments)
        yield self._event(f"{name}.done", **where, name=call.name, arguments=arguments)
        self._output.append(item)
        yield self._event("response.output_item.done", output_index=place, item=item)

    @property
    def _item_id(self) -> str:
        """The id of the open item: that of the answer, with its place if it is not the first."""
        place = len(self._output)
        return f"{self._identity}_{place}" if place else self._identity

    def _inside(self, kind: str, /, **fields: Any) -> bytes:
        """An event of the open item's one part."""
        prefix = "rs" if self._open == "thought" else "msg"
        where = {"item_id": f"{prefix}_{self._item_id}", "output_index": len(self._output)}
        return self._event(kind, **where, content_index=0, **fields)

    def _event(self, kind: str, /, **fields: Any) -> bytes:
        self._number += 1
        return event({"type": kind, "sequence_number": self._number} | fields, kind)


def _joined(deltas: list[ToolCallDelta]) -> ToolCall:
    """A call from its pieces; one that lacks a name or an id says so instead of failing."""
    name = next((delta.name for delta in deltas if delta.name), None) or "unnamed"
    identity = next((delta.id for delta in deltas if delta.id), None) or "unnamed"
    return ToolCall(identity, name, "".join(delta.arguments for delta in deltas))
