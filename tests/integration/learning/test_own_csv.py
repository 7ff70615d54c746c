"""From a CSV of 500 queries to a measured router, by the commands that `export init` names."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from command_line import run
from own_csv import own_csv


def test_five_commands_from_a_csv_to_a_measured_router(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is taken from what the first one prints; the point routes by what was learned."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGE_ROUTER_DATA_DIR", str(tmp_path / "data"))
    own_csv(Path("mine.csv"))
    code, out, err = run(capsys, "export", "init", "mine.csv")
    assert (code, err) == (0, "")
    in_seconds, _, _ = out.partition("a router of your own")
    commands = [shlex.split(line) for line in in_seconds.splitlines() if line.startswith("  ")]
    assert len(commands) == 4  # five with the first
    measured, decided = "", ""
    for command in commands:
        code, out, err = run(capsys, *command[1:])
        assert code == 0, err
        measured, decided = decided, out
    assert "keeps at least 90 % of big's mean score" in measured
    assert "big asked for" in measured
    route = [*commands[-1][1:-1], "--json"]
    chosen = {}
    for query in ("What is the capital of Spain?", "Prove that the sum of 9 odd numbers is odd."):
        _, out, _ = run(capsys, *route, query)
        chosen[query] = json.loads(out)["expert"]
    assert [*chosen.values()] == ["small", "big"]
