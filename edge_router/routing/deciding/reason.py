"""Stable codes of why an expert was chosen or ruled out, with their words."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["PREFERRED", "RULED_OUT", "STATED", "Reason"]


class Reason(StrEnum):
    """Stable codes: why an expert was chosen, or why one was ruled out."""

    CHEAPEST_IS_ENOUGH = "cheapest_is_enough"
    GAIN_IS_WORTH_IT = "gain_is_worth_it"
    LEAST_QUALITY = "least_quality"
    NEEDS_TOOLS = "needs_tools"
    PREFERRED_IN_CLOUD = "preferred_in_cloud"
    BEST_QUALITY = "best_quality"
    BEST_IN_COST_RANGE = "best_in_cost_range"
    OUTSIDE_COST_RANGE = "outside_cost_range"
    BEST_BALANCE = "best_balance"
    TASK_EXPERT = "task_expert"
    EXPLORATION = "exploration"
    NOT_CONFIGURED = "not_configured"
    ONLY_ON_DEVICE = "only_on_device"
    ONLY_IN_CLOUD = "only_in_cloud"
    OFFLINE = "offline"
    CONTEXT_LENGTH = "context_length"
    PRICE_UNKNOWN = "price_unknown"
    MAX_COST = "max_cost"
    BUDGET = "budget"
    MAX_LATENCY = "max_latency"
    MEMORY = "memory"
    LOW_BATTERY = "low_battery"
    UNREACHABLE = "unreachable"


RULED_OUT = {
    Reason.NOT_CONFIGURED: "no such expert is configured",
    Reason.ONLY_ON_DEVICE: "nothing may leave this device",
    Reason.ONLY_IN_CLOUD: "only the cloud may answer",
    Reason.OFFLINE: "this device is offline",
    Reason.CONTEXT_LENGTH: "the query does not fit its context",
    Reason.PRICE_UNKNOWN: "a limit on cost is set and its price is not known",
    Reason.MAX_COST: "it would cost more than allowed",
    Reason.BUDGET: "it would cost more than is left of the budget",
    Reason.MAX_LATENCY: "it would take longer than allowed",
    Reason.MEMORY: "its model is not loaded and would not fit the free memory",
    Reason.LOW_BATTERY: "the battery is low",
    Reason.UNREACHABLE: "it could not be reached just now",
}

PREFERRED = {
    Reason.BEST_QUALITY: "best expected quality",
    Reason.BEST_IN_COST_RANGE: "best expected quality within the cost range",
    Reason.OUTSIDE_COST_RANGE: "cheapest, since nobody is within the cost range",
    Reason.BEST_BALANCE: "best balance of quality, cost and latency",
}

STATED = {
    Reason.PREFERRED_IN_CLOUD: "the cloud is preferred",
    Reason.TASK_EXPERT: "the best on this task by its leaderboard",
    Reason.NEEDS_TOOLS: (
        "needs live data or a device: no model can know, so the cheapest expert answers"
    ),
}
