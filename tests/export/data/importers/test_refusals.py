"""What cannot be imported is refused in one line that says what and where."""

from __future__ import annotations

import gzip
import os
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_router.export.data.importers import import_outcomes
from edge_router.export.data.rows import BadData, BadRow

SAMPLES = Path(__file__).parents[3] / "made" / "samples"


def refused(
    tmp_path: Path, name: str, file: str, content: bytes | str, kind: type[BadData] = BadData
) -> str:
    """The message with which a file of this content is refused."""
    path = tmp_path / file
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadData) as refusal:
        import_outcomes(name, [path])
    assert type(refusal.value) is kind
    assert str(refusal.value).startswith(str(path)) or str(path) in str(refusal.value)
    return str(refusal.value)


def test_an_unknown_format_lists_the_known_ones() -> None:
    """By name."""
    with pytest.raises(BadData, match=r"'routerbanch'.*'routerbench'.*'csv'"):
        import_outcomes("routerbanch", [])


def test_no_file_is_refused() -> None:
    """An empty list would otherwise give an empty table."""
    with pytest.raises(BadData, match="at least one file"):
        import_outcomes("csv", [])


def test_folders_and_missing_files_are_refused(tmp_path: Path) -> None:
    """The message on a folder asks for its files."""
    with pytest.raises(BadData, match="is a folder; give the files"):
        import_outcomes("csv", [tmp_path])
    with pytest.raises(BadData, match="is a folder; give the files"):
        import_outcomes("csv", [SAMPLES / "plain.csv"], texts=tmp_path)
    for name in ("csv", "jsonl", "routerbench", "routereval", "alpacaeval"):
        with pytest.raises(FileNotFoundError):
            import_outcomes(name, [tmp_path / "none.pkl"])


@pytest.mark.parametrize(
    ("score", "words"),
    [
        ("1.5", "'1.5'"),
        ("-0.1", "'-0.1'"),
        ("nan", "'nan'"),
        ("inf", "'inf'"),
        ("good", "'good'"),
    ],
)
def test_a_score_outside_its_range_is_named(tmp_path: Path, score: str, words: str) -> None:
    """With the file, the line the record starts on, the expert and the value."""
    text = f'query,a,b\nfirst,0,1\n"two\nlines",1,{score}\n'
    message = refused(tmp_path, "csv", "x.csv", text, BadRow)
    assert f"x.csv:3 has score {words} for 'b'; they lie in 0..1, so divide by" in message
    assert message.endswith(
        '; csv is a header such as query,small,big, then lines such as "What is 7 times 8?",1,0.5'
    )


