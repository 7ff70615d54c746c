"""One engine of local models in a fresh process: first answer, speeds, memory, several callers.

Arguments: the engine, a GGUF file, the threads, and the tokens of each answer. Prints seconds,
bytes and tokens per second.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Sequence

from edge_router.benchmarks.rows.resources import resident_bytes

CALLERS = 4


def main() -> None:
    engine, path = sys.argv[1:3]
    threads, tokens = map(int, sys.argv[3:])
    before = resident_bytes()
    start = time.perf_counter()
    from edge_router.backends.deadline import Deadline
    from edge_router.backends.llama_cpp.backend import LlamaCppBackend
    from edge_router.backends.llama_cpp.engine import ENGINES
    from edge_router.chat.completion import ChatRequest, Message

    (chosen,) = [name for name in ENGINES if name == engine]
    backend = LlamaCppBackend(path, n_ctx=2048, n_threads=threads, engine=chosen)

    def answer(text: str, most: int = tokens) -> tuple[float, float, int]:
        """Seconds to the first piece and in all, and tokens written."""
        request = ChatRequest((Message("user", text),), max_tokens=most)
        began, first, written = time.perf_counter(), None, 0
        for chunk in backend.stream(request, deadline=Deadline.after(600)):
            first = first or time.perf_counter() - began
            written = chunk.usage.completion_tokens if chunk.usage else written
        return first or 0.0, time.perf_counter() - began, written

    answer("Hello", 1)
    readings = {"first token with import and load": time.perf_counter() - start}
    first, whole, written = answer("Write a long story about a river and the people beside it.")
    readings["first token"] = first
    readings["decode"] = (written - 1) / (whole - first)
    texts = [f"Tell story number {number}, a long one, of a town." for number in range(CALLERS)]
    start = time.perf_counter()
    total = sum(answer(text)[2] for text in texts)
    readings["one by one"] = total / (time.perf_counter() - start)
    readings["at once"] = _at_once(lambda text: answer(f"Again: {text}")[2], texts)
    if before is not None and (after := resident_bytes()) is not None:
        readings["memory"] = after - before
    backend.close()
    sys.stdout.write(json.dumps(readings) + "\n")


def _at_once(written: Callable[[str], int], texts: Sequence[str]) -> float:
    """Tokens a second of answers that are asked for by as many threads as there are texts."""
    totals: list[int] = []
    callers = [
        threading.Thread(target=lambda text=text: totals.append(written(text))) for text in texts
    ]
    start = time.perf_counter()
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return sum(totals) / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
