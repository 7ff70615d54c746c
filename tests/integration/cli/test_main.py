"""The installed command, run as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from command_line import TWO_EXPERTS


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local and a cloud expert, both behind a closed port."""
    (tmp_path / "config.toml").write_text(TWO_EXPERTS)
    monkeypatch.setenv("EDGE_ROUTER_CONFIG", str(tmp_path / "config.toml"))


def test_the_command_is_installed_and_knows_its_version() -> None:
    """In a process of its own, as a user starts it."""
    result = subprocess.run(
        [sys.executable, "-m", "edge_router.cli", "--version"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert result.stdout.startswith("edge-router 0.")


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_what_needs_no_command_imports_none(option: str) -> None:
    """Nor numpy: both come at once."""
    code = f"import sys; sys.argv[1:] = [{option!r}]; from edge_router.cli.main import main\n"
    code += "try: main()\nfinally: print('LOADED', *sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = result.stdout.partition("LOADED ")[2].split()
    assert "edge_router.cli" in loaded
    assert not [name for name in loaded if name.startswith(("numpy", "edge_router.cli.commands"))]
