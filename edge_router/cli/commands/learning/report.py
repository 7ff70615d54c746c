"""edge-router report: one HTML page of where logged queries went, and whether routing paid."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_router.errors import ConfigError, EdgeRouterError
from edge_router.guards.user_files import user_path

from ...options import LOG_HELP, add_command, config_of
from ...printing import print_dim, print_json

if TYPE_CHECKING:
    from edge_router.learning.report.report import Stretch
    from edge_router.learning.report.summary import ReadPrice
    from edge_router.settings.config import Config

__all__ = ["add"]

PAGE = "report.html"


def add(commands: Any) -> None:
    """Register the command."""
    report = add_command(
        commands, "report", _report, "where logged queries went, and what routing saved"
    )
    report.add_argument(
        "--log",
        metavar="FILE",
        help=LOG_HELP,
    )
    report.add_argument(
        "--out", metavar="FILE", help=f"the page to write (default: {PAGE}; with --json none)"
    )
    report.add_argument(
        "--cached-share",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="what a token that the cloud had read before costs beside a new one",
    )


def _report(options: argparse.Namespace) -> None:
    from edge_router.learning.report.reading import log_path, read_answers
    from edge_router.learning.report.report import report_of

    if not 0 <= options.cached_share <= 1:
        raise ConfigError(f"--cached-share {options.cached_share:g} must be a number from 0 to 1")
    config = config_of(options)
    path = log_path(options.log, config.data_folder)
    log = read_answers(path)
    drift, unknown = _drift(path, config) if len(log) else ((), "")
    report = report_of(
        log,
        offered=frozenset(config.experts),
        prices=_prices(config),
        cached_share=options.cached_share,
        drift=drift,
        drift_unknown=unknown,
    )
    if report.unreadable:
        print_dim(f"{report.unreadable:,} rows were left out; the first: {report.fault}")
    if options.json:
        print_json(report.to_json())
    if options.out is not None or not options.json:
        from edge_router.learning.report.html import report_page

        page = user_path(options.out or PAGE, what="--out")
        _write(page, report_page(report))
        print_dim(f"{page} is the report")
    if not options.json:
        print(report.verdict)


def _write(path: Path, page: str) -> None:
    from edge_router.guards.data_folder import write_atomically

    try:
        write_atomically(path, page)
    except OSError as error:
        raise ConfigError(
            f"--out {str(path)!r} cannot be written ({error.strerror or error}); name another file"
        ) from None


def _drift(path: Path, config: Config) -> tuple[list[Stretch], str]:
    from edge_router.learning.report.drift import drift_of
    from edge_router.routing.artifact.manifest import RouterArtifact

    try:
        artifact = RouterArtifact.load(config.artifact)
    except EdgeRouterError as error:
        return [], f"Not known: {error}."
    return drift_of(path, artifact)


def _prices(config: Config) -> dict[str, ReadPrice]:
    """What the settings say that reading costs, by expert."""
    from edge_router.learning.report.summary import ReadPrice
    from edge_router.settings.location import Location

    return {
        name: ReadPrice(
            usd_per_token=None
            if one.input_usd_per_million is None
            else one.input_usd_per_million / 1e6,
            usd_per_second=(one.usd_per_hour or 0.0) / 3600 + config.usd_per_second,
            on_device=one.place == Location.DEVICE,
        )
        for name, one in config.experts.items()
    }
