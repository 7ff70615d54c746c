"""Merging a fleet's logs: each outcome once, whatever is uploaded twice, set back or broken."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_router.export.cli import main
from edge_router.export.collecting.fleet_merge import merge_logs
from edge_router.export.data.rows import BadData, BadRow
from made_fleet import OTHER_ROUTER, ROUTER, shared, write_log

parquet = pytest.importorskip("pyarrow.parquet")


def merged(folder: Path, *logs: list[Any], **options: Any) -> list[dict[str, Any]]:
    """The rows of the table that these logs give."""
    paths = [write_log(folder / f"{n}.jsonl", log) for n, log in enumerate(logs)]
    merge_logs(paths, folder / "merged.parquet", **options)
    rows: list[dict[str, Any]] = parquet.read_table(folder / "merged.parquet").to_pylist()
    return rows


def test_logs_of_devices_are_joined(tmp_path: Path) -> None:
    """All rows, with what was expected and how probable each draw was."""
    rows = merged(tmp_path, [shared("a", 1), shared("a", 2)], [shared("b", 1, propensity=0.25)])
    assert sorted((one["device"], one["order"]) for one in rows) == [("a", 1), ("a", 2), ("b", 1)]
    assert [one["propensity"] for one in rows if one["device"] == "b"] == [0.25]
    assert {one["expert"] for one in rows[0]["estimates"]} == {"weak", "strong"}
    assert not [one for one in rows if one["prompt"] is not None]


def test_equal_ids_of_two_devices_are_two_outcomes(tmp_path: Path) -> None:
    """A device speaks for itself alone."""
    rows = merged(tmp_path, [shared("a", 1, id="same")], [shared("b", 1, id="same")])
    assert len(rows) == 2


def test_a_score_that_came_later_replaces_the_row_without(tmp_path: Path) -> None:
    """In whatever order the two exports are merged, and though the clock was set back."""
    before = [shared("a", 1, export=1, score=None, time=2e9)]
    after = [shared("a", 1, export=2, score=0.25, time=1e9)]
    for logs in ((before, after), (after, before)):
        assert [one["score"] for one in merged(tmp_path, *logs)] == [0.25]


def test_of_two_scores_the_later_export_has_the_last_word(tmp_path: Path) -> None:
    """The count of exports decides, never a clock."""
    first = [shared("a", 1, export=1, score=1.0, time=2e9)]
    second = [shared("a", 1, export=2, score=0.0, time=1e9)]
    assert [one["score"] for one in merged(tmp_path, second, first)] == [0.0]


LOGS = st.lists(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.sampled_from([None, 0.0, 1.0])),
        max_size=6,
    ),
    min_size=1,
    max_size=4,
).filter(any)


def made(logs: Any, seconds: float = 0.0) -> list[list[Any]]:
    """Exports in turn, by a clock that is wrong by so many seconds."""
    return [
        [shared(d, order, export=n, score=score, time=1e9 + seconds) for d, order, score in log]
        for n, log in enumerate(logs, 1)
    ]


@settings(max_examples=6, deadline=None)
@given(LOGS, st.randoms(use_true_random=False), st.floats(-1e9, 1e9))
def test_copies_order_and_clocks_change_nothing(logs: Any, random: Any, seconds: float) -> None:
    """The same rows whatever log is there twice, in whatever order, and whatever the clocks say."""
    with TemporaryDirectory() as folder:
        before = merged(Path(folder), *made(logs))
        again = [*made(logs, seconds), *made(logs, seconds)]
        random.shuffle(again)
        after = merged(Path(folder), *again)
    for one in (*before, *after):
        del one["time"]
    assert before == after


def test_the_file_is_the_same_to_the_byte(tmp_path: Path) -> None:
    """Two runs over the same logs, one of which is there twice, give equal files."""
    logs = [write_log(tmp_path / f"{d}.jsonl", [shared(d, n) for n in range(9)]) for d in "abc"]
    merge_logs(logs, tmp_path / "one.parquet")
    merge_logs([logs[2], *logs], tmp_path / "two.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_routers_stay_apart(tmp_path: Path) -> None:
    """Rows of each in the table, or only those of the one that is asked for."""
    log = [shared("a", 1), shared("a", 2, artifact=OTHER_ROUTER, vector=shared_vector(3))]
    assert {one["artifact"] for one in merged(tmp_path, log)} == {ROUTER, OTHER_ROUTER}
    assert [one["order"] for one in merged(tmp_path, log, artifact="bbb")] == [2]
    with pytest.raises(BadData, match="none of 2 outcomes is of a router 'c'"):
        merged(tmp_path, log, artifact="c")


def shared_vector(count: int) -> Any:
    """A representation of so many numbers."""
    import numpy as np

    return np.zeros(count, dtype=np.float32)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"version": 0}, "has version 0, this Edge Router reads 1; export the log again"),
        ({"version": None}, "has version None"),
        ({"score": 2}, "score is 2"),
        ({"propensity": 0.0}, "propensity is 0"),
        ({"vector": "?"}, "no base64"),
        ({"estimates": {}}, "answered_by is 'weak'"),
        ({"order": -1}, "order is -1"),
        ({"device": ""}, "device is ''"),
        ({"query": "my secret"}, "has a field 'query'"),
        ({"input_tokens": 1.5}, "input_tokens is 1.5"),
        ({"ended": "maybe"}, "ended is 'maybe'"),
        ({"estimates": {"weak": [2, 0, 1, 1]}}, "quality = 2.0 in Estimate"),
    ],
)
def test_what_is_no_outcome_is_refused_with_its_place(
    tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    """File, line and fault; with --keep-going the others are merged."""
    log = [shared("a", 1), shared("a", 2) | change, shared("a", 3)]
    with pytest.raises(BadRow, match=f"0.jsonl:2: .*{complaint}"):
        merged(tmp_path, log)
    assert sorted(one["order"] for one in merged(tmp_path, log, keep_going=True)) == [1, 3]


def test_logs_that_disagree_on_a_router_are_named(tmp_path: Path) -> None:
    """Both of them, even with --keep-going: which one is damaged cannot be told."""
    odd = [shared("b", 1, vector=shared_vector(3))]
    with pytest.raises(BadData, match=r"1.jsonl has 3 numbers where .*0.jsonl has 1, for the same"):
        merged(tmp_path, [shared("a", 1)], odd, keep_going=True)


def test_half_a_line_and_a_broken_upload(tmp_path: Path) -> None:
    """What came before the break can still be had."""
    whole = write_log(tmp_path / "whole.jsonl", [shared("a", n) for n in range(400)])
    half = tmp_path / "half.jsonl"
    half.write_bytes(whole.read_bytes()[:-100])
    packed = tmp_path / "packed.jsonl.gz"
    packed.write_bytes(gzip.compress(whole.read_bytes())[:-2000])
    for broken in (half, packed):
        with pytest.raises(BadRow, match=broken.name):
            merge_logs([broken], tmp_path / "out.parquet")
        assert not (tmp_path / "out.parquet").exists()
    done = merge_logs([half], tmp_path / "out.parquet", keep_going=True)
    assert (done.rows, done.damaged) == (399, {str(half): 1})
    assert merge_logs([packed], tmp_path / "out.parquet", keep_going=True).rows < 400
    assert not list(tmp_path.glob(".merge-*"))


def test_nothing_to_merge_is_said(tmp_path: Path) -> None:
    """No log, an empty one, and a folder without any."""
    empty = write_log(tmp_path / "empty.jsonl", [])
    with pytest.raises(BadData, match="no outcome in 1 logs"):
        merge_logs([empty], tmp_path / "out.parquet")
    with pytest.raises(BadData, match="is not there"):
        merge_logs([tmp_path / "none.jsonl"], tmp_path / "out.parquet")
    (tmp_path / "logs").mkdir()
    with pytest.raises(BadData, match="holds no log"):
        merge_logs([tmp_path / "logs"], tmp_path / "out.parquet")


def test_the_command_says_what_it_merged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Devices, routers, copies, and what takes the table."""
    write_log(tmp_path / "a.jsonl", [shared("a", 1), shared("a", 1), shared("a", 2, score=None)])
    out = tmp_path / "out" / "merged.parquet"
    assert main(["merge", str(tmp_path), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("2 outcomes of 1 devices, 1 scored, from 1 logs; the largest device has")
    assert "1 copies left out" in said
    assert f"calibrate --from-log {out}" in said
    assert main(["merge", str(tmp_path), "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 2
    assert main(["merge", str(tmp_path), "--out", "merged.csv"]) == 2
    assert "must end in .parquet" in capsys.readouterr().err
