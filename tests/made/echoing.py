"""An expert that says what it was asked, in pieces cut where a test wants it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from itertools import pairwise

from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatChunk, ChatRequest, ToolCallDelta
from edge_router.testing import FakeBackend

__all__ = ["Echoing", "cut"]

Cut = Callable[[str], Iterable[str]]


def cut(text: str, places: Iterable[int]) -> list[str]:
    """The text cut at these places."""
    ends = [0, *sorted(places), len(text)]
    return [text[start:end] for start, end in pairwise(ends)]


class Echoing(FakeBackend):
    """Repeats the question as its answer, as a thought, and as the argument of a call of a tool."""

    def __init__(self, pieces: Cut) -> None:
        super().__init__()
        self.pieces = pieces

    def stream(
        self, request: ChatRequest, *, deadline: Deadline
    ) -> Generator[ChatChunk, None, None]:
        self.requests.append(request)
        for piece in self.pieces(request.question):
            yield ChatChunk("1", "echo", "", reasoning_content=piece)
        for piece in self.pieces(request.question):
            yield ChatChunk("1", "echo", piece)
        yield ChatChunk("1", "echo", "", tool_calls=(ToolCallDelta(0, "c", "say", '{"text": "'),))
        for piece in self.pieces(request.question.replace("\n", "\\n").replace('"', '\\"')):
            yield ChatChunk("1", "echo", "", tool_calls=(ToolCallDelta(0, arguments=piece),))
        yield ChatChunk("1", "echo", "", tool_calls=(ToolCallDelta(0, arguments='"}'),))
        yield ChatChunk("1", "echo", "", "tool_calls")
