"""A user's own outcome rows."""

from __future__ import annotations

import contextlib
import gzip
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_router.errors import ConfigError, EdgeRouterError, OutcomesUnusable
from edge_router.export.data.rows import BadRow, read_partial_rows, read_rows
from edge_router.learning.outcomes.rows import OutcomeRows, Row, read_outcomes


def written(path: Path, *rows: Mapping[str, Any]) -> Path:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


HUGE = "1" + "0" * 400
FIELDS = ("cost_usd", "input_tokens", "output_tokens", "out_chars", "latency_s", "ttft_s")


def reading(path: Path, text: str | bytes) -> list[Row]:
    """The rows of a file with this content."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return list(OutcomeRows(path))


def refused(path: Path, text: str | bytes) -> str:
    """The message with which it is refused; it names the file."""
    with pytest.raises(OutcomesUnusable) as refusal:
        reading(path, text)
    assert str(path) in str(refusal.value)
    assert len(str(refusal.value)) < 600
    return str(refusal.value)


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "gzipped-all-the-same"])
def test_rows_are_read_plain_or_gzipped(tmp_path: Path, name: str) -> None:
    """Blank lines do not count, nor does a byte-order mark; Windows ends lines in its own way."""
    text = b'\xef\xbb\xbf{"query": "Hi?", "score": {"a": 1}}\r\n\r\n'
    found = reading(tmp_path / name, text if name == "rows.jsonl" else gzip.compress(text))
    assert found == [{"query": "Hi?", "score": {"a": 1}}]


def test_a_null_is_left_out_counted_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The same for every reader of rows: enrolment, calibration and export."""
    path = tmp_path / "rows.jsonl"
    row = {"qkey": "0" * 16, "split": "train", "task": "t", "query": "Hi?", "lang": None}
    written(
        path,
        row | {"score": {"a": 1, "b": None}, "cost_usd": {"a": None}, "latency_s": None},
        row | {"score": None},
    )
    checked = {"qkey": "0" * 16, "split": "train", "task": "t", "query": "Hi?"}
    rows = [checked | {"score": {"a": 1}, "cost_usd": {}, "latency_s": {}}, checked | {"score": {}}]
    assert list(OutcomeRows(path)) == list(read_rows(path)) == rows
    assert [found.score for found in read_outcomes(path, "a")] == [1.0]
    said = [record.getMessage() for record in caplog.records if "are null" in record.getMessage()]
    assert len(said) == 3
    assert all(
        "2 scores are null, not graded, and left out (whole rows: 1, b: 1)" in s for s in said
    )


@pytest.mark.parametrize(
    "value",
    ["1.5", "-1", "NaN", "Infinity", "-Infinity", "true", '"good"', "[1]", "{}", "1e999", HUGE],
)
def test_a_score_that_is_none_is_refused_by_every_reader(tmp_path: Path, value: str) -> None:
    """With file, line, field and expert."""
    path = tmp_path / "rows.jsonl"
    start = '{"qkey": "0", "split": "dev", "task": "t", "query": "Hi?", "score": {"a": '
    path.write_text(f'{start}1, "b": 1}}}}\n{start}{value}, "b": 1}}}}\n')
    for read, refusal in (
        (lambda: list(OutcomeRows(path)), OutcomesUnusable),
        (lambda: list(read_rows(path)), BadRow),
        (lambda: read_outcomes(path, "a"), ConfigError),
    ):
        with pytest.raises(
            refusal, match=r"rows\.jsonl:2 has score .* for 'a'; scores lie in 0..1"
        ):
            read()


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    "value", ["-2000.0", "NaN", "Infinity", "true", '"1"', "[1]", "1e999", HUGE]
)
def test_a_measure_that_is_none_is_refused(tmp_path: Path, field: str, value: str) -> None:
    """Prices, tokens and seconds are numbers from 0."""
    row = f'{{"query": "q", "score": {{"a": 1}}, "{field}": {{"a": 1, "b": {value}}}}}'
    told = refused(tmp_path / "rows.jsonl", row)
    assert f"rows.jsonl:1 has {field} " in told
    assert told.endswith(" for 'b'; it must be a number from 0")


@pytest.mark.parametrize("field", [*FIELDS, "score", "answer", "failed", "confidence"])
@pytest.mark.parametrize("value", ["[0.0, 0.01]", "1", '"a"', "true"])
def test_a_map_that_is_something_else_is_refused(tmp_path: Path, field: str, value: str) -> None:
    """A list has no experts."""
    row = json.loads('{"query": "q", "score": {"a": 1}}') | {field: json.loads(value)}
    assert f"rows.jsonl:1 has {field} " in refused(tmp_path / "rows.jsonl", json.dumps(row))


