"""From a conversation to token ids: cut at both ends, never longer than promised."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from edge_router.chat.completion import ChatRequest, Message
from edge_router.errors import InvalidRequest
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.text import SHORT_TURN_CHARS, RouterTokenizer, cut, router_input

LONG_TURN = "How many prime numbers are there between one and one hundred?"
TEXTS = st.text(max_size=400)


def _talk(*turns: str) -> ChatRequest:
    """User turns with an assistant's answer between them."""
    messages = [Message("user", turns[0])]
    for turn in turns[1:]:
        messages += [Message("assistant", "An answer."), Message("user", turn)]
    return ChatRequest(tuple(messages))


@given(TEXTS, st.integers(3, 500))
def test_cut_is_never_longer_than_allowed(text: str, max_chars: int) -> None:
    """Whatever the text, the result fits."""
    assert len(cut(text, max_chars)) <= max_chars


@pytest.mark.parametrize("max_chars", [1, 2])
def test_cut_is_never_longer_than_allowed_when_that_is_almost_nothing(max_chars: int) -> None:
    """The promise holds for the smallest limits too."""
    assert len(cut("abcdefghij", max_chars)) <= max_chars


@given(TEXTS, st.integers(400, 500))
def test_cut_leaves_a_short_text_but_for_blanks_around_it(text: str, max_chars: int) -> None:
    """What fits stays whole."""
    assert cut(text, max_chars) == text.strip()


@given(st.text(st.characters(categories=["L", "N", "So"]), min_size=61, max_size=400))
def test_cut_keeps_head_and_tail(text: str) -> None:
    """Of a longer text both ends stay, the same length of each."""
    assert cut(text, 60) == f"{text[:29]}\n{text[-29:]}"


def test_cut_by_hand() -> None:
    """Nine characters of ten letters: four, a line end, four."""
    assert cut("abcdefghij", 10) == "abcdefghij"
    assert cut("abcdefghij", 9) == "abcd\nghij"
    assert cut("abcdefghij", 8) == "abc\nhij"


@given(TEXTS, st.integers(3, 500))
def test_cut_twice_is_still_within_the_limit(text: str, max_chars: int) -> None:
    """What was cut needs no second cut."""
    once = cut(text, max_chars)
    assert cut(once, max_chars) == once.strip()


def test_a_long_last_turn_is_the_whole_input() -> None:
    """Nothing is put in front of a turn that can stand alone."""
    assert router_input(_talk("An earlier question, now done.", LONG_TURN), 1024) == LONG_TURN


@pytest.mark.parametrize("turn", ["yes", "and in French?", "😀"])
def test_a_short_turn_brings_the_turn_before_it(turn: str) -> None:
    """No decision rests on one word."""
    assert router_input(_talk(LONG_TURN, turn), 1024) == f"{LONG_TURN}\n{turn}"


def test_short_turns_are_collected_until_there_is_enough() -> None:
    """Several short turns bring all of them and the first long one, not more."""
    request = _talk("Not this one, " + LONG_TURN, LONG_TURN, "yes", "go on")
    assert router_input(request, 1024) == f"{LONG_TURN}\nyes\ngo on"


@pytest.mark.parametrize("missing", [0, 1])
def test_a_turn_is_short_below_the_limit(missing: int) -> None:
    """48 characters stand alone, 47 do not."""
    turn = "x" * (SHORT_TURN_CHARS - missing)
    assert (router_input(_talk(LONG_TURN, turn), 1024) == turn) is (missing == 0)


def test_only_user_turns_are_read() -> None:
    """Neither the system message nor an answer reaches the router."""
    request = ChatRequest(
        (
            Message("system", "SYSTEM " * 20),
            Message("user", "Hello there"),
            Message("assistant", "ANSWER " * 20),
            Message("user", "yes"),
        )
    )
    assert router_input(request, 1024) == "Hello there\nyes"


def test_a_long_conversation_reads_like_its_last_turns() -> None:
    """What was said 300 turns ago changes nothing."""
    turns = [f"This is question number {n}, and it is long enough to stand." for n in range(298)]
    turns += [LONG_TURN, "yes"]
    assert router_input(_talk(*turns), 1024) == router_input(_talk(*turns[-2:]), 1024)


@given(st.lists(TEXTS, min_size=1, max_size=6), st.integers(3, 200))
def test_router_input_is_never_longer_than_allowed(turns: list[str], max_chars: int) -> None:
    """However many turns are joined, the result fits."""
    assert len(router_input(_talk("Hello", *turns), max_chars)) <= max_chars


@pytest.mark.parametrize("text", ["😀" * 2000, "👩‍👩‍👧‍👦" * 500, "नमस्ते " * 500, "\u0301" * 2000])
def test_emoji_and_combined_characters_are_cut_like_any_other(text: str) -> None:
    """A cut through a joined emoji leaves valid text of the right length."""
    found = router_input(ChatRequest.of(text), 1024)
    assert 1000 <= len(found) <= 1024
    assert found.encode().decode() == found


def test_half_an_emoji_never_gets_this_far() -> None:
    """A lone surrogate is refused before any tokenizer sees it."""
    with pytest.raises(InvalidRequest):
        router_input(ChatRequest.of("Hello \ud83d"), 1024)