@pytest.mark.parametrize("score", ["1.5", "-1", "NaN", "Infinity", '"good"', "[1]", "1e999"])
def test_a_json_score_outside_its_range_is_named(tmp_path: Path, score: str) -> None:
    """Whatever JSON writes it as."""
    line = f'{{"query": "q", "score": {{"a": 1, "b": {score}}}}}\n'
    message = refused(tmp_path, "jsonl", "x.jsonl", line, BadRow)
    assert re.search(r"x\.jsonl:1 has score .* for 'b'", message)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("query,a,b\nq,0\n", ":2 has 2 cells; the header has 3"),
        ("query,a,b\nq,0,1,1\n", ":2 has 4 cells; the header has 3"),
        ('query,a,b\n"q"x,0,1\n', ":2 is not CSV"),
        ('query,a,b\n"q,0,1\n', ":2 is not CSV: a quotation mark opens a cell that none closes"),
        ("query,a,b\n  ,0,1\n", ":2 has no query text"),
        ("query,a,b,cost_usd:a\nq,0,1,-2\n", ":2 has cost_usd '-2' for 'a'"),
        ("query,a,b,output_tokens:a\nq,0,1,many\n", ":2 has output_tokens 'many' for 'a'"),
    ],
)
def test_a_broken_csv_record_is_named(tmp_path: Path, text: str, words: str) -> None:
    """By the line it starts on."""
    assert f"x.csv{words}" in refused(tmp_path, "csv", "x.csv", text, BadRow)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("query,a,b\n", "has no rows"),
        ("prompt,a,b\nq,0,1\n", "has no column 'query'; it has"),
        ("query,note\nq,fine\n", "has no score column; it has"),
        ("query,a,a\nq,0,1\n", "has more than one column ['a']"),
        ("query,a,b,cost_usd:c\nq,0,1,2\n", "has 'cost_usd:c' and no score column 'c'"),
        ("query,a\nq,0\n", "is 'a'; a router needs two"),
        (b"query,a,b\n\xff,0,1\n", "line 2 is not UTF-8 at byte 1"),
        ("query,a,b\nq,,90%\nr,,\n", "'a', 'b']; 'a' is empty"),
        ("query,a,b\nq,90%,\nr,yes,no\n", "'90%' is no score, which is a number such as 0.5"),
        ("query;a;b\nWhy, and how?;1;0\n", "one cell: save the file with commas instead of ';'"),
        ("query\ta\tb\nWhy, and how?\t1\t0\n", "commas instead of '\\t', and with decimal points"),
        (b"PK\x03\x04\x14\0\x06\0", "it is a zip archive or an Excel file; save what is in it as"),
        (b"PAR1\x15\x04", "it is a Parquet file; save what is in it as text"),
    ],
)
def test_a_csv_that_is_no_table_of_outcomes_is_refused(
    tmp_path: Path, text: bytes | str, words: str
) -> None:
    """Empty, without queries or scores, ambiguous, of one expert, not UTF-8, or of other dividers,
    which also stands in the message when a query has a comma."""
    assert words in refused(tmp_path, "csv", "x.csv", text)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", ":1 is not JSON"),
        ('{"query": "q", "score": {"a": true, "b": 0}}', ":1 has score True for 'a'"),
        (
            '{"query": "q", "score": {"a": 1, "b": 0}, "cost_usd": {"b": false}}',
            ":1 has cost_usd False for 'b'",
        ),
        ("[1]", " item 1 is a int, not a JSON object"),
        ('"text"', ":1 is a str, not a JSON object"),
        ('{"query": "q"}', ":1 has no score"),
        ('{"query": "q", "score": 1}', ":1 has no score"),
        ('{"score": {"a": 1, "b": 0}}', ":1 has no query"),
        ('{"query": null, "score": {"a": 1, "b": 0}}', ":1 has no query text"),
        ('{"query": ["q"], "score": {"a": 1, "b": 0}}', ":1 has no query text"),
        ('{"query": "\\ud800", "score": {"a": 1, "b": 0}}', ":1 has a query that is not Unicode"),
        ('{"query": "q", "gold": NaN, "score": {"a": 1, "b": 0}}', ":1 cannot be stored as JSON"),
        ('{"query": "q", "score": {"a": 1, "b": 0}, "cost_usd": 1}', ":1 has cost_usd 1"),
        ('{"query": "q", "score": {"a": 1, "b": 0}, "answer": {"a": 1}}', ":1 has answer 1"),
        (
            '{"query": "q", "qkey": "k", "task": "t", "split": "valid", "score": {"a": 1, "b": 0}}',
            ":1 has split 'valid'",
        ),
        ('{"a":' * 100_000, ":1 is n"),
        (f'{{"query": "q", "score": {{"a": {"9" * 5000}, "b": 0}}}}', ":1 is not JSON"),
        (f'{{"query": "q", "score": {{"a": {"9" * 400}, "b": 0}}}}', ":1 has score 999"),
    ],
)
def test_a_broken_json_line_is_named(tmp_path: Path, line: str, words: str) -> None:
    """By its number, or its place in the list."""
    assert f"x.jsonl{words}" in refused(tmp_path, "jsonl", "x.jsonl", line, BadRow)


def test_a_json_file_without_rows_or_scores_is_refused(tmp_path: Path) -> None:
    """Each with its own reason."""
    assert "has no rows" in refused(tmp_path, "jsonl", "x.jsonl", "\n\n")
    assert "no score is known in" in refused(
        tmp_path, "jsonl", "y.jsonl", '{"query": "q", "score": {}}'
    )
    whole = gzip.compress(b'{"query": "q"}')
    assert "is not a whole gzip file" in refused(tmp_path, "jsonl", "z.jsonl.gz", whole[:-9])
    assert "is not a whole gzip file" in refused(tmp_path, "jsonl", "z.jsonl.gz", b"plain")


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ('[{"instruction": "q", "output": "a", "generator": "m"}]', "lacks"),
        (
            '[{"instruction": "q", "generator_1": "r", "generator_2": "m", "preference": 3}]',
            "item 1 has preference 3 for 'm'; preferences lie in 1..2",
        ),
        (
            '[{"instruction": "q", "generator_1": "r", "generator_2": "m", "preference": "A"}]',
            "item 1 has preference 'A' for 'm'",
        ),
    ],
)
def test_model_outputs_and_wrong_preferences_are_refused(
    tmp_path: Path, item: str, words: str
) -> None:
    """AlpacaEval's model_outputs.json holds no judgement to import."""
    assert words in refused(tmp_path, "alpacaeval", "x.json", item, BadRow)


def test_one_model_of_alpacaeval_is_not_enough() -> None:
    """Its file has one expert; a router chooses between two."""
    with pytest.raises(BadData, match="'small'; a router needs two"):
        import_outcomes("alpacaeval", [SAMPLES / "annotations_small.json"])


def test_an_llmrouter_line_without_its_query_is_refused(tmp_path: Path) -> None:
    """Averages by task are no outcomes of queries."""
    line = '{"task_name": "t", "model_name": "m", "performance": 0.5}'
    assert "lacks ['query']" in refused(tmp_path, "llmrouter", "x.jsonl", line, BadRow)