@pytest.mark.parametrize(
    "field", ["source", "id", "qkey", "split", "task", "lang", "query", "gold"]
)
@pytest.mark.parametrize("value", ["[1]", "{}", "true", '"\\ud800"'])
def test_a_text_that_is_none_is_refused(tmp_path: Path, field: str, value: str) -> None:
    """Also one that is no Unicode."""
    row = json.loads('{"query": "q", "score": {"a": 1}}') | {field: json.loads(value)}
    assert f"rows.jsonl:1 has {field} " in refused(tmp_path / "rows.jsonl", json.dumps(row))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "rows.jsonl:1 is not JSON"),
        ("[]", 'rows.jsonl:1 lacks "score"'),
        ('"text"', 'rows.jsonl:1 lacks "score"'),
        ('{"query": "a"}', 'rows.jsonl:1 lacks "score"'),
        ('\n{"score": {"a": 1}}', 'rows.jsonl:2 lacks "query" (or "messages")'),
        ('{"query": null, "score": {"a": 1}}', 'rows.jsonl:1 lacks "query"'),
        ('{"messages": "hi", "score": {"a": 1}}', "has messages 'hi'; it must be a list"),
        ('{"messages": [1], "score": {"a": 1}}', "has messages that cannot be routed"),
        ('{"query": "a", "score": {"a": 1, "b": 0, "a": 0}}', ":1 has 'a' twice in 'score'"),
        ('{"query": "a", "query": "b", "score": {"a": 1}}', ":1 has 'query' twice"),
        ('{"query": "a", "score": {"\ud800": 1}}', "line 1 is not UTF-8"),
        ('{"query": "a", "score": {"\\ud800": 1}}', "which is no valid Unicode"),
        ("[" * 100_000, "rows.jsonl:1 is nested too deeply"),
        ('{"a":' * 100_000, "rows.jsonl:1 is nested too deeply"),
        ('{"query": "a", "x": ' + "[" * 99 + "]" * 99 + "}", "rows.jsonl:1 is nested too deeply"),
        ('{"query": "a", "score": {"a": ' + "9" * 5000 + "}}", "rows.jsonl:1 is not JSON"),
        ('{"query": "a", "score": {"a": 1}, "answer": {"a": 1}}', "for 'a'; it must be a text"),
        (
            '{"query": "a", "score": {"a": 1}, "confidence": {"a": {"4": {"tokens": "x"}}}}',
            "it must be objects of finite numbers",
        ),
        (b'{"query": "a", "score": {}}\n\n{"query": "\xff"}', "line 3 is not UTF-8 at byte 12"),
        ('{"query": "a"}'.encode("utf-16"), "it is UTF-16; save it as UTF-8"),
        ('{"query": "a"}'.encode("utf-16-be"), "it is UTF-16; save it as UTF-8"),
        ('{"query": "a"}'.encode("utf-32"), "it is UTF-32; save it as UTF-8"),
        ('{"query": "a"}'.encode("utf-32-be"), "it is UTF-32; save it as UTF-8"),
    ],
)  # fmt: skip
def test_a_row_that_is_none_is_named_by_its_line(
    tmp_path: Path, content: str | bytes, told: str
) -> None:
    """With what it lacks, or what is wrong."""
    assert told in refused(tmp_path / "rows.jsonl", content)


@settings(max_examples=40)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["query", "messages", "score", "cost_usd", "id", "a", "role"]),
                inner,
                max_size=6,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_json_stands_there_is_a_row_or_refused(value: Any) -> None:
    """No reader raises another error."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text(json.dumps(value) + "\n")
        for read in (OutcomeRows(path), read_rows(path), read_partial_rows(path)):
            with contextlib.suppress(EdgeRouterError):
                for row in read:
                    assert all(0 <= score <= 1 for score in row.get("score", {}).values())
        with contextlib.suppress(EdgeRouterError):
            read_outcomes(path, "a")


def test_a_number_of_four_hundred_digits_elsewhere_does_no_harm(tmp_path: Path) -> None:
    """In a field that the format does not name."""
    row = f'{{"query": "a", "score": {{"a": 1}}, "mine": {HUGE}}}'
    assert reading(tmp_path / "rows.jsonl", row)[0]["mine"] > 1


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """As all that cannot be used, not with a traceback."""
    with pytest.raises(OutcomesUnusable, match="cannot be read: No such file"):
        list(OutcomeRows(tmp_path / "nothing.jsonl"))