def test_blanks_around_a_query_do_not_push_it_out() -> None:
    """A pasted query between many blank lines is still read."""
    padded = "\n" * 600 + LONG_TURN + "\n" * 600
    assert router_input(ChatRequest.of(padded), 1024) == LONG_TURN


def _best_time(request: ChatRequest) -> float:
    """The least of several times for 100 calls, in seconds."""
    times = []
    for _ in range(15):
        start = time.perf_counter()
        for _ in range(100):
            router_input(request, 1024)
        times.append(time.perf_counter() - start)
    return min(times)


def test_a_huge_text_costs_little_more_than_a_small_one() -> None:
    """A thousand times the text takes nowhere near a thousand times as long."""
    small = _best_time(ChatRequest.of("word " * 2_000))
    huge = _best_time(ChatRequest.of("word " * 2_000_000))
    assert huge < 10 * small


def _library(path: Path) -> Tokenizer:
    """The tokenizers library's own reading of the file, without its truncation and padding."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@pytest.mark.parametrize(
    "text",
    ["", "a", LONG_TURN, "  blanks \n around ", "Füße, 東京 and 😀", "[SEP] [CLS] [PAD]", "a\0b"],
)
def test_a_short_text_is_encoded_as_the_library_does(text: str, artifact: RouterArtifact) -> None:
    """Special tokens and all: what fits is the reference encoding."""
    tokenizer = RouterTokenizer(artifact.tokenizer_path, max_tokens=128)
    assert tokenizer.input_ids(text) == _library(artifact.tokenizer_path).encode(text).ids


@pytest.mark.parametrize("max_tokens", [4, 5, 16, 17, 128])
def test_of_a_long_text_head_and_tail_are_kept(max_tokens: int, artifact: RouterArtifact) -> None:
    """First and last tokens in equal parts, the head one longer where the room is odd."""
    text = " ".join(str(n) for n in range(500))
    whole = _library(artifact.tokenizer_path).encode(text, add_special_tokens=False).ids
    start, *ids, end = RouterTokenizer(artifact.tokenizer_path, max_tokens=max_tokens).input_ids(
        text
    )
    tail = (max_tokens - 2) // 2
    head = max_tokens - 2 - tail
    assert ids == whole[:head] + whole[-tail:]
    assert [start, end] == _library(artifact.tokenizer_path).encode("").ids


@pytest.mark.parametrize("extra", [0, 1])
def test_the_limit_itself_still_fits(extra: int, artifact: RouterArtifact) -> None:
    """A text of exactly `max_tokens` stays whole; one token more is cut."""
    whole = _library(artifact.tokenizer_path).encode(LONG_TURN).ids
    tokenizer = RouterTokenizer(artifact.tokenizer_path, max_tokens=len(whole) - extra)
    found = tokenizer.input_ids(LONG_TURN)
    assert len(found) == len(whole) - extra
    assert (found == whole) is (extra == 0)


def test_never_more_than_max_tokens(artifact: RouterArtifact) -> None:
    """Whatever the text and the limit, the ids fit."""
    tokenizers = [RouterTokenizer(artifact.tokenizer_path, max_tokens=n) for n in (4, 7, 32)]

    @given(st.text(max_size=200))
    def fits(text: str) -> None:
        assert all(
            len(tokenizer.input_ids(text)) <= limit
            for tokenizer, limit in zip(tokenizers, (4, 7, 32), strict=True)
        )

    fits()


@pytest.mark.parametrize("max_tokens", [2, 3])
def test_never_more_than_max_tokens_when_that_is_almost_nothing(
    max_tokens: int, artifact: RouterArtifact
) -> None:
    """The promise holds for the smallest limits too."""
    tokenizer = RouterTokenizer(artifact.tokenizer_path, max_tokens=max_tokens)
    assert len(tokenizer.input_ids(LONG_TURN)) <= max_tokens


def test_a_batch_is_padded_to_its_longest_text(artifact: RouterArtifact) -> None:
    """Each row is the ids of its text, then zeros where the mask is zero."""
    tokenizer = RouterTokenizer(artifact.tokenizer_path, max_tokens=16)
    texts = ["yes", LONG_TURN * 3, ""]
    ids, mask = tokenizer.batch(texts)
    assert ids.shape == mask.shape == (3, 16)
    assert ids.dtype == mask.dtype == np.int64
    for row, seen, text in zip(ids, mask, texts, strict=True):
        alone = tokenizer.input_ids(text)
        assert row.tolist() == alone + [0] * (16 - len(alone))
        assert seen.tolist() == [1] * len(alone) + [0] * (16 - len(alone))


def test_any_text_is_encoded_as_the_library_reads_the_file(artifact: RouterArtifact) -> None:
    """The tokenizer is built from the file's settings; the library's own reading is the same."""
    library = _library(artifact.tokenizer_path)
    tokenizer = RouterTokenizer(artifact.tokenizer_path, max_tokens=10_000)

    @given(st.text(max_size=300) | st.text("aéÀ東ｶ\u0301\u200d[SEP] .,\t\n", max_size=60))
    def same(text: str) -> None:
        assert tokenizer.input_ids(text) == library.encode(text).ids

    same()
