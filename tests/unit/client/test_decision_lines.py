"""One JSON line a decision, through the standard library's logging."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from edge_router import Config, EdgeRouter
from edge_router.client.decision_lines import LOGGER, log_decision
from edge_router.learning.report.reading import read_answers
from edge_router.testing import FakeBackend
from made_experts import CLOUD, LOCAL

CONFIG = Config(experts={"local": LOCAL, "cloud": CLOUD})


def lines(caplog: pytest.LogCaptureFixture, query: str, level: int = logging.INFO) -> list[str]:
    """What is logged for one query."""
    backends = {name: FakeBackend(f"{name} says so") for name in CONFIG.experts}
    router = EdgeRouter(CONFIG, backends=backends, hooks=[log_decision])
    with caplog.at_level(level, LOGGER), router:
        router.complete(query)
    return [one.getMessage() for one in caplog.records if one.name == LOGGER]


def test_a_report_reads_the_lines(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """They are rows of a log."""
    (line,) = lines(caplog, "Why?")
    path = tmp_path / "decisions.log"
    path.write_text(f"{line}\n")
    log = read_answers(path)
    assert (len(log), log.unreadable) == (1, 0)
    assert log.experts[log.answered[0]] in CONFIG.experts


def test_they_hold_no_text(caplog: pytest.LogCaptureFixture) -> None:
    """Neither of the query nor of the answer; one line, whatever is in them."""
    (line,) = lines(caplog, "my secret\nquestion")
    assert "\n" not in line
    assert "secret" not in line
    assert "says so" not in line
    assert json.loads(line)["prompt"] is None


def test_nothing_is_made_where_nobody_listens(caplog: pytest.LogCaptureFixture) -> None:
    """At a higher level."""
    assert lines(caplog, "Why?", logging.WARNING) == []
