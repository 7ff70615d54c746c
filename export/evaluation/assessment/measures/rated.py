"""Everyday prompts rated for six sizes: correlation of gain and quality, answer length, tools.

A rating is the opinion of a large language model, not an outcome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from edge_router.learning.outcomes.rows import Row
from edge_router.routing.arrays import Bools, Float64s

from ....metrics.agreement import correlations, f1_scores, median_ratios
from ....metrics.apgr import Counts, with_interval
from ..result import ABSENT, Cell, MeasureTable, Result
from ..ridge import WordRidge
from ..setting import Setting
from ..split_rows import RATED_TABLES
from ..subject import REFERENCE_SIZE, SIZES

__all__ = ["LOCAL_SIZES", "rated"]

LOCAL_SIZES = ("135m", "1b", "3b", "8b")  # whose gain by the largest size is measured
YES = 0.5
LENGTH_COLUMNS = ("correlation of logarithms", "median expected / rated", "median rated")
EXPLAINED = (
    "Ratings are opinions of a large language model under a written rubric, not outcomes. "
    f"The gain is the quality of {REFERENCE_SIZE} less that of a size. Prompt length takes "
    "longer prompts for harder; TF-IDF with ridge is fitted to the train rows of both tables."
)


@dataclass(frozen=True, slots=True)
class Truth:
    """What the raters say of each query: `scores` (queries, sizes), answer length, tools."""

    scores: Float64s
    log_tokens: Float64s
    needs_tools: Bools

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Truth:
        return cls(
            np.array([[row["score"][f"rated/{size}"] for size in SIZES] for row in rows]),
            np.log([max(1.0, float(row["answer_tokens"])) for row in rows]),
            np.array([bool(row["needs_tools"]) for row in rows]),
        )


@dataclass(frozen=True, slots=True)
class Guess:
    """The same as a contender expects it; what it does not say is None.

    `qualities` and `gains` (queries, sizes) only need to be in order.
    """

    qualities: Float64s
    gains: Float64s
    log_tokens: Float64s
    in_tokens: bool
    needs_tools: Bools | None


def rated(setting: Setting) -> Result:
    """The router, prompt length and TF-IDF with ridge on each rated table."""
    gains: list[tuple[Cell, ...]] = []
    qualities: list[tuple[Cell, ...]] = []
    lengths: list[tuple[Cell, ...]] = []
    tools: list[tuple[Cell, ...]] = []
    words = _fitted([row for table in RATED_TABLES for row in setting.rows.train(table)])
    for table in RATED_TABLES:
        rows = setting.rows.measured(table)
        truth, counts = Truth.of(rows), setting.counts(len(rows))
        for name, guess in _guesses(setting, rows, words).items():
            place = (f"{table}: {name}", len(rows))
            gains.append((*place, *_gains(guess, truth, counts)))
            qualities.append((*place, *_qualities(guess, truth, counts)))
            lengths.append((*place, *_lengths(guess, truth, counts)))
            tools.append((*place, _tools(name, guess, truth, counts)))
    tables = (
        _table("Correlation of expected and rated gain", ("mean", *LOCAL_SIZES), gains),
        _table("Correlation of expected and rated quality", ("mean", *SIZES), qualities),
        _table("Answer length", LENGTH_COLUMNS, lengths),
        _table("Needs tools", ("F1",), tools),
    )
    return Result("rated", "Everyday prompts, rated", (EXPLAINED,), tables)


def _table(title: str, columns: Sequence[str], rows: Sequence[tuple[Cell, ...]]) -> MeasureTable:
    return MeasureTable(title, ("table and contender", "queries", *columns), tuple(rows))


def _guesses(setting: Setting, rows: Sequence[Row], words: WordRidge | None) -> Mapping[str, Guess]:
    texts = [row["query"] for row in rows]
    read = setting.subject.read(texts)
    tools = read.needs_tools
    guesses = {
        "router": Guess(
            read.qualities,
            _gains_of(read.qualities),
            read.log_tokens.mean(axis=1),
            in_tokens=True,
            needs_tools=None if tools is None else tools > YES,
        ),
        "prompt length": _by_length(texts),
    }
    if words:
        guesses["TF-IDF and ridge"] = _by_words(texts, words)
    return guesses


def _gains_of(qualities: Float64s) -> Float64s:
    return qualities[:, [SIZES.index(REFERENCE_SIZE)]] - qualities


def _by_length(texts: Sequence[str]) -> Guess:
    length = np.log([1.0 + len(text) for text in texts])
    longer = np.tile(length[:, None], (1, len(SIZES)))
    return Guess(-longer, longer, length, in_tokens=False, needs_tools=None)


def _fitted(train: Sequence[Row]) -> WordRidge | None:
    """To scores, length and tools; None without rows."""
    if not train:
        return None
    known = Truth.of(train)
    targets = np.column_stack([known.scores, known.log_tokens, known.needs_tools])
    return WordRidge.fit([row["query"] for row in train], targets)


def _by_words(texts: Sequence[str], words: WordRidge) -> Guess:
    read = words.predict(texts)
    qualities = read[:, : len(SIZES)]
    return Guess(
        qualities,
        _gains_of(qualities),
        read[:, -2],
        in_tokens=True,
        needs_tools=read[:, -1] > YES,
    )


def _gains(guess: Guess, truth: Truth, counts: Counts) -> list[Cell]:
    columns = [SIZES.index(size) for size in LOCAL_SIZES]
    return _correlated(guess.gains, _gains_of(truth.scores), columns, counts)


def _qualities(guess: Guess, truth: Truth, counts: Counts) -> list[Cell]:
    return _correlated(guess.qualities, truth.scores, range(len(SIZES)), counts)


def _correlated(
    expected: Float64s, true: Float64s, columns: Sequence[int], counts: Counts
) -> list[Cell]:
    """The mean over the columns, then each."""

    def each(drawn: Counts) -> Float64s:
        return np.stack([correlations(expected[:, c], true[:, c], drawn) for c in columns])

    return [
        with_interval(lambda drawn: each(drawn).mean(axis=0), counts),
        *(
            with_interval(partial(correlations, expected[:, c], true[:, c]), counts)
            for c in columns
        ),
    ]


def _lengths(guess: Guess, truth: Truth, counts: Counts) -> tuple[Cell, ...]:
    tokens, real = np.exp(guess.log_tokens), np.exp(truth.log_tokens)
    ratio = with_interval(lambda drawn: median_ratios(tokens, real, drawn), counts)
    return (
        with_interval(
            lambda drawn: correlations(guess.log_tokens, truth.log_tokens, drawn), counts
        ),
        ratio if guess.in_tokens else None,
        float(np.median(real)),
    )


def _tools(name: str, guess: Guess, truth: Truth, counts: Counts) -> Cell:
    predicted = guess.needs_tools
    if predicted is None:
        return ABSENT if name == "router" else None
    return with_interval(lambda drawn: f1_scores(predicted, truth.needs_tools, drawn), counts)
