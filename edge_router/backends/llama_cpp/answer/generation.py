"""One answer of a loaded model: its prompt, sampling and grammar, and its chunks as they come."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from edge_router.chat.capability import Capability
from edge_router.chat.completion import (
    ChatChunk,
    ChatRequest,
    FinishReason,
    TokenConfidence,
    ToolCallDelta,
    Usage,
)
from edge_router.errors import BackendUnavailable

from ..prompt import Prompt, PromptMaker
from .grammar import answer_grammar
from .reply import Piece, ReplyReader

__all__ = ["Generation", "Order", "Written"]

OF_EXTRA = {"top_k": int, "min_p": float, "repeat_penalty": float}
OF_REQUEST = ("top_p", "presence_penalty", "frequency_penalty")
THINKS = "<think>"


@dataclass(frozen=True, slots=True)
class Order:
    """What an engine is to write: how it goes on behind `prompt`. `grammar` is GBNF, `sampling`
    what is stated of it by llama.cpp's names; the engine's own defaults hold for the rest."""

    prompt: Prompt
    max_tokens: int
    temperature: float
    stop: tuple[str, ...]
    seed: int | None
    grammar: str | None
    sampling: Mapping[str, float]


class Written(NamedTuple):
    """A piece of text that an engine wrote, why it ended with the last one, and the tokens so
    far."""

    text: str
    finish: FinishReason | None
    tokens: int


@dataclass(slots=True, eq=False)
class Generation:
    """Answers one request with a model called `name`, as long as it is `wanted()`.

    `write` makes the model write, `confidence` is its confidence in what it has written so far.
    """

    prompts: PromptMaker
    name: str
    repeat_penalty: float
    write: Callable[[Order], Iterator[Written]]
    confidence: Callable[[], TokenConfidence | None]
    wanted: Callable[[], bool]

    def chunks(
        self, request: ChatRequest, *, max_tokens: int | None = None, reserve: int = 0
    ) -> Iterator[ChatChunk]:
        """The answer, of `max_tokens` at most; room for `reserve` tokens is left in any case.

        Raises BackendUnavailable for a request that this model cannot answer whole.
        """
        self._require_text(request)
        tools = request.tools if request.tool_choice != "none" else ()
        shown = [tool.to_json() for tool in tools]
        longest = max(request.max_tokens, reserve)
        prompt = self.prompts.prompt(request.messages, longest, self.wanted, shown)
        most = min(max_tokens or request.max_tokens, self.prompts.n_ctx - prompt.count)
        reader = ReplyReader(
            self.prompts.calls_as if tools else None,
            [tool.name for tool in tools],
            thinking=prompt.text.rstrip().endswith(THINKS),
        )
        order = Order(
            prompt,
            most,
            temperature=request.temperature or 0.0,
            stop=(*request.stop, *prompt.stop),
            seed=request.seed,
            grammar=self._grammar(request),
            sampling=self._sampling(request),
        )
        yield from self._read(order, reader)

    def _require_text(self, request: ChatRequest) -> None:
        if any(message.media for message in request.messages):
            raise BackendUnavailable(f"{self.name} reads text alone, and the request holds more")
        if request.logprobs:
            raise BackendUnavailable(f"{self.name} gives no log-probabilities")
        if Capability.TOOLS in request.needs and self.prompts.calls_as is None:
            raise BackendUnavailable(f"the chat template of {self.name} does not call tools")

    def _sampling(self, request: ChatRequest) -> Mapping[str, Any]:
        """What the request states of its sampling, also of a server's names for it."""
        stated = {"repeat_penalty": self.repeat_penalty}
        stated |= {name: getattr(request, name) for name in OF_REQUEST}
        for name, kind in OF_EXTRA.items():
            value = request.extra.get(name)
            if type(value) in (int, float):
                stated[name] = kind(value)
        return {name: value for name, value in stated.items() if value is not None}

    def _grammar(self, request: ChatRequest) -> str | None:
        return answer_grammar(
            request.response_format,
            request.tools,
            request.tool_choice,
            written=self.prompts.calls_as,
            several=request.parallel_tool_calls is not False,
        )

    def _read(self, order: Order, reader: ReplyReader) -> Iterator[ChatChunk]:
        identity, calls, prompt = f"cmpl-{uuid.uuid4()}", 0, order.prompt
        for text, finish, tokens in self.write(order):
            if not self.wanted():
                return
            for piece in [*reader.take(text), *(reader.end() if finish else ())]:
                yield self._chunk(identity, piece, calls)
                calls += len(piece.calls)
            if finish:
                usage = Usage(prompt.count, tokens, prompt.dropped)
                ended: FinishReason = "tool_calls" if calls and finish == "stop" else finish
                sure = self.confidence()
                yield ChatChunk(identity, self.name, "", ended, usage, sure)

    def _chunk(self, identity: str, piece: Piece, before: int) -> ChatChunk:
        calls = tuple(
            ToolCallDelta(before + at, f"call_{uuid.uuid4().hex[:24]}", name, arguments)
            for at, (name, arguments) in enumerate(piece.calls)
        )
        return ChatChunk(
            identity,
            self.name,
            piece.text,
            confidence=self.confidence(),
            tool_calls=calls,
            reasoning_content=piece.thought,
        )
