"""Stable codes of why an expert was chosen or ruled out, with their words."""

from __future__ import annotations

from enum import StrEnum

from edge_router.chat.capability import Capability
from edge_router.chat.private_data import PrivateKind

__all__ = ["LACKS", "PREFERRED", "PRIVATE", "RULED_OUT", "STATED", "Reason"]


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
    TOOL_LOOP = "tool_loop"
    SAME_EXPERT = "same_expert"
    ASKED_BY_NAME = "asked_by_name"
    EXPLORATION = "exploration"
    NOT_CONFIGURED = "not_configured"
    ONLY_ON_DEVICE = "only_on_device"
    ONLY_ON_LAN = "only_on_lan"
    ONLY_IN_CLOUD = "only_in_cloud"
    OFFLINE = "offline"
    CONTEXT_LENGTH = "context_length"
    NO_TOOLS = "no_tools"
    NO_JSON_SCHEMA = "no_json_schema"
    NO_VISION = "no_vision"
    NO_AUDIO = "no_audio"
    NO_FILES = "no_files"
    NO_REASONING = "no_reasoning"
    NO_LOGPROBS = "no_logprobs"
    OTHER_THINKING = "other_thinking"
    NO_ROOM_TO_THINK = "no_room_to_think"
    REMOTE_PART = "remote_part"
    PRIVATE_EMAIL = "private_email"
    PRIVATE_PHONE = "private_phone"
    PRIVATE_IBAN = "private_iban"
    PRIVATE_CARD = "private_card"
    PRIVATE_NATIONAL_ID = "private_national_id"
    PRIVATE_SECRET = "private_secret"  # noqa: S105 - a code, no password
    PRIVATE_NETWORK = "private_network"
    PRIVATE_PATH = "private_path"
    PRIVATE_NAME = "private_name"
    PRIVATE_MARKED = "private_marked"
    PRIVATE_PATTERN = "private_pattern"
    PRIVATE_MEDIA = "private_media"
    PRICE_UNKNOWN = "price_unknown"
    MAX_COST = "max_cost"
    BUDGET = "budget"
    TOKEN_BUDGET = "token_budget"  # noqa: S105 - no secret
    BUDGET_UNKNOWN = "budget_unknown"
    MAX_LATENCY = "max_latency"
    MEMORY = "memory"
    LOW_BATTERY = "low_battery"
    UNREACHABLE = "unreachable"


RULED_OUT = {
    Reason.NOT_CONFIGURED: "no such expert is configured",
    Reason.ONLY_ON_DEVICE: "nothing may leave this device",
    Reason.ONLY_ON_LAN: "nothing may leave your own machines",
    Reason.ONLY_IN_CLOUD: "only the cloud may answer",
    Reason.OFFLINE: "this device is offline",
    Reason.CONTEXT_LENGTH: "the query does not fit its context",
    Reason.NO_TOOLS: "it cannot call tools",
    Reason.NO_JSON_SCHEMA: "it cannot keep to a JSON schema",
    Reason.NO_VISION: "it cannot see images",
    Reason.NO_AUDIO: "it cannot hear sound",
    Reason.NO_FILES: "it cannot read files",
    Reason.NO_REASONING: "it cannot reason before it answers",
    Reason.NO_LOGPROBS: "it gives no log-probabilities",
    Reason.OTHER_THINKING: "it thinks more or less than reasoning_effort asks for",
    Reason.NO_ROOM_TO_THINK: "its thinking would take all of max_tokens",
    Reason.REMOTE_PART: (
        "nothing may leave your own machines, and it would fetch an image from a network"
    ),
    Reason.PRICE_UNKNOWN: "a limit on cost is set and its price is not known",
    Reason.MAX_COST: "it would cost more than allowed",
    Reason.BUDGET: "it would cost more than is left of the budget",
    Reason.TOKEN_BUDGET: "it would read more tokens than are left of the budget",
    Reason.BUDGET_UNKNOWN: "it costs something, and the budget cannot be read or written",
    Reason.MAX_LATENCY: "it would take longer than allowed",
    Reason.MEMORY: "its model is not loaded and would not fit the free memory",
    Reason.LOW_BATTERY: "the battery is low",
    Reason.UNREACHABLE: "it could not be reached just now",
}

LACKS = {
    Capability.TOOLS: Reason.NO_TOOLS,
    Capability.JSON_SCHEMA: Reason.NO_JSON_SCHEMA,
    Capability.VISION: Reason.NO_VISION,
    Capability.AUDIO: Reason.NO_AUDIO,
    Capability.FILES: Reason.NO_FILES,
    Capability.REASONING: Reason.NO_REASONING,
    Capability.LOGPROBS: Reason.NO_LOGPROBS,
}
"""Why an expert is ruled out that lacks a capability."""

PRIVATE = {kind: Reason(f"private_{kind}") for kind in PrivateKind}
"""Why an expert is ruled out that may not read private data of a kind."""

RULED_OUT |= {reason: f"it may not read {kind.words}" for kind, reason in PRIVATE.items()}

PREFERRED = {
    Reason.BEST_QUALITY: "best expected quality",
    Reason.BEST_IN_COST_RANGE: "best expected quality within the cost range",
    Reason.OUTSIDE_COST_RANGE: "cheapest, since nobody is within the cost range",
    Reason.BEST_BALANCE: "best balance of quality, cost and latency",
}

STATED = {
    Reason.PREFERRED_IN_CLOUD: "the cloud is preferred",
    Reason.TASK_EXPERT: "the best on this task by its leaderboard",
    Reason.TOOL_LOOP: "goes on with the tool loop",
    Reason.ASKED_BY_NAME: "this expert was asked for by its name",
    Reason.NEEDS_TOOLS: (
        "needs live data or a device: no model can know, so the cheapest expert answers"
    ),
}
