"""The evaluation: any artifact or research router, any outcome table, one report.

tables = Tables(outcomes, embeddings, measure(outcomes))
tasks = tables.pairs({"mmlu_test_joint": ("mixtral-8x7b-instruct", "gpt-4-1106-preview")})
contenders = [ArtifactContender.of(RouterArtifact.load("router-small")), *research_contenders()]
write_report(evaluate(contenders, tasks, work=Path("work")), Path("report"))
"""

from __future__ import annotations

from .artifacts import ArtifactContender
from .baselines import BASELINES, Baseline, research_contenders
from .contenders import Contender, Predictions, RouterContender, Side
from .run import Evaluation, evaluate, write_report
from .tasks.measurements import Measurements, measure
from .tasks.pools import Scaling
from .tasks.tables import Tables
from .tasks.task import Task

__all__ = [
    "BASELINES",
    "ArtifactContender",
    "Baseline",
    "Contender",
    "Evaluation",
    "Measurements",
    "Predictions",
    "RouterContender",
    "Scaling",
    "Side",
    "Tables",
    "Task",
    "evaluate",
    "measure",
    "research_contenders",
    "write_report",
]
