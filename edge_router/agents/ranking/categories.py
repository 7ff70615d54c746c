"""Categories of agents: given ones and k-means clusters, merged (MoMA, equations 13 to 16).

A new agent joins the nearest categories, or a new one where none is near (MoMA, A.2.5).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from edge_router.routing.arrays import Float32s, Places

from ..catalog.agent import Agent

__all__ = ["Categories", "Category", "k_means", "silhouette"]

FOLDED = 0.9  # cosine from which two categories are one
NEAR = 0.35  # likeness of an agent to a category, below which it is in none
ALMOST = 0.9  # of the nearest category's likeness: an agent may be in several
MOST_OF_ONE = 3  # categories of an agent
MOST_CLUSTERS = 24
MOST_COMPARED = 2000  # agents whose silhouette is computed, with distances to all of these
ROUNDS = 50
COMMON = frozenset(
    "a an and as at by for from get in is it my of on or set the to user with".split()
)


@dataclass(frozen=True, slots=True, eq=False)
class Category:
    """A category with its `members` by name and their `vectors` (members, dim), each of length 1.

    `given` says that people named it, not a cluster. `direction` (dim,) is that of their mean.
    """

    name: str
    members: tuple[str, ...]
    vectors: Float32s
    given: bool = False
    direction: Float32s = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "direction", _unit(self.vectors.sum(0)))

    def likeness(self, vector: Float32s) -> float:
        """The mean of a vector's cosines with the direction and with the nearest member."""
        return float(self.direction @ vector + (self.vectors @ vector).max()) / 2

    def joined(self, members: Sequence[str], vectors: Float32s) -> Category:
        """With more members."""
        both = np.vstack([self.vectors, vectors])
        return replace(self, members=(*self.members, *members), vectors=both)


@dataclass(frozen=True, slots=True, eq=False)
class Categories:
    """All categories. Immutable; `placed` gives the ones with a new agent."""

    all: tuple[Category, ...]
    near: float = NEAR
    directions: Float32s = field(init=False)  # (categories, dim)

    def __post_init__(self) -> None:
        directions = [one.direction for one in self.all]
        stacked = np.stack(directions) if directions else np.zeros((0, 0), dtype=np.float32)
        object.__setattr__(self, "directions", stacked)

    @classmethod
    def of(
        cls, agents: Sequence[Agent], spoken: Float32s, *, near: float = NEAR, seed: int = 0
    ) -> Self:
        """From the agents and their embedded descriptions (agents, dim).

        Categories that agents state come first, top-down; the others are clustered, bottom-up, and
        join the category that is nearly the same.
        """
        stated: dict[str, list[int]] = {}
        for row, agent in enumerate(agents):
            if agent.category is not None:
                stated.setdefault(agent.category, []).append(row)
        made = [_category(name, agents, spoken, rows, given=True) for name, rows in stated.items()]
        rest = np.array([row for row, one in enumerate(agents) if one.category is None], np.intp)
        if len(rest):
            labels = _clustered(spoken[rest], seed)
            for label in range(labels.max() + 1):
                rows = rest[labels == label].tolist()
                made = _folded(made, _category("", agents, spoken, rows))
        return cls(tuple(_named(made, agents)), near)

    def ranked(self, vector: Float32s) -> list[tuple[Category, float]]:
        """All by their cosine with a vector (dim,), the nearest first (equations 17 to 19)."""
        similar = self.directions @ vector
        return [(self.all[row], float(similar[row])) for row in np.argsort(-similar, kind="stable")]

    def top(self, vector: Float32s, count: int) -> list[Category]:
        """The `count` nearest (equation 20)."""
        order = np.argsort(-(self.directions @ vector), kind="stable")
        return [self.all[row] for row in order[:count].tolist()]

    def rows(self, place: Mapping[str, int]) -> dict[str, Places]:
        """By category, the rows that `place` gives to its members, in ascending order; members
        that have none are left out."""
        return {
            one.name: np.array(
                sorted(place[name] for name in one.members if name in place), np.intp
            )
            for one in self.all
        }

    def of_agent(self, name: str) -> tuple[str, ...]:
        """The names of the categories that an agent is in."""
        return tuple(one.name for one in self.all if name in one.members)

    def placed(self, agent: Agent, spoken: Float32s) -> Categories:
        """With a new agent, described by `spoken` (dim,), in the category that it states, else in
        the nearest ones, else in a new one named from its description."""
        names = [agent.category] if agent.category is not None else self._near(spoken)
        if not (known := [one for one in self.all if one.name in names]):
            name = agent.category or _free(_words_of([agent]), [one.name for one in self.all])
            new = Category(name, (agent.name,), spoken[None], given=agent.category is not None)
            return replace(self, all=(*self.all, new))
        joined = {one.name: one.joined([agent.name], spoken[None]) for one in known}
        return replace(self, all=tuple(joined.get(one.name, one) for one in self.all))

    def without(self, name: str) -> Categories:
        """Without an agent; a category that it leaves empty goes too."""
        kept = [_without(one, name) if name in one.members else one for one in self.all]
        return replace(self, all=tuple(one for one in kept if one is not None))

    def _near(self, vector: Float32s) -> list[str]:
        """The categories that a new agent belongs to; none where all are far away."""
        likenesses = {one.name: one.likeness(vector) for one in self.all}
        best = max(likenesses.values(), default=0.0)
        if best < self.near:
            return []
        ranked = sorted(likenesses, key=lambda name: -likenesses[name])[:MOST_OF_ONE]
        return [name for name in ranked if likenesses[name] >= max(self.near, ALMOST * best)]


