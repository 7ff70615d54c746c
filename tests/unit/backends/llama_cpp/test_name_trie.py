"""The trie mask: an invalid name never comes out, whatever the logits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge_router.backends.llama_cpp.name_trie import NameTrie, TrieMask
from edge_router.errors import BackendRejected

WORDS, END = 12, 11
NAMES = st.lists(
    st.lists(st.integers(0, WORDS - 2), min_size=1, max_size=5).map(tuple),
    min_size=1,
    max_size=6,
    unique=True,
)
ANY_LOGITS = hnp.arrays(
    np.float32, (8, WORDS), elements=st.floats(width=32, allow_nan=True, allow_infinity=True)
)
FINITE = hnp.arrays(np.float32, (8, WORDS), elements=st.floats(-50, 50, width=32))


def written(names: list[tuple[int, ...]], logits: npt.NDArray[np.float32]) -> tuple[int, ...]:
    """What greedy decoding writes under the mask, up to the end."""
    mask, tokens = TrieMask(NameTrie(names, end=END)), [7, 7]
    for row in logits:
        masked = mask(np.array(tokens, dtype=np.intc), row)
        assert np.isfinite(masked).any()
        tokens.append(int(masked.argmax()))
        if tokens[-1] == END:
            break
    return tuple(tokens[2:-1])


@given(NAMES, ANY_LOGITS)
def test_only_names_come_out(names: list[tuple[int, ...]], logits: npt.NDArray[np.float32]) -> None:
    """Of logits that are infinite or not numbers too."""
    assert written(names, logits) in names


@given(NAMES, FINITE)
def test_probabilities_sum_to_one_and_are_those_of_the_walk(
    names: list[tuple[int, ...]], logits: npt.NDArray[np.float32]
) -> None:
    """Each is the product of masked softmaxes along its tokens."""
    trie = NameTrie(names, end=END)
    probabilities = trie.probabilities(lambda path: logits[len(path)])
    assert sum(probabilities) == pytest.approx(1)
    for name, probability in zip(trie.names, probabilities, strict=True):
        expected = 1.0
        for length, token in enumerate(name):
            masked = trie.masked(name[:length], logits[length]).astype(np.float64)
            weights = np.exp(masked - masked.max())
            expected *= weights[token] / weights.sum()
        assert probability == pytest.approx(expected, rel=1e-4, abs=1e-12)


def test_logits_are_asked_for_only_where_names_part() -> None:
    """Two names with one beginning: behind that, and nowhere else."""
    asked = []

    def logits_after(path: tuple[int, ...]) -> npt.NDArray[np.float32]:
        asked.append(path)
        return np.zeros(WORDS, dtype=np.float32)

    trie = NameTrie([(1, 2, 3), (1, 2, 4, 5)], end=END)
    assert trie.probabilities(logits_after) == [0.5, 0.5]
    assert asked == [(1, 2)]


def test_a_name_may_begin_another() -> None:
    """The end tells them apart."""
    trie = NameTrie([(1,), (1, 2)], end=END)
    assert sorted(trie.allowed((1,))) == [2, END]
    assert trie.allowed((1, 2, END)) == [END]
    assert trie.depth == 3


@pytest.mark.parametrize("names", [[], [()], [(1,), (1,)]])
def test_names_that_leave_no_choice_are_refused(names: list[tuple[int, ...]]) -> None:
    """None, an empty one, two that are the same tokens."""
    with pytest.raises(BackendRejected):
        NameTrie(names, end=END)
