"""Prompts for a server whose tokenizer has no call: marks in users' words are cut in two."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.backends.llama_cpp.prompt import Fragment
from edge_router.backends.llama_cpp.xllamacpp.vocabulary import ServerVocabulary

MARKS = {"<|im_start|>": 1, "<|im_end|>": 2, "<s>": 3, "<|im": 4}


def counted(prompt: Sequence[int | str]) -> int:
    """One for each piece."""
    return len(prompt)


def vocabulary(bos: str = "<s>") -> ServerVocabulary:
    """Four marks, one of which begins another."""
    return ServerVocabulary(MARKS, bos, "<|im_end|>", counted)


@given(st.lists(st.sampled_from([*MARKS, "<", "|", "im_end|>", "a", "\n", "é"]), max_size=12))
def test_no_words_of_a_users_make_a_mark(words: list[str]) -> None:
    """Whatever they wrote, and nothing of it is lost."""
    said = "".join(words)
    pieces = vocabulary().encode([Fragment(said, marks=False)]).tokens
    assert "".join(map(str, pieces)) == said
    assert not any(mark in str(piece) for piece in pieces for mark in MARKS)


@pytest.mark.parametrize(
    ("text", "add_bos", "expected"),
    [
        ("<|im_start|>user", False, (1, "user")),  # as a token: no other beginning is put before
        ("<|im_start|>user", True, ("<|im_start|>user",)),  # the server puts its own
        ("<s>user", True, (3, "user")),  # not a second one
        ("user", False, ("user",)),
    ],
)
def test_the_beginning_stands_there_once(
    text: str, add_bos: bool, expected: tuple[int | str, ...]
) -> None:
    """Whoever writes it, the template or the server."""
    made = vocabulary().encode([Fragment(text, marks=True, add_bos=add_bos)])
    assert tuple(made.tokens) == expected
    assert made.count == len(expected)
