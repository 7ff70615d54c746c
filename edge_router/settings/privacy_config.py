"""PrivacyConfig: the `[privacy]` table of the settings, what experts elsewhere may read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from edge_router.chat.private_data import PrivateKind
from edge_router.errors import ConfigError
from edge_router.guards.checks import (
    FrozenDict,
    one_of,
    settle,
    table_of_texts,
    unset_allowed,
)
from edge_router.guards.redaction import quoted

from .location import Location
from .setting import checks_of, from_table, setting

__all__ = ["COUNTRIES", "PrivacyConfig", "PrivacyMode", "privacy_config_of"]

PrivacyMode = Literal["allow", "redact", "ask", "never"]  # from the loosest to the strictest
MODES: tuple[PrivacyMode, ...] = get_args(PrivacyMode)
DETECTABLE = tuple(one.value for one in PrivateKind if one not in ("national_id", "pattern"))
ALWAYS = tuple(one for one in DETECTABLE if one != "name")
COUNTRIES = tuple("be br ch cn de es fi fr gb in it nl pl se us".split())
MOST_PATTERNS = 50


def _some_of(allowed: tuple[str, ...]) -> Callable[[Any, str], tuple[str, ...]]:
    def check(value: Any, fault: str) -> tuple[str, ...]:
        listed = value.split(",") if isinstance(value, str) else value
        if not isinstance(listed, (list, tuple)):
            raise ConfigError(f"{fault} must be a list of {', '.join(allowed)}")
        words = [one.strip() if isinstance(one, str) else one for one in listed if one != ""]
        return tuple(dict.fromkeys(one_of(*allowed)(w, f"{fault}: {quoted(w)}") for w in words))

    return check


def _patterns(value: Any, fault: str) -> Mapping[str, str]:
    from edge_router.guards.bounded_pattern import bounded_pattern

    stated = table_of_texts(value, fault)
    if len(stated) > MOST_PATTERNS:
        raise ConfigError(f"patterns has {len(stated)} patterns; {MOST_PATTERNS} at most")
    for name, pattern in stated.items():
        bounded_pattern(pattern, f"patterns: {quoted(name)} = {quoted(pattern)}")
    return stated


@dataclass(frozen=True, slots=True)
class PrivacyConfig:
    """The `[privacy]` table. Experts on this device read everything.

    A request in which a detector finds something goes to an expert of the place as it is ("allow"),
    with placeholders for what was found ("redact"), once the program's `consent` says so ("ask"),
    or not at all ("never"). The constructor raises ConfigError as a table of a file does.
    """

    cloud: PrivacyMode = field(
        default="allow",
        metadata=setting(one_of(*MODES), "private data to the cloud: allow, redact, ask or never"),
    )
    lan: PrivacyMode = field(
        default="allow",
        metadata=setting(one_of(*MODES), "the same to experts of one's own network"),
    )
    detect: tuple[str, ...] = field(
        default=ALWAYS,
        metadata=setting(
            _some_of(DETECTABLE), f"kinds that are looked for: {', '.join(DETECTABLE)}"
        ),
    )
    national_ids: tuple[str, ...] = field(
        default=(),
        metadata=setting(
            _some_of(COUNTRIES), f"countries whose ids are looked for: {', '.join(COUNTRIES)}"
        ),
    )
    patterns: Mapping[str, str] = field(
        default_factory=FrozenDict,
        metadata=setting(_patterns, "a table of names and regular expressions of your own"),
    )

    def __post_init__(self) -> None:
        settle(self, FIELDS, "PrivacyConfig")
        if not (self.is_open or self.detect or self.national_ids or self.patterns):
            raise ConfigError(
                f"privacy: cloud = {self.cloud!r} and lan = {self.lan!r} would hold nothing back: "
                "detect, national_ids and patterns are empty; leave detect out to look for all of "
                "its kinds"
            )

    @property
    def is_open(self) -> bool:
        """Whether experts may read everything, so that nothing is looked for."""
        return self.cloud == self.lan == "allow"

    def mode_of(self, place: Location, *, leaves_device: bool) -> PrivacyMode:
        """How private data goes to an expert at a place; the stricter of both settings for one that
        counts as on the device, but is asked over the network."""
        if not leaves_device:
            return "allow"
        if place == Location.DEVICE:
            return max(self.cloud, self.lan, key=MODES.index)
        return self.cloud if place == Location.CLOUD else self.lan


FIELDS = unset_allowed(PrivacyConfig, checks_of(PrivacyConfig))


def privacy_config_of(stated: Any) -> PrivacyConfig:
    """The settings of privacy from a PrivacyConfig or a table. Raises ConfigError."""
    return from_table(PrivacyConfig, stated, "privacy")
