"""edge-router config show: every setting, as a file that can be read again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import run
from edge_router import Config

SETTINGS = r"""
[router]
placement = "only_on_lan"
deadline_s = 60

[privacy]
lan = "redact"
patterns = { ticket = 'T-\d{4}"' }

[budget]
usd_per_day = 1.5
[budget.callers."*"]
tokens_per_hour = 5000
[budget.callers.ALICE_KEY]
usd_per_month = 2.0

[tasks]
classifier = "kinds"

[experts.local]
backend = "llama_cpp"
model = "smollm2-135m"
profile = "135m"

[experts.box]
backend = "ollama"
base_url = "http://192.168.1.9:11434/v1"
model = "qwen2.5:3b"
profile = "3b"
location = "lan"
extra_body = { seed = 1, keep_alive = "5m" }
"""


def test_what_is_shown_can_be_read_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """All tables, with the names that the user gave in them, as TOML."""
    stated, shown = tmp_path / "stated.toml", tmp_path / "shown.toml"
    stated.write_text(SETTINGS)
    code, out, _ = run(capsys, "config", "show", "--config", str(stated))
    assert code == 0
    shown.write_text(out)
    assert Config.load(shown) == Config.load(stated)
    _, out, _ = run(capsys, "config", "show", "--json", "--config", str(stated))
    callers = json.loads(out)["budget"]["callers"]
    assert callers["ALICE_KEY"]["usd_per_month"] == 2.0
