"""The drift test over many seeds, on the shipped artifact, and as a command."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from edge_router import AnswerRecord, Config, Router
from edge_router.cli.main import main
from edge_router.learning.drift.mmd_test import LOOKS, DriftReference, traffic_of
from edge_router.learning.drift.monitor import DriftMonitor
from edge_router.learning.drift.traffic import Traffic
from edge_router.learning.outcomes.log import FILE, OutcomeLog
from edge_router.routing.artifact.manifest import RouterArtifact
from made_traffic import fed, made_traffic, reference_of


def test_false_alarms_come_at_the_stated_rate() -> None:
    """Fresh known queries and fresh streams from one law: 10 % of 160 streams, give or take three
    standard errors."""
    random = np.random.default_rng(0)
    alarms = []
    for seed in range(8):
        fresh = reference_of(made_traffic(random, 500), seed)
        for _ in range(20):
            monitor = DriftMonitor(fresh, false_alarms=0.1)
            alarms.append(fed(made_traffic(random, LOOKS[-1]), monitor=monitor).verdict().alarm)
    assert 0.03 <= np.mean(alarms) <= 0.17


def test_the_shipped_artifact_is_like_itself_and_not_ten_times_as_long() -> None:
    """Its own known queries, shuffled."""
    artifact = RouterArtifact.load("router-small")
    known = artifact.known_queries()
    assert known is not None
    _, traffic = traffic_of(artifact, known)
    some = traffic.take(np.random.default_rng(0).permutation(len(known))[: LOOKS[1]])
    ours = DriftReference.of(artifact)
    monitor = DriftMonitor(ours, false_alarms=0.001)
    assert not fed(some, monitor=monitor).verdict().alarm
    longer = Traffic(some.vectors, some.log_tokens, 10 * some.characters)
    assert fed(longer, monitor=DriftMonitor(ours)).verdict().alarm


def test_the_command_judges_each_stretch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same question over and over is no traffic the router knows; conversations count by their
    last turn."""
    monkeypatch.setenv("EDGE_ROUTER_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text("")
    file = tmp_path / "queries.jsonl"
    messages = {"messages": [{"role": "user", "content": "What is the capital of France?"}]}
    line = json.dumps({"query": "What is the capital of France?"})
    file.write_text("\n".join([line] * LOOKS[-1] + [json.dumps(messages)] * LOOKS[0]))
    assert main(["drift", str(file), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["alarm"] is True
    assert [stretch["queries"] for stretch in result["stretches"]] == [LOOKS[-1], LOOKS[0]]
    assert main(["drift", str(file)]) == 0
    assert capsys.readouterr().out.startswith("1: The 200 queries looked at are not like")


def test_the_command_looks_at_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a file; queries that another router read say nothing about this one."""
    monkeypatch.setenv("EDGE_ROUTER_DATA_DIR", str(tmp_path))
    assert main(["drift"]) == 2
    assert "0 queries are too few to tell" in capsys.readouterr().err
    decision = Router.from_config(Config()).route("What is the capital of France?")
    log = OutcomeLog(tmp_path / FILE)
    for number in range(LOOKS[0] + 2):
        record = AnswerRecord(str(number), decision, "local", {}, None, None, 0.0, 0.1, 0.2)
        log.append(record)
    log.close()
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("UPDATE outcomes SET artifact = 'another' WHERE number <= 2")
    assert main(["drift"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("The 50 queries looked at are not like the known ones")
    assert "left out: 2 answers that another router read" in err
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("UPDATE outcomes SET vector = x'0000'")
    assert main(["drift"]) == 1
    assert "is logged with 1 numbers" in capsys.readouterr().err


def test_the_command_reads_what_log_show_prints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows with their prompts; the error about one without says what reads the log itself."""
    monkeypatch.setenv("EDGE_ROUTER_DATA_DIR", str(tmp_path))
    decision = Router.from_config(Config()).route("What is the capital of France?")
    log = OutcomeLog(tmp_path / FILE)
    for number in range(LOOKS[0] + 1):
        record = AnswerRecord(str(number), decision, "local", {}, None, None, 0.0, 0.1, 0.2)
        log.append(record, prompt="What is that?" if number < LOOKS[0] else None)
    log.close()
    assert main(["log", "show", "--json"]) == 0
    *shown, without = capsys.readouterr().out.splitlines(keepends=True)
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(shown))
    assert main(["drift", str(file)]) == 0
    assert capsys.readouterr().out.startswith("The 50 queries looked at are not like")
    file.write_text(without)
    assert main(["drift", str(file)]) == 1
    wrong = "rows.jsonl:1: a row of the log without its prompt; run edge-router drift without FILE"
    assert wrong in capsys.readouterr().err


def test_the_command_refuses_what_it_cannot_judge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Too few lines, or a broken one, by its number."""
    file = tmp_path / "queries.jsonl"
    file.write_text('{"query": "Hi"}\n')
    assert main(["drift", str(file)]) == 2
    assert "1 queries are too few to tell; 50 are needed" in capsys.readouterr().err
    file.write_text('{"query": "Hi"}\n' * 60 + "{}\n")
    assert main(["drift", str(file)]) == 1
    assert "queries.jsonl:61: a line must be" in capsys.readouterr().err
    assert main(["drift", str(tmp_path / "none")]) == 2
