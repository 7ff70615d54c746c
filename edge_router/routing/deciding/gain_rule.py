"""The rule of an operating point: a dearer expert is asked when its gain in quality is worth it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from ..arrays import Float64s
from ..experts.panel import Candidate, Candidates, Places, Traits
from .decision import Verdict
from .operating_point import OperatingPoint
from .reason import Reason

__all__ = ["GainRule"]


@dataclass(frozen=True, slots=True, eq=False)
class LeastGains:
    """What an operating point asks of a stronger profile over a weaker, `table` (weak, strong).

    `place` has the profiles that it names; the last row and column stand for every other. `rows`
    (weak, 1) are the numbers of the rows.
    """

    place: Mapping[str, int]
    table: Float64s
    rows: Places

    @classmethod
    def of(cls, point: OperatingPoint) -> Self:
        pairs = {tuple(pair.split(">", 1)): gain for pair, gain in point.min_gain.items()}
        place = {
            profile: at for at, profile in enumerate(sorted({p for pair in pairs for p in pair}))
        }
        table = np.full((len(place) + 1, len(place) + 1), point.default)
        for (weak, strong), gain in pairs.items():
            table[place[weak], place[strong]] = gain
        return cls(place, table, np.arange(len(table))[:, None])

    def places(self, traits: Traits) -> Places:
        """Where the profile of each of the experts stands (experts,)."""
        other = len(self.place)
        places = np.array([self.place.get(profile, other) for profile in traits.profiles])
        return places[traits.profile]


@dataclass(frozen=True, slots=True)
class GainRule:
    """The dearest expert whose expected gain in quality over every cheaper one is at least what
    the operating point asks for that pair.

    With one local and one cloud expert this is the threshold rule of the field, on the expected
    gain. Where the gain does not count, the best expected quality goes first.
    """

    point: OperatingPoint
    _least: LeastGains = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_least", LeastGains.of(self.point))

    @property
    def operating_point(self) -> str:
        return self.point.name

    @property
    def preference(self) -> None:
        return None

    def choose(self, candidates: Sequence[Candidate]) -> Candidate:
        columns = Candidates.of(candidates)
        ranked = columns.cheapest_first
        quality, profile = columns.quality[ranked], self._least.places(columns.traits)[ranked]
        by_profile = np.where(profile == self._least.rows, quality, -np.inf)
        best = np.maximum.accumulate(by_profile, axis=1)  # (profiles, experts), so far
        gains, asked = quality[1:] - best[:, :-1], self._least.table[:, profile[1:]]
        worth_it = np.logical_and.reduce(gains >= asked).nonzero()[0]
        return candidates[int(ranked[worth_it[-1] + 1 if len(worth_it) else 0])]

    def order(self, candidates: Sequence[Candidate]) -> list[str]:
        columns = Candidates.of(candidates)
        names: list[str] = columns.traits.names[columns.best_first()].tolist()
        return names

    def explain(self, candidates: Sequence[Candidate], chosen: Candidate) -> Verdict:
        """The gain is that of the comparison that decided.

        For the cheapest expert: of the dearer one that came closest to being worth it. For any
        other: over the cheaper one that came closest to being enough.
        """
        columns = Candidates.of(candidates)
        if len(columns) == 1:
            return Verdict(Reason.CHEAPEST_IS_ENOUGH, 0.0, self.point.default)
        ranked = columns.cheapest_first
        quality, profile = columns.quality[ranked], self._least.places(columns.traits)[ranked]
        place = columns.traits.names[ranked].tolist().index(chosen.expert.name)
        if place > 0:
            gains = quality[place] - quality[:place]
            asked = self._least.table[profile[:place], profile[place]]
            closest = (gains - asked).argmin()
            return Verdict(Reason.GAIN_IS_WORTH_IT, float(gains[closest]), float(asked[closest]))
        gains, asked = quality[1:] - quality[0], self._least.table[profile[0], profile[1:]]
        closest = (gains - asked).argmax()
        return Verdict(Reason.CHEAPEST_IS_ENOUGH, float(gains[closest]), float(asked[closest]))
