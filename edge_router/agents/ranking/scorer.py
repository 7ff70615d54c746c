"""Scores of agents for a request: similarity to descriptions and examples, and a fitted head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from edge_router.routing.arrays import Float32s

from ..catalog.catalog import CatalogView
from .head import AgentHead
from .word_sketch import WordSketch, folded, sketches

__all__ = ["AgentScorer", "EmbeddedQuery", "Ranking"]

SKETCH_SHARE = 0.25  # of the n-grams in a similarity; chosen on CLINC150's validation split
RERANKED = 50  # agents whose n-grams are compared, the nearest by embedding
SIMILARITY_WEIGHT = 10.0  # log-odds per unit of cosine
CHOSEN_WEIGHT, NEAREST_WEIGHT = 5.0, 10.0  # of cosines in a confidence; chosen there too
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
        self._rows, self._starts = _with_spoken(view)
        self.centroids = _centroids(view)
        self._words, self._grams = _agent_grams(view)
        self._head = head
        self._columns, self._headed = _columns(view, head)

    def similarities(
        self, query: EmbeddedQuery, among: npt.NDArray[np.intp] | None = None
    ) -> Float32s:
        """(agents,): the mean of the cosines with an agent's centroid and its nearest text.

        With `among` (rows,) of those alone, at the cost of those alone."""
        if among is None:
            nearest: Float32s = np.maximum.reduceat(self._rows @ query.vector, self._starts[:-1])
            return (self.centroids @ query.vector + nearest) / np.float32(2)
        counts = self._starts[among + 1] - self._starts[among]
        begins = np.cumsum(counts) - counts
        texts = np.arange(counts.sum()) + np.repeat(self._starts[among] - begins, counts)
        nearest = np.maximum.reduceat(self._rows[texts] @ query.vector, begins)
        return (self.centroids[among] @ query.vector + nearest) / np.float32(2)

    def rank(
        self,
        query: EmbeddedQuery,
        *,
        most: int | None = None,
        among: Sequence[int] | npt.NDArray[np.intp] | None = None,
    ) -> Ranking:
        """The `most` best agents, of those in rows `among` of the view; all by default."""
        rows = np.arange(len(self.view.agents)) if among is None else np.asarray(among, np.intp)
        similar = self.similarities(query, None if among is None else rows)
        scores = self._scores(query, similar, rows)
        order = _best(scores, len(rows) if most is None else most)
        best = order[0]
        shifted = scores - scores.max()
        surprise = float(np.log(np.exp(shifted).sum()) - shifted[best])
        chosen = rows[order]
        return Ranking(
            tuple(self.view.agents[row].name for row in chosen),
            tuple(scores[order].tolist()),
            tuple(similar[order].tolist()),
            CHOSEN_WEIGHT * float(similar[best])
            + NEAREST_WEIGHT * float(similar.max())
            - (surprise if self._head else 0.0),
        )

    def _scores(
        self, query: EmbeddedQuery, similar: Float32s, rows: npt.NDArray[np.intp]
    ) -> Float32s:
        """(rows,) of the view's `rows`. An agent without a head gets its log-odds from the headed
        agent that is best, moved by the difference of their similarities."""
        by_words = SIMILARITY_WEIGHT * self._with_grams(query, similar, rows)
        headed = self._headed[rows]
        if self._head is None or not headed.any():
            return by_words
        odds = self._head.log_odds(query.vector[None], query.grams[None])[0]
        known = odds[self._columns[rows]]
        best = int(np.argmax(np.where(headed, known, -np.inf)))
        beside: Float32s = known[best] + by_words - by_words[best]
        scores: Float32s = np.where(headed, known, beside).astype(np.float32)
        return scores

    def _with_grams(
        self, query: EmbeddedQuery, similar: Float32s, rows: npt.NDArray[np.intp]
    ) -> Float32s:
        """`similar` (rows,) with similarities of n-grams added for the RERANKED nearest."""
        scores: Float32s = similar.copy()
        near = np.argpartition(-scores, RERANKED - 1)[:RERANKED] if len(rows) > RERANKED else ...
        grams = folded(self._words.apply(query.grams[None]))[0]
        length = max(float(np.linalg.norm(grams)), 1e-6)
        scores[near] += SKETCH_SHARE / length * (self._grams[rows[near]] @ grams)
        return scores


def _best(scores: Float32s, most: int) -> npt.NDArray[np.intp]:
    """The places of the `most` largest, the largest first, equal ones in their order."""
    if most < len(scores):
        near = np.sort(np.argpartition(-scores, most - 1)[:most])
        return near[np.argsort(-scores[near], kind="stable")]
    return np.argsort(-scores, kind="stable")


def _with_spoken(view: CatalogView) -> tuple[Float32s, npt.NDArray[np.intp]]:
    """Texts of each agent in a row, its spoken name first, and (agents + 1,) where each begins."""
    owners = np.concatenate([np.arange(len(view.agents)), view.owners])
    order = np.argsort(owners, kind="stable")
    rows = np.vstack([view.spoken, view.examples])[order]
    return rows, np.searchsorted(owners[order], np.arange(len(view.agents) + 1))


def _centroids(view: CatalogView) -> Float32s:
    """(agents, dim): the mean direction of an agent's examples, of its description without any."""
    sums = np.zeros_like(view.spoken)
    np.add.at(sums, view.owners, view.examples)
    bare = np.bincount(view.owners, minlength=len(view.agents)) == 0
    sums[bare] = view.spoken[bare]
    return _of_length_one(sums)


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


def _columns(
    view: CatalogView, head: AgentHead | None
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """The column of each agent in the head, 0 where it has none, and whether it has one."""
    place = {} if head is None else {name: column for column, name in enumerate(head.names)}
    columns = np.array([place.get(one.name, 0) for one in view.agents], dtype=np.intp)
    return columns, np.array([one.name in place for one in view.agents])
