"""Collecting on Ray: lost nodes and killed drivers cost no row and double none."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray_nodes import Nodes, ray_nodes

pytest.importorskip("ray", reason="the extra `ray`")
pytest.importorskip("tqdm", reason="the extra `export`")

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).parents[2] / "made" / "ray_collecting.py"
SECONDS = 240


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """A cluster of two nodes with a CPU each, and a head with none."""
    with ray_nodes() as cluster:
        cluster.join()
        cluster.join()
        yield cluster


def start(out: Path, *options: object) -> subprocess.Popen[str]:
    """A driver."""
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), str(out), *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def figures(driver: subprocess.Popen[str]) -> dict[str, float]:
    """What the driver prints at its end."""
    said, errors = driver.communicate(timeout=SECONDS)
    assert driver.returncode == 0, errors[-2000:]
    printed: dict[str, float] = json.loads(said.splitlines()[-1])
    return printed


def wait_for(count: int, out: Path, driver: subprocess.Popen[str]) -> None:
    """Until the journal has so many lines."""
    journal = out.with_name(f"{out.name}.journal")
    for _ in range(SECONDS * 20):
        if journal.exists() and journal.read_bytes().count(b"\n") >= count:
            return
        assert driver.poll() is None, driver.communicate()
        time.sleep(0.05)
    raise AssertionError(f"not {count} rows in {SECONDS} s")


def rows_of(out: Path) -> list[dict[str, object]]:
    """The rows without how long they took."""
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    return [{key: row[key] for key in row if key not in ("ttft_s", "latency_s")} for row in rows]


def same_as_one_process(out: Path, count: int) -> bool:
    """Whether the table is the one that a single process makes, in its order."""
    alone = out.with_name(f"alone-{out.name}")
    figures(start(alone, "--rows", count))
    return rows_of(out) == rows_of(alone)


def test_a_node_joins_and_another_is_killed_in_the_middle(nodes: Nodes, tmp_path: Path) -> None:
    """A node joins, and another dies by SIGKILL: the table is whole, no row is there twice."""
    out, asked = tmp_path / "x.jsonl", tmp_path / "asked"
    options = ("--engine", "ray", "--address", nodes.address, "--parallel", 3)
    driver = start(out, *options, "--rows", 300, "--delay", 0.1, "--asked", asked)
    wait_for(50, out, driver)
    doomed = nodes.join()
    wait_for(100, out, driver)
    nodes.kill(doomed)
    figures(driver)
    assert same_as_one_process(out, 300)
    assert asked.read_text().count("\n") < 300 + 3 * 20  # only what was under way, once more


def test_a_driver_that_is_killed_ten_times_goes_on(nodes: Nodes, tmp_path: Path) -> None:
    """At random moments: nothing is lost, nothing is double, little is asked again."""
    out, asked = tmp_path / "x.jsonl", tmp_path / "asked"
    chance = random.Random(0)
    options = ("--engine", "ray", "--address", nodes.address, "--parallel", 2)
    for kill in range(10):
        driver = start(out, *options, "--rows", 300, "--delay", 0.02, "--asked", asked)
        wait_for(20 * kill + chance.randrange(1, 20), out, driver)
        time.sleep(chance.random() / 10)
        os.kill(driver.pid, signal.SIGKILL)
        driver.communicate()
    figures(start(out, *options, "--rows", 300, "--asked", asked))
    assert same_as_one_process(out, 300)
    assert asked.read_text().count("\n") < 2 * 300


def test_a_question_that_kills_its_workers_has_failed(nodes: Nodes, tmp_path: Path) -> None:
    """It alone, after Ray's retries; the other questions of its batch have their answers."""
    out = tmp_path / "x.jsonl"
    options = ("--engine", "ray", "--address", nodes.address, "--parallel", 1)
    figures(start(out, *options, "--rows", 12, "--deadly", 7))
    rows = rows_of(out)
    assert [row["id"] for row in rows if row["score"]] == [str(n) for n in range(12) if n != 7]
    assert rows[7]["failed"] == {"fake": "the worker that asked it died 4 times"}


def test_the_stated_rate_is_kept_over_all_workers(nodes: Nodes, tmp_path: Path) -> None:
    """Two workers together begin a request each quarter of a second."""
    out, asked = tmp_path / "x.jsonl", tmp_path / "asked"
    options = ("--engine", "ray", "--address", nodes.address, "--parallel", 2)
    figures(start(out, *options, "--rows", 16, "--per-minute", 240, "--asked", asked))
    times = sorted(map(float, asked.read_text().split()))
    assert len(times) == 16
    assert times[-1] - times[0] >= 14 * 0.25


SILENT = """
import os, sys
from pathlib import Path
os.environ["RAY_USAGE_STATS_ENABLED"] = "1"
from edge_router.export.collecting.ray_cluster import ray_cluster
def one():
    return 1
with ray_cluster(None, cpus=1) as ray:
    assert ray.get(ray.remote(one).remote()) == 1
    from ray._common.usage import usage_lib
    assert not usage_lib.usage_stats_enabled()
    session = os.getsid(0)
    sockets = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(process.name)) == session:
                sockets |= {os.readlink(one) for one in (process / "fd").iterdir()}
        except OSError:
            pass
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            _, local, remote, *_, inode = line.split()[:10]
            if f"socket:[{inode}]" in sockets:
                print(local.split(":")[0], remote.split(":")[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_cluster_of_our_own_is_silent_and_on_loopback() -> None:
    """No usage statistics; every socket of it listens or talks on 127.0.0.1, and no file stays."""
    said = subprocess.run(
        [sys.executable, "-c", SILENT],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        start_new_session=True,
    )
    assert said.returncode == 0, said.stderr[-2000:]
    ends = [set(line.split()) for line in said.stdout.splitlines()]
    assert len(ends) > 5
    loopback = {"0100007F", "0000000000000000FFFF00000100007F"}
    nobody = {"00000000", "00000000000000000000000000000000"}
    for local, *_ in (line.split() for line in said.stdout.splitlines()):
        assert local in loopback
    assert set().union(*ends) <= loopback | nobody
