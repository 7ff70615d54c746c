"""An expert: a model that may be asked, its price, and the head that predicts its quality."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, get_args

import numpy as np

from edge_router.chat.capability import Capability, ReasoningEffort
from edge_router.device.latency import Speed
from edge_router.errors import ConfigError
from edge_router.guards.checks import (
    amount,
    any_text,
    flag,
    instance,
    member,
    members,
    number,
    one_of,
    optional,
    settle,
    whole_number,
)
from edge_router.settings.location import Location

from ..arrays import AnyFloats, Float64s
from ..logistic import log_odds, sigmoid

__all__ = [
    "PROFILES",
    "THOUGHT_SPREAD",
    "Estimate",
    "Expert",
    "ExpertHead",
    "Location",
    "Pricing",
    "tools_head",
]

THOUGHT_SPREAD = 3.0
"""How much an expert may think about a hard query, in times of its mean."""


EVERYTHING = frozenset(Capability)
PROFILES = ("135m", "1b", "3b", "8b", "70b", "frontier")


@dataclass(frozen=True, slots=True)
class Pricing:
    """US dollars per million tokens."""

    input_usd_per_million: float
    output_usd_per_million: float

    def __post_init__(self) -> None:
        """Raises ConfigError for what is no price: NaN, more than MOST, negative, no number."""
        settle(self, PRICE_CHECKS, "Pricing")

    def cost(self, input_tokens: float, output_tokens: float) -> float:
        """Dollars for one answer."""
        return (
            input_tokens * self.input_usd_per_million + output_tokens * self.output_usd_per_million
        ) / 1e6


PRICE_CHECKS = {"input_usd_per_million": amount, "output_usd_per_million": amount}


@dataclass(frozen=True, slots=True)
class ExpertHead:
    """A logistic model on the query's representation: P(this expert's answer is good).

    `weights` (representation_dim,). The log-odds are divided by `temperature` (Guo et al. 2017).
    `log_tokens` is added to the encoder's expected answer length (natural logarithm).
    """

    bias: float
    weights: AnyFloats
    log_tokens: float = 0.0
    temperature: float = 1.0

    @classmethod
    def from_json(cls, head: Mapping[str, Any], *, temperature: float = 1.0) -> Self:
        weights = np.asarray(head["weights"], dtype=np.float32)
        return cls(head["bias"], weights, head["log_tokens"], temperature)

    def shifted(self, gain: float) -> Self:
        """The head whose quality is higher by `gain` (-0.5..0.5) where this one's is a half."""
        return replace(self, bias=self.bias + self.temperature * float(log_odds(0.5 + gain)))

    def qualities(self, vectors: Float64s) -> Float64s:
        """P(good answer) (...,) for representations `vectors` (..., representation_dim)."""
        return sigmoid((self.bias + vectors.dot(self.weights)) / self.temperature)


@dataclass(frozen=True, slots=True)
class Expert:
    """A model that may be asked. `profile` names the head that predicts it; for one enrolled on
    this device the nearest profile, whose speed it shares.

    `usd_per_hour` is what this device spends while it answers: energy, wear.

    `needs_network` says that asking it leaves this machine, wherever it counts as running: then
    neither `only_on_device` nor `offline` lets it be asked.

    `context_tokens` None means unknown and is not checked. `pricing` None means unknown: it then
    fails every limit on cost, since a price nobody knows is not zero. `capabilities` are what
    it can do besides answering text; an expert of which nothing is stated can do everything.

    `reasoning_effort` is sent to it where a request states none; it thinks about `thought_tokens`
    tokens before an answer, which are paid for as the answer is. `level_of` is the expert of which
    it is a level of thinking: at the same server, under the same key.
    """

    name: str
    profile: str
    location: Location
    head: ExpertHead
    speed: Speed
    pricing: Pricing | None
    context_tokens: int | None = None
    usd_per_hour: float = 0.0
    needs_network: bool = False
    capabilities: frozenset[Capability] = EVERYTHING
    reasoning_effort: ReasoningEffort | None = None
    thought_tokens: float = 0.0
    level_of: str | None = None

    def __post_init__(self) -> None:
        """Raises ConfigError for a field that is not what its name says."""
        settle(self, EXPERT_CHECKS, "Expert")

    @property
    def leaves_device(self) -> bool:
        """Whether asking it may send the query off this device."""
        return self.needs_network or self.location != Location.DEVICE

    def read_tokens(self, input_tokens: int) -> int:
        """How many of `input_tokens` are read: older turns go when they do not fit."""
        return min(input_tokens, self.context_tokens or input_tokens)

    def cost(self, input_tokens: float, output_tokens: float, seconds: float) -> float | None:
        """Dollars for an answer that took `seconds`, None where the price is not known."""
        if self.pricing is None:
            return None
        return self.pricing.cost(input_tokens, output_tokens) + self.usd_per_hour * seconds / 3600


