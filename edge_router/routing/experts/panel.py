"""Experts prepared once, so that a query is estimated for all of them at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from edge_router.chat.capability import Capability
from edge_router.device.latency import AS_STATED, ExpertState, reading_s, writing_s

from ..arrays import Bools, Float32s, Float64s, Places
from ..artifact.representation import Representation
from ..logistic import sigmoid
from .expert import Estimate, Expert, Location, Pricing

__all__ = ["Candidate", "Candidates", "Estimates", "Panel", "Traits"]


UNKNOWN_PRICE = (np.nan, np.nan)
ONE, LONGEST = np.array(0.0), np.array(10.0)  # logarithms of tokens; as arrays, numpy converts none


@dataclass(frozen=True, slots=True, eq=False)
class _Now:
    """The columns (experts,) of `ExpertState`."""

    log_length: Float64s
    cached_tokens: Float64s
    cold_s: Float64s
    first: Float64s
    rest: Float64s


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """The heads, speeds and prices of experts as columns (experts,), ready to be multiplied.

    `weights` (experts, representation_dim) and `bias` give log-odds at each head's temperature.
    `room` is how many tokens an expert reads at most; `thoughts` how many it thinks before an
    answer, None where none of them does.
    """

    traits: Traits
    weights: Float32s
    bias: Float64s
    log_tokens: Float64s
    start_s: Float64s
    s_per_input: Float64s
    s_per_output: Float64s
    input_growth_s: Float64s
    output_growth_s: Float64s
    room: Float64s
    usd_per_input: Float64s
    usd_per_output: Float64s
    usd_per_s: Float64s
    thoughts: Float64s | None = None

    @classmethod
    def of(cls, experts: Sequence[Expert], *, configured: int | None = None) -> Panel:
        """The first `configured` experts may be asked, the others only serve to compare."""
        first = len(experts) if configured is None else configured
        heads, speeds = [e.head for e in experts], [e.speed for e in experts]
        prices = [_price(e.pricing) for e in experts]
        temperature = _column(head.temperature for head in heads)
        weights = np.array([head.weights for head in heads], dtype=np.float32)
        return cls(
            traits=Traits.of(experts, [place < first for place in range(len(experts))]),
            weights=(weights / temperature[:, None]).astype(np.float32),
            bias=_column(head.bias for head in heads) / temperature,
            log_tokens=_column(head.log_tokens for head in heads),
            start_s=_column(speed.start_s for speed in speeds),
            s_per_input=_column(1 / speed.input_tokens_per_s for speed in speeds),
            s_per_output=_column(1 / speed.output_tokens_per_s for speed in speeds),
            input_growth_s=_column(speed.input_growth_s for speed in speeds),
            output_growth_s=_column(speed.output_growth_s for speed in speeds),
            room=_column(e.context_tokens or np.inf for e in experts),
            usd_per_input=_column(read / 1e6 for read, _ in prices),
            usd_per_output=_column(written / 1e6 for _, written in prices),
            usd_per_s=_column(e.usd_per_hour / 3600 for e in experts),
            thoughts=(
                _column(e.thought_tokens for e in experts)
                if any(e.thought_tokens for e in experts)
                else None
            ),
        )

    def estimate(
        self,
        query: Representation,
        *,
        input_tokens: int,
        max_tokens: int,
        states: Mapping[str, ExpertState],
    ) -> Candidates:
        """What to expect of every expert, in its state, for a query of `input_tokens`."""
        now = self._now(states) if states else None  # of none known, no column is worth its time
        if self.thoughts is None:
            log_length = self.log_tokens + (
                query.log_tokens + now.log_length if now else query.log_tokens
            )
        else:
            log_length = self._with_thoughts(query, now)
        written = np.minimum(np.exp(np.minimum(np.maximum(log_length, ONE), LONGEST)), max_tokens)
        read = np.minimum(self.room, input_tokens)
        new = np.maximum(read - now.cached_tokens, 0.0) if now else read
        first = self.start_s + reading_s(new, read, self.s_per_input, self.input_growth_s)
        rest = writing_s(written, read, self.s_per_output, self.output_growth_s)
        if now:
            first, rest = now.cold_s + now.first * first, now.rest * rest
        latency = first + rest
        price = input_tokens * self.usd_per_input + written * self.usd_per_output
        # Row by row, so that an estimate does not depend on who else is on the panel.
        log_odds = self.bias + np.einsum("ij,j->i", self.weights, query.vector)
        return Candidates(
            self.traits,
            quality=sigmoid(log_odds),
            cost_usd=price + self.usd_per_s * latency,
            latency_s=latency,
            output_tokens=written,
        )

    def _with_thoughts(self, query: Representation, now: _Now | None) -> Float64s:
        """Logarithms of the tokens of thoughts and answer together: both are counted in what
        lengths are learned from."""
        answer = np.exp(np.minimum(self.log_tokens + query.log_tokens, LONGEST))
        both: Float64s = np.log(answer + self.thoughts)
        return both + now.log_length if now else both

    def _now(self, states: Mapping[str, ExpertState]) -> _Now:
        experts: list[Expert] = self.traits.experts.tolist()
        known = [states.get(expert.name, AS_STATED) for expert in experts]
        pairs = zip(known, experts, strict=True)
        return _Now(
            log_length=_column(s.log_length for s in known),
            cached_tokens=_column(s.cached_tokens for s in known),
            cold_s=_column(s.pace.load_s(e.speed) if s.cold else 0.0 for s, e in pairs),
            first=_column(s.slowdown * math.exp(s.pace.first) for s in known),
            rest=_column(s.slowdown * math.exp(s.pace.rest) for s in known),
        )


def _price(pricing: Pricing | None) -> tuple[float, float]:
    """Dollars per million tokens read and written."""
    if pricing is None:
        return UNKNOWN_PRICE
    return pricing.input_usd_per_million, pricing.output_usd_per_million


def _column(values: Iterable[float]) -> Float64s:
    return np.fromiter(values, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An expert with its estimate; `configured` is False for one that only serves to compare."""

    expert: Expert
    estimate: Estimate
    configured: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Traits:
    """What deciding asks of experts whatever the query, each column (experts,).

    `leaves_device` are those who may not be asked where nothing may leave it, `elsewhere` those
    that run on another machine, `in_cloud` those of them that are not the user's own.
    `alphabetic` is an expert's rank by name; `context_tokens` is infinite where it is not known.
    Those `not_configured` only serve to compare.
    """

    experts: npt.NDArray[Any]
    names: npt.NDArray[Any]
    alphabetic: Places
    in_cloud: Bools
    elsewhere: Bools
    leaves_device: Bools
    not_configured: Bools
    context_tokens: Float64s

    def lacking(self, capability: Capability) -> Bools:
        """Which experts lack a capability (experts,)."""
        lacking = [capability not in expert.capabilities for expert in self.experts]
        return np.array(lacking, dtype=np.bool_)

    @classmethod
    def of(cls, experts: Sequence[Expert], configured: Sequence[bool]) -> Traits:
        names = [expert.name for expert in experts]
        rooms = [np.inf if e.context_tokens is None else e.context_tokens for e in experts]
        return cls(
            experts=_objects(experts),
            names=_objects(names),
            alphabetic=np.argsort(sorted(range(len(names)), key=names.__getitem__)),
            in_cloud=np.array([e.location == Location.CLOUD for e in experts], dtype=np.bool_),
            elsewhere=np.array([e.location != Location.DEVICE for e in experts], dtype=np.bool_),
            leaves_device=np.array([e.leaves_device for e in experts], dtype=np.bool_),
            not_configured=~np.array(configured, dtype=np.bool_),
            context_tokens=np.array(rooms, dtype=np.float64),
        )

    def take(self, places: Places) -> Traits:
        """The traits of the experts at `places`."""
        return Traits(
            self.experts[places],
            self.names[places],
            self.alphabetic[places],
            self.in_cloud[places],
            self.elsewhere[places],
            self.leaves_device[places],
            self.not_configured[places],
            self.context_tokens[places],
        )


