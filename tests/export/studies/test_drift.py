"""The study of the drift alarm: its texts, its streams and its tables."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np

from edge_router.export.studies.drift import _alarms, _rate, drift_markdown, live_queries
from edge_router.learning.drift.mmd_test import DriftReference
from edge_router.learning.drift.traffic import Traffic, TrafficView


def test_live_queries_are_chinese_code_and_ten_times_as_long(tmp_path: Path) -> None:
    """Of OpsEval only what is Chinese; of the held-out texts ten make one."""
    for name, row in (
        ("mbpp/mbpp.jsonl.gz", {"text": "Write a function."}),
        ("humaneval/HumanEval.jsonl.gz", {"prompt": "def f():"}),
    ):
        path = tmp_path / "queries" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(gzip.compress(json.dumps(row).encode()))
    asked = [{"question": "什么是日志?"}, {"question": "What is a log?"}]
    path = tmp_path / "queries/opseval/test/Log.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(asked), encoding="utf-8")
    result = live_queries(tmp_path, ["a b"] * 20)
    assert list(result.values()) == [
        ["a b"] * 20,
        ["什么是日志?"],
        ["Write a function."],
        ["def f():"],
        [" ".join(["a b"] * 10)] * 2,
    ]


def test_streams_alarm_on_drift_and_the_tables_say_so() -> None:
    """A shift of three deviations at the first look of every stream."""
    random = np.random.default_rng(0)

    def made(shift: float) -> Traffic:
        vectors = random.normal(shift, 1, (450, 3)).astype(np.float32)
        return Traffic(vectors, np.ones(450, np.float32), np.full(450, 9))

    known = made(0.0)
    one = np.ones((3, 1), np.float32)
    view = TrafficView.fit(known, kinds=0, weights=one, biases=np.zeros(1, np.float32))
    result = _alarms(DriftReference.of_traffic(view, known), made(3.0), 2, random)
    assert result["alarmed"] == {"50": 1.0, "100": 1.0, "200": 1.0}
    rate = _rate(np.array([[0.001, 0.5], [0.5, 0.5]]), 0.01)
    assert rate == {"alarmed": 0.25, "standard_error": 0.25}
    message = drift_markdown(
        {
            "artifact": "a" * 64,
            "known": 450,
            "looks": [50, 100, 200],
            "seed": 0,
            "without_drift": {"streams": 4, "splits": 2, "rates": {"0.01": rate}},
            "drift": {"made": result},
        }
    )
    assert "| 1% | 25.0% | 25.0% |" in message
    assert "| made | 450 | 2 | 100.0% | 100.0% | 100.0% |" in message