def _category(
    name: str,
    agents: Sequence[Agent],
    spoken: Float32s,
    rows: Sequence[int],
    *,
    given: bool = False,
) -> Category:
    members = tuple(agents[row].name for row in rows)
    return Category(name, members, spoken[rows], given)


def _without(category: Category, name: str) -> Category | None:
    kept = [row for row, member in enumerate(category.members) if member != name]
    members = tuple(category.members[row] for row in kept)
    return replace(category, members=members, vectors=category.vectors[kept]) if kept else None


def _folded(categories: list[Category], new: Category) -> list[Category]:
    """With `new`, or with its members in the category that has almost the same direction."""
    for place, one in enumerate(categories):
        if float(one.direction @ new.direction) >= FOLDED:
            folded = one.joined(new.members, new.vectors)
            return [*categories[:place], folded, *categories[place + 1 :]]
    return [*categories, new]


def _named(categories: Sequence[Category], agents: Sequence[Agent]) -> list[Category]:
    """With names for the clusters, from the words that are common in one and rare in the rest."""
    by_name = {agent.name: agent for agent in agents}
    everywhere = Counter(word for agent in agents for word in set(_words(agent)))
    taken = [one.name for one in categories if one.name]
    named = []
    for one in categories:
        name = one.name
        if not name:
            members = [by_name[member] for member in one.members]
            name = _free(_words_of(members, everywhere), taken)
            taken.append(name)
        named.append(replace(one, name=name))
    return named


def _words_of(agents: Sequence[Agent], everywhere: Mapping[str, int] | None = None) -> str:
    here = Counter(word for agent in agents for word in set(_words(agent)))
    common = everywhere or here
    ranked = sorted(here, key=lambda word: (-(here[word] ** 2) / common[word], word))
    return "_".join(ranked[:2]) or "category"


def _words(agent: Agent) -> list[str]:
    words = "".join(c if c.isalnum() else " " for c in agent.spoken.lower()).split()
    return [word for word in words if word not in COMMON and len(word) > 1]


def _free(name: str, taken: Sequence[str]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free


def _clustered(vectors: Float32s, seed: int) -> npt.NDArray[np.intp]:
    """The clustering with the best silhouette, of 2 to MOST_CLUSTERS clusters; one where there are
    too few agents for two."""
    best, label = 0.0, np.zeros(len(vectors), dtype=np.intp)
    some = np.random.default_rng(seed).permutation(len(vectors))[:MOST_COMPARED]
    for count in range(2, min(MOST_CLUSTERS, len(vectors) - 1) + 1):
        labels = k_means(vectors, count, seed=seed)
        score = silhouette(vectors[some], labels[some])
        if score > best:
            best, label = score, labels
    return np.unique(label, return_inverse=True)[1].astype(np.intp)


def k_means(vectors: Float32s, count: int, *, seed: int) -> npt.NDArray[np.intp]:
    """Labels (vectors,) by Lloyd's algorithm from k-means++ starts (Arthur and Vassilvitskii
    2007)."""
    random = np.random.default_rng(seed)
    centres = vectors[[int(random.integers(len(vectors)))]]
    while len(centres) < count:
        far = _distances(vectors, centres).min(1).astype(np.float64)
        odds = far / far.sum() if far.sum() > 0 else np.full(len(far), 1 / len(far))
        centres = np.vstack([centres, vectors[[int(random.choice(len(vectors), p=odds))]]])
    labels = np.full(len(vectors), -1)
    for _ in range(ROUNDS):
        nearest = _distances(vectors, centres).argmin(1)
        if (nearest == labels).all():
            break
        labels = nearest
        for label in np.unique(labels):
            centres[label] = vectors[labels == label].mean(0)
    return labels.astype(np.intp)


def silhouette(vectors: Float32s, labels: npt.NDArray[np.intp]) -> float:
    """Rousseeuw's mean silhouette (1987), -1..1; 0 for a single cluster."""
    kinds, own = np.unique(labels, return_inverse=True)
    if len(kinds) < 2:
        return 0.0
    distances = np.sqrt(_distances(vectors, vectors))
    counts = np.bincount(own)
    sums = np.stack([distances[:, own == kind].sum(1) for kind in range(len(kinds))], axis=1)
    rows = np.arange(len(vectors))
    within = sums[rows, own] / np.maximum(counts[own] - 1, 1)
    means = sums / counts
    means[rows, own] = np.inf
    beside = means.min(1)
    widths = np.where(counts[own] > 1, (beside - within) / np.maximum(beside, within), 0.0)
    return float(np.nan_to_num(widths).mean())


def _distances(one: Float32s, other: Float32s) -> Float32s:
    """(one, other): squared Euclidean distances."""
    squared = (one**2).sum(1)[:, None] - 2 * one @ other.T + (other**2).sum(1)[None]
    positive: Float32s = np.maximum(squared, np.float32(0))
    return positive


def _unit(vector: Float32s) -> Float32s:
    scaled: Float32s = vector / max(float(np.linalg.norm(vector)), 1e-9)
    return scaled
