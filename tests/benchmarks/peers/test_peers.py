"""Contenders: their harness with a router made here, and their APGR on rows made here."""

from __future__ import annotations

import gzip
import json
import sys
from itertools import count
from pathlib import Path

import pytest

from edge_router.benchmarks.measuring.processes import ProbeFailed, seconds_to_first_line
from edge_router.benchmarks.peers import process
from edge_router.benchmarks.peers.contender import CONTENDERS, Contender
from edge_router.benchmarks.peers.environment import Environment
from edge_router.benchmarks.peers.process import PeerProcess
from edge_router.benchmarks.peers.quality import PAIRS, apgr_of, load_task
from edge_router.benchmarks.peers.trial import Deciding

LENGTHS = """
def load(examples, weak, strong):
    print("a peer that talks")  # must not mix with the harness's lines
    return lambda text: float(len(text))
"""


class ThisPython(Environment):
    """The Python that runs the tests, in place of a contender's own."""

    @property
    def python(self) -> Path:
        return Path(sys.executable)


@pytest.fixture
def contender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Contender:
    """One whose adapter is the text above."""
    (tmp_path / "lengths.py").write_text(LENGTHS)
    monkeypatch.setattr("edge_router.benchmarks.peers.contender.ADAPTERS", tmp_path)
    return Contender("lengths", "lengths", (), learned=False)


def test_a_peer_is_asked_line_by_line(contender: Contender, tmp_path: Path) -> None:
    """Times, memory and scores."""
    with PeerProcess(contender, ThisPython(tmp_path)) as peer:
        assert peer.import_s >= 0
        times = peer.ask("decide", texts=["one", "two"])
        assert len(times) == 2
        assert min(times) > 0
        asked = {"texts": ["a", "abc"], "examples": [], "weak": "w", "strong": "s"}
        assert peer.ask("score", **asked) == [1.0, 3.0]
        if sys.platform == "linux":
            assert peer.ask("memory") > 1e6


def test_a_row_of_decisions_leaves_its_cold_ones_out(contender: Contender, tmp_path: Path) -> None:
    """Five texts are decided for three samples; the fourth sample begins the next row."""
    texts = count()
    with PeerProcess(contender, ThisPython(tmp_path)) as peer:
        sampler = Deciding(peer, map(str, texts), row=3, cold=2)
        assert min(sampler() for _ in range(3)) > 0
        assert next(texts) == 5
        assert sampler() > 0
        assert next(texts) == 11


def test_a_peer_that_dies_is_named(contender: Contender, tmp_path: Path) -> None:
    """Instead of waiting for it."""
    contender.adapter_path.write_text("raise SystemExit(7)\n")
    with pytest.raises(ProbeFailed, match="lengths ended with code 7"):
        PeerProcess(contender, ThisPython(tmp_path))
    with pytest.raises(ProbeFailed, match="code 7"):
        seconds_to_first_line(process.command(contender, ThisPython(tmp_path), "once"))


def test_every_contender_has_its_adapter() -> None:
    """A short file, with the seam that the harness calls."""
    for contender in CONTENDERS.values():
        text = contender.adapter_path.read_text()
        assert "def load(examples: list[Example], weak: str, strong: str)" in text
        assert len(text.splitlines()) <= 60


def test_apgr_of_a_score_that_knows_is_high(tmp_path: Path) -> None:
    """Rows of one table, by hand: the strong expert helps on every second test row."""
    table = "mmlu_test_joint"
    weak, strong = PAIRS[table]
    folder = tmp_path / "outcomes" / "open"
    folder.mkdir(parents=True)
    rows = [
        {
            "split": "test" if number < 40 else "train",
            "query": f"question {number}",
            "score": {weak: float(number % 2), strong: 1.0},
        }
        for number in range(50)
    ]
    rows.append({"split": "test", "query": "only one expert knows", "score": {weak: 1.0}})
    with gzip.open(folder / f"{table}.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    task = load_task(tmp_path, table, train_rows=5)
    assert (len(task.train), len(task.test)) == (5, 40)
    value, low, high = apgr_of(task, [strong - weak for _, weak, strong in task.test])
    assert value == pytest.approx(0.75)  # the area under a line that is full at half of the calls
    assert low <= value <= high
    assert apgr_of(task, [0.0] * 40)[0] == pytest.approx(0.5)
