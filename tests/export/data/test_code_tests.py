"""Programs that models write are run apart, with limits."""

from __future__ import annotations

import os
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


@pytest.mark.skipif(os.name != "posix", reason="what such systems have")
@pytest.mark.parametrize(
    "escape",
    [
        "os.open(FILE, os.O_WRONLY | os.O_TRUNC)",
        "os.open(NEW, os.O_CREAT)",
        "os.mkfifo(NEW)",
        "import __main__; __main__._DENIED = ('x',); os.mkdir(NEW)",
        "import builtins; builtins.set = lambda _: (); open(NEW, 'w')",
        "import signal; signal.pidfd_send_signal(os.pidfd_open(os.getppid()), 0)",
        "import _posixsubprocess; _posixsubprocess.fork_exec()",
        "import sys; sys.exit(int(sys.argv[1]))",
        "import sys; sys.exit(int(sys.orig_argv[-1]))",
    ],
)
def test_a_program_does_not_get_round_its_fence(tmp_path: Path, escape: str) -> None:
    """By flags instead of a mode, by changing what the fence looks at, or by knowing the number
    that says success; what is denied is an error, so that it fails."""
    file, new = tmp_path / "file", tmp_path / "new"
    file.write_text("precious")
    names = f"import os\nFILE, NEW = {str(file)!r}, {str(new)!r}\n"
    assert not passes_tests(names + escape, "")
    assert file.read_text() == "precious"
    assert not new.exists()


def test_what_answers_import_works_inside_the_fence() -> None:
    """Threads, and modules that look at frames, open files to read and import processes."""
    modules = "asyncio, dataclasses, decimal, random, re, tempfile, threading, typing"
    threads = "t = threading.Thread(target=print); t.start(); t.join()"
    named = "from collections import namedtuple; P = namedtuple('P', 'a')"
    assert passes_tests(f"import {modules}\n{threads}\n{named}", "assert P(1).a == 1")


def test_an_endless_program_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the deadline, however long it would run."""
    monkeypatch.setattr(grade, "SECONDS", 0.3)
    assert not passes_tests("while True: pass", "")
