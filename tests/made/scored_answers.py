"""A local and a cloud expert whose answers a user scores, and `calibrate --from-log` on them."""

from __future__ import annotations

import random

import pytest

import command_line
from command_line import TWO_EXPERTS
from edge_router import Config, EdgeRouter
from edge_router.testing import FakeBackend

SETTINGS = f"[router]\nlearn = true\nexploration = 0.5\n{TWO_EXPERTS}"
QUERIES = [f"What is {n} plus {m}?" for n in range(18) for m in range(18)]
GOOD = {"local": 0.9, "cloud": 0.2}  # the other way round than anybody expects


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    return command_line.run(capsys, "calibrate", "--from-log", *argv)


def used(config: Config, queries: list[str] = QUERIES, seed: int = 0) -> None:
    """A user asks these and scores every answer."""
    chance = random.Random(seed)
    backends = {name: FakeBackend(f"from {name}") for name in GOOD}
    with EdgeRouter(config, backends=backends, draw=chance.random) as router:
        for query in queries:
            record = router.complete(query).record
            score = float(chance.random() < GOOD[record.answered_by])
            assert router.feedback(record.id, score)
