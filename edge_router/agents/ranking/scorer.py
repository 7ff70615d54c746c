"""Scores of agents for a request: similarity to descriptions and examples, and a fitted head."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from edge_router.routing.arrays import Bools, Float32s, Places

from ..catalog.catalog import CatalogView
from .head import AgentHead
from .word_sketch import WordSketch, folded, sketches

__all__ = ["AgentScorer", "EmbeddedQuery", "Ranking"]

SKETCH_SHARE = 0.25  # of the n-grams in a similarity; chosen on CLINC150's validation split
RERANKED = 50  # agents whose n-grams are compared, the nearest by embedding
SIMILARITY_WEIGHT = 10.0  # log-odds per unit of cosine
CHOSEN_WEIGHT, NEAREST_WEIGHT = 5.0, 10.0  # of cosines in a confidence; chosen there too
MOSTLY = 2  # of so many agents one or more: comparing all takes no longer than gathering those
HALF = np.float32(0.5)
MOST_SKETCHED = 32  # examples of an agent whose n-grams are averaged


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedQuery:
    """A request as text, as embedding (dim,) and as n-grams (DIM,)."""

    text: str
    vector: Float32s
    grams: Float32s

    @classmethod
    def of(cls, text: str, vector: Float32s) -> Self:
        return cls(text, vector, sketches([text])[0])


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Agents in descending order of their scores.

    `scores` are log-odds where a head decides, else SIMILARITY_WEIGHT times similarities.
    `similarities` are cosines, examples counted in. `confidence` says how surely the first agent
    is meant rather than none: only its order has a meaning until it is calibrated.
    """

    names: tuple[str, ...]
    scores: tuple[float, ...]
    similarities: tuple[float, ...]
    confidence: float

    @property
    def best(self) -> str:
        return self.names[0]

    def probabilities(self) -> tuple[float, ...]:
        """The softmax of the scores, over these agents alone."""
        weights = np.exp(np.array(self.scores) - max(self.scores))
        return tuple((weights / weights.sum()).tolist())


class AgentScorer:
    """Ranks the agents of one view of a catalogue. Immutable, thread-safe."""

    def __init__(self, view: CatalogView, head: AgentHead | None = None) -> None:
        view.require_agents()
        self.view = view
        self.place = {name: row for row, name in enumerate(view.names)}
        self._names = view.names
        self._texts = _AgentTexts.of(view)
        self._words, self._grams = _agent_grams(view)
        self._head = head
        self._columns, self._headed = _columns(view, head)

    @property
    def centroids(self) -> Float32s:
        """(agents, dim): the mean direction of an agent's examples, of its description without any.

        Made anew at each call."""
        return self._texts.centroids()

    def similarities(self, query: EmbeddedQuery, among: Places | None = None) -> Float32s:
        """(agents,): the mean of the cosines with an agent's centroid and its nearest text.

        With `among` (rows,) of those alone."""
        return self._texts.similarities(query.vector, among)

    def rank(
        self,
        query: EmbeddedQuery,
        *,
        most: int | None = None,
        among: Sequence[int] | Places | None = None,
    ) -> Ranking:
        """The `most` best agents, of those in rows `among` of the view; all by default."""
        rows = None if among is None else np.asarray(among, np.intp)
        similar = self.similarities(query, rows)
        scores = self._scores(query, similar, rows)
        order = _best(scores, len(scores) if most is None else most)
        best = order[0]
        surprise = 0.0
        if self._head is not None:
            shifted = scores - scores[best]
            surprise = float(np.log(np.exp(shifted).sum()))
        chosen = order if rows is None else rows[order]
        return Ranking(
            tuple(map(self._names.__getitem__, chosen.tolist())),
            tuple(scores[order].tolist()),
            tuple(similar[order].tolist()),
            CHOSEN_WEIGHT * float(similar[best]) + NEAREST_WEIGHT * float(similar.max()) - surprise,
        )

    def _scores(self, query: EmbeddedQuery, similar: Float32s, rows: Places | None) -> Float32s:
        """(rows,) of the view's `rows`, None for all. An agent without a head gets its log-odds
        from the headed agent that is best, moved by the difference of their similarities."""
        by_words = self._with_grams(query, similar, rows)
        by_words *= SIMILARITY_WEIGHT
        if self._head is None:
            return by_words
        headed = self._headed if rows is None else self._headed[rows]
        if not headed.any():
            return by_words
        odds = self._head.log_odds_of(query.vector, query.grams)
        known = odds[self._columns if rows is None else self._columns[rows]]
        best = int(np.argmax(np.where(headed, known, -np.inf)))
        beside: Float32s = known[best] + by_words - by_words[best]
        scores: Float32s = np.where(headed, known, beside).astype(np.float32)
        return scores

    def _with_grams(self, query: EmbeddedQuery, similar: Float32s, rows: Places | None) -> Float32s:
        """`similar` (rows,) with similarities of n-grams added for the RERANKED nearest."""
        scores: Float32s = similar.copy()
        grams = folded((query.grams * self._words.weights)[None])[0]
        grams *= SKETCH_SHARE / max(math.sqrt(grams @ grams), 1e-6)
        if len(similar) <= RERANKED:
            scores += (self._grams if rows is None else self._grams[rows]) @ grams
            return scores
        near = similar.argpartition(-RERANKED)[-RERANKED:]
        scores[near] += self._grams[near if rows is None else rows[near]] @ grams
        return scores


