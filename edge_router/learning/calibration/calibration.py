"""From a pair of experts and targets to an operating point that keeps them, ready to be stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, Self

from edge_router.guards.data_folder import write_atomically, writing_to
from edge_router.guards.stored_json import rounded
from edge_router.routing.deciding.stored_points import StoredPoint, check_name, prices_of

from .curve_plot import cost_quality_svg
from .evidence import Evidence, QueryReader, from_known_queries
from .evidence_file import from_file
from .guarantee import Promise, calibrate, sentence
from .pair import ExpertSource, Pair
from .targets import Quantity, Target

__all__ = ["Calibration", "point_name", "write_point"]


class CalibratedRouter(ExpertSource, QueryReader, Protocol):
    """What a calibration needs of a `Router`."""

    @property
    def needs_tools(self) -> str:
        """As in `Config`."""
        ...


@dataclass(frozen=True, slots=True)
class Calibration:
    """An operating point with the promise behind it and the evidence behind the promise."""

    point: StoredPoint
    promise: Promise
    evidence: Evidence

    @classmethod
    def of(
        cls,
        router: CalibratedRouter,
        pair: Pair,
        targets: Sequence[Target],
        *,
        name: str,
        command: str,
        outcomes: Path | None = None,
        tables: Sequence[str] = (),
        confidence: float = 0.95,
        max_cost_usd: float | None = None,
    ) -> Self:
        """Calibrate on the outcome rows of a file, or on those that the artifact carries.

        `tables` restricts either to these tables; `command` is what makes the point anew. Raises
        as `guarantee.calibrate` does, and ConfigError for a `name` that is taken or malformed.
        """
        check_name(name, router.artifact)
        weak, strong = pair.weak, pair.strong
        evidence = (
            from_known_queries(router, weak, strong, tables=tables)
            if outcomes is None
            else from_file(router, weak, strong, outcomes, tables=tables)
        )
        promise = calibrate(evidence, targets, confidence=confidence, max_cost_usd=max_cost_usd)
        point = StoredPoint(
            name=name,
            promise=sentence(promise, evidence, weak=weak.name, strong=strong.name),
            price=promise.price,
            targets=[str(target) for target in promise.targets],
            confidence=promise.confidence,
            evidence=_summary(promise, evidence),
            experts=pair.profiles,
            artifact={"name": router.artifact.manifest.name, "hash": router.artifact.hash},
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            command=command,
            usd_per_second=router.usd_per_second,
            needs_tools=router.needs_tools,
            prices={expert.name: prices_of(expert) for expert in (weak, strong)},
        )
        return cls(point, promise, evidence)

    def write(self, folder: Path) -> Path:
        """Write the point and its plot into the data folder; returns the point's file."""
        weak, strong = self.point.experts
        title = f"{self.point.name}: {weak} and {strong}"
        plot = cost_quality_svg(self.evidence, self.promise.price, title=title)
        return write_point(self.point, folder, plot=plot)


def point_name(targets: Sequence[Target]) -> str:
    """The name of a point that was given none: its targets, such as "quality-0.9"."""
    return "-".join(f"{target.quantity}-{_number(target)}" for target in targets)


def _number(target: Target) -> str:
    scale = 1000 if target.quantity == Quantity.COST else 1
    return f"{target.bound * scale:.4g}"


def write_point(point: StoredPoint, folder: Path, *, plot: str | None = None) -> Path:
    """Write a point with its plot, an SVG; without one, an older plot of that name is deleted."""
    with writing_to(folder):
        path = point.write(folder)
        if plot is None:
            path.with_suffix(".svg").unlink(missing_ok=True)
        else:
            write_atomically(path.with_suffix(".svg"), plot)
    return path


def _summary(promise: Promise, evidence: Evidence) -> dict[str, Any]:
    """What was measured, and on what, as the stored point keeps it."""
    measured = asdict(promise)
    for key in ("targets", "confidence"):
        del measured[key]
    summary: dict[str, Any] = rounded(measured)
    return summary | {
        "bounds": promise.bounds_used,
        "costs": "measured" if evidence.costs_measured else "estimated",
        "latencies": "measured" if evidence.latencies_measured else "estimated",
        "for_cheapest": evidence.for_cheapest,
        "tables": dict(evidence.tables),
        "kinds": dict(evidence.kinds),
    }
