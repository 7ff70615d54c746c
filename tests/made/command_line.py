"""A command run as on a terminal, and what it says there."""

from __future__ import annotations

import pytest

from edge_router.cli.main import main


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    code = main(argv)
    out, err = capsys.readouterr()
    return code, out, err
