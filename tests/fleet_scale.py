"""Time and memory of merging a fleet's logs: python -m tests.fleet_scale [DEVICES [ROWS]]

Makes logs of so many devices (1,000) with so many rows each (1,000), merges them in a process of
its own, merges them again with every tenth log uploaded twice and its clock set back by a day, and
says how long each took, the most memory it held, and whether the tables are equal but for times.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.compute
import pyarrow.parquet

from edge_router.routing.artifact.manifest import RouterArtifact

sys.path.append(str(Path(__file__).parent / "made"))
from made_fleet import made_devices

DAY_S = 86_400.0


def main(devices: int = 1_000, rows: int = 1_000) -> bool:
    """Print the figures; whether both tables hold the same."""
    dim = RouterArtifact.load("router-small").manifest.representation_dim
    with tempfile.TemporaryDirectory(prefix="fleet-") as name:
        folder = Path(name)
        start = time.monotonic()
        made_devices(folder / "logs", devices, rows, dim=dim)
        size = sum(path.stat().st_size for path in (folder / "logs").iterdir())
        print(f"made {size / 1e9:.2f} GB of logs in {time.monotonic() - start:.0f} s", flush=True)
        once = _merged(folder, "once", [folder / "logs"])
        _upload_again(folder)
        again = _merged(folder, "again", [folder / "logs", folder / "later"])
        equal = _without_times(once).equals(_without_times(again))
        print("the same outcomes" if equal else "NOT the same outcomes")
        return equal


def _merged(folder: Path, name: str, logs: list[Path]) -> Path:
    out = folder / f"{name}.parquet"
    command = [sys.executable, "-m", "edge_router", "export", "merge", *map(str, logs)]
    start = time.monotonic()
    process = subprocess.Popen([*command, "--out", str(out), "--json"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        facts = json.loads(process.stdout.read())
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    print(
        f"{name}: {facts['rows']:,} rows of {facts['devices']:,} devices, {facts['copies']:,} "
        f"copies, in {time.monotonic() - start:.0f} s ({used.ru_utime + used.ru_stime:.0f} s of "
        f"CPU) with {used.ru_maxrss / 1024:.0f} MB at most; the table has "
        f"{out.stat().st_size / 1e6:.0f} MB",
        flush=True,
    )
    return out


def _upload_again(folder: Path) -> None:
    """Every tenth log once more, by a clock that was set back."""
    (folder / "later").mkdir()
    for path in sorted((folder / "logs").iterdir())[::10]:
        with (folder / "later" / path.name).open("w") as file, path.open() as log:
            for line in log:
                row = json.loads(line)
                file.write(json.dumps(row | {"time": row["time"] - DAY_S}) + "\n")


def _without_times(path: Path) -> pyarrow.Table:
    return pyarrow.parquet.read_table(path).drop_columns(["time"])


if __name__ == "__main__":
    sys.exit(not main(*map(int, sys.argv[1:])))
