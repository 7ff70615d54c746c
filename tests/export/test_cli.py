"""The table of the toolchain's commands and the files that hold them."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

from edge_router.export import commands
from edge_router.export.cli import COMMANDS, main


def test_the_table_lists_every_file() -> None:
    """And no other."""
    files = {result.name for result in pkgutil.iter_modules(commands.__path__)}
    assert {module for module, _ in COMMANDS.values()} == files


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_has_options(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Its module knows it by the same name."""
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    out = capsys.readouterr().out
    assert out.startswith(f"usage: edge-router export {name} ")
    assert any(option in out for option in ("--data", "--out", "--work"))


def test_help_needs_none_of_the_training_stack() -> None:
    """A command's own help included."""
    code = """
import sys
from edge_router.export.cli import main
for argv in (["--help"], ["train", "--help"], ["drift", "--help"]):
    try:
        main(argv)
    except SystemExit:
        pass
print("LOADED", *sys.modules)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(result.stdout.partition("LOADED ")[2].split())
    assert {"edge_router.export.commands.pipeline", "edge_router.export.commands.study"} <= loaded
    assert not loaded & {"torch", "transformers", "optimum", "onnx", "numpy"}
