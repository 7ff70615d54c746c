"""Grades answers: the runtime's metrics, and "code", whose answers must pass tests."""

from __future__ import annotations

import os
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

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

# Where the answer runs. What it denies is written into the hook's code, since an answer can change
# any variable; what raises no audit event is taken away first. The number of success comes before
# the program, so that no file of the system has it.
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
def _take_away():
    def denied(*_, **__):
        raise PermissionError
    for module in ("posix", "nt", "os", "_signal", "signal", "_posixsubprocess"):
        try:
            names = vars(__import__(module))
        except ImportError:
            continue
        for name in ("fork_exec", "mkfifo", "mknod", "pidfd_open", "pidfd_send_signal"):
            if name in names:
                names[name] = denied
def _fence(event, args):
    denied = event.startswith(
        ("socket.", "subprocess.", "os.", "shutil.", "ctypes.", "signal.", "webbrowser.", "gc.get_")
    ) and event not in ("os.listdir", "os.scandir", "os.putenv")
    if denied or (event == "open" and args[2] & {WRITING}):
        raise PermissionError(event)
def _run(fence):
    passed = int(sys.stdin.readline())
    program = compile(sys.stdin.read(), "answer", "exec")
    vars(sys.modules["__main__"]).clear()
    import sys as system
    system.addaudithook(fence)
    exec(program, {{"__name__": "answer"}})
    raise SystemExit(passed)
_limit()
_take_away()
_run(_fence)
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
                [sys.executable, "-I", "-S", "-B", "-c", _FENCE],
                input=f"{passed}\n{program}".encode(errors="replace"),
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
