"""Operating points that were calibrated here, each with its evidence, in a file of its own."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self, get_args

from edge_router.errors import ConfigError, StaleOperatingPoint
from edge_router.guards.data_folder import write_atomically
from edge_router.guards.redaction import quoted_json
from edge_router.guards.stored_json import FAULTS, number, read_object, table, text
from edge_router.settings.config import Config, ToolsMode

from ..artifact.manifest import RouterArtifact
from ..experts.expert import Expert
from .operating_point import Correction, OperatingPoint, fingerprint

__all__ = ["StoredPoint", "check_name", "compared", "point_path", "prices_of", "stored_names"]

FOLDER = "operating-points"
NAME = re.compile(r"\w[\w.-]{0,63}")
SCHEMA_VERSION = 2  # 2: one price


@dataclass(frozen=True, slots=True)
class StoredPoint:
    """One operating point, what it promises, and for whom it was made.

    `price` as in OperatingPoint, of expenses in which a second is worth `usd_per_second`, for the
    queries that it decides on under the setting `needs_tools`. `experts` maps the names of the
    experts to their profiles. `evidence` says on how many queries of which tables and kinds it
    rests and what was measured there. `created` is a UTC date, `command` what makes it anew. One
    from the log has `corrections` by the names of the experts, and in `heads` the fingerprints of
    what they correct. `prices` are those of the experts, by their names (see `prices_of`); they are
    not compared with today's where a file states none.
    """

    name: str
    promise: str
    price: float
    targets: Sequence[str]
    confidence: float
    evidence: Mapping[str, Any]
    experts: Mapping[str, str]
    artifact: Mapping[str, str]
    created: str
    command: str
    usd_per_second: float = 0.0
    needs_tools: str = "as_usual"  # what a file says that does not state it
    corrections: Mapping[str, Correction] = field(default_factory=dict)
    heads: Mapping[str, str] = field(default_factory=dict)
    prices: Mapping[str, Sequence[float] | None] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    @classmethod
    def load(cls, folder: Path, name: str) -> Self:
        """Read the point called `name` from a data folder. Raises ConfigError for a file that
        holds none."""
        path = point_path(folder, name)
        try:
            stored = read_object(path)
            _refuse_other_version(stored, name)
            point = cls(**stored | {"corrections": _corrections(stored.get("corrections", {}))})
            point._check()
        except StaleOperatingPoint:
            raise
        except FAULTS as error:
            raise ConfigError(
                f"{path} is not an operating point ({error}); delete it and make it anew with "
                f"edge-router calibrate --name {shlex.quote(name)}"
            ) from None
        return point

    def _check(self) -> None:
        """Check type and range of each field used: the file may have been edited."""
        for name in ("name", "promise", "created", "command"):
            text(getattr(self, name), name)
        for name in ("experts", "artifact", "heads"):
            for key, value in table(getattr(self, name), name).items():
                text(value, f"{name}.{key}")
        if not isinstance(self.targets, list) or not {"name", "hash"} <= self.artifact.keys():
            raise ValueError("targets or artifact are incomplete")
        for target in self.targets:
            text(target, "a target")
        if self.needs_tools not in get_args(ToolsMode):
            raise ValueError(f"needs_tools is {quoted_json(self.needs_tools)}")
        number(self.price, "price", -1, 1)
        number(self.usd_per_second, "usd_per_second", 0)
        number(self.confidence, "confidence", 0, 1)
        table(self.evidence, "evidence")
        for name, prices in table(self.prices, "prices").items():
            if prices is not None and (not isinstance(prices, list) or len(prices) != 3):
                raise ValueError(f"prices.{name} are not three numbers")
            for price in prices or ():
                number(price, f"prices.{name}", 0)
        if lacking := self.corrections.keys() - self.heads.keys():
            raise ValueError(f"heads lack {sorted(lacking)}")

    def write(self, folder: Path) -> Path:
        """Write it into the data folder; returns the file. Raises OSError."""
        path = point_path(folder, self.name)
        write_atomically(path, json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")
        return path

    def for_use(self, artifact: RouterArtifact, config: Config) -> OperatingPoint:
        """Its price, if it was made for this. Raises StaleOperatingPoint."""
        made_for = self.artifact["hash"]
        if made_for != artifact.hash:
            raise StaleOperatingPoint(
                f"operating point {self.name!r} was made for the artifact {self.artifact['name']} "
                f"{made_for[:12]}, this one is {artifact.manifest.name} {artifact.hash[:12]}",
                command=self.command,
            )
        for name in ("usd_per_second", "needs_tools"):
            made, now = getattr(self, name), getattr(config, name)
            if made != now:
                raise StaleOperatingPoint(
                    f"operating point {self.name!r} was made with {name} = {_shown(made)}, the "
                    f"settings have {_shown(now)}",
                    command=self.command,
                )
        self._check_experts({expert.name: expert for expert in compared(artifact, config)})
        return OperatingPoint(
            self.name, self.promise, float(self.price), corrections=self.corrections
        )

    def _check_experts(self, experts: Mapping[str, Expert]) -> None:
        """Raises StaleOperatingPoint where these experts, by name, are not those of the point."""
        profiles = {name: expert.profile for name, expert in experts.items()}
        if dict(self.experts) != profiles:
            raise StaleOperatingPoint(
                f"operating point {self.name!r} was made for {_listed(self.experts)}, the settings "
                f"have {_listed(profiles)}",
                command=self.command,
            )
        for name, head in self.heads.items():
            if name not in experts or head != fingerprint(experts[name].head):
                raise StaleOperatingPoint(
                    f"operating point {self.name!r} corrects other estimates of {name!r} than the "
                    "settings give now; was it enrolled anew?",
                    command=self.command,
                )
        if self.prices:
            self._check_prices({name: prices_of(expert) for name, expert in experts.items()})

    def _check_prices(self, now: Mapping[str, Prices]) -> None:
        """Raises StaleOperatingPoint where these prices, by the experts' names, make something of
        the point wrong: the expenses in which its price counts, or a promise in dollars."""
        in_dollars = any(target.startswith("cost") for target in self.targets)
        seen = dict if in_dollars or self.usd_per_second else _weighed
        if seen(self.prices) == seen(now):
            return
        for name, made in self.prices.items():
            if made != now.get(name):
                raise StaleOperatingPoint(
                    f"operating point {self.name!r} was made with {name!r} at {_price_words(made)}"
                    f", the settings have {_price_words(now.get(name))}",
                    command=self.command,
                )


def _refuse_other_version(stored: Mapping[str, Any], name: str) -> None:
    """Raises StaleOperatingPoint for a file of another version."""
    version = stored.get("schema_version", 1)
    if version != SCHEMA_VERSION:
        command = stored.get("command")
        raise StaleOperatingPoint(
            f"operating point {name!r} has schema version {quoted_json(version)}, this Edge Router "
            f"reads {SCHEMA_VERSION}",
            command=command
            if isinstance(command, str)
            else f"edge-router calibrate --name {shlex.quote(name)}",
        )


def _corrections(stored: Any) -> dict[str, Correction]:
    """Corrections by the experts' names. Raises one of FAULTS for invalid numbers."""
    corrections = {}
    for expert, one in table(stored, "corrections").items():
        numbers = {key: number(value, key) for key, value in table(one, expert).items()}
        corrections[expert] = Correction(**numbers)
        corrections[expert].check()
    return corrections


