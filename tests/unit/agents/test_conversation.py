"""Conversations in files that are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_router.agents.conversation import read_conversation
from edge_router.errors import InvalidAgent


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "{}", "3", "null", '{"messages": 3}', '[{"role": "user"}]', "[3]", "[" * 10**5,
        '[{"role": "nobody", "content": "x"}]', '[{"role": "assistant", "content": "x"}]',
        '[{"role": "user", "content": "x", "content": "y"}]', "\x00\xff",
        json.dumps([{"role": "user", "content": "x"}] * 1001),
    ],
)  # fmt: skip
def test_what_is_no_conversation_is_a_typed_error(tmp_path: Path, content: str) -> None:
    """That names the file."""
    path = tmp_path / "conversation.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(InvalidAgent, match=r"conversation\.json"):
        read_conversation(path)
