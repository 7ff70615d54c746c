"""Marks become counts, counts a baseline, and the baseline a gate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.benchmarks.arm.agreement import Agreement
from edge_router.benchmarks.arm.baseline import LIMIT, Baseline, kept_baseline
from edge_router.benchmarks.arm.errors import BaselineUnusable, GuestFailed
from edge_router.benchmarks.arm.gate import Gate
from edge_router.benchmarks.arm.instructions import Count, counts_of, read_marks
from edge_router.benchmarks.arm.rows import rows_of
from edge_router.benchmarks.arm.visit import Visit
from edge_router.benchmarks.rows.context import Context
from edge_router.benchmarks.rows.schema import check_row

ENCODE = "encode/router/64"
MADE_WITH = {"onnxruntime": "1.32.0"}


def _count(instructions: int, *, machine: str = "cortex-a72", model: str = "router") -> Count:
    return Count(machine, "encode", model, 64, (instructions,))


def _gate(
    path: Path,
    *counts: Count,
    flips: int = 0,
    update: bool = False,
    said: list[str] | None = None,
) -> list[str]:
    """The faults of one machine; what the gate says goes to `said`."""
    said = [] if said is None else said
    gate = Gate(path, {"encoder": "abc"}, said.append, update=update)
    return gate.judge(Agreement("cortex-a72", flips, (0.0,)), Visit(MADE_WITH, (), counts))


def test_only_numbers_of_the_log_are_marks() -> None:
    """The emulator may write lines of its own."""
    assert read_marks("10\nwarning: TCG lacks 3 features\n25\n\n") == [10, 25]


def test_counts_lie_between_two_marks_less_the_cost_of_a_mark() -> None:
    """An empty stretch costs 5 at least: 105 and 107 are 100 and 102 instructions."""
    labels = ["nothing", "nothing", ENCODE, ENCODE]
    marks = [0, 6, 10, 15, 20, 125, 130, 237]
    (count,) = counts_of("cortex-a76", labels, marks)
    assert count == Count("cortex-a76", "encode", "router", 64, (100, 102))
    assert count.instructions == 101
    assert count.label == ENCODE


def test_missing_marks_are_an_error() -> None:
    """A plugin that saw no system call must not give counts of zero."""
    with pytest.raises(GuestFailed, match="0 marks for 1 stretches"):
        counts_of("cortex-a72", [ENCODE], [])


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=5), st.integers(0, 10**6))
def test_the_cost_of_marks_never_shows(lengths: list[int], cost: int) -> None:
    """Whatever a mark costs, the stretches keep their lengths."""
    marks = [0, cost]
    for length in lengths:
        marks += [marks[-1], marks[-1] + length + cost]
    labels = ["nothing", *[ENCODE] * len(lengths)]
    (count,) = counts_of("cortex-a72", labels, marks)
    assert count.samples == tuple(lengths)


def test_a_baseline_is_read_as_it_was_written(tmp_path: Path) -> None:
    """JSON and back."""
    baseline = Baseline.of([_count(100), _count(50, machine="cortex-a76")], MADE_WITH)
    baseline.write(tmp_path / "baseline.json")
    assert Baseline.read(tmp_path / "baseline.json") == baseline


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"made_with": {}, "instructions": {"cortex-a72": {"encode/router/64": 0}}}'],
)
def test_a_malformed_baseline_is_refused(tmp_path: Path, content: str) -> None:
    """The message names the file and the fix."""
    path = tmp_path / "baseline.json"
    path.write_text(content)
    with pytest.raises(BaselineUnusable, match=r"baseline\.json .*--update-baseline"):
        Baseline.read(path)


def test_machines_are_kept_one_by_one() -> None:
    """A machine's new counts replace its own only."""
    known = Baseline.of([_count(100), _count(50, machine="cortex-a76")], MADE_WITH)
    result = known.with_counts([_count(90)], MADE_WITH)
    assert result.instructions == {"cortex-a72": {ENCODE: 90}, "cortex-a76": {ENCODE: 50}}


def test_counts_made_with_something_else_are_dropped() -> None:
    """Another version's counts must not stand beside the new ones."""
    known = Baseline.of([_count(100), _count(50, machine="cortex-a76")], MADE_WITH)
    result = known.with_counts([_count(90)], {"onnxruntime": "1.33.0"})
    assert result == Baseline({"onnxruntime": "1.33.0"}, {"cortex-a72": {ENCODE: 90}})


