"""edge-router serve: what is refused before anything listens."""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import replace

import pytest

from edge_router import Config, ExpertConfig
from edge_router.cli.commands.machine.serve import _hooks, with_own_processes
from edge_router.cli.main import main
from edge_router.client.decision_lines import LOGGER, log_decision
from edge_router.errors import MissingExtra


def refusal(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    """The exit code, and the one line on standard error."""
    code = main(["serve", *options])
    (line,) = capsys.readouterr().err.splitlines()
    return code, line


@pytest.mark.parametrize("part", ["starlette", "uvicorn"])
def test_without_the_extra_the_line_says_how_to_get_it(
    part: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The pip line."""
    monkeypatch.setitem(sys.modules, part, None)
    code, line = refusal(capsys)
    assert code == 1
    assert line.endswith("pip install 'edge-router[serve]'")
    assert part in line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "65536"], "from 0 to 65535"),
        (["--port", "-1"], "from 0 to 65535"),
        (["--host", ""], "host is empty"),
        (["--answers", "0"], "answers"),
        (["--queue", "-1"], "queue"),
        (["--max-tokens", "0"], "max_tokens"),
    ],
)
def test_wrong_options_are_refused_by_name(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what would be right; nothing is loaded for it."""
    for part in ("starlette", "uvicorn"):
        pytest.importorskip(part, reason="the extra `serve` is not installed")
    code, line = refusal(capsys, *options)
    assert code == 2
    assert words in line


@pytest.mark.parametrize("option", ["--agent-states", "--agent-expert"])
@pytest.mark.parametrize("others", [[], ["--agents"], ["--agents", "--print-systemd"]])
def test_an_empty_option_of_agents_is_refused_by_name(
    option: str, others: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """An unset variable of a shell leaves one, which would silently leave out what was meant."""
    code, line = refusal(capsys, *others, f"{option}=")
    assert code == 2
    assert f"{option} is empty" in line


def test_lines_and_spans_are_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Off by default; spans name the extra that they lack, before anything listens."""
    usual = argparse.Namespace(log_decisions=False, spans=False)
    assert _hooks(usual, Config()) == ()
    logger = logging.getLogger(LOGGER)
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "propagate", True)
    level = logger.level
    assert _hooks(argparse.Namespace(log_decisions=True, spans=False), Config()) == (log_decision,)
    logger.setLevel(level)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(MissingExtra, match="otel"):
        _hooks(argparse.Namespace(log_decisions=False, spans=True), Config())


def test_local_models_have_processes_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the settings do not say, and a Python can be started."""
    usual = ExpertConfig("llama_cpp", "a.gguf", "1b")
    stated = {None: usual, True: replace(usual, own_process=True)}
    stated[False] = replace(usual, own_process=False)
    cloud = ExpertConfig("openai", "m", "frontier", base_url="https://llm.example.com/v1")
    experts = {f"says {says}": one for says, one in stated.items()} | {"cloud": cloud}
    for frozen, unsaid in ((False, True), (True, False)):
        monkeypatch.setattr(sys, "frozen", frozen, raising=False)
        placed = with_own_processes(Config(experts=experts)).experts
        assert [one.own_process for one in placed.values()] == [unsaid, True, False, None]
