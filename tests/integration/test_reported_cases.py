"""The cases that were reported elsewhere come out right here."""

from __future__ import annotations

import sys

import pytest

from .reported_cases import CASES, TABLE, Case, ran

LONG = ("case07", "case10.sh")  # over a minute each; `reported_cases.py` runs them too


@pytest.mark.slow
@pytest.mark.skipif(not CASES.is_dir(), reason="the reported cases are not beside this repository")
@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.name)
def test_it_comes_out_right(case: Case) -> None:
    """What the script's first lines call right."""
    pytest.importorskip("llama_cpp", reason="the extra `local` is not installed")
    if case.name in LONG:
        pytest.skip("over a minute: python tests/integration/reported_cases.py runs it")
    printed = ran(case, CASES, sys.executable)
    assert case.right(printed), printed