Prices = Sequence[float] | None


def prices_of(expert: Expert) -> Prices:
    """Dollars per million tokens read and written, and per hour; None where they are not known."""
    if expert.pricing is None:
        return None
    read, written = expert.pricing.input_usd_per_million, expert.pricing.output_usd_per_million
    return [float(read), float(written), float(expert.usd_per_hour)]


def _weighed(prices: Mapping[str, Prices]) -> Mapping[str, Prices]:
    """Prices as far as expenses tell them apart: beside experts that are free, a single one that is
    not is the dearest whatever it costs."""
    paid = {name: price for name, price in prices.items() if price is None or any(price)}
    return paid if len(paid) > 1 else dict.fromkeys(paid)


def _price_words(prices: Prices) -> str:
    if prices is None:
        return "an unknown price"
    from edge_router.settings.dollars import dollars

    read, written, hour = prices
    per_hour = f" and {dollars(hour, digits=6)} per hour" if hour else ""
    paid = f"{dollars(read, digits=6)} and {dollars(written, digits=6)}"
    return f"{paid} per million tokens read and written{per_hour}"


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _listed(experts: Mapping[str, str]) -> str:
    return " and ".join(f"{name} (profile {profile})" for name, profile in experts.items())


def compared(artifact: RouterArtifact, config: Config) -> tuple[Expert, ...]:
    """All experts that the router compares under these settings, before any correction."""
    from ..roster import REFERENCE, configured, contestants, profile_experts

    folder = config.data_folder
    experts = [configured(name, one, artifact, folder) for name, one in config.experts.items()]
    return contestants(experts, profile_experts(artifact)[REFERENCE])


def point_path(folder: Path, name: str) -> Path:
    """Where in the data folder an operating point lies; its plot lies beside it, as .svg."""
    return folder / FOLDER / f"{name}.json"


def stored_names(folder: Path) -> list[str]:
    """The names of the points in the data folder."""
    return sorted(path.stem for path in (folder / FOLDER).glob("*.json"))


def check_name(name: str, artifact: RouterArtifact) -> None:
    """Raises ConfigError for a name that no file can have or that the artifact has taken."""
    if not NAME.fullmatch(name):
        raise ConfigError(f"--name {name!r} must be letters, digits, dots and dashes, 64 at most")
    if name in artifact.calibration["operating_points"]:
        raise ConfigError(f"--name {name!r} is one of the artifact's own points; take another")