EXPERT_CHECKS = {
    "name": any_text,
    "profile": any_text,
    "location": member(Location),
    "head": instance(ExpertHead),
    "speed": instance(Speed),
    "pricing": optional(instance(Pricing)),
    "context_tokens": optional(whole_number),
    "usd_per_hour": amount,
    "needs_network": flag,
    "capabilities": members(Capability),
    "reasoning_effort": optional(one_of(*get_args(ReasoningEffort))),
    "thought_tokens": amount,
    "level_of": optional(any_text),
}


@dataclass(frozen=True, slots=True)
class Estimate:
    """Expected `quality` (probability of a good answer, 0..1), cost in dollars (None: the price is
    not known), seconds until the answer is complete, and tokens of the answer."""

    name: str
    quality: float
    cost_usd: float | None
    latency_s: float
    output_tokens: float

    def __post_init__(self) -> None:
        """Raises ConfigError for an impossible estimate: NaN, infinite, out of range."""
        if not (
            type(self.name) is str
            and type(self.quality) is type(self.latency_s) is type(self.output_tokens) is float
            and 0.0 <= self.quality <= 1.0
            and 0.0 <= self.latency_s < math.inf
            and 0.0 <= self.output_tokens < math.inf
            and (
                self.cost_usd is None
                or (type(self.cost_usd) is float and 0.0 <= self.cost_usd < math.inf)
            )
        ):
            settle(self, ESTIMATE_CHECKS, "Estimate")

    @property
    def words(self) -> str:
        """In the user's units: "82% for $0.0004 in 1.2 s"."""
        from edge_router.settings.dollars import dollars

        cost = "an unknown price" if self.cost_usd is None else dollars(self.cost_usd)
        return f"{self.quality:.0%} for {cost} in {self.latency_s:.1f} s"


ESTIMATE_CHECKS = {
    "name": any_text,
    "quality": number(0.0, 1.0),
    "cost_usd": optional(number(0.0)),
    "latency_s": number(0.0),
    "output_tokens": number(0.0),
}


def tools_head(experts: Mapping[str, Any]) -> ExpertHead | None:
    """The head of an artifact's `experts.json` whose quality is the probability that a query needs
    live data or a device; None where it has none."""
    if not (stated := experts.get("needs_tools")):
        return None
    head = ExpertHead.from_json({**stated, "log_tokens": 0.0})
    return replace(head, weights=head.weights.astype(np.float64))  # not again for every query


def find_head(experts: Mapping[str, Any], profile: str, temperature: float) -> ExpertHead:
    """The head called `profile` in an artifact's `experts.json`.

    That is one of PROFILES or the name of a model that the artifact was trained on. Raises
    ConfigError for a name that is neither.
    """
    for group in ("profiles", "experts"):
        if profile in experts[group]:
            return ExpertHead.from_json(experts[group][profile]["head"], temperature=temperature)
    raise ConfigError(
        f"profile {profile!r} is unknown; use one of {', '.join(experts['profiles'])}, or a model "
        "or an enrolled expert listed by `edge-router models`"
    )
