"""A command run as on a terminal, and what it says there."""

from __future__ import annotations

import pytest

from edge_router.cli.main import main


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    code = main(argv)
    out, err = capsys.readouterr()
    return code, out, err


# A local and a cloud expert, both behind a closed port.
TWO_EXPERTS = """
[experts.local]
backend = "openai"
model = "small"
profile = "135m"
base_url = "http://127.0.0.1:9/v1"
context_tokens = 2048

[experts.cloud]
backend = "openai"
model = "big"
profile = "frontier"
location = "cloud"
base_url = "http://127.0.0.1:9/v1"
retries = 0
"""
