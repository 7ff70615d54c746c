"""Runs one adapter in its contender's environment, driven by commands on standard input.

Knows nothing of Edge Router. Arguments: the adapter's file, and "once" for a cold start: load,
decide once, print a line, end. Else one JSON object a line in, one JSON value a line out.
"""

import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

EASY = ["What is the capital of France?", "Say hello to my friend.", "What is 3 plus 4?"]
HARD = [
    "Prove that every finite group of prime order is cyclic.",
    "Derive the gradient of the softmax cross-entropy loss step by step.",
    "Which of these reactions has the highest activation energy, and why?",
]
SUBJECTS = ("birds", "rivers", "engines", "poems", "taxes", "cells", "stars", "bridges")
EXAMPLES = [(f"{text} ({about})", 1.0, 1.0) for text in EASY for about in SUBJECTS] + [
    (f"{text} ({about})", 0.0, 1.0) for text in HARD for about in SUBJECTS
]


def open_adapter(path: str) -> tuple[Any, float]:
    """The adapter's module, and the seconds its imports took."""
    spec = importlib.util.spec_from_file_location("adapter", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    start = time.perf_counter()
    spec.loader.exec_module(module)
    return module, time.perf_counter() - start


def resident_bytes() -> int | None:
    """Resident memory; None without /proc."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) * 1024


def write_line(value: Any) -> None:
    """Write one JSON line to the real standard output."""
    assert sys.__stdout__ is not None
    sys.__stdout__.write(json.dumps(value) + "\n")
    sys.__stdout__.flush()


def timed(decide: Callable[[str], object], text: str) -> float:
    start = time.perf_counter()
    decide(text)
    return time.perf_counter() - start


def main() -> None:
    sys.stdout = sys.stderr  # what a peer prints must not mix with our lines
    module, import_s = open_adapter(sys.argv[1])
    weak, strong = "8b", "frontier"
    decide = module.load(EXAMPLES, weak, strong)
    decide("What is the opposite of hot?")
    write_line({"import_s": import_s})
    if sys.argv[2:] == ["once"]:
        return
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "decide":
            write_line([timed(decide, text) for text in request["texts"]])
        elif request["do"] == "memory":
            write_line(resident_bytes())
        elif request["do"] == "score":
            scorer = module.load(request["examples"], request["weak"], request["strong"])
            write_line([scorer(text) for text in request["texts"]])


if __name__ == "__main__":
    main()
