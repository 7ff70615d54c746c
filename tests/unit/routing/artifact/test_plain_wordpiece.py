"""The tokenizer in Python alone beside the tokenizers library."""

from __future__ import annotations

import sys
import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.errors import ArtifactIncompatible
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.plain_wordpiece import PlainWordPiece
from edge_router.routing.artifact.text import RouterTokenizer
from edge_router.routing.artifact.wordpiece import WordPiece

TEXTS = [
    "What is the capital of France?",
    "",
    " \t\n\r\x0b\x85\u3000 ",
    "Übergröße, naïve café; ΣΊΣΥΦΟΣ İstanbul ŞAHİN",
    "日本語のテキストと中文 混ざった English",
    "مرحبا بالعالم ١٢٣، नमस्ते दुनिया।",
    "한국어 문장입니다 🙂🙃👩‍👩‍👧 e\u0301\u0300",
    "[CLS] not a [MASK]ed [UNK]nown [cls] [[SEP]]",
    "a" * 100 + " " + "b" * 101 + " ##ing don't x=1+2**3 \x00\ufffd\u200b\u00ad$€",
]


@pytest.fixture(scope="module")
def words(artifact: RouterArtifact) -> WordPiece:
    """The shipped one's settings."""
    return WordPiece.read(artifact.tokenizer_path.read_bytes(), "tokenizer.json")


@pytest.fixture(scope="module")
def pair(words: WordPiece) -> tuple[PlainWordPiece, Any]:
    """Ours and the library's."""
    ours = PlainWordPiece(words.vocabulary, words.model, words.cleaning, words.added)
    return ours, words.tokenizer()


def _agree(pair: tuple[Any, Any], text: str) -> bool:
    ours, theirs = (one.encode_batch_fast([text], add_special_tokens=False)[0] for one in pair)
    return bool(ours.ids == list(theirs.ids))


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_text_gets_the_librarys_tokens(pair: tuple[Any, Any], text: str) -> None:
    """Accents, case, Chinese, marks, special tokens, words that are too long."""
    assert _agree(pair, text)


# The library's tables are those of Unicode 8: of later characters some hundred are other to it.
OLD = st.characters(blacklist_categories=("Cs", "Cn")).filter(
    lambda character: unicodedata.ucd_3_2_0.category(character) == unicodedata.category(character)
)


@given(st.text(OLD, max_size=60))
def test_any_text_gets_the_librarys_tokens(pair: tuple[Any, Any], text: str) -> None:
    """Of characters that both know."""
    assert _agree(pair, text)


@given(st.text("aAßÉe\u0301 ,.[]CLSPD#中 '\n-", max_size=60))
def test_so_does_a_text_of_what_matters(pair: tuple[Any, Any], text: str) -> None:
    """Pieces of words, of added tokens and of accents, in any order."""
    assert _agree(pair, text)


@pytest.mark.parametrize("strip", [True, False, None])
@pytest.mark.parametrize("lower", [True, False])
def test_each_cleaning_is_the_librarys(words: WordPiece, strip: bool | None, lower: bool) -> None:
    """Accents go with the case where nothing is said of them; an added token may be cleaned too."""
    cleaning = {
        "clean_text": lower,
        "handle_chinese_chars": not lower,
        "strip_accents": strip,
        "lowercase": lower,
    }
    content = next(word for word in words.vocabulary if word.isalpha() and len(word) > 3)
    late = dict.fromkeys(words.added[0], False) | {"content": content, "normalized": True}
    other = replace(words, cleaning=cleaning, added=[*words.added, late])
    ours = PlainWordPiece(other.vocabulary, other.model, other.cleaning, other.added)
    both = (ours, other.tokenizer())
    assert all(_agree(both, text) for text in [*TEXTS, f"un{content}able {content.upper()}"])


def test_without_the_library_ours_splits(
    artifact: RouterArtifact, words: WordPiece, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The router's input is the same; what ours cannot do says so."""
    theirs = RouterTokenizer(artifact.tokenizer_path, max_tokens=128)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    ours = RouterTokenizer(artifact.tokenizer_path, max_tokens=128)
    for text in [*TEXTS, "word " * 300]:
        assert ours.input_ids(text) == theirs.input_ids(text)
    blanks = replace(words, added=[{**words.added[0], "lstrip": True}])
    with pytest.raises(ArtifactIncompatible, match="pip install 'tokenizers"):
        blanks.tokenizer()
    with pytest.raises(ValueError, match="add_special_tokens=True"):
        words.tokenizer().encode_batch_fast(["x"], add_special_tokens=True)
