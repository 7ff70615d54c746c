"""The longest gaps that an event loop sees while local answers are given, and while none is.

Arguments: the number of answers (20) and of tokens of each (32), and "own" for a model in a process
of its own. A task of the loop wakes every millisecond; a gap is the time between two of its turns.
"cpu" counts only what this process itself computed in a gap, so that a machine with other work does
not count; it is at most what an answer kept from the loop. "idle" is the same loop for as long
without an answer. Prints milliseconds as JSON, the first answer (which loads the model) apart from
the others.
"""

import asyncio
import json
import sys
import time
from dataclasses import replace

from edge_router import AsyncEdgeRouter, ChatRequest, Config, ExpertConfig, Message

LOCAL = ExpertConfig("llama_cpp", "smollm2-135m", "135m", context_tokens=2048, n_threads=1)
TICK_S = 0.001
WORDS = "The lake freezes in January, and nobody knows why it does so this early. "


class Ticker:
    """Gaps between the turns of a task that wakes every millisecond."""

    def __init__(self) -> None:
        self._gaps: list[tuple[float, float]] = []
        self._last = _now()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now = _now()
            self._gaps.append((now[0] - self._last[0], now[1] - self._last[1]))
            self._last = now

    def taken(self) -> dict[str, float]:
        """The gaps since the last call, summed up in milliseconds."""
        gaps, self._gaps = self._gaps or [(0.0, 0.0)], []
        wall = sorted(1e3 * gap for gap, _ in gaps)
        cpu = sorted(1e3 * min(gap) for gap in gaps)
        return {
            "seconds": round(sum(wall) / 1e3, 2),
            "p50_ms": round(wall[len(wall) // 2], 2),
            "p99_ms": round(wall[int(0.99 * (len(wall) - 1))], 2),
            "max_ms": round(wall[-1], 2),
            "over_20_ms": sum(gap > 20 for gap in wall),
            "cpu_max_ms": round(cpu[-1], 2),
            "cpu_over_20_ms": sum(gap > 20 for gap in cpu),
        }


def _now() -> tuple[float, float]:
    """Seconds on the clock, and of CPU of all threads of this process."""
    return time.perf_counter(), time.process_time()


def request(number: int, tokens: int) -> ChatRequest:
    """Another text each time, so that the model reads most of it anew."""
    text = f"{number}. {WORDS * (1 + number % 8)}What should one do about it?"
    return ChatRequest((Message("user", text),), max_tokens=tokens)


async def measured(answers: int, tokens: int, *, own: bool) -> dict[str, dict[str, float]]:
    ticker = Ticker()
    ticking = asyncio.create_task(ticker.run())
    await asyncio.sleep(0.5)
    ticker.taken()
    result = {}
    local = replace(LOCAL, own_process=own)
    async with AsyncEdgeRouter(Config(experts={"local": local})) as router:
        await asyncio.sleep(10 * TICK_S)  # so that the next turn has seen how long making one took
        ticker.taken()  # which reads files in the caller's thread, and is no answer
        await router.complete(request(0, tokens))
        result["first answer, with loading"] = ticker.taken()
        started = time.perf_counter()
        for number in range(1, answers):
            await router.complete(request(number, tokens))
        result[f"{answers - 1} answers"] = ticker.taken()
        await asyncio.sleep(time.perf_counter() - started)
        result["idle"] = ticker.taken()
    ticking.cancel()
    return result


def main() -> None:
    given = [int(one) for one in sys.argv[1:] if one != "own"]
    answers, tokens = [*given, *(20, 32)[len(given) :]]
    result = asyncio.run(measured(answers, tokens, own="own" in sys.argv))
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
