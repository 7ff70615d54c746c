"""An evaluation through Ray, in a program of its own: the numbers of one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="the extra `ray`")
pytest.importorskip("tqdm", reason="the extra `export`")

PROGRAM = """
import json
from pathlib import Path
from fake_routers import KilledRouter, KindRouter
from small_tables import PAIR, small_outcomes, small_rows
from edge_router.errors import EdgeRouterError
from edge_router.export.collecting.ray_map import ray_map
from edge_router.export.data.rows import BadData
from edge_router.export.evaluation import RouterContender, Tables, evaluate

tables = Tables(small_outcomes(small_rows("easy", PAIR, count=60), small_rows("level", PAIR)))
tasks = tables.pairs({"easy": ("small", "large"), "level": ("small", "large")})
kind = RouterContender.of(KindRouter)

def run(work, **engine):
    result = evaluate([kind], tasks, work=Path(work), repeats=20, **engine)
    return {key: value for key, value in result.items() if key != "created"}

def refuse(piece):
    raise BadData(f"piece {piece} is bad")

with ray_map(None) as each:
    through_ray = run("ray", each=each)
    try:
        list(each(refuse, [7]))
    except BadData as error:
        said = str(error)
alone = run("alone")
print(json.dumps([through_ray == alone, len(list(Path("ray/predictions").iterdir())), said]))
"""


@pytest.mark.slow
def test_an_evaluation_on_ray_is_that_of_one_process(tmp_path: Path) -> None:
    """Every number of it; predictions are kept on the driver's disk; an error is what it was."""
    made = Path(__file__).parents[2] / "made"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"PYTHONPATH": str(made)},  # workers import fake_routers too
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == [True, 2, "piece 7 is bad"]