@pytest.mark.parametrize(("instructions", "faults"), [(900, 0), (1020, 0), (1021, 1), (2000, 1)])
def test_the_gate_shuts_at_more_than_two_percent(
    tmp_path: Path, instructions: int, faults: int
) -> None:
    """1,000 instructions are kept: 1,020 pass, 1,021 do not."""
    assert LIMIT == 0.02
    kept = Baseline.of([_count(1000)], MADE_WITH)
    assert len(kept.faults([_count(instructions)])) == faults


def test_the_yardstick_is_not_judged() -> None:
    """The ready-made model cannot regress here."""
    kept = Baseline.of([_count(1000), _count(1000, model="ready-made")], MADE_WITH)
    assert kept.faults([_count(1000), _count(2000, model="ready-made")]) == []


def test_a_run_that_grew_fails_and_says_where(tmp_path: Path) -> None:
    """The failure holds one sentence for each fault; other versions are reported beside it."""
    path = tmp_path / "baseline.json"
    Baseline.of([_count(1000)], {"onnxruntime": "1.31.0"}).write(path)
    assert _gate(path, _count(1100), flips=1) == [
        "cortex-a72 decides 1 of 1 queries otherwise",
        "cortex-a72 takes +10.0% instructions for encode/router/64 (1,100), more than +2%",
    ]


def test_versions_that_differ_are_reported(tmp_path: Path) -> None:
    """Other packages explain other counts."""
    path = tmp_path / "baseline.json"
    Baseline.of([_count(1000)], {"onnxruntime": "1.31.0"}).write(path)
    said: list[str] = []
    assert _gate(path, _count(1000), said=said) == []
    assert said[0] == "not as in the baseline: onnxruntime 1.32.0, baseline 1.31.0"


def test_an_update_judges_no_counts_but_still_decisions(tmp_path: Path) -> None:
    """The counts are kept; a flip remains a fault."""
    path = tmp_path / "baseline.json"
    Baseline.of([_count(1000)], MADE_WITH).write(path)
    faults = _gate(path, _count(1100), flips=1, update=True)
    assert faults == ["cortex-a72 decides 1 of 1 queries otherwise"]
    assert Baseline.read(path).instructions == {"cortex-a72": {ENCODE: 1100}}
    assert Baseline.read(path).made_with == {"encoder": "abc", **MADE_WITH}


@pytest.mark.parametrize("content", [None, "", "{}"])
def test_an_update_needs_no_good_file(tmp_path: Path, content: str | None) -> None:
    """It writes one where there is none, and over one that cannot be read."""
    path = tmp_path / "baseline.json"
    if content is not None:
        path.write_text(content)
    _gate(path, _count(1000), update=True)
    assert Baseline.read(path).instructions["cortex-a72"][ENCODE] == 1000


def test_a_machine_that_the_baseline_does_not_know_has_not_passed(tmp_path: Path) -> None:
    """The fault says how to keep its counts."""
    path = tmp_path / "baseline.json"
    Baseline.of([_count(1000)], MADE_WITH).write(path)
    (fault,) = _gate(path, _count(1000, machine="cortex-a76"))
    assert fault == "the baseline has no such count of cortex-a76; keep these: --update-baseline"


def test_a_missing_baseline_is_an_error_where_it_should_judge(tmp_path: Path) -> None:
    """A gate that finds nothing to compare with has not passed."""
    with pytest.raises(BaselineUnusable, match="--update-baseline"):
        _gate(tmp_path / "none.json", _count(1000))


def test_the_kept_baseline_covers_both_boards() -> None:
    """The committed file is one that the gate can read."""
    kept = Baseline.read(kept_baseline())
    assert {"cortex-a72", "cortex-a76"} <= kept.instructions.keys()
    assert {"encoder", "qemu", "onnxruntime"} <= kept.made_with.keys()


def test_results_become_rows_that_are_never_times() -> None:
    """Flips, the largest differences by query, instructions; and what failed."""
    results = [Agreement("nehalem", 1, (0.0, 0.5)), _count(1000)]
    rows = list(rows_of(results, ["it fell"], machine="nehalem", context=Context.now()))
    assert [(row.cell.measure, row.cell.unit, row.samples) for row in rows[:-1]] == [
        ("flips", "queries", (1.0,)),
        ("logit difference", "log-odds", (0.0, 0.5)),
        ("encode", "instructions", (1000.0,)),
    ]
    assert all(row.valid and row.cell.exact for row in rows[:-1])
    assert rows[2].cell.settings == {"machine": "cortex-a72", "tokens": 64}
    assert (rows[-1].error, rows[-1].valid) == ("it fell", False)
    for row in rows:
        check_row(json.loads(json.dumps(row.to_json())))
