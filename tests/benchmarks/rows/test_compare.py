"""Verdicts on two runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.benchmarks.cli import main
from edge_router.benchmarks.printers import PRINTERS
from edge_router.benchmarks.rows.compare import Verdict, compare, ratio_interval
from made_rows import made_row


def drawn(median: float, scatter: float = 0.02, n: int = 100, seed: int = 0) -> list[float]:
    """`n` samples around `median`."""
    return (median * np.random.default_rng(seed).normal(1.0, scatter, n)).tolist()


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        (drawn(1.0), drawn(1.5, seed=1), Verdict.WORSE),
        (drawn(1.5), drawn(1.0, seed=1), Verdict.BETTER),
        (drawn(1.0), drawn(1.0, seed=1), Verdict.SAME),
        (drawn(1.0), drawn(1.02, seed=1), Verdict.SAME),
        (drawn(1.0, 0.5, n=10), drawn(1.1, 0.5, n=10, seed=1), Verdict.CANNOT_TELL),
        ([1.0] * 4, [2.0] * 4, Verdict.CANNOT_TELL),
        ([0.0] * 9, [1.0] * 9, Verdict.CANNOT_TELL),
    ],
)
def test_the_verdict_knows_about_noise(
    old: list[float], new: list[float], verdict: Verdict
) -> None:
    """Far apart, close, scattered, and too few."""
    (result,) = compare([made_row(old)], [made_row(new)])
    assert result.verdict is verdict


def test_where_more_is_better_the_ratio_is_turned_round() -> None:
    """Half of the tokens a second is worse by two."""
    (result,) = compare(
        [made_row(drawn(200), better="more")], [made_row(drawn(100), better="more")]
    )
    assert result.verdict is Verdict.WORSE
    assert result.ratio == pytest.approx(2.0)
    assert result.low <= result.ratio <= result.high


def test_what_is_counted_needs_one_sample() -> None:
    """Instructions do not scatter."""
    old, new = (made_row([n], unit="instructions", exact=True) for n in (100.0, 103.1))
    (result,) = compare([old], [new])
    assert result.verdict is Verdict.WORSE


def test_nothing_counted_twice_is_the_same() -> None:
    """No flips then, none now, though a ratio of zeros says nothing."""
    old, new = (made_row([0.0], unit="queries", exact=True) for _ in range(2))
    (result,) = compare([old], [new])
    assert (result.verdict, result.why) == (Verdict.SAME, "")


def test_invalid_rows_decide_nothing() -> None:
    """And the verdict says why."""
    bad = made_row(drawn(9.0), faults=("loaded: by others",))
    (result,) = compare([made_row(drawn(1.0))], [bad])
    assert result.verdict is Verdict.CANNOT_TELL
    assert result.why == "the new row is invalid: loaded: by others"


def test_only_the_same_cells_are_compared() -> None:
    """32 tokens are not 64."""
    assert compare([made_row()], [made_row(settings={"tokens": 64, "threads": 1})]) == []


@given(st.lists(st.floats(0.5, 2.0), min_size=5, max_size=30), st.floats(0.1, 10.0))
def test_the_interval_holds_an_exact_factor(values: list[float], factor: float) -> None:
    """Both sides scatter alike, so the ratio of medians is the factor itself."""
    ratio, low, high = ratio_interval(values, [factor * value for value in values])
    assert ratio == pytest.approx(factor)
    assert low <= ratio * (1 + 1e-9)
    assert high >= ratio * (1 - 1e-9)


@pytest.mark.parametrize(("limit", "code"), [(None, 0), ("5", 1), ("100", 0)])
def test_the_exit_code_is_for_continuous_integration(
    limit: str | None, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """1 when something is surely slower by more than the limit."""
    old, new = tmp_path / "old.jsonl", tmp_path / "new.jsonl"
    old.write_text(PRINTERS["jsonl"]([made_row(drawn(1.0))]))
    new.write_text(PRINTERS["jsonl"]([made_row(drawn(1.5, seed=1))]))
    more = [] if limit is None else ["--fail-above", limit]
    assert main(["compare", str(old), str(new), *more]) == code
    assert "1 slower" in capsys.readouterr().out


def test_files_without_a_common_cell_are_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A gate that compares nothing must not pass."""
    path, empty = tmp_path / "old.jsonl", tmp_path / "new.jsonl"
    path.write_text(PRINTERS["jsonl"]([made_row()]))
    empty.write_text("")
    assert main(["compare", str(path), str(empty)]) == 2
    assert "no cell in common" in capsys.readouterr().err
