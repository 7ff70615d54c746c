"""edge-router budget: what is spent of each limit, and how it is forgotten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_router.cli.main import main
from edge_router.layers.amount import Amount
from edge_router.layers.ledger import FILE, Ledger
from edge_router.settings.config import Config

TOML = """
[router]
max_cost_usd = 0.05
[budget]
usd_per_day = 1.0
tokens_per_answer = 4000
[budget.callers.phone]
tokens_per_month = 10000
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings with a budget, of which a quarter of a dollar is spent and an answer under way."""
    monkeypatch.setenv("EDGE_ROUTER_DATA_DIR", str(tmp_path))
    file = tmp_path / "config.toml"
    file.write_text(TOML, encoding="utf-8")
    ledger = Ledger(tmp_path / FILE, Config.load(file).budget)
    done = ledger.reserve("phone", lambda _: Amount(0.5, 900, 800), expert="big")
    ledger.settle(done, 0.25, 500)
    ledger.reserve(None, lambda _: Amount(0.125, 100, 50), expert="big")
    ledger.close()
    return file


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    code = main(argv)
    out, err = capsys.readouterr()
    return code, out, err


def test_show_lists_every_limit(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With what is left until when, and what counts at its most."""
    code, out, err = run(capsys, "budget", "show", "--config", str(settings))
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "4000 tokens an answer"
    assert lines[1].startswith("$0.375 of $1.00 this day, anew at 20")
    assert lines[2].startswith("phone: 500 of 10000 tokens this month, anew at 20")
    assert lines[3:] == ["$0.05 an answer (max_cost_usd)"]
    assert "1 answers are under way or were killed, and count at their most: $0.125" in err


def test_show_tells_of_callers_that_have_not_come_yet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A limit on each caller without a name is no empty list."""
    file = tmp_path / "config.toml"
    file.write_text('[budget.callers."*"]\nusd_per_day = 1.0\n', encoding="utf-8")
    _, out, _ = run(capsys, "budget", "show", "--config", str(file))
    assert out.startswith("each other caller: $0.00 of $1.00 this day")


def test_show_in_json(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same, for machines."""
    _, out, _ = run(capsys, "budget", "show", "--json", "--config", str(settings))
    shown: dict[str, Any] = json.loads(out)
    keys = ("caller", "period", "unit", "spent")
    assert [[one[key] for key in keys] for one in shown["limits"]] == [
        [None, "answer", "tokens", 0],
        [None, "day", "usd", 0.375],
        ["phone", "month", "tokens", 500],
    ]
    assert [one["expert"] for one in shown["pending"]] == ["big"]


def test_reset_forgets_what_was_spent(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also what is corrupt; twice is no error."""
    (settings.parent / FILE).write_bytes(b"no database " * 1000)
    code, _, err = run(capsys, "budget", "show", "--config", str(settings))
    assert code == 1
    assert "budget reset" in err
    for _ in "12":
        assert run(capsys, "budget", "reset", "--config", str(settings))[0] == 0
    assert run(capsys, "budget", "show", "--config", str(settings))[1].count("$0.00 of $1.00") == 1


def test_without_a_budget_it_says_how_to_set_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That is wrong usage, not an empty list."""
    monkeypatch.setenv("EDGE_ROUTER_DATA_DIR", str(tmp_path))
    code, _, err = run(capsys, "budget", "show")
    assert code == 2
    assert "add [budget] with usd_per_day" in err
