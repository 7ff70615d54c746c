"""A model loaded by llama-cpp-python: its answers, and the probabilities of given texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from edge_router.chat.completion import ChatChunk

from ..answer.generation import Generation, Order, Written
from ..confidence import ConfidenceMeter
from ..engine import ModelSettings
from ..job import Job
from ..name_trie import TrieMask
from ..prompt import PromptMaker
from .library import AbortFlag, import_llama_cpp, loading
from .token_probabilities import name_probabilities, name_trie, negative_log_likelihood
from .vocabulary import TokenVocabulary

__all__ = ["LlamaCppPythonModel", "load_model", "try_to_load"]

MAX_REFERENCE_TOKENS = 64
LEAST_CONTEXT = 256  # llama.cpp rounds up to it
MOST_TRAINED = 1 << 24  # tokens; a file that claims more does not say how long it was trained for


def load_model(
    settings: ModelSettings, n_ctx: int, going_on: Callable[[], bool]
) -> LlamaCppPythonModel:
    """The model with a context of `n_ctx` tokens."""
    llama_cpp = import_llama_cpp()
    with loading(llama_cpp, going_on):
        model = llama_cpp.Llama(
            str(settings.path),
            n_ctx=max(n_ctx, LEAST_CONTEXT),
            n_threads=settings.n_threads,
            n_threads_batch=settings.n_threads,
            verbose=False,
        )
    inner = model._model  # noqa: SLF001 - its tokenizer reserves memory for so many tokens
    if not 1 <= inner.n_ctx_train() <= MOST_TRAINED:
        inner.n_ctx_train = lambda: n_ctx
    vocabulary = TokenVocabulary.of(llama_cpp, model)
    prompts = PromptMaker.of(
        vocabulary,
        model.metadata,
        bos=vocabulary.text_of(model.token_bos()),
        eos=vocabulary.text_of(model.token_eos()),
        n_ctx=n_ctx,
        system=settings.system,
        name=settings.path.name,
    )
    loaded = LlamaCppPythonModel(settings, model, prompts)
    loaded.flag.attach(llama_cpp, model.ctx)
    return loaded


def try_to_load(path: str) -> None:
    """Load a file, whose weights stay as they are, and compute two tokens."""
    llama_cpp = import_llama_cpp()
    with loading(llama_cpp, lambda: True, plain=True):
        model = llama_cpp.Llama(path, n_ctx=256, n_threads=1, n_threads_batch=1, verbose=False)
    tokens = model.tokenize(b"Hello <|im_end|>", add_bos=True, special=True)
    model.eval((tokens * 2)[:2])
    model.detokenize([model.sample(temp=0.0)])


@dataclass(slots=True, eq=False)
class LlamaCppPythonModel:
    """One context without a lock: only one thread at a time may use it, but for `count`."""

    settings: ModelSettings
    model: Any
    prompts: PromptMaker
    flag: AbortFlag = field(default_factory=AbortFlag)

    def count(self, text: str) -> int | None:
        return self.prompts.count(text)

    def n_ctx(self) -> int:
        """Tokens of context that prompt and answer share; no more than it was trained for."""
        return self.prompts.n_ctx

    def abort(self) -> None:
        self.flag.set()

    def resume(self) -> None:
        self.flag.clear()

    def is_lost(self) -> bool:
        return False

    def close(self) -> None:
        self.model.close()

    def answer(self, job: Job) -> Iterator[ChatChunk]:
        return self._generate(job)

    def score(self, job: Job) -> Iterator[float]:
        """One token at a time; nothing for a reference that is too long.

        Writing a single token leaves the model right behind the prompt, whatever its template; an
        answer to the same request just before has left the prompt in the cache.
        """
        tokens = self.model.tokenize((job.reference or "").encode(), add_bos=False)
        if not 0 < len(tokens) <= MAX_REFERENCE_TOKENS:
            return
        for _ in self._generate(job, max_tokens=1, reserve=len(tokens) + 1):
            pass
        mean = negative_log_likelihood(self.model, tokens, job.wanted)
        if mean is not None:
            yield mean

    def choose(self, job: Job) -> Iterator[tuple[float, ...]]:
        mask = TrieMask(name_trie(self.model, job.names))
        for _ in self._generate(job, max_tokens=1, reserve=mask.trie.depth + 1, mask=mask):
            pass
        if not job.cancelled:
            yield name_probabilities(self.model, mask, job.wanted)

    def _generate(
        self,
        job: Job,
        *,
        max_tokens: int | None = None,
        reserve: int = 0,
        mask: TrieMask | None = None,
    ) -> Iterator[ChatChunk]:
        """The answer, of `max_tokens` at most; room for `reserve` tokens is left in any case."""
        meter = ConfidenceMeter() if self.settings.confidence and mask is None else None
        processors = [one for one in (meter, mask) if one is not None]

        def write(order: Order) -> Iterator[Written]:
            return self._write(order, processors)

        return Generation(
            self.prompts,
            self.settings.path.stem,
            self.settings.repeat_penalty,
            write=write,
            confidence=meter.so_far if meter else lambda: None,
            wanted=job.wanted,
        ).chunks(job.request, max_tokens=max_tokens, reserve=reserve)

    def _write(self, order: Order, processors: list[Any]) -> Iterator[Written]:
        replies = self.model.create_completion(
            prompt=list(order.prompt.tokens),
            max_tokens=order.max_tokens,
            temperature=order.temperature,
            stop=list(order.stop),
            seed=order.seed,
            logits_processor=processors or None,
            grammar=_grammar(order.grammar),
            stream=True,
            **order.sampling,
        )
        pieces = 0
        for reply in replies:
            choice = reply["choices"][0]
            pieces += bool(choice["text"])
            evaluated, finish = self.model.n_tokens - order.prompt.count, choice["finish_reason"]
            # the last token of an answer that was cut off was written, and never read
            written = evaluated + 1 if finish == "length" else max(pieces, evaluated)
            yield Written(choice["text"], finish, written)


def _grammar(text: str | None) -> Any:
    if text is None:
        return None
    from llama_cpp.llama_grammar import LlamaGrammar

    return LlamaGrammar.from_string(text, verbose=False)
