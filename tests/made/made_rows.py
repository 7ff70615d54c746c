"""Rows for tests, made by hand: no clock and no machine has a say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from edge_router.benchmarks.rows.conditions import Conditions
from edge_router.benchmarks.rows.context import Context
from edge_router.benchmarks.rows.row import Cell, Row

QUIET = Conditions(
    monotonic_s=100.0,
    load_1m=0.1,
    busy_s=1000.0,
    steal_s=5.0,
    ours_s=1.0,
    frequency_mhz=2400.0,
    temperature_c=50.0,
    throttled=0,
)
CONTEXT = Context(
    edge_router="0.1.0",
    commit="0123456789ab",
    artifact="router-small",
    artifact_hash="a" * 64,
    cpu="Cortex-A76",
    flags=("asimd", "asimddp"),
    cores=4,
    governor="performance",
    board="Raspberry Pi 5 Model B Rev 1.0",
    memory_bytes=8 * 2**30,
    machine="aarch64",
    os="Linux 6.6 Debian GNU/Linux 12 (bookworm)",
    python="CPython 3.11.2",
    packages={"numpy": "2.4.6"},
    time_utc="2026-11-23T12:00:00Z",
)


def later(seconds: float, **changes: Any) -> Conditions:
    """`seconds` after QUIET, in which only this process ran on one core."""
    busy, ours = (QUIET.busy_s or 0.0) + seconds, QUIET.ours_s + seconds
    after = replace(QUIET, monotonic_s=QUIET.monotonic_s + seconds, busy_s=busy, ours_s=ours)
    return replace(after, **changes)


def made_row(samples: Sequence[float] = (1.0, 2.0, 3.0), **changes: Any) -> Row:
    """A valid row of whole decisions; `changes` are fields of its cell or of the row."""
    in_cell = {name: changes.pop(name) for name in list(changes) if hasattr(Cell, name)}
    settings = in_cell.pop("settings", {"tokens": 32, "threads": 1})
    cell = Cell("latency", in_cell.pop("measure", "whole"), settings=settings, **in_cell)
    return replace(Row(cell, tuple(samples), 10, CONTEXT, QUIET, later(2.0)), **changes)
