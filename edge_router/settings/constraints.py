"""Constraints: hard limits on which experts may answer a query."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from edge_router.errors import ConfigError
from edge_router.guards.checks import flag, member, number, optional, settle

__all__ = ["Constraints", "Placement", "require_constraints"]


class Placement(StrEnum):
    """Where answers may come from. `only_` is a promise, `prefer_` a wish. ONLY_ON_LAN allows this
    device and experts with `location = "lan"`; `settings.location` has the whole table."""

    ONLY_ON_DEVICE = "only_on_device"
    ONLY_ON_LAN = "only_on_lan"
    PREFER_ON_DEVICE = "prefer_on_device"
    PREFER_IN_CLOUD = "prefer_in_cloud"
    ONLY_IN_CLOUD = "only_in_cloud"


STRICTNESS = (
    Placement.PREFER_ON_DEVICE,
    Placement.PREFER_IN_CLOUD,
    Placement.ONLY_IN_CLOUD,
    Placement.ONLY_ON_LAN,
    Placement.ONLY_ON_DEVICE,
)


@dataclass(frozen=True, slots=True)
class Constraints:
    """Hard limits on one query; None means no limit. Costs in dollars, latency in seconds.

    Texts are converted ("only_on_device", "0.01"). Raises ConfigError, a ValueError, for an unknown
    word, NaN, infinity and negative numbers.
    """

    placement: Placement = Placement.PREFER_ON_DEVICE
    offline: bool = False
    max_cost_usd: float | None = None
    max_latency_s: float | None = None
    budget_left_usd: float | None = None

    def __post_init__(self) -> None:
        cost, latency, budget = self.max_cost_usd, self.max_latency_s, self.budget_left_usd
        if not (
            type(self.placement) is Placement
            and type(self.offline) is bool
            and (cost is None or (type(cost) is float and 0.0 <= cost < math.inf))
            and (latency is None or (type(latency) is float and 0.0 <= latency < math.inf))
            and (budget is None or (type(budget) is float and 0.0 <= budget < math.inf))
        ):
            settle(self, LIMIT_CHECKS, "Constraints")

    @property
    def nothing_leaves(self) -> bool:
        """Whether they promise that no query leaves this device."""
        return self.offline or self.placement == Placement.ONLY_ON_DEVICE

    @property
    def own_machines_only(self) -> bool:
        """Whether they promise that no query leaves the user's own machines."""
        return self.nothing_leaves or self.placement == Placement.ONLY_ON_LAN

    def tightened(self, other: Constraints) -> Constraints:
        """The stricter of each limit: a call cannot loosen the settings."""
        require_constraints(other)
        return Constraints(
            placement=max(self.placement, other.placement, key=STRICTNESS.index),
            offline=self.offline or other.offline,
            max_cost_usd=_least(self.max_cost_usd, other.max_cost_usd),
            max_latency_s=_least(self.max_latency_s, other.max_latency_s),
            budget_left_usd=_least(self.budget_left_usd, other.budget_left_usd),
        )

    def to_json(self) -> dict[str, Any]:
        """The limits by their names; `Constraints(**limits)` restores them."""
        return asdict(self)


LIMIT_CHECKS = {
    "placement": member(Placement),
    "offline": flag,
    "max_cost_usd": optional(number(0.0)),
    "max_latency_s": optional(number(0.0)),
    "budget_left_usd": optional(number(0.0)),
}


def _least(*limits: float | None) -> float | None:
    return min((limit for limit in limits if limit is not None), default=None)


def require_constraints(stated: object) -> None:
    """Raise ConfigError for another type, whose limits would silently not apply."""
    if not isinstance(stated, Constraints):
        raise ConfigError(
            f"the constraints must be Constraints, not {type(stated).__name__}; for example "
            'Constraints(placement="only_on_device")'
        )
