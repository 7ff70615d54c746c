"""The experts of TO-Router's experiment: SmolLM2-135M quantised anew, plain or after examples."""

from __future__ import annotations

import ctypes
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from edge_router.backends.deadline import Deadline
from edge_router.backends.llama_cpp.backend import LlamaCppBackend
from edge_router.backends.llama_cpp.llama_cpp_python.library import import_llama_cpp
from edge_router.backends.llama_cpp.model_files import find_model
from edge_router.chat.completion import ChatChunk, ChatCompletion
from edge_router.chat.message import Message
from edge_router.chat.request import ChatRequest
from edge_router.routing.experts.expert import Pricing

from ...collecting.asked_expert import AskedExpert
from ...data.rows import BadData
from .questions import INSTRUCTIONS

__all__ = ["EXPERTS", "PRICE", "AfterExamples", "quantised", "study_expert"]

SHIPPED = "Q4_1"
PRICE = Pricing(0.20, 0.20)  # dollars a million tokens: Fox-1.6B's in the paper's table 2
N_CTX = 1024

Example = tuple[str, str]
EXAMPLES: Mapping[str, Sequence[Example]] = {
    "gsm8k": (
        (
            "Ana has 3 bags of 5 apples and eats 2 apples. How many are left?",
            "Ana has 3*5 = 15 apples.\nShe has 15-2 = 13 apples left.",
        ),
        (
            "A book costs $12 and a pen half as much. What do both cost?",
            "The pen costs 12/2 = $6.\nBoth cost 12+6 = $18.",
        ),
    ),
    "mbpp": (
        (
            "Write a function to double a number.\nIt must pass this test:\nassert double(3) == 6",
            "def double(n):\n    return 2 * n",
        ),
        (
            "Find the longest word.\nIt must pass this test:\nassert longest(['a', 'bc']) == 'bc'",
            "def longest(words):\n    return max(words, key=len)",
        ),
    ),
    "pubmedqa": (
        (
            "Does smoking raise the risk of lung cancer?",
            "Yes. Smoking was associated with a significantly higher risk of lung cancer.",
        ),
        (
            "Do antibiotics shorten a viral cold?",
            "No. Antibiotics did not change the duration of symptoms in viral infections.",
        ),
    ),
}
EXPERTS: Mapping[str, tuple[str, str | None]] = {
    "Q4_1": ("Q4_1", None),
    "Q4_1 mbpp": ("Q4_1", "mbpp"),
    "Q4_0": ("Q4_0", None),
    "Q4_0 gsm8k": ("Q4_0", "gsm8k"),
    "Q2_K": ("Q2_K", None),
    "Q2_K pubmedqa": ("Q2_K", "pubmedqa"),
}
"""Quantisation of each expert, and the kind of the examples that it reads first, by its name."""


@dataclass(frozen=True, slots=True)
class AfterExamples:
    """A local model that reads the turns of `examples` before each request."""

    inner: LlamaCppBackend
    examples: Sequence[Message]

    def complete(self, request: ChatRequest, *, deadline: Deadline) -> ChatCompletion:
        return self.inner.complete(self._after_examples(request), deadline=deadline)

    def stream(
        self, request: ChatRequest, *, deadline: Deadline
    ) -> Generator[ChatChunk, None, None]:
        yield from self.inner.stream(self._after_examples(request), deadline=deadline)

    def negative_log_likelihood(
        self, request: ChatRequest, reference: str, *, deadline: Deadline
    ) -> float | None:
        """As of the model alone, given the examples too."""
        asked = self._after_examples(request)
        return self.inner.negative_log_likelihood(asked, reference, deadline=deadline)

    def close(self) -> None:
        self.inner.close()

    def _after_examples(self, request: ChatRequest) -> ChatRequest:
        return replace(request, messages=(*self.examples, *request.messages))


def _turns(kind: str) -> tuple[Message, ...]:
    turns: list[Message] = []
    for question, answer in EXAMPLES[kind]:
        turns += [Message("user", question + INSTRUCTIONS[kind]), Message("assistant", answer)]
    return tuple(turns)


@contextmanager
def study_expert(name: str, work: Path) -> Iterator[AskedExpert]:
    """One of EXPERTS, open on one thread; what it was quantised to is kept in `work`."""
    quantisation, examples = EXPERTS[name]
    backend = LlamaCppBackend(quantised(quantisation, work), n_ctx=N_CTX, n_threads=1)
    backend.load(deadline=Deadline.after(120))  # or the first answer would take the load's time
    try:
        asked = AfterExamples(backend, _turns(examples)) if examples else backend
        yield AskedExpert(name, (asked,), PRICE)
    finally:
        backend.close()


def quantised(quantisation: str, work: Path) -> Path:
    """SmolLM2-135M's file in another quantisation, made by llama.cpp from the one that is shipped.

    Weights whose rows do not divide by 256 (nearly all of this model's) stay at four bits or more
    in a quantisation that is meant to have fewer. Raises BadData, MissingExtra.
    """
    source = find_model("smollm2-135m")
    if quantisation == SHIPPED:
        return source
    target = work / f"smollm2-135m-{quantisation}.gguf"
    if target.exists():
        return target
    llama_cpp = import_llama_cpp()
    work.mkdir(parents=True, exist_ok=True)
    settings = llama_cpp.llama_model_quantize_default_params()
    settings.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{quantisation}")
    settings.allow_requantize, settings.nthread = True, 1
    made = target.with_suffix(".new")
    failed = llama_cpp.llama_model_quantize(
        str(source).encode(), str(made).encode(), ctypes.byref(settings)
    )
    if failed:
        raise BadData(f"llama.cpp does not quantise {source} to {quantisation}: error {failed}")
    return made.rename(target)
