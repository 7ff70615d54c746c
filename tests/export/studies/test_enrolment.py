"""The enrolment study on a small table of our own, with the shipped encoder."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("tqdm", reason="the extra `export` is not installed")

from edge_router.export.data.rows import BadData, write_rows
from edge_router.export.studies.enrolment.report import enrolment_markdown
from edge_router.export.studies.enrolment.study import NEW, PAIRS, TABLE, StudySetting, study
from edge_router.learning.outcomes.rows import Row
from edge_router.routing.artifact.manifest import RouterArtifact

KNOWN = ("gpt-4-1106-preview", "mixtral-8x7b-instruct")
SETTING = StudySetting(sizes=(10,), draws=2, pool=30, candidates=20)


def _row(number: int, scores: dict[str, float]) -> Row:
    """Every fifth row is of the test split; a sum on even numbers, else a question of history."""
    asked = f"What is {number} + {number}?" if number % 2 == 0 else f"Who ruled in {900 + number}?"
    return {
        "source": "s",
        "id": str(number),
        "qkey": f"{number:04}",
        "split": "test" if number % 5 == 4 else "train",
        "task": "t",
        "lang": "en",
        "query": asked,
        "score": scores,
    }


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """The weak newcomer can do sums, the strong one everything; of the known both fail at times."""
    outcomes = tmp_path / "data" / "outcomes"
    new = [_row(n, {NEW[0]: float(n % 2 == 0), NEW[1]: 1.0}) for n in range(60)]
    known = [_row(n, {KNOWN[0]: 1.0, KNOWN[1]: float(n % 3 == 0)}) for n in range(60)]
    for folder, rows in (("evaluate_only", new), ("open", known)):
        (outcomes / folder).mkdir(parents=True)
        write_rows(outcomes / folder / f"{TABLE}.jsonl.gz", rows)
    return outcomes.parent


def test_every_size_and_pair_is_judged_on_the_test_rows(
    artifact: RouterArtifact, tables: Path, tmp_path: Path
) -> None:
    """Random and chosen queries of the same draws; the encoder is left as it was."""
    result = study(artifact, tables, tmp_path / "work", SETTING)
    assert (result["train_rows"], result["test_rows"]) == (30, 12)
    assert result["encoder_unchanged"] is True
    (size,) = result["sizes"]
    assert (size["rows"], len(size["pairs"]), len(size["experts"])) == (10, len(PAIRS), len(NEW))
    for pair in size["pairs"]:
        better = pair["apgr_chosen"]["mean"] - pair["apgr_random"]["mean"]
        assert pair["chosen_better_by"]["mean"] == pytest.approx(better)
    weak_before_strong = result["full"][0]
    assert weak_before_strong["apgr"][0] > 0.65  # sums stay with the weak one
    assert enrolment_markdown(result).count("\n| ") == 2 + len(PAIRS) + len(NEW)


def test_the_same_seed_gives_the_same_figures(
    artifact: RouterArtifact, tables: Path, tmp_path: Path
) -> None:
    """All but the seconds."""
    first, second = (study(artifact, tables, tmp_path / "work", SETTING) for _ in range(2))
    assert first["full"] == second["full"]
    assert first["sizes"][0]["pairs"] == second["sizes"][0]["pairs"]


def test_missing_tables_are_named(artifact: RouterArtifact, tmp_path: Path) -> None:
    """With the folder to give."""
    with pytest.raises(BadData, match=r"give the folder that holds outcomes/"):
        study(artifact, tmp_path, tmp_path / "work", SETTING)
