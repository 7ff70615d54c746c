"""Grades answers: the runtime's metrics, and "code", whose answers must pass tests."""

from __future__ import annotations

import re
import secrets
import subprocess
import sys
import tempfile

from edge_router.learning.enrolment import grading

__all__ = ["INSTRUCTIONS", "MAX_TOKENS", "extract_code", "grade", "passes_tests"]


INSTRUCTIONS = grading.INSTRUCTIONS | {"code": "\n\nAnswer with the Python code only."}
MAX_TOKENS = grading.MAX_TOKENS | {"code": 192}


def grade(metric: str, answer: str, gold: str) -> float:
    """`grading.grade`; for the metric "code", whether the code in `answer` passes `gold`."""
    if metric == "code":
        return float(passes_tests(answer, gold))
    return grading.grade(metric, answer, gold)


SECONDS = 10.0
MEMORY_BYTES = 512 * 1024 * 1024

_FENCE = f"""
import sys
def _limit():
    try:
        import resource
    except ImportError:  # Windows; the deadline outside still holds
        return
    resource.setrlimit(resource.RLIMIT_CPU, ({int(SECONDS)}, {int(SECONDS)}))
    resource.setrlimit(resource.RLIMIT_AS, ({MEMORY_BYTES}, {MEMORY_BYTES}))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
_limit()
_DENIED = ("socket.", "subprocess.", "os.", "shutil.", "ctypes.", "signal.", "webbrowser.")
_HARMLESS = ("os.listdir", "os.scandir", "os.putenv")
def _fence(event, args):
    denied = event.startswith(_DENIED) and event not in _HARMLESS
    writes = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
    if denied or writes:
        raise PermissionError(event)
sys.addaudithook(_fence)
exec(compile(sys.stdin.read(), "answer", "exec"), {{"__name__": "answer"}})
sys.exit(int(sys.argv[1]))
"""


def extract_code(answer: str) -> str:
    """The fenced code blocks of an answer, or all of it where there is none."""
    blocks: list[str] = re.findall(r"```[^\n]*\n(.*?)(?:```|\Z)", answer, re.DOTALL)
    return "\n".join(blocks) if blocks else answer


def passes_tests(answer: str, tests: str) -> bool:
    """Whether the code in `answer`, followed by `tests`, runs to its end within the limits."""
    program = f"{extract_code(answer)}\n{tests}\n"
    passed = 100 + secrets.randbelow(100)  # so that a program that ends itself has not passed
    with tempfile.TemporaryDirectory() as empty:
        try:
            done = subprocess.run(  # noqa: S603 - our own interpreter; what it may do is fenced
                [sys.executable, "-I", "-S", "-B", "-c", _FENCE, str(passed)],
                input=program.encode(errors="replace"),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=SECONDS * 2,
                cwd=empty,
                env={},
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
    return done.returncode == passed
