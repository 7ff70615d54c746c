"""Programs that models write are run apart, with limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_router.export.data import grade
from edge_router.export.data.grade import extract_code, passes_tests


def test_code_is_taken_out_of_its_fence() -> None:
    """All blocks, an unclosed one too, or the whole answer."""
    assert extract_code("Sure:\n```python\nx = 1\n```\nand\n```\ny = 2") == "x = 1\n\ny = 2"
    assert extract_code("x = 1") == "x = 1"


@pytest.mark.parametrize(
    ("answer", "tests", "passed"),
    [
        ("```python\ndef f(x):\n    return x + 1\n```", "assert f(1) == 2", True),
        ("import math, re, collections\ndef f(x): return math.sqrt(x)", "assert f(4) == 2", True),
        ("def f(x): return x", "assert f(1) == 2", False),
        ("def f(x) return x", "assert f(1) == 2", False),
        ("", "assert f(1) == 2", False),
        ("raise SystemExit(0)", "assert False", False),
        ("import os; os._exit(0)", "assert False", False),
        ("x = 'a' * 10**10", "", False),
        ("import socket; socket.create_connection(('127.0.0.1', 9))", "", False),
        ("import subprocess; subprocess.run(['true'])", "", False),
        ("import os; os.fork()", "", False),
        ("\ud800", "", False),
    ],
)
def test_only_code_that_passes_all_its_tests_passes(answer: str, tests: str, passed: bool) -> None:
    """Memory, sockets, processes and early exits do not."""
    assert passes_tests(answer, tests) is passed


def test_files_stay_unwritten(tmp_path: Path) -> None:
    """A program cannot write where its user can."""
    target = tmp_path / "written"
    assert not passes_tests(f"open({str(target)!r}, 'w').write('x')", "")
    assert not target.exists()


def test_an_endless_program_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the deadline, however long it would run."""
    monkeypatch.setattr(grade, "SECONDS", 0.3)
    assert not passes_tests("while True: pass", "")
