"""The likelihood of references of rows that were collected before: once each, and kept."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("tqdm", reason="the extra `export`")

from ray_collecting import Scorer, question

from edge_router.errors import BackendUnavailable, ConfigError
from edge_router.export.collecting.asked_expert import AskedExpert
from edge_router.export.collecting.grading.grade import Grading, grade_answers, grading_journal
from edge_router.export.collecting.grading.likelihoods import measure_likelihoods
from edge_router.export.collecting.open_experts import scoring_experts
from edge_router.export.collecting.outcome import likelihood
from edge_router.export.data.rows import read_partial_rows, write_rows
from edge_router.learning.outcomes.rows import Row
from edge_router.settings.expert_config import ExpertConfig


class Counting(Scorer):
    """Counts its calls, and fails at first as often as wanted."""

    def __init__(self, failures: int = 0) -> None:
        super().__init__()
        self.calls, self.failures = 0, failures

    def negative_log_likelihood(self, *args: object, **options: object) -> float | None:
        self.calls += 1
        if self.calls <= self.failures:
            raise BackendUnavailable("busy")
        return super().negative_log_likelihood(*args, **options)  # type: ignore[arg-type]


def collected(path: Path, count: int = 3, **more: object) -> list[Row]:
    """Rows of the expert "a", written to `path`."""
    rows = [question(number) | {"answer": {"a": "0"}, "score": {"a": 0.0}} | more
            for number in range(count)]  # fmt: skip
    write_rows(path, rows)
    return rows


def run(path: Path, backend: Scorer, *, missing: bool = False, name: str = "a") -> list[Row]:
    """Measure, write, and read again."""
    expert = AskedExpert(name, (backend,), measure=likelihood)
    numbers = measure_likelihoods(path, path, {}, [expert], missing=missing, first_pause_s=0.0)
    grade_answers(path, path, Grading((), likelihoods=numbers))
    return list(read_partial_rows(path))


def test_references_are_scored_and_nothing_is_asked(tmp_path: Path) -> None:
    """In nats, in the rows of the expert that answered; all else stays."""
    path = tmp_path / "x.jsonl"
    rows, backend = collected(path), Counting()
    assert "nll" not in run(path, Counting(), name="b")[0]
    after = run(path, backend)
    assert [row.pop("nll")["a"] for row in after] == pytest.approx([1.0, 1.0, 1.0], abs=0.2)
    assert after == rows
    assert backend.requests == []
    assert not grading_journal(path).path.exists()


def test_what_a_killed_run_measured_is_not_measured_again(tmp_path: Path) -> None:
    """As long as question and reference are the same."""
    path = tmp_path / "x.jsonl"
    rows = collected(path)
    first = AskedExpert("a", (Counting(),), measure=likelihood)
    measure_likelihoods(path, path, {}, [first])
    write_rows(path, [*rows[:2], rows[2] | {"gold": "1234567"}])
    backend = Counting()
    after = run(path, backend)
    assert backend.calls == 1
    assert after[2]["nll"]["a"] > 7


def test_only_the_missing_ones_if_wanted(tmp_path: Path) -> None:
    """A number that is there stays."""
    path = tmp_path / "x.jsonl"
    collected(path, nll={"a": 0.5})
    assert {row["nll"]["a"] for row in run(path, Counting(), missing=True)} == {0.5}
    assert all(row["nll"]["a"] != 0.5 for row in run(path, Counting()))


def test_a_model_that_fails_is_asked_again_and_leaves_no_number(tmp_path: Path) -> None:
    """Three times; then the row has none, nor does it count as failed."""
    path = tmp_path / "x.jsonl"
    collected(path, count=2)
    after = run(path, Counting(failures=3))
    assert ["nll" in row for row in after] == [False, True]
    assert "failed" not in after[0]


def test_a_server_states_no_likelihood() -> None:
    """Asked for by name it is refused, and so are settings without a local model."""
    server = ExpertConfig("openai", "m", "8b", base_url="http://127.0.0.1:1/v1")
    for configured, names, message in (
        ({"s": server}, ["s"], r"\[experts.s\] is none"),
        ({"s": server}, None, r"\[experts.s\] is none"),
        ({}, None, "no expert is configured"),
    ):
        with (
            pytest.raises(ConfigError, match=message),
            scoring_experts(configured, names, parallel=1),
        ):
            pass
