"""The whole product: SmolLM2 in this process, a real server on loopback as the cloud."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sure_question import ANSWER, ANSWERS, QUESTION

from edge_router import Config, EdgeRouter

from .conftest import CloudServer

EASY = "What is the capital city of Greece?"
HARD = (
    "A chain of length 3 m and mass 2 kg hangs over a frictionless table edge with a third of its "
    "length over the edge. How fast does it move when its end leaves the table?"
)
SETTINGS = """
[router]
deadline_s = 60

[experts.device]
backend = "llama_cpp"
model = "smollm2-135m"
profile = "135m"
context_tokens = 1024

[experts.cloud]
backend = "openai"
model = "smollm2"
profile = "frontier"
location = "cloud"
base_url = "{url}"
"""


@pytest.fixture
def settings(cloud: CloudServer, tmp_path: Path) -> Path:
    """A config file as a user would write it."""
    path = tmp_path / "config.toml"
    path.write_text(SETTINGS.format(url=cloud.url))
    return path


def edge_router(settings: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    command = [sys.executable, "-m", "edge_router.cli", argv[0], "--config", str(settings)]
    return subprocess.run(
        [*command, *argv[1:]], capture_output=True, text=True, timeout=120, check=False
    )


def test_easy_stays_hard_goes_and_a_stopped_cloud_is_reported(
    settings: Path, cloud: CloudServer
) -> None:
    """Two questions, two experts, both streamed; then the cloud goes down."""
    with EdgeRouter(Config.load(settings)) as router:
        for question, expert in ((EASY, "device"), (HARD, "cloud")):
            stream = router.stream(question)
            pieces = [chunk.delta for chunk in stream if chunk.delta]
            assert len(pieces) > 3, "it came in pieces"
            assert stream.record is not None
            assert (stream.record.answered_by, stream.record.failures) == (expert, {})
        cloud.stop()
        answer = router.complete(HARD)
    assert answer.text
    assert answer.record.answered_by == "device"
    assert "cloud is unavailable" in answer.record.words
    assert answer.record.total_s < 60


def test_the_command_line_does_the_same(settings: Path, cloud: CloudServer) -> None:
    """`ask` prints the answer on stdout and the line about it on stderr."""
    easy = edge_router(settings, "ask", "--max-tokens", "24", EASY)
    assert easy.returncode == 0, easy.stderr
    assert ANSWERS[EASY] in easy.stdout
    assert "device answered · cheapest_is_enough" in easy.stderr
    hard = json.loads(edge_router(settings, "ask", "--json", "--max-tokens", "24", HARD).stdout)
    assert (hard["answered_by"], hard["reason"]) == ("cloud", "gain_is_worth_it")
    cloud.stop()
    down = edge_router(settings, "ask", "--max-tokens", "24", HARD)
    assert down.returncode == 0, down.stderr
    assert "device answered · fallback" in down.stderr
    assert "cloud is unavailable" in down.stderr


def test_only_on_device_leaves_the_server_alone(settings: Path, cloud: CloudServer) -> None:
    """The hard question is answered here, and the line says what was wanted."""
    result = edge_router(
        settings, "ask", "--placement", "only_on_device", "--max-tokens", "8", HARD
    )
    assert "device answered · only_on_device: cloud was wanted" in result.stderr


def test_chat_answers_turn_by_turn(settings: Path) -> None:
    """Two typed lines, two streamed answers, each with its line."""
    talk = subprocess.run(
        [sys.executable, "-m", "edge_router.cli", "chat", "--config", str(settings),
         "--placement", "only_on_device", "--max-tokens", "24"],
        input=f"{EASY}\n\n{QUESTION}\n",
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert ANSWERS[EASY] in talk.stdout
    assert ANSWER in talk.stdout
    assert talk.stderr.count("device answered") == 2