def _best(scores: Float32s, most: int) -> Places:
    """The places of the `most` largest, the largest first, equal ones in their order."""
    if most < len(scores):
        near = scores.argpartition(-most)[-most:]
        near.sort()
        return near[(-scores[near]).argsort(kind="stable")]
    return (-scores).argsort(kind="stable")


@dataclass(frozen=True, slots=True, eq=False)
class _AgentTexts:
    """What a query's embedding is compared with, so that one product is enough for all agents.

    `rows`: the spoken names of all `agents`, the centroids of the `taught` ones, that have
    examples, and their examples in the order of the agents, each agent's beginning at `starts`
    (taught + 1,) of the examples. An agent without examples is described by its spoken name alone.
    """

    rows: Float32s  # (texts, dim)
    agents: int
    taught: Places
    starts: Places

    @classmethod
    def of(cls, view: CatalogView) -> Self:
        order = np.argsort(view.owners, kind="stable")
        examples = view.examples[order]
        taught, begins = np.unique(view.owners[order], return_index=True)
        starts = np.append(begins, len(examples)).astype(np.intp)
        sums = np.add.reduceat(examples, begins) if len(taught) else examples
        rows = np.vstack([view.spoken, _of_length_one(sums), examples])
        return cls(rows.astype(np.float32), len(view.agents), taught, starts)

    def centroids(self) -> Float32s:
        """(agents, dim)"""
        all_agents = self.rows[: self.agents].copy()
        all_agents[self.taught] = self.rows[self.agents : self.agents + len(self.taught)]
        return all_agents

    def similarities(self, vector: Float32s, among: Places | None) -> Float32s:
        """(agents,), or (among,) of those alone."""
        if among is not None:
            if MOSTLY * len(among) < self.agents:
                return self._part(among).similarities(vector, None)
            return self.similarities(vector, None)[among]
        cosines = self.rows @ vector
        similar: Float32s = cosines[: self.agents]
        if len(self.taught):
            first_example = self.agents + len(self.taught)
            nearest = np.maximum.reduceat(cosines[first_example:], self.starts[:-1])
            np.maximum(nearest, similar[self.taught], out=nearest)
            nearest += cosines[self.agents : first_example]
            nearest *= HALF
            similar[self.taught] = nearest
        return similar

    def _part(self, among: Places) -> _AgentTexts:
        """With the texts of some agents alone."""
        if not len(self.taught):
            return _AgentTexts(self.rows[among], len(among), self.taught, self.starts)
        places = np.minimum(np.searchsorted(self.taught, among), len(self.taught) - 1)
        taught = (self.taught[places] == among).nonzero()[0]
        places = places[taught]
        counts = self.starts[places + 1] - self.starts[places]
        starts = np.append(0, counts.cumsum())
        examples = np.arange(starts[-1]) + np.repeat(self.starts[places] - starts[:-1], counts)
        first_example = self.agents + len(self.taught)
        wanted = np.concatenate([among, self.agents + places, first_example + examples])
        return _AgentTexts(self.rows[wanted], len(among), taught, starts)


def _agent_grams(view: CatalogView) -> tuple[WordSketch, Float32s]:
    """N-grams of each agent's texts, folded and of length 1: (agents, DIM / FOLD)."""
    texts = [_texts(agent.spoken, agent.examples) for agent in view.agents]
    means = [sketches(few).mean(0) for few in texts]
    words = WordSketch.fit(np.stack(means))
    grams = folded(words.apply(np.stack(means)))
    return words, _of_length_one(grams)


def _of_length_one(rows: Float32s) -> Float32s:
    lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-6))
    scaled: Float32s = rows / lengths
    return scaled


def _texts(spoken: str, examples: Sequence[str]) -> list[str]:
    """Evenly chosen examples, the spoken name where there are none."""
    step = max(1, -(-len(examples) // MOST_SKETCHED))
    return list(examples[::step]) or [spoken]


def _columns(view: CatalogView, head: AgentHead | None) -> tuple[Places, Bools]:
    """The column of each agent in the head, 0 where it has none, and whether it has one."""
    place = {} if head is None else {name: column for column, name in enumerate(head.names)}
    columns = np.array([place.get(one.name, 0) for one in view.agents], dtype=np.intp)
    return columns, np.array([one.name in place for one in view.agents])
