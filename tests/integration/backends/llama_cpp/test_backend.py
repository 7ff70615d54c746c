"""LlamaCppBackend with the real SmolLM2-135M; skipped where the extra `local` is not installed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sure_question import ANSWER, ANSWERS, QUESTION

from edge_router.backends.base import Loadable
from edge_router.backends.deadline import Deadline
from edge_router.backends.llama_cpp.answer.grammar import answer_grammar
from edge_router.backends.llama_cpp.backend import LlamaCppBackend
from edge_router.backends.llama_cpp.engine import EngineName
from edge_router.backends.llama_cpp.llama_cpp_python.library import without_amx
from edge_router.backends.llama_cpp.model_files import find_model
from edge_router.chat.completion import ChatCompletion, ChatRequest, Message
from edge_router.chat.tools import ResponseFormat
from edge_router.errors import BackendUnavailable, ConfigError

TEMPLATE = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
    "{}<|im_end|>\n<|im_start|>assistant\n"
)


@pytest.fixture(scope="module")
def backend(engine: EngineName) -> Iterator[LlamaCppBackend]:
    """One model for all tests here, with a small context."""
    backend = LlamaCppBackend("smollm2-135m", n_ctx=512, engine=engine)
    yield backend
    backend.close()


def ask(text: str, max_tokens: int = 24) -> ChatRequest:
    """A request of one user message."""
    return ChatRequest((Message("user", text),), max_tokens=max_tokens)


def soon() -> Deadline:
    """Time enough on any machine."""
    return Deadline.after(120)


def test_it_answers_and_counts_tokens(backend: LlamaCppBackend) -> None:
    """A right answer from real weights, with its usage."""
    answer = backend.complete(ask(QUESTION), deadline=soon())
    assert ANSWER in answer.text
    assert answer.finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > answer.usage.completion_tokens > 0
    assert backend.loaded


def test_tokens_are_counted_not_pieces_of_text() -> None:
    """As llama-cpp-python counts them, where several tokens make one character and the limit falls
    among them: the last character is then finished, above the limit. A grammar dictates them."""
    pytest.importorskip("llama_cpp", reason="the extra `local` is not installed")
    from llama_cpp.llama_grammar import LlamaGrammar

    backend = LlamaCppBackend("smollm2-135m", n_ctx=512, engine="llama_cpp_python")
    dictated = ResponseFormat("json_schema", schema={"enum": ["你好世界"]})
    grammar = answer_grammar(dictated, (), None, written=None, several=True)
    prompt = TEMPLATE.format(QUESTION)
    counts = []
    for most in (1, 2, 3, 4, 7, 8):
        request = replace(ask(QUESTION, most), response_format=dictated)
        usage = backend.complete(request, deadline=soon()).usage
        model = backend._worker.model.model
        counted = model.create_completion(
            model.tokenize(prompt.encode(), add_bos=False, special=True),
            max_tokens=most,
            temperature=0.0,
            repeat_penalty=1.1,
            grammar=LlamaGrammar.from_string(grammar, verbose=False),
        )
        assert usage is not None
        assert usage.completion_tokens == counted["usage"]["completion_tokens"]
        counts.append(usage.completion_tokens)
    assert counts == [1, 3, 3, 5, 7, 10]
    backend.close()


def test_a_model_is_loaded_only_for_its_first_answer(engine: EngineName) -> None:
    """Its size is known before."""
    cold = LlamaCppBackend("smollm2-135m", engine=engine)
    assert (cold.loaded, cold.model_bytes > 10_000_000) == (False, True)
    assert isinstance(cold, Loadable)
    cold.close()


def test_a_stream_is_the_same_answer_in_pieces(backend: LlamaCppBackend) -> None:
    """Exactly one piece has a finish reason, the last."""
    request = ask(QUESTION)
    pieces = list(backend.stream(request, deadline=soon()))
    assert "".join(p.delta for p in pieces) == backend.complete(request, deadline=soon()).text
    assert [p.finish_reason is not None for p in pieces] == [False] * (len(pieces) - 1) + [True]


def test_max_tokens_is_kept(backend: LlamaCppBackend) -> None:
    """A small model left alone would fill its context."""
    answer = backend.complete(ask("Tell me a long story.", max_tokens=5), deadline=soon())
    assert answer.finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 5


def test_threads_queue_up(backend: LlamaCppBackend) -> None:
    """Of concurrent calls each gets its own answer, whole: those of one context and one worker, and
    those that xllamacpp computes together."""
    together: dict[str, str] = {}

    def one(question: str) -> None:
        together[question] = backend.complete(ask(question), deadline=soon()).text

    threads = [threading.Thread(target=one, args=(question,)) for question in ANSWERS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    said = {
        question: [city for city in ANSWERS.values() if city in text]
        for question, text in together.items()
    }
    assert said == {question: [city] for question, city in ANSWERS.items()}


def test_xllamacpp_answers_several_at_once() -> None:
    """Each begins before any has ended; one that needs the whole context waits for them."""
    pytest.importorskip("xllamacpp", reason="the extra `quick` is not installed")
    backend = LlamaCppBackend("smollm2-135m", n_ctx=512, engine="xllamacpp")
    streams = [backend.stream(ask(f"Count from {n}.", 60), deadline=soon()) for n in range(3)]
    firsts = [next(stream) for stream in streams]
    assert [first.finish_reason for first in firsts] == [None] * 3
    for stream in streams:
        stream.close()
    assert backend.complete(ask("Hi", max_tokens=480), deadline=soon()).text
    with pytest.raises(BackendUnavailable, match="xllamacpp, which cannot weigh names"):
        backend.choose(ask("Hi"), ("a", "b"), deadline=soon())
    with pytest.raises(BackendUnavailable, match="xllamacpp, which cannot say how likely"):
        backend.negative_log_likelihood(ask("Hi"), "text", deadline=soon())
    backend.close()


def test_the_deadline_holds_during_prefill(backend: LlamaCppBackend) -> None:
    """A long prompt is given up in time, and the next question is answered as if nothing was."""
    expected = backend.complete(ask(QUESTION), deadline=soon()).text
    with pytest.raises(BackendUnavailable, match="ran out of time"):
        backend.complete(ask("word and more " * 120), deadline=Deadline.after(0.02))
    again = backend.complete(ask(QUESTION), deadline=soon())
    assert again.text == expected


def test_closing_a_stream_stops_the_model(backend: LlamaCppBackend) -> None:
    """The next answer does not wait for the rest of a cancelled one."""
    stream = backend.stream(ask("Tell me a long story.", max_tokens=400), deadline=soon())
    next(stream)
    stream.close()
    start = time.monotonic()
    backend.complete(ask("Hi", max_tokens=1), deadline=soon())
    cancelled = time.monotonic() - start
    start = time.monotonic()
    backend.complete(ask("Tell me a long story.", max_tokens=400), deadline=soon())
    assert cancelled < (time.monotonic() - start) / 2


def test_an_old_history_is_dropped_to_fit(backend: LlamaCppBackend) -> None:
    """The system message and the last turn stay; the usage says how many went."""
    turns = tuple(
        Message("user" if n % 2 == 0 else "assistant", f"This is turn number {n}. " * 4)
        for n in range(60)
    )
    request = ChatRequest(
        (Message("system", "Be brief."), *turns, Message("user", QUESTION)),
        max_tokens=16,
    )
    answer = backend.complete(request, deadline=soon())
    assert answer.usage is not None
    assert 0 < answer.usage.dropped_messages < 60
    assert answer.usage.prompt_tokens < 512


def reference_nll(path: Path, prompt: str, reference: str) -> float:
    """Mean -log P by llama-cpp-python itself, from the logits of all positions at once."""
    llama_cpp = pytest.importorskip("llama_cpp", reason="the extra `local` is not installed")
    with without_amx(llama_cpp):
        llama = llama_cpp.Llama(str(path), n_ctx=128, logits_all=True, verbose=False)
    before = llama.tokenize(prompt.encode(), add_bos=False, special=True)
    after = llama.tokenize(reference.encode(), add_bos=False)
    llama.eval([*before, *after])
    logits = llama.scores[len(before) - 1 : len(before) - 1 + len(after)].astype(np.float64)
    llama.close()
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-log_p[np.arange(len(after)), after].mean())


def test_a_reference_is_as_likely_as_llama_cpp_says() -> None:
    """With the template written out, per token. Some tenths of a nat apart, since llama.cpp rounds
    a token computed alone otherwise than one among others; "Rome" lies 11 nats off "Tokyo"."""
    pytest.importorskip("llama_cpp", reason="the extra `local` is not installed")
    request = ask(QUESTION)
    prompt = TEMPLATE.format(QUESTION)
    backend = LlamaCppBackend("smollm2-135m", n_ctx=512, engine="llama_cpp_python")
    try:
        for reference in ("Tokyo", "Rome", "Tokyo is the capital."):
            expected = reference_nll(backend.path, prompt, reference)
            result = backend.negative_log_likelihood(request, reference, deadline=soon())
            assert result == pytest.approx(expected, abs=0.5)
        for hopeless in ("", "word " * 500):
            assert backend.negative_log_likelihood(request, hopeless, deadline=soon()) is None
        assert ANSWER in backend.complete(request, deadline=soon()).text
    finally:
        backend.close()


def test_confidence_is_of_the_models_own_distribution(engine: EngineName) -> None:
    """As llama.cpp's log-probabilities have it; neither the repeat penalty nor the temperature
    changes it, and listening does not change the answer."""
    question = "What is the capital of France?"
    result = []
    for penalty, temperature in ((1.0, 0.0), (1.3, 1.5)):
        backend = LlamaCppBackend(
            "smollm2-135m", n_ctx=256, repeat_penalty=penalty, confidence=True, engine=engine
        )
        request = replace(ask(question), temperature=temperature, seed=1)
        pieces = list(backend.stream(request, deadline=soon()))
        backend.close()
        assert [p.confidence.tokens if p.confidence else 0 for p in pieces[:4]] == [0, 1, 2, 3]
        result.append(ChatCompletion.from_chunks(pieces))
    plain, penalised = (answer.confidence for answer in result)
    assert plain is not None
    assert penalised is not None
    assert plain.first_entropy == pytest.approx(penalised.first_entropy, abs=0.05)
    assert plain.first_margin == pytest.approx(penalised.first_margin, abs=0.02)
    nll = reference_nll(backend.path, TEMPLATE.format(question), result[0].text)
    assert -plain.mean_log_probability == pytest.approx(nll, abs=0.1)


def test_without_being_asked_nothing_is_measured(
    engine: EngineName, backend: LlamaCppBackend
) -> None:
    """And the answer is the same as with it."""
    request = ask(QUESTION)
    silent = backend.complete(request, deadline=soon())
    telling = LlamaCppBackend("smollm2-135m", n_ctx=512, confidence=True, engine=engine)
    message = telling.complete(request, deadline=soon())
    telling.close()
    assert silent.confidence is None
    assert message.confidence is not None
    assert message.text == silent.text


def test_models_of_one_process_may_load_at_once(engine: EngineName) -> None:
    """Each on its own worker; llama-cpp-python alone would crash now and then."""
    backends = [
        LlamaCppBackend("smollm2-135m", n_ctx=256, n_threads=1, engine=engine) for _ in range(3)
    ]
    answers: list[str] = []

    def answer(backend: LlamaCppBackend) -> None:
        answers.append(backend.complete(ask("Hello", 4), deadline=soon()).text)

    threads = [threading.Thread(target=answer, args=(backend,)) for backend in backends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for backend in backends:
        backend.close()
    assert len(answers) == 3
    assert len(set(answers)) == 1


@pytest.mark.parametrize("words", [600, 2_000_000])
def test_a_message_beyond_the_context_is_unavailable_here(
    backend: LlamaCppBackend, words: int
) -> None:
    """Another expert may be asked, so the error is the kind that falls back."""
    with pytest.raises(BackendUnavailable, match="context"):
        backend.complete(ask("word " * words), deadline=soon())


def test_a_closed_backend_says_so(engine: EngineName) -> None:
    """Closing twice is fine; asking after it is not."""
    backend = LlamaCppBackend("smollm2-135m", n_ctx=256, engine=engine)
    backend.complete(ask("Hi", max_tokens=1), deadline=soon())
    backend.close()
    backend.close()
    with pytest.raises(BackendUnavailable, match="closed"):
        backend.complete(ask("Hi"), deadline=soon())


def test_a_missing_model_file_is_named(engine: EngineName, tmp_path: Path) -> None:
    """At once, before anything is asked."""
    with pytest.raises(ConfigError, match=r"nowhere\.gguf.*does not exist"):
        LlamaCppBackend(str(tmp_path / "nowhere.gguf"), engine=engine)


def test_a_file_that_is_not_gguf_is_refused(tmp_path: Path) -> None:
    """llama.cpp never sees it."""
    (tmp_path / "fake.gguf").write_bytes(b"PK\x03\x04 a zip file")
    with pytest.raises(ConfigError, match=r"fake\.gguf.*not GGUF.*PK"):
        find_model(str(tmp_path / "fake.gguf"))


def test_tokens_are_counted_once_it_is_loaded(engine: EngineName, backend: LlamaCppBackend) -> None:
    """From any thread."""
    assert LlamaCppBackend("smollm2-135m", engine=engine).count_tokens("Hello") is None
    backend.complete(ask("Hi", max_tokens=1), deadline=soon())
    counts: list[int | None] = []
    threads = [
        threading.Thread(target=lambda: counts.append(backend.count_tokens("Hello you. " * 99)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(counts)) == 1
    assert counts[0] is not None
    assert counts[0] > 200
