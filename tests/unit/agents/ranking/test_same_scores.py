"""The quick sketches, similarities and scores equal the plain sums that they stand for."""

from __future__ import annotations

import math
from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_router.agents.catalog.agent import Agent
from edge_router.agents.catalog.catalog import AgentCatalog, CatalogView
from edge_router.agents.ranking.head import AgentHead
from edge_router.agents.ranking.scorer import (
    RERANKED,
    SIMILARITY_WEIGHT,
    SKETCH_SHARE,
    AgentScorer,
    EmbeddedQuery,
)
from edge_router.agents.ranking.word_sketch import DIM, LENGTHS, WordSketch, folded, sketches
from edge_router.routing.arrays import Float32s, Places
from made_agents import WordEmbedder, agent

WORDS = ("rain", "flight", "music", "bank", "a", "song", "snow", "card", "play", "book")
PHRASES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join)
AGENTS = st.lists(
    st.tuples(PHRASES, st.lists(PHRASES, max_size=4)), min_size=1, max_size=RERANKED + 30
)


@given(st.text(max_size=60) | PHRASES)
def test_a_sketch_is_the_sum_of_its_n_grams(text: str) -> None:
    """Each n-gram hashed by itself, and counted."""
    plain = np.zeros(DIM)
    padded = f" {' '.join(text.lower().split())} "
    for length in LENGTHS:
        grams = Counter(padded[at : at + length] for at in range(len(padded) - length + 1))
        for gram, times in grams.items():
            value = 0
            for letter in gram:
                value = value * 0x100000001B3 + ord(letter)
            value = (value + length) * 0x9E3779B97F4A7C15 % 2**64
            sign = 1 if value >> 20 & 1 else -1
            plain[value >> (65 - DIM.bit_length())] += sign * (1 + math.log(times))
    assert sketches([text])[0] == pytest.approx(plain, abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(AGENTS, PHRASES, st.randoms(use_true_random=False))
def test_a_ranking_is_the_plain_one(
    described: list[tuple[str, list[str]]], asked: str, random: Random
) -> None:
    """For all agents and for some, in any order, with and without examples."""
    agents = [
        agent(f"agent{number}", words, *dict.fromkeys(examples))
        for number, (words, examples) in enumerate(described)
    ]
    view = AgentCatalog(WordEmbedder(), agents).view()
    scorer = AgentScorer(view)
    query = EmbeddedQuery.of(asked, WordEmbedder().embed([asked])[0])
    some = np.array(random.sample(range(len(agents)), random.randint(1, len(agents))))
    for among in (None, some):
        rows = np.arange(len(agents)) if among is None else among
        similar = _similarities(view, query.vector)[rows]
        assert scorer.similarities(query, among) == pytest.approx(similar, abs=1e-5)
        ranking = scorer.rank(query, among=among)
        scores = dict(zip(ranking.names, ranking.scores, strict=True))
        measured = [scores[agents[row].name] for row in rows]
        assert measured == pytest.approx(_scores(view, query, similar, rows, measured), abs=1e-4)
        assert ranking.scores == tuple(sorted(ranking.scores, reverse=True))
        few = scorer.rank(query, most=3, among=among)
        assert few.scores == pytest.approx(ranking.scores[:3], abs=1e-4)


def test_one_querys_log_odds_are_those_of_many() -> None:
    """From the numbers of a sketch that are not zero, and from all."""
    shown = [agent(word, word, *(f"{word} {more}" for more in WORDS[:5])) for word in WORDS]
    head = AgentHead.fit(AgentCatalog(WordEmbedder(), shown).view())
    assert head is not None
    for text in ("", "a song", "snow and rain on the card"):
        vectors, grams = WordEmbedder().embed([text]), sketches([text])
        many = head.log_odds(vectors, grams)[0]
        assert head.log_odds_of(vectors[0], grams[0]) == pytest.approx(many, abs=1e-4)


def _similarities(view: CatalogView, vector: Float32s) -> Float32s:
    similar = []
    for row, spoken in enumerate(view.spoken):
        examples = view.examples[view.owners == row]
        middle = examples.sum(0) if len(examples) else spoken
        middle = middle / max(float(np.linalg.norm(middle)), 1e-6)
        nearest = max(float(one @ vector) for one in (spoken, *examples))
        similar.append((float(middle @ vector) + nearest) / 2)
    return np.array(similar, dtype=np.float32)


def _scores(
    view: CatalogView, query: EmbeddedQuery, similar: Float32s, rows: Places, measured: list[float]
) -> list[float]:
    """With n-grams for the RERANKED nearest; agents as near as the last of those may be in or out,
    so of them either score counts."""
    means = [sketches(_texts(one)).mean(0) for one in view.agents]
    words = WordSketch.fit(np.stack(means))
    agents, asked = (folded(words.apply(some)) for some in (np.stack(means), query.grams[None]))
    least = np.sort(similar)[-RERANKED] if len(rows) > RERANKED else -np.inf
    scores = []
    for place, row in enumerate(rows):
        with_grams = similar[place] + SKETCH_SHARE * _cosine(agents[row], asked[0])
        plain = similar[place] if similar[place] < least - 1e-6 else with_grams
        if abs(similar[place] - least) < 1e-6:
            either = (similar[place], with_grams)
            plain = min(either, key=lambda one: abs(one - measured[place] / SIMILARITY_WEIGHT))
        scores.append(SIMILARITY_WEIGHT * float(plain))
    return scores


def _texts(shown: Agent) -> list[str]:
    return list(shown.examples) or [shown.spoken]


def _cosine(one: Float32s, other: Float32s) -> float:
    lengths = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return float(one @ other) / max(lengths, 1e-6)
