"""One answer of a loaded model: its prompt, sampling and grammar, and its chunks as they come."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

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

__all__ = ["Generation"]

OF_EXTRA = {"top_k": int, "min_p": float, "repeat_penalty": float}
OF_REQUEST = ("top_p", "presence_penalty", "frequency_penalty")
THINKS = "<think>"


class Meter(Protocol):
    """A logits processor that measures confidence: `confidence.ConfidenceMeter`."""

    def so_far(self) -> TokenConfidence | None: ...


@dataclass(slots=True, eq=False)
class Generation:
    """Answers one request with `model`, called `name`, as long as it is `wanted()`.

    `meter` and `mask` are logits processors of llama.cpp, or None.
    """

    model: Any
    prompts: PromptMaker
    name: str
    repeat_penalty: float
    meter: Meter | None
    mask: Any
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
        most = min(max_tokens or request.max_tokens, self.prompts.n_ctx - len(prompt.tokens))
        reader = ReplyReader(
            self.prompts.calls_as if tools else None,
            [tool.name for tool in tools],
            thinking=prompt.text.rstrip().endswith(THINKS),
        )
        replies = self.model.create_completion(
            prompt=prompt.tokens,
            max_tokens=most,
            temperature=request.temperature or 0.0,
            stop=[*request.stop, *prompt.stop],
            seed=request.seed,
            logits_processor=[one for one in (self.meter, self.mask) if one] or None,
            grammar=self._grammar(request),
            stream=True,
            **self._sampling(request),
        )
        yield from self._read(replies, reader, prompt)

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

    def _grammar(self, request: ChatRequest) -> Any:
        text = answer_grammar(
            request.response_format,
            request.tools,
            request.tool_choice,
            written=self.prompts.calls_as,
            several=request.parallel_tool_calls is not False,
        )
        if text is None:
            return None
        from llama_cpp.llama_grammar import LlamaGrammar

        return LlamaGrammar.from_string(text, verbose=False)

    def _read(
        self, replies: Iterator[Any], reader: ReplyReader, prompt: Prompt
    ) -> Iterator[ChatChunk]:
        pieces, calls = 0, 0
        for reply in replies:
            if not self.wanted():
                return
            choice = reply["choices"][0]
            pieces += bool(choice["text"])
            finish = cast("FinishReason | None", choice["finish_reason"])
            read = [*reader.take(choice["text"]), *(reader.end() if finish else ())]
            for piece in read:
                yield self._chunk(reply["id"], piece, calls)
                calls += len(piece.calls)
            if finish:
                evaluated = self.model.n_tokens - len(prompt.tokens)
                # the last token of an answer that was cut off was written, and never read
                written = evaluated + 1 if finish == "length" else max(pieces, evaluated)
                usage = Usage(len(prompt.tokens), written, prompt.dropped)
                ended: FinishReason = "tool_calls" if calls and finish == "stop" else finish
                sure = self._confidence()
                yield ChatChunk(reply["id"], self.name, "", ended, usage, sure)

    def _chunk(self, identity: str, piece: Piece, before: int) -> ChatChunk:
        calls = tuple(
            ToolCallDelta(before + at, f"call_{uuid.uuid4().hex[:24]}", name, arguments)
            for at, (name, arguments) in enumerate(piece.calls)
        )
        return ChatChunk(
            identity,
            self.name,
            piece.text,
            confidence=self._confidence(),
            tool_calls=calls,
            reasoning_content=piece.thought,
        )

    def _confidence(self) -> TokenConfidence | None:
        return None if self.meter is None else self.meter.so_far()
