"""Evaluating and grading through Ray, in a program of its own: the numbers of one process."""

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
from edge_router.export.collecting.grading.grade import Grading, grade_answers
from edge_router.export.collecting.grading.likelihoods import measure_likelihoods
from edge_router.export.collecting.outcome import likelihood
from edge_router.export.collecting.ray_expert import RayExpert
from edge_router.export.collecting.asked_expert import AskedExpert
from edge_router.export.data.rows import BadData, write_rows
from ray_collecting import Scorer, question
from edge_router.export.evaluation import RouterContender, Tables, evaluate

tables = Tables(small_outcomes(small_rows("easy", PAIR, count=60), small_rows("level", PAIR)))
tasks = tables.pairs({"easy": ("small", "large"), "level": ("small", "large")})
kind = RouterContender.of(KindRouter)

def run(work, **engine):
    result = evaluate([kind], tasks, work=Path(work), repeats=20, **engine)
    return {key: value for key, value in result.items() if key != "created"}

def refuse(piece):
    raise BadData(f"piece {piece} is bad")

def grade(path, expert, **engine):
    code = {"metric": "code", "gold": "assert x == 7", "reference": "x = 7"}
    answers = {"f": "x = 7", "g": "x = 8", "h": "It is 4."}
    asked = [question(number) | (code if number % 9 == 0 else {}) for number in range(90)]
    write_rows(path, [row | {"answer": answers} for row in asked])
    numbers = measure_likelihoods(path, path, {}, [expert])
    grade_answers(path, path, Grading(likelihoods=numbers), **engine)
    return path.read_bytes()

with ray_map(None) as each:
    through_ray = run("ray", each=each)
    on_ray = RayExpert(each.ray, "f", Scorer, 2, measure=likelihood)
    graded = grade(Path("ray.jsonl"), on_ray, each=each)
    try:
        list(each(refuse, [7]))
    except BadData as error:
        said = str(error)
alone = run("alone")
same = graded == grade(Path("alone.jsonl"), AskedExpert("f", (Scorer(),), measure=likelihood))
print(json.dumps([through_ray == alone, same, len(list(Path("ray/predictions").iterdir())), said]))
"""


@pytest.mark.slow
def test_evaluating_and_grading_on_ray_are_those_of_one_process(tmp_path: Path) -> None:
    """Every number of it; predictions are kept on the driver's disk; an error is what it was.
    Answers are graded to the same bytes: code tests, similarity, likelihoods of references."""
    made = Path(__file__).parents[2] / "made"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        # Workers import fake_routers too, and are not starved on a busy machine.
        env=os.environ | {"PYTHONPATH": str(made), "RAY_worker_niceness": "0"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == [True, True, 2, "piece 7 is bad"]
