"""An installation without onnxruntime, as on musl, 32-bit ARM or an Intel Mac; and without the
tokenizers library too, as on a phone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fault_server import STREAM_HEAD, FaultServer, Peer, answer_json, piece

RUN = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from edge_router.cli.main import main

sys.exit(main())
"""
AGENTS = """
[agents.weather]
description = "Forecasts rain, sun and temperature for a city"
examples = ["will it rain tomorrow", "how warm is it in Rome", "do I need an umbrella"]
[agents.timer]
description = "Sets timers and alarms"
examples = ["wake me at seven", "set a timer for ten minutes", "remind me in an hour"]
"""


def _server(peer: Peer) -> None:
    request = peer.request()
    if '"stream":true' in request.replace(" ", ""):
        peer.send(STREAM_HEAD + piece("Four.") + piece(finish="stop") + "data: [DONE]\n\n")
    else:
        message = {"role": "assistant", "content": "Four."}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        peer.send(answer_json({"id": "1", "model": "m", "choices": [choice]}))


@pytest.fixture(params=[("onnxruntime",), ("onnxruntime", "tokenizers")], ids=["wheel", "phone"])
def missing(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Packages that cannot be imported."""
    names: tuple[str, ...] = request.param
    return names


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Path]:
    """One expert on loopback, and nothing of the user's."""
    with FaultServer(_server) as server:
        path = tmp_path / "config.toml"
        path.write_text(
            '[experts.small]\nbackend = "openai"\nmodel = "m"\nprofile = "1b"\n'
            f'base_url = "{server.url}"\n'
        )
        yield path


def _run(settings: Path, missing: tuple[str, ...], *argv: str) -> str:
    """What the command says."""
    env = os.environ | {"EDGE_ROUTER_DATA_DIR": str(settings.parent / "data")}
    command = [
        sys.executable,
        "-c",
        f"MISSING = {missing}\n{RUN}",
        *argv,
        "--config",
        str(settings),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=env, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_doctor_says_what_runs_instead(settings: Path, missing: tuple[str, ...]) -> None:
    """Nothing is wrong with that."""
    said = _run(settings, missing, "doctor")
    assert "no onnxruntime here: the encoder runs in numpy" in said
    assert ("texts are split in Python" in said) == ("tokenizers" in missing)
    assert "ms in numpy" in said
    assert "FAIL" not in said


def test_it_routes_and_answers(settings: Path, missing: tuple[str, ...]) -> None:
    """The log's line about numpy is news, which a terminal does not show."""
    assert _run(settings, missing, "route", "What is two and two?").startswith("small")
    said = _run(settings, missing, "ask", "What is two and two?")
    assert said.startswith("Four.")
    assert "onnxruntime" not in said


def test_agents_are_ranked(settings: Path, missing: tuple[str, ...]) -> None:
    """By embeddings, which come from the same graph."""
    agents = settings.parent / "agents.toml"
    agents.write_text(AGENTS)
    _run(settings, missing, "agents", "add", str(agents))
    said = _run(settings, missing, "agents", "route", "remind me in twenty minutes")
    assert said.startswith("timer")