@dataclass(frozen=True, eq=False)
class Candidates(Sequence[Candidate]):
    """Candidates as columns (experts,); each becomes an object only when it is asked for.

    The columns are those of `Estimate`; `cost_usd` is NaN where the price is not known.
    """

    traits: Traits
    quality: Float64s
    cost_usd: Float64s
    latency_s: Float64s
    output_tokens: Float64s

    @classmethod
    def of(cls, candidates: Sequence[Candidate]) -> Candidates:
        """The same candidates in columns."""
        if isinstance(candidates, Candidates):
            return candidates
        estimates = [candidate.estimate for candidate in candidates]
        costs = [np.nan if e.cost_usd is None else e.cost_usd for e in estimates]
        return cls(
            Traits.of([c.expert for c in candidates], [c.configured for c in candidates]),
            np.array([e.quality for e in estimates], dtype=np.float64),
            np.array(costs, dtype=np.float64),
            np.array([e.latency_s for e in estimates], dtype=np.float64),
            np.array([e.output_tokens for e in estimates], dtype=np.float64),
        )

    @property
    def names(self) -> list[str]:
        names: list[str] = self.traits.names.tolist()
        return names

    @property
    def estimates(self) -> Estimates:
        """What is expected of each, by name."""
        return Estimates(self)

    def take(self, places: Places) -> Candidates:
        """The candidates at `places`, in that order."""
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
        order: Places | None = self.__dict__.get("_cheapest_first")
        if order is None:  # no cached_property: the lock of Python 3.11's stays held after a fork
            traits = self.traits
            order = np.lexsort((traits.alphabetic, self.latency_s, self.cost_usd, traits.elsewhere))
            self.__dict__["_cheapest_first"] = order
        return order

    @property
    def cheapest_rank(self) -> Places:
        """The number (experts,) of each in `cheapest_first`."""
        return self.cheapest_first.argsort()

    def place(self, name: str) -> int:
        """The place of the expert called `name`. Raises ValueError."""
        return self.names.index(name)

    def estimate(self, place: int) -> Estimate:
        """The estimate of the expert at `place`."""
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
            place = self.candidates.place(name)
        except ValueError:
            raise KeyError(name) from None
        return self.candidates.estimate(place)

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
    """An array (values,) of any objects; numpy would look inside them."""
    objects = np.empty(len(values), dtype=object)
    objects[:] = values
    return objects
