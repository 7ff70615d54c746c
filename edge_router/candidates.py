"""Experts with what is expected of them, in columns: a thousand are compared as fast as ten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from .experts import Estimate, Expert, Location

__all__ = ["Candidate", "Candidates", "Estimates", "Traits"]

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An expert with its estimate; `configured` is False for one that only serves to compare."""

    expert: Expert
    estimate: Estimate
    configured: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Traits:
    """What deciding asks of experts whatever the query, each column (experts,).

    `leaves_device` are those who may not be asked where nothing may leave it.
    `alphabetic` is an expert's rank by name, `profile` the place of its profile in `profiles`;
    `context_tokens` is infinite where it is not known. Those `not_configured` only serve to
    compare.
    """

    experts: npt.NDArray[Any]
    names: npt.NDArray[Any]
    alphabetic: Places
    in_cloud: npt.NDArray[np.bool_]
    leaves_device: npt.NDArray[np.bool_]
    not_configured: npt.NDArray[np.bool_]
    context_tokens: Floats
    profile: Places
    profiles: tuple[str, ...]

    @classmethod
    def of(cls, experts: Sequence[Expert], configured: Sequence[bool]) -> Traits:
        names = [expert.name for expert in experts]
        profiles = tuple(dict.fromkeys(expert.profile for expert in experts))
        number = {profile: place for place, profile in enumerate(profiles)}
        rooms = [np.inf if e.context_tokens is None else e.context_tokens for e in experts]
        return cls(
            experts=_objects(experts),
            names=_objects(names),
            alphabetic=np.argsort(sorted(range(len(names)), key=names.__getitem__)),
            in_cloud=np.array([e.location == Location.CLOUD for e in experts], dtype=np.bool_),
            leaves_device=np.array([e.leaves_device for e in experts], dtype=np.bool_),
            not_configured=~np.array(configured, dtype=np.bool_),
            context_tokens=np.array(rooms, dtype=np.float64),
            profile=np.array([number[e.profile] for e in experts], dtype=np.intp),
            profiles=profiles,
        )

    def take(self, places: Places) -> Traits:
        """Those of the experts at `places`."""
        return Traits(
            self.experts[places],
            self.names[places],
            self.alphabetic[places],
            self.in_cloud[places],
            self.leaves_device[places],
            self.not_configured[places],
            self.context_tokens[places],
            self.profile[places],
            self.profiles,
        )


@dataclass(frozen=True, eq=False)
class Candidates(Sequence[Candidate]):
    """Candidates as columns (experts,); each becomes an object only when it is asked for.

    The columns are those of `Estimate`; `cost_usd` is NaN where the price is not known.
    """

    traits: Traits
    quality: Floats
    cost_usd: Floats
    latency_s: Floats
    output_tokens: Floats

    @classmethod
    def of(cls, candidates: Sequence[Candidate]) -> Candidates:
        """The same candidates in columns."""
        if isinstance(candidates, Candidates):
            return candidates
        found = [candidate.estimate for candidate in candidates]
        costs = [np.nan if e.cost_usd is None else e.cost_usd for e in found]
        return cls(
            Traits.of([c.expert for c in candidates], [c.configured for c in candidates]),
            np.array([e.quality for e in found], dtype=np.float64),
            np.array(costs, dtype=np.float64),
            np.array([e.latency_s for e in found], dtype=np.float64),
            np.array([e.output_tokens for e in found], dtype=np.float64),
        )

    @property
    def names(self) -> list[str]:
        found: list[str] = self.traits.names.tolist()
        return found

    @property
    def estimates(self) -> Estimates:
        """What is expected of each, by name."""
        return Estimates(self)

    def take(self, places: Places) -> Candidates:
        """Those at `places`, in that order."""
        return Candidates(
            self.traits.take(places),
            self.quality[places],
            self.cost_usd[places],
            self.latency_s[places],
            self.output_tokens[places],
        )

    @property
    def cheapest_first(self) -> Places:
        """The device first, then known prices from low to high, then the unknown ones."""
        found: Places | None = self.__dict__.get("_cheapest_first")
        if found is None:  # no cached_property: the lock of Python 3.11's stays held after a fork
            traits = self.traits
            found = np.lexsort((traits.alphabetic, self.latency_s, self.cost_usd, traits.in_cloud))
            self.__dict__["_cheapest_first"] = found
        return found

    def place(self, name: str) -> int:
        """Where the one called `name` stands. Raises ValueError."""
        return self.names.index(name)

    def best_first(self) -> Places:
        """By expected quality."""
        return np.lexsort((self.traits.alphabetic, -self.quality))

    def estimate(self, place: int) -> Estimate:
        """What is expected of the one at `place`."""
        cost = float(self.cost_usd[place])
        return Estimate(
            name=self.traits.names[place],
            quality=float(self.quality[place]),
            cost_usd=None if np.isnan(cost) else cost,
            latency_s=float(self.latency_s[place]),
            output_tokens=float(self.output_tokens[place]),
        )

    @overload
    def __getitem__(self, place: int) -> Candidate: ...
    @overload
    def __getitem__(self, place: slice) -> Candidates: ...
    def __getitem__(self, place: int | slice) -> Candidate | Candidates:
        if isinstance(place, slice):
            return self.take(np.arange(len(self))[place])
        configured = not self.traits.not_configured[place]
        return Candidate(self.traits.experts[place], self.estimate(place), configured)

    def __len__(self) -> int:
        return len(self.quality)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Estimates(Mapping[str, Estimate]):
    """What is expected of each of the candidates, by name."""

    candidates: Candidates

    def __getitem__(self, name: str) -> Estimate:
        try:
            return self.candidates.estimate(self.candidates.place(name))
        except ValueError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.candidates.names)

    def __len__(self) -> int:
        return len(self.candidates)

    def __repr__(self) -> str:
        return repr(dict(self))

    def __reduce__(self) -> tuple[Any, ...]:
        """Written out: the columns hold the heads of all experts."""
        return dict, (dict(self),)


def _objects(values: Sequence[object]) -> npt.NDArray[Any]:
    """(values,) whatever they are; numpy would look inside them."""
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found
