"""edge-router calibrate: an operating point that keeps a stated target, with a guarantee."""

from __future__ import annotations

import argparse
import os
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_router.errors import ConfigError
from edge_router.guards.user_files import user_path

from ...options import add_command, config_of
from ...printing import print_dim, print_json
from ...terminal import visible

if TYPE_CHECKING:
    from edge_router.learning.calibration.calibration import Calibration
    from edge_router.learning.calibration.guarantee import Measured, Promise
    from edge_router.learning.calibration.pair import Pair
    from edge_router.routing.deciding.stored_points import StoredPoint
    from edge_router.routing.router import Router
    from edge_router.settings.config import Config

__all__ = ["add"]

OWN_LOG = ""  # --from-log without a table: this device's own
PATHS = ("outcomes", "config", "artifact")
NAMES = ("weak", "strong", "max_cost_usd", "name")


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
        nargs="?",
        const=OWN_LOG,
        metavar="TABLE",
        help="on your own scored answers (settings learn, exploration), or on those of a fleet "
        "(the TABLE of export merge): correct what is expected of each expert too (target: one of "
        'quality, default "quality>=0.95")',
    )
    calibrate.add_argument("--weak", metavar="NAME", help="an expert, a profile or a known model")
    calibrate.add_argument("--strong", metavar="NAME", help="the same for the dearer one")
    calibrate.add_argument("--tables", nargs="+", default=[], help="only rows of these tables")
    calibrate.add_argument("--confidence", help="of the promise (default 0.95)")
    calibrate.add_argument(
        "--name", help="of the operating point (default: after the targets, or from-log)"
    )


def _calibrate(options: argparse.Namespace) -> None:
    (_from_outcomes if options.from_log is None else _from_log)(options)


def _from_outcomes(options: argparse.Namespace) -> None:
    from edge_router.learning.calibration.calibration import Calibration, point_name
    from edge_router.learning.calibration.targets import parse_targets

    config, targets = config_of(options), parse_targets(options.target or [])
    confidence = _confidence(options)
    router = _router(config)
    outcomes = user_path(options.outcomes, what="--outcomes") if options.outcomes else None
    calibration = Calibration.of(
        router,
        _pair(router, config, options),
        targets,
        name=options.name or point_name(targets),
        command=_renewal(options),
        outcomes=outcomes,
        tables=options.tables,
        confidence=confidence,
        max_cost_usd=config.max_cost_usd,
    )
    path = calibration.write(config.data_folder)
    _print_calibration(calibration, path, as_json=options.json)
    _warn_of_other_settings(calibration.point, router, config)


def _from_log(options: argparse.Namespace) -> None:
    from edge_router.learning.calibration.calibration import write_point
    from edge_router.learning.outcomes.from_log import LogCalibration
    from edge_router.routing.deciding.stored_points import check_name

    from .calibrate_from_log import NAME, fleet_rows, print_calibration, share_of

    config, share = config_of(options), share_of(options)
    router, name = _router(config), options.name or NAME
    check_name(name, router.artifact)
    pair = _pair(router, config, options)
    if options.from_log == OWN_LOG:
        calibration = LogCalibration.of_device(router, config, pair, share=share)
    else:
        rows = fleet_rows(user_path(options.from_log, what="--from-log"), router.artifact.hash)
        calibration = LogCalibration.of_router(
            rows, router, config, pair, share=share, whose="a fleet"
        )
    target, command = f"quality>={share:.6g}", _renewal(options)
    point = calibration.point(name, router, config, target=target, command=command)
    path = write_point(point, config.data_folder)
    print_calibration(calibration, point, path, config, as_json=options.json)
    _warn_of_other_settings(point, router, config)


def _router(config: Config) -> Router:
    """The router of the settings, even if their operating point does not exist yet."""
    from edge_router.routing.router import Router

    return Router.from_config(config.with_changes(min_gain=0.0))


def _pair(router: Router, config: Config, options: argparse.Namespace) -> Pair:
    from edge_router.learning.calibration.pair import Pair

    return Pair.of(router, config.data_folder, weak=options.weak, strong=options.strong)


def _confidence(options: argparse.Namespace) -> float:
    given = options.confidence or "0.95"
    try:
        confidence = float(given)
    except ValueError:
        confidence = float("nan")
    if not 0.5 <= confidence < 1:
        raise ConfigError(f"--confidence {given!r} must be a number from 0.5 to below 1")
    return confidence


def _renewal(options: argparse.Namespace) -> str:
    """The command line that makes the point again, from any folder."""
    stated = [f"--target={target}" for target in options.target or []]
    for option in (*PATHS, *NAMES):
        if (value := getattr(options, option)) is not None:
            path = user_path(value) if option in PATHS else None
            is_path = path is not None and os.path.lexists(path)  # an artifact may be a mere name
            stated_value = path.absolute() if path is not None and is_path else value
            stated.append(f"--{option.replace('_', '-')}={stated_value}")
    stated += ["--tables", *options.tables] if options.tables else []
    if options.from_log is None:
        stated += [f"--confidence={_confidence(options)}"]
    elif options.from_log == OWN_LOG:
        stated += ["--from-log"]
    else:
        stated += [f"--from-log={user_path(options.from_log).absolute()}"]
    return shlex.join(["edge-router", "calibrate", *stated])


def _print_calibration(calibration: Calibration, path: Path, *, as_json: bool) -> None:
    point, promise = calibration.point, calibration.promise
    if as_json:
        print_json(asdict(point) | {"path": str(path)})
        return
    print(visible(point.promise))
    _, strong = point.experts
    quality, calls = promise.quality, promise.strong_calls
    print(
        f"On these {promise.queries:,}: {quality.value:.1%} of {strong}'s score "
        f"{_limits(quality)}, {strong} asked for {calls.value:.1%} "
        f"{_limits(calls)}{_cost(promise)}, 95 % of answers within "
        f"{promise.p95_latency_s:.1f} s."
    )
    print(f'Use it with operating_point = "{point.name}".')
    print_dim(f"{path} and {path.with_suffix('.svg').name}")


def _limits(measured: Measured) -> str:
    high = "unlimited" if measured.high is None else f"{measured.high:.1%}"
    return f"[{measured.low:.1%}, {high}]"


def _cost(promise: Promise) -> str:
    from edge_router.settings.dollars import dollars

    return (
        ""
        if promise.cost_usd is None
        else f", {dollars(promise.cost_usd * 1000)} per 1,000 queries"
    )


def _warn_of_other_settings(point: StoredPoint, router: Router, config: Config) -> None:
    """Print the settings that keep the point from being used."""
    from edge_router.routing.deciding.stored_points import compared

    profiles = {expert.name: expert.profile for expert in compared(router.artifact, config)}
    if profiles != point.experts:
        names = ", ".join(f"{name} ({profile})" for name, profile in profiles.items())
        print_dim(
            f"these settings compare {names}: they refuse this operating point until [experts] has "
            + " and ".join(
                f"{name!r} (profile {profile!r})" for name, profile in point.experts.items()
            )
        )
    for setting in ("min_gain", "preference"):
        if (value := getattr(config, setting)) is not None:
            corrected = setting == "preference" and point.corrections
            print_dim(
                f"{setting} = {value} in these settings decides instead of operating points"
                f"{', on the corrected estimates' if corrected else ''}"
            )