def test_embeddings_without_texts_are_refused(tmp_path: Path) -> None:
    """The message names the option for the texts, and both counts where they differ."""
    path = tmp_path / "pool.npz"
    np.savez(path, X=np.zeros((2, 3)), Y=np.array([[0, 1], [1, 0]]))
    with pytest.raises(BadData, match=r"pool\.npz row 1 has no query.* prompts .* as texts"):
        import_outcomes("routereval", [path])
    (tmp_path / "three.json").write_text('["a", "b", "c"]')
    with pytest.raises(BadData, match=r"three\.json has 3 prompts for the 2 rows"):
        import_outcomes("routereval", [path], texts=tmp_path / "three.json")
    (tmp_path / "blank.json").write_text('["a", {"answer": "b"}]')
    with pytest.raises(BadRow, match=r"pool\.npz row 2 has no query text"):
        import_outcomes("routereval", [path], texts=tmp_path / "blank.json")


def test_texts_for_a_file_with_queries_are_refused(tmp_path: Path) -> None:
    """They would replace what the experts were asked."""
    (tmp_path / "texts.json").write_text('["a", "b"]')
    with pytest.raises(BadData, match="has queries of its own"):
        import_outcomes("csv", [SAMPLES / "plain.csv"], texts=tmp_path / "texts.json")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"X": [[0.5]]}, "has no scores"),
        ({"Y": [0, 1]}, "scores of shape (2,)"),
        ({"Y": [[0, 1]], "model": ["a"]}, "1 model names for scores (1, 2)"),
        ({"train_score": [[0, 1]], "train_prompt": ["a", "b"]}, "2 prompts for scores (1, 2)"),
        ({"train_score": [[0, 1]], "test_score": [[0, 1, 1]]}, "holds no outcomes"),
        ({"Y": [[0, 1]], "model": np.array(["a", None])}, "allow_pickle=False"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    tmp_path: Path, arrays: dict[str, object], words: str
) -> None:
    """By their shapes, or because they hold Python objects."""
    path = tmp_path / "pool.npz"
    stored: Any = {name: np.array(value) for name, value in arrays.items()}
    np.savez(path, **stored)
    with pytest.raises(BadData) as refusal:
        import_outcomes("routereval", [path])
    assert words in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut off", b"\x93NUMPY"])
@pytest.mark.parametrize("file", ["x.npz", "x.npy"])
def test_files_that_are_no_arrays_are_refused(tmp_path: Path, content: bytes, file: str) -> None:
    """Whatever they are."""
    assert "holds no outcomes" in refused(tmp_path, "routereval", file, content)


def test_a_table_in_an_unknown_kind_of_file_is_refused(tmp_path: Path) -> None:
    """With the endings that can be read."""
    assert "'.csv', '.parquet', '.pkl'" in refused(tmp_path, "routerbench", "x.xlsx", "")


def test_parquet_names_the_line_that_installs_its_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pyarrow is no dependency."""
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert "pip install pyarrow" in refused(tmp_path, "routerbench", "x.parquet", b"PAR1")


@pytest.mark.parametrize("name", ["routerbench", "routereval"])
def test_a_pickle_that_asks_for_more_memory_than_it_has_bytes_is_refused(
    tmp_path: Path, name: str
) -> None:
    """Before pickle makes room for two thousand million objects."""
    bomb = b"\x80\x04Nr" + (2**31 - 1).to_bytes(4, "little") + b"."
    assert "2147483647 objects in 9 bytes" in refused(tmp_path, name, "x.pkl", bomb)


def test_arrays_that_unpack_to_more_than_a_table_are_refused(tmp_path: Path) -> None:
    """By what the file says of them, before any of it is unpacked."""
    path = tmp_path / "x.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed,
        packed.open("Y.npy", "w", force_zip64=True) as file,
    ):
        for _ in range(65):
            file.write(b"\0" * 2**22)
    with pytest.raises(BadData, match="at most 268,435,456 are read"):
        import_outcomes("routereval", [path])


@pytest.mark.skipif(sys.platform == "win32", reason="no such files there")
@pytest.mark.parametrize("name", ["csv", "routerbench", "routereval", "alpacaeval", "llmrouter"])
def test_a_pipe_is_no_table(tmp_path: Path, name: str) -> None:
    """It is refused without waiting."""
    for ending in ("csv", "pkl", "npz", "parquet", "json"):
        path = tmp_path / f"pipe.{ending}"
        if not path.exists():
            os.mkfifo(path)
        with pytest.raises(BadData, match=r"is a pipe|is no table|needs pyarrow"):
            import_outcomes(name, [path])


def test_texts_that_are_lists_are_refused(tmp_path: Path) -> None:
    """They would be stored as the text of a list."""
    for field in ("task", "lang", "source", "id"):
        line = f'{{"query": "q", "score": {{"a": 1, "b": 0}}, "{field}": ["x"]}}\n'
        assert f"has {field} ['x']; it must be a text" in refused(
            tmp_path, "jsonl", "x.jsonl", line, BadRow
        )
