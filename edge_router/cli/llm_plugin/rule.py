"""The rule that llm's options state instead of the settings' own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from edge_router.errors import ConfigError
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.deciding.decision import Rule
from edge_router.routing.deciding.price_rule import PriceRule
from edge_router.routing.deciding.topsis import PreferenceRule
from edge_router.routing.router import operating_point
from edge_router.settings.config import Config
from edge_router.settings.preference import Preference

__all__ = ["rule_of"]


def rule_of(stated: Mapping[str, Any], config: Config, artifact: RouterArtifact) -> Rule | None:
    """The rule of a `stated` operating_point, min_gain or preference; it also decides what needs
    live data. None where nothing is stated.

    Raises ConfigError for a wrong value, and for an operating point from the log: it corrects what
    is expected of experts, which only a setting can do.
    """
    if not stated:
        return None
    meant = replace(config, **{"min_gain": None, "preference": None, **stated})
    if meant.preference is not None:
        return PreferenceRule(Preference.parse(meant.preference))
    point = operating_point(artifact, meant)
    if point.corrections:
        raise ConfigError(
            f"operating point {meant.operating_point!r} is from the log; state it in the settings"
        )
    return PriceRule(point, config.usd_per_second)
