"""llama-cpp-python called directly, with the settings of our backend."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from edge_router.chat.completion import ChatRequest
from edge_router.settings.config import Config
from edge_router.settings.expert_config import ExpertConfig

__all__ = ["N_CTX", "BareLlama", "local_config", "question", "request_for", "streamed"]

N_CTX = 2048
ANSWER_TOKENS = 8
SYSTEM = {"role": "system", "content": "You are a helpful assistant."}
REPEAT_PENALTY = 1.1


def local_config(model: str, threads: int, artifact: str) -> Config:
    """Settings with only this model, on this device."""
    expert = ExpertConfig("llama_cpp", model, "135m", context_tokens=N_CTX, n_threads=threads)
    return Config(artifact=artifact, experts={"local": expert}, offline=True)


def question(tokens: int, number: int) -> str:
    """A question of about `tokens` tokens; its number comes first, so no two share a prefix."""
    words = "the river runs past the old mill and under the stone bridge to the sea".split()
    body = " ".join(words[at % len(words)] for at in range(max(1, tokens - 12)))
    return f"{number} boats: {body}. Where does it end?"


def request_for(messages: list[dict[str, str]], max_tokens: int = ANSWER_TOKENS) -> ChatRequest:
    request = ChatRequest.of(messages)
    return ChatRequest(request.messages, max_tokens=max_tokens)


def streamed(pieces: Callable[[], Iterable[str]]) -> tuple[float, str]:
    """Seconds to the first piece that holds text, and the whole text."""
    start = time.perf_counter()
    first: float | None = None
    said = []
    for piece in pieces():
        if piece and first is None:
            first = time.perf_counter() - start
        said.append(piece)
    return (first if first is not None else time.perf_counter() - start), "".join(said)


class BareLlama:
    """A model used through llama-cpp-python alone; loaded on creation, not thread-safe."""

    def __init__(self, path: Path, threads: int) -> None:
        import llama_cpp

        from edge_router.backends.llama_cpp.llama_cpp_python.library import without_amx

        with without_amx(llama_cpp):
            self._model: Any = llama_cpp.Llama(
                str(path), n_ctx=N_CTX, n_threads=threads, n_threads_batch=threads, verbose=False
            )
        self._number = 0

    def ask(self, messages: list[dict[str, str]]) -> tuple[float, str]:
        """Seconds to the first piece, and the answer."""

        def pieces() -> Iterable[str]:
            for reply in self._model.create_chat_completion(
                messages=[SYSTEM, *messages],
                max_tokens=ANSWER_TOKENS,
                temperature=0.0,
                repeat_penalty=REPEAT_PENALTY,
                stream=True,
            ):
                yield reply["choices"][0]["delta"].get("content") or ""

        return streamed(pieces)

    def prefill_rate(self, tokens: int) -> float:
        """Prompt tokens read per second, from an empty context."""
        prompt = self._prompt(tokens)
        start = time.perf_counter()
        self._model.eval(prompt)
        return len(prompt) / (time.perf_counter() - start)

    def decode_rate(self, prompt_tokens: int, tokens: int) -> float:
        """Tokens written per second after a prompt, always the most likely one."""
        self._model.eval(self._prompt(prompt_tokens))
        start = time.perf_counter()
        for _ in range(tokens):
            self._model.eval([self._model.sample(temp=0.0)])
        return tokens / (time.perf_counter() - start)

    def close(self) -> None:
        self._model.close()

    def _prompt(self, tokens: int) -> list[int]:
        """Empty the context and return a new prompt."""
        self._number += 1
        self._model.reset()
        text = f"{self._number} " + question(2 * tokens, self._number)
        ids: list[int] = self._model.tokenize(text.encode())[:tokens]
        return ids
