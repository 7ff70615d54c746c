"""A model loaded by xllamacpp: its answers, several at a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_router.chat.completion import ChatChunk
from edge_router.errors import BackendUnavailable

from ..answer.generation import Generation, Order, Written
from ..engine import ModelSettings
from ..gguf import read_header
from ..job import Job
from ..prompt import PromptMaker
from .confidence import LogprobMeter
from .library import OpenServer, open_server
from .room import Room
from .vocabulary import ServerVocabulary

__all__ = ["XllamacppModel", "load_model", "try_to_load"]

LEAST_CONTEXT = 256  # llama.cpp rounds up to it
AGAINST_CIRCLES = {"dry_multiplier": 0.8, "dry_allowed_length": 6, "dry_penalty_last_n": 256}
WEIGHED = 64  # the likeliest tokens at each place, from which confidence is computed


def load_model(settings: ModelSettings, n_ctx: int, going_on: Callable[[], bool]) -> XllamacppModel:
    """The model with a context of `n_ctx` tokens; a load that has begun goes on to its end."""
    header, name = read_header(settings.path), settings.path.name
    if not going_on():
        raise BackendUnavailable(f"{name} is closed")
    size = max(n_ctx, LEAST_CONTEXT)
    server = open_server(
        settings.path,
        n_ctx=size,
        n_threads=settings.n_threads,
        at_once=settings.engine.at_once + 1,  # one more counts tokens
    )

    def counted(prompt: Sequence[int | str]) -> int:
        return _tokens_of(server, prompt, size)

    vocabulary = ServerVocabulary.of(settings.path, header, counted)
    prompts = PromptMaker.of(
        vocabulary,
        header.facts,
        bos=vocabulary.bos,
        eos=vocabulary.eos,
        n_ctx=n_ctx,
        system=settings.system,
        name=name,
    )
    return XllamacppModel(settings, server, prompts, Room(n_ctx))


def try_to_load(path: str) -> None:
    """Load a file and compute two tokens."""
    server = open_server(Path(path), n_ctx=LEAST_CONTEXT, n_threads=1, at_once=1)
    server.complete({"prompt": "Hello <|im_end|>", "max_tokens": 2, "temperature": 0.0})


def _tokens_of(server: OpenServer, prompt: Sequence[int | str], n_ctx: int) -> int:
    """Tokens of a prompt: with a context full of tokens behind it, it is too long for any."""
    reply = server.complete({"prompt": [*prompt, *[0] * n_ctx], "max_tokens": 1})
    tokens = reply.get("error", {}).get("n_prompt_tokens")
    if not isinstance(tokens, int):
        raise BackendUnavailable("xllamacpp does not say how many tokens a prompt has")
    return tokens - n_ctx


@dataclass(slots=True, eq=False)
class XllamacppModel:
    """Answers share the context: one begins when there is room for its prompt and all it may
    write.

    A repeat penalty counts the prompt in here, and with it the mark of an answer's end. So where
    the settings ask for one, what keeps the model from going round in circles is llama.cpp's DRY
    sampler, which lets it repeat a few tokens; a penalty that a request states is used as it is.
    """

    settings: ModelSettings
    server: OpenServer
    prompts: PromptMaker
    room: Room
    _busy: set[Job] = field(default_factory=set)

    def count(self, text: str) -> int | None:
        return None if self._busy else self.prompts.count(text)

    def n_ctx(self) -> int:
        """Tokens of context that prompt and answer share; no more than it was trained for."""
        return self.prompts.n_ctx

    def abort(self) -> None:
        """A cancelled job sees it by itself, after a few tokens."""
        self.room.look_again()

    def resume(self) -> None:
        """Nothing was stopped."""

    def is_lost(self) -> bool:
        return False

    def close(self) -> None:
        self.server.close()

    def answer(self, job: Job) -> Iterator[ChatChunk]:
        meter = LogprobMeter() if self.settings.confidence else None

        def write(order: Order) -> Iterator[Written]:
            return self._write(order, meter, job.wanted)

        with self._counted_as_busy(job):
            yield from Generation(
                self.prompts,
                self.settings.path.stem,
                repeat_penalty=1.0,
                write=write,
                confidence=meter.so_far if meter else lambda: None,
                wanted=job.wanted,
            ).chunks(job.request)

    def score(self, _: Job) -> Iterator[float]:
        raise self._cannot("say how likely a given text is")

    def choose(self, _: Job) -> Iterator[tuple[float, ...]]:
        raise self._cannot("weigh names against each other")

    def _cannot(self, verb: str) -> BackendUnavailable:
        return BackendUnavailable(
            f"{self.settings.path.name} runs on xllamacpp, which cannot {verb}; install "
            "'edge-router[local]', and state engine = 'llama_cpp_python' if both are there"
        )

    @contextmanager
    def _counted_as_busy(self, job: Job) -> Iterator[None]:
        self._busy.add(job)
        try:
            yield
        finally:
            self._busy.discard(job)

    def _write(
        self, order: Order, meter: LogprobMeter | None, wanted: Callable[[], bool]
    ) -> Iterator[Written]:
        circles = AGAINST_CIRCLES if self.settings.repeat_penalty > 1 else {}
        body = {
            **circles,
            **order.sampling,
            "prompt": list(order.prompt.tokens),
            "max_tokens": order.max_tokens,
            "temperature": order.temperature,
            "stop": list(order.stop),
            "stream": True,
            "return_progress": True,  # so that it can be cancelled while the prompt is read
        }
        if order.seed is not None:
            body["seed"] = order.seed
        if order.grammar is not None:
            body["grammar"] = order.grammar
        if meter is not None:
            body["n_probs"] = WEIGHED
        with self.room.of(order.prompt.count + order.max_tokens, wanted):
            for reply in _replies(self.server, body, wanted):
                choice = reply["choices"][0]
                finish = choice["finish_reason"]
                if meter is not None:
                    meter.take(choice["logprobs"], ended=finish == "stop")
                tokens = reply["usage"]["completion_tokens"] if finish else 0
                yield Written(choice["text"], finish, tokens)


def _replies(
    server: OpenServer, body: dict[str, Any], wanted: Callable[[], bool]
) -> Iterator[dict[str, Any]]:
    """The server's pieces of one answer. Raises BackendUnavailable with the server's words."""
    replies: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def take(reply: dict[str, Any]) -> bool:
        replies.put(reply)
        return not wanted()  # True ends the answer

    def call() -> None:
        try:
            server.complete(body, take)
        except Exception as error:  # noqa: BLE001 - the thread's boundary: raised in the reader
            replies.put({"error": {"message": str(error)}})
        replies.put(None)

    thread = threading.Thread(target=call, name="xllamacpp", daemon=True)
    thread.start()
    try:
        while (reply := replies.get()) is not None:
            if "error" in reply:
                raise BackendUnavailable(f"xllamacpp: {reply['error'].get('message')}")
            yield reply
    finally:
        thread.join()  # the room is free only then
