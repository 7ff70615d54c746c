"""The rules that a client may name as its model: two preferences, and the operating points."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from edge_router.errors import ConfigError
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.deciding.decision import Rule
from edge_router.routing.deciding.price_rule import PriceRule
from edge_router.routing.deciding.stored_points import stored_names
from edge_router.routing.deciding.topsis import PreferenceRule
from edge_router.routing.router import operating_point
from edge_router.settings.config import Config
from edge_router.settings.preference import Preference

__all__ = ["named_rules"]

log = logging.getLogger("edge_router")

PREFERENCES = ("performance", "cost")


def named_rules(config: Config, artifact: RouterArtifact) -> Mapping[str, Rule]:
    """The rules by name: "performance", "cost", and every operating point, the artifact's and those
    made on this device.

    A point from the log is left out: it corrects what is expected of experts, which only the
    setting `operating_point` can do. So is one that is stale.
    """
    rules: dict[str, Rule] = {name: PreferenceRule(Preference.parse(name)) for name in PREFERENCES}
    for name in (*artifact.calibration["operating_points"], *stored_names(config.data_folder)):
        stated = replace(config, operating_point=name, min_gain=None, preference=None)
        try:
            point = operating_point(artifact, stated)
        except ConfigError as error:
            log.info("the operating point %s cannot be served: %s", name, error)
            continue
        if not point.corrections:
            rules.setdefault(name, PriceRule(point, config.usd_per_second))
    return rules
