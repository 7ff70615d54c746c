"""Questions without outcomes: chosen by their hash, and none that is tested on."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from edge_router.export.data.outcome_set import OutcomeSet, outcome_set, with_unanswered
from edge_router.export.data.rows import BadData, query_key, split_of
from edge_router.export.data.transfer import transfer_texts


def outcomes(query: str) -> OutcomeSet:
    row = {"qkey": "q", "split": "test", "task": "t", "query": query, "score": {"a": 1.0}}
    return outcome_set({"mine": [row]}, 1000)


def data(folder: Path) -> Path:
    """Sixty commands as CLINC150 publishes them."""
    commands = [[f"set an alarm for {n} minutes", "alarm"] for n in range(60)]
    (folder / "queries" / "clinc150").mkdir(parents=True)
    content = json.dumps({"train": commands, "oos_train": []}).encode()
    (folder / "queries" / "clinc150" / "data_full.json.gz").write_bytes(gzip.compress(content))
    return folder


def test_no_question_is_transferred_that_is_tested_on(tmp_path: Path) -> None:
    """Neither one of a table, in whatever letters, nor one whose hash is not of the train split."""
    known = outcomes("SET an alarm for 7 minutes!")
    texts = transfer_texts(data(tmp_path), {"clinc150": 60}, known)
    assert 30 < len(texts) < 60
    assert "set an alarm for 7 minutes" not in texts
    assert {split_of(query_key(text)) for text in texts} == {"train"}


def test_a_larger_count_holds_those_of_a_smaller(tmp_path: Path) -> None:
    """So that a recipe can be changed without changing everything."""
    folder, known = data(tmp_path), outcomes("x")
    few, more = (transfer_texts(folder, {"clinc150": n}, known) for n in (5, 10))
    assert len(few) == 5
    assert few == more[:5]


def test_an_unknown_source_is_refused(tmp_path: Path) -> None:
    """With the names of those that there are."""
    with pytest.raises(
        BadData, match=r"no questions to transfer from 'reddit'; there are \['clinc"
    ):
        transfer_texts(tmp_path, {"reddit": 5}, outcomes("x"))


def test_they_stand_behind_the_outcomes_without_any() -> None:
    """As train rows of a table of their own, of no known kind."""
    both = with_unanswered(outcomes("x"), ["call mum", "what time is it"], 1000)
    assert both.texts == ("x", "call mum", "what time is it")
    assert both.splits.tolist() == ["test", "train", "train"]
    assert both.tables.tolist()[1:] == ["transfer", "transfer"]
    assert both.scores[0, 0] == 1.0
    assert str(both.scores[1:, 0].tolist()) == "[nan, nan]"
