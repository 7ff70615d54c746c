"""learn_prompts keeps no private data: placeholders, or nothing where the settings withhold it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_router import Config, EdgeRouter
from edge_router.learning.outcomes.log import FILE, OutcomeLog
from edge_router.settings.expert_config import ExpertConfig
from edge_router.testing import FakeBackend

LOCAL = ExpertConfig("openai", "small", "135m", base_url="http://127.0.0.1:9/v1")
PLAIN = "What is the capital of France?"
MAIL, KEY = "ann@clinic.example", "ghp_abcdefghijklmnopqrstuvwxyz0123456789"
PRIVATE = f"Write to {MAIL} that the key {KEY} is lost."
LONG = "x " * 3_000 + MAIL + " y" * 3_000  # the router reads both ends alone


def kept(folder: Path, prompts: list[Any], **privacy: Any) -> list[str | None]:
    """The prompts in the log after so many answers."""
    config = Config(
        experts={"local": LOCAL}, data_dir=str(folder), learn=True, learn_prompts=True,
        privacy=privacy,
    )  # fmt: skip
    with EdgeRouter(config, backends={"local": FakeBackend()}) as router:
        for prompt in prompts:
            router.complete(prompt)
    for file in folder.rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        assert MAIL.encode() not in content
        assert KEY.encode() not in content
    return [row.prompt for row in OutcomeLog(folder / FILE).rows()]


@pytest.mark.parametrize("mode", ["allow", "redact"])
def test_placeholders_are_kept_for_what_is_private(tmp_path: Path, mode: str) -> None:
    """The same value has the same one; what is not private is kept as it was."""
    again = [
        {"role": "user", "content": PRIVATE},
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": f"And now once more to {MAIL}, but politely, please."},
    ]
    prompts = kept(tmp_path, [PLAIN, PRIVATE, again, LONG], cloud=mode)
    assert prompts[:3] == [
        PLAIN,
        "Write to [EMAIL-1] that the key [SECRET-1] is lost.",
        "And now once more to [EMAIL-1], but politely, please.",
    ]
    assert prompts[3] is not None


@pytest.mark.parametrize("mode", ["ask", "never"])
def test_nothing_is_kept_of_what_is_withheld(tmp_path: Path, mode: str) -> None:
    """The outcome is, without its prompt."""
    assert kept(tmp_path, [PLAIN, PRIVATE, LONG], lan=mode) == [PLAIN, None, None]
