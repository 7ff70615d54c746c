"""Every command in every environment: no traceback, an exit code, a line that says what is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fault_server import STREAM_HEAD, FaultServer, Peer, answer_json, piece
from hostile_environments import COMMANDS, environments, run, write_inputs

PROCESSES = 2
ANSWER = "Sure \U0001f44d na\u00efve \u4f60\u597d."


def _answer(peer: Peer) -> None:
    asked = peer.request()
    if '"stream": true' in asked or '"stream":true' in asked:
        peer.send(STREAM_HEAD + piece(ANSWER, finish="stop") + "data: [DONE]\n\n")
    else:
        choice = {"message": {"content": ANSWER}, "finish_reason": "stop"}
        peer.send(answer_json({"choices": [choice]}))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """What the commands read, and a server that answers them; every user may look at it."""
    for place in (tmp_path, *tmp_path.parents[:2]):
        place.chmod(0o755)
    with FaultServer(_answer) as server:
        write_inputs(tmp_path, server.url)
        yield tmp_path


@pytest.mark.slow
def test_every_command_lives_in_every_environment(folder: Path) -> None:
    """About 400 processes; those that failed are told in a table."""
    made = environments(folder)
    assert len(made) >= 20
    works = iter(folder / f"work-{number}" for number in range(len(made) * len(COMMANDS)))
    tasks = [(one, command, next(works)) for one in made for command in COMMANDS]
    for _, _, work in tasks:
        work.mkdir()
        work.chmod(0o777)
    with ThreadPoolExecutor(PROCESSES) as pool:
        ended = list(pool.map(lambda task: run(task[0], task[1], folder, task[2]), tasks))
    faults = [one.row for one in ended if one.fault is not None]
    assert not faults, f"{len(faults)} of {len(ended)} failed\n" + "\n".join(faults)
