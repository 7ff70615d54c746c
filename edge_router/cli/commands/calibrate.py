"""edge-router calibrate: an operating point that keeps a stated target, with a guarantee."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_router.errors import ConfigError
from edge_router.guards.user_files import user_path

from ..options import add_command, config_of
from ..printing import print_dim, print_json, rounded
from ..terminal import visible

if TYPE_CHECKING:
    from edge_router.learning.calibration.evidence import Evidence
    from edge_router.learning.calibration.guarantee import Measured, Promise
    from edge_router.learning.calibration.targets import Target
    from edge_router.routing.deciding.stored_points import StoredPoint
    from edge_router.routing.experts.expert import Expert
    from edge_router.routing.router import Router
    from edge_router.settings.config import Config

__all__ = ["add"]

PATHS = ("outcomes", "config", "artifact")
NAMES = ("weak", "strong", "max_cost_usd", "name")
NOWHERE = "http://127.0.0.1:9/v1"  # of a known model nobody is asked


def add(commands: Any) -> None:
    """Register the command."""
    calibrate = add_command(
        commands, "calibrate", _calibrate, "make an operating point that keeps a target"
    )
    calibrate.add_argument(
        "--target",
        action="append",
        help='"quality>=0.95", "strong_calls<=0.3", "cost<=2.00/1000" or "p95_latency<=1.5"; '
        "several with commas or by repeating it",
    )
    calibrate.add_argument(
        "--outcomes",
        metavar="FILE",
        help="your own outcome rows, JSON lines (default: the artifact's)",
    )
    calibrate.add_argument(
        "--from-log",
        action="store_true",
        help="on your own scored answers (settings learn, exploration): correct what is expected "
        'of each expert too (target: one of quality, default "quality>=0.95")',
    )
    calibrate.add_argument("--weak", metavar="NAME", help="an expert, a profile or a known model")
    calibrate.add_argument("--strong", metavar="NAME", help="the same for the dearer one")
    calibrate.add_argument("--tables", nargs="+", default=[], help="only rows of these tables")
    calibrate.add_argument("--confidence", help="of the promise (default 0.95)")
    calibrate.add_argument(
        "--name", help="of the operating point (default: after the targets, or from-log)"
    )


def _calibrate(options: argparse.Namespace) -> None:
    (_from_log if options.from_log else _from_outcomes)(options)


def _from_outcomes(options: argparse.Namespace) -> None:
    from edge_router.learning.calibration.guarantee import calibrate
    from edge_router.learning.calibration.targets import parse_targets
    from edge_router.routing.deciding.stored_points import check_name

    config, targets = config_of(options), parse_targets(options.target or [])
    confidence = _confidence(options)
    router = _router(config)
    name = options.name or "-".join(f"{t.quantity}-{_number(t)}" for t in targets)
    check_name(name, router.artifact)
    weak, strong = _pair(router, options, config.data_folder)
    evidence = _evidence(router, weak, strong, options)
    promise = calibrate(evidence, targets, confidence=confidence, max_cost_usd=config.max_cost_usd)
    pair = (weak, strong)
    point = _point(name, promise, evidence, router, pair, command=_renewal(options))
    _keep(point, evidence, promise, config, as_json=options.json)
    _warn_of_other_settings(point, router, config)


def _from_log(options: argparse.Namespace) -> None:
    from edge_router.routing.deciding.stored_points import check_name

    from .calibrate_from_log import NAME, calibrated, log_point, print_found, share_of

    config, share = config_of(options), share_of(options)
    router = _router(config)
    check_name(options.name or NAME, router.artifact)
    pair = _pair(router, options, config.data_folder)
    found = calibrated(router, config, pair, share)
    weak, strong = (expert.profile for expert in pair)
    point = log_point(
        options.name or NAME,
        found,
        router,
        config,
        target=f"quality>={share:.6g}",
        min_gain=_least_gains(weak, strong, found.threshold.min_gain),
        command=_renewal(options),
    )
    path = _written(point, config)
    print_found(found, point, path, config, as_json=options.json)
    _warn_of_other_settings(point, router, config)


def _confidence(options: argparse.Namespace) -> float:
    given = options.confidence or "0.95"
    try:
        confidence = float(given)
    except ValueError:
        confidence = float("nan")
    if not 0.5 <= confidence < 1:
        raise ConfigError(f"--confidence {given!r} must be a number from 0.5 to below 1")
    return confidence


def _number(target: Target) -> str:
    scale = 1000 if target.quantity == "cost" else 1
    return f"{target.bound * scale:.4g}"


def _router(config: Config) -> Router:
    """The router of the settings, whatever operating point they name."""
    from edge_router.routing.router import Router

    return Router.from_config(config.with_changes(min_gain=0.0))


def _pair(router: Router, options: argparse.Namespace, folder: Path) -> tuple[Expert, Expert]:
    from edge_router.routing.roster import REFERENCE, contestants

    compared = contestants(router.experts, router.profiles[REFERENCE])
    if (options.weak is None) != (options.strong is None):
        raise ConfigError("give both --weak and --strong, or neither")
    if options.weak is None:
        if len(compared) != 2:
            raise ConfigError(
                f"a promise is about two experts, not {_told_of(compared, router)}; give --weak, "
                "--strong"
            )
        weak, strong = sorted(compared, key=_by_location_and_price)
    else:
        asked = (options.weak, options.strong)
        weak, strong = (_expert(router, compared, name, folder) for name in asked)
    if weak.profile == strong.profile:
        raise ConfigError(
            f"{weak.name} and {strong.name} have the same profile, {weak.profile}; the router "
            "cannot tell them apart"
        )
    return weak, strong


def _told_of(compared: Sequence[Expert], router: Router) -> str:
    """Their names; and why somebody is among them who is in no settings."""
    names = ", ".join(expert.name for expert in compared)
    strangers = [expert.name for expert in compared if expert not in router.experts]
    why = (
        f" ({strangers[0]} stands for the cloud expert that no settings name)" if strangers else ""
    )
    return names + why


def _by_location_and_price(expert: Expert) -> tuple[bool, bool, float]:
    price = expert.pricing
    return (
        expert.location == "cloud",
        price is None,
        price.output_usd_per_million if price else 0.0,
    )


def _expert(router: Router, compared: Sequence[Expert], name: str, folder: Path) -> Expert:
    """One that the settings compare, else a profile, else a model that the artifact knows."""
    from edge_router.routing.roster import configured
    from edge_router.settings.expert_config import ExpertConfig

    known = router.profiles | {expert.name: expert for expert in compared}
    if name in known:
        return known[name]
    if name not in router.artifact.experts["experts"]:
        raise ConfigError(
            f"expert {name!r} is unknown; use one of {', '.join(known)}, or a model listed by "
            "`edge-router models`"
        )
    config = ExpertConfig("openai", name, name, location="cloud", base_url=NOWHERE)
    return configured(name, config, router.artifact, folder)


def _evidence(
    router: Router, weak: Expert, strong: Expert, options: argparse.Namespace
) -> Evidence:
    from edge_router.learning.calibration.evidence import from_file, from_known_queries

    if options.outcomes:
        outcomes = user_path(options.outcomes, what="--outcomes")
        return from_file(router, weak, strong, outcomes, tables=options.tables)
    return from_known_queries(router, weak, strong, tables=options.tables)


def _point(
    name: str,
    promise: Promise,
    evidence: Evidence,
    router: Router,
    pair: tuple[Expert, Expert],
    *,
    command: str,
) -> StoredPoint:
    from edge_router.learning.calibration.guarantee import sentence
    from edge_router.routing.deciding.stored_points import StoredPoint

    weak, strong = pair
    return StoredPoint(
        name=name,
        promise=sentence(promise, evidence, weak=weak.name, strong=strong.name),
        min_gain=_least_gains(weak.profile, strong.profile, promise.threshold),
        default=promise.threshold,
        targets=[str(target) for target in promise.targets],
        confidence=promise.confidence,
        evidence=_told(promise, evidence),
        experts={expert.name: expert.profile for expert in pair},
        artifact={"name": router.artifact.manifest.name, "hash": router.artifact.hash},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
    )


def _least_gains(weak: str, strong: str, threshold: float) -> dict[str, float]:
    """The same rule whichever of the two the router takes for the cheaper one on a query."""
    import numpy as np

    return {
        f"{weak}>{strong}": threshold,
        f"{strong}>{weak}": float(np.nextafter(-threshold, np.inf)),
    }


def _told(promise: Promise, evidence: Evidence) -> dict[str, Any]:
    measured = asdict(promise)
    for key in ("targets", "confidence"):
        del measured[key]
    found: dict[str, Any] = rounded(measured)
    return found | {
        "bounds": promise.bounds_used,
        "costs": "measured" if evidence.costs_measured else "estimated",
        "latencies": "measured" if evidence.latencies_measured else "estimated",
        "tables": dict(evidence.tables),
        "kinds": dict(evidence.kinds),
    }


def _renewal(options: argparse.Namespace) -> str:
    """The command line that makes the point anew from any folder."""
    stated = [f"--target={target}" for target in options.target or []]
    for option in (*PATHS, *NAMES):
        if (value := getattr(options, option)) is not None:
            path = user_path(value) if option in PATHS else None
            is_path = path is not None and os.path.lexists(path)  # an artifact may be a mere name
            told = path.absolute() if path is not None and is_path else value
            stated.append(f"--{option.replace('_', '-')}={told}")
    stated += ["--tables", *options.tables] if options.tables else []
    stated += ["--from-log"] if options.from_log else [f"--confidence={_confidence(options)}"]
    return shlex.join(["edge-router", "calibrate", *stated])


def _keep(
    point: StoredPoint, evidence: Evidence, promise: Promise, config: Config, *, as_json: bool
) -> None:
    from edge_router.learning.calibration.curve_plot import cost_quality_svg

    weak, strong = point.experts
    plot = cost_quality_svg(evidence, promise.threshold, title=f"{point.name}: {weak} and {strong}")
    path = _written(point, config, plot)
    if as_json:
        print_json(asdict(point) | {"path": str(path)})
        return
    print(visible(point.promise))
    quality, calls = promise.quality, promise.strong_calls
    print(
        f"On these {promise.queries:,}: {quality.value:.1%} of {strong}'s score "
        f"{_limits(quality)}, {strong} asked for {calls.value:.1%} "
        f"{_limits(calls)}{_cost(promise)}, 95 % of answers within "
        f"{promise.p95_latency_s:.1f} s."
    )
    print(f'Use it with operating_point = "{point.name}".')
    print_dim(f"{path} and {path.with_suffix('.svg').name}")


def _written(point: StoredPoint, config: Config, plot: str | None = None) -> Path:
    """The point's file; a plot beside it, and none of another point that had its name."""
    from edge_router.guards.data_folder import write_atomically, writing_to

    with writing_to(config.data_folder):
        path = point.write(config.data_folder)
        if plot is None:
            path.with_suffix(".svg").unlink(missing_ok=True)
        else:
            write_atomically(path.with_suffix(".svg"), plot)
    return path


def _limits(measured: Measured) -> str:
    high = "unlimited" if measured.high is None else f"{measured.high:.1%}"
    return f"[{measured.low:.1%}, {high}]"


def _cost(promise: Promise) -> str:
    return "" if promise.cost_usd is None else f", ${promise.cost_usd * 1000:.3f} per 1,000 queries"


def _warn_of_other_settings(point: StoredPoint, router: Router, config: Config) -> None:
    """What in these settings keeps the point from being used."""
    from edge_router.routing.deciding.stored_points import compared

    profiles = {expert.name: expert.profile for expert in compared(router.artifact, config)}
    if profiles != point.experts:
        names = ", ".join(f"{name} ({profile})" for name, profile in profiles.items())
        print_dim(f"these settings compare {names}: they refuse this operating point")
    for setting in ("min_gain", "preference"):
        if (value := getattr(config, setting)) is not None:
            corrected = setting == "preference" and point.corrections
            print_dim(
                f"{setting} = {value} in these settings decides instead of operating points"
                f"{', on the corrected estimates' if corrected else ''}"
            )
