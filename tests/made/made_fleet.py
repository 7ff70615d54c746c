"""Made devices of a fleet: their exported logs, as many and as long as asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edge_router.learning.fleet.shared_row import SharedRow, packed
from edge_router.routing.experts.expert import Estimate
from made_log import row

ROUTER = "a" * 64
OTHER_ROUTER = "b" * 64


def shared(device: str, order: int, *, export: int = 1, z: float = 0.0, **changes: object) -> Any:
    """One exported row of a device, as JSON has it."""
    outcome = row(order, z=z, **{"id": f"{device}-{order}", "artifact": ROUTER, **changes})
    return packed(SharedRow(device, export, order, outcome), text=False)


def write_log(path: Path, rows: Iterable[Any]) -> Path:
    """The rows as an exported log."""
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return path


def made_devices(folder: Path, devices: int, rows: int, *, dim: int, seed: int = 0) -> None:
    """Logs of so many devices, each with so many rows whose representation has `dim` numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    for device in range(devices):
        name = f"{device:032x}"
        with (folder / f"{name}.jsonl").open("w") as file:
            for one in _made_rows(random, name, rows, dim):
                file.write(json.dumps(one) + "\n")


def _made_rows(random: np.random.Generator, device: str, rows: int, dim: int) -> Iterator[Any]:
    vectors = random.normal(0, 1, (rows, dim)).astype(np.float32)
    explored, good = random.random((2, rows))
    estimates = {
        "weak": Estimate("weak", 0.4, 0.0, 1.0, 10.0),
        "strong": Estimate("strong", 0.7, 0.01, 2.0, 20.0),
    }
    for order in range(rows):
        asked, other = ("strong", "weak") if explored[order] < 0.2 else ("weak", "strong")
        outcome = row(
            order,
            id=f"{device}-{order}",
            artifact=ROUTER,
            vector=vectors[order],
            estimates=estimates,
            expert=asked,
            rival=other,
            propensity=0.2 if asked == "strong" else 0.8,
            score=float(good[order] < (0.8 if asked == "strong" else 0.5)),
        )
        yield packed(SharedRow(device, 1, order, outcome), text=False)
