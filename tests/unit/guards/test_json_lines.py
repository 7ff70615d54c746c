"""Files of JSON lines."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from edge_router.errors import ConfigError, OutcomesUnusable
from edge_router.guards.json_lines import json_lines


def test_each_line_comes_with_its_place(tmp_path: Path) -> None:
    """Blank lines count, but are skipped; plain and gzipped read alike."""
    text = '{"a": 1}\n\n[2]\n'
    plain, zipped = tmp_path / "x.jsonl", tmp_path / "x.jsonl.gz"
    plain.write_text(text)
    zipped.write_bytes(gzip.compress(text.encode()))
    for path in (plain, zipped):
        assert list(json_lines(path, ConfigError)) == [(f"{path}:1", {"a": 1}), (f"{path}:3", [2])]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.jsonl", b"{}\n{oops\n", "x.jsonl:2 is not JSON"),
        ("x.jsonl", b"\xff\n", "x.jsonl cannot be read"),
        ("x.jsonl.gz", b"no gzip", "x.jsonl.gz cannot be read"),
        ("x.jsonl.gz", gzip.compress(b"{}\n" * 99, mtime=0)[:-9], "x.jsonl.gz cannot be read"),
        ("x.jsonl.gz", gzip.compress(b"{}\n" * 99, mtime=0)[:10] + b"\xff" * 20, "cannot be read"),
    ],
)
def test_a_file_that_is_none_is_refused_as_the_reader_wishes(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    """With the caller's own error, and the line where there is one."""
    (tmp_path / name).write_bytes(content)
    for refusal in (ConfigError, OutcomesUnusable):
        with pytest.raises(refusal, match=told):
            list(json_lines(tmp_path / name, refusal))
