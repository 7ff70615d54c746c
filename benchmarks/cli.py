"""The command `edge-router bench`: its options, the run of its suites, and its exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from edge_router.cli.exits import FAILED, INVALID, exit_code_of
from edge_router.cli.table import OneLineParser
from edge_router.errors import ConfigError, EdgeRouterError
from edge_router.guards.data_folder import require_writable

from .printers import PRINTERS
from .printers.comparison import comparison_table
from .printers.reading import read_rows
from .printers.terminal import print_rows, print_text, progress, progress_of
from .rows.compare import Verdict, compare, machines_differ
from .rows.row import Row, count_invalid
from .suites import DEFAULT, SUITES

__all__ = ["main", "whole_parser"]


def main(argv: Sequence[str]) -> int:
    """Run one benchmark command.

    Returns 0; 1 when a cell failed or `compare --fail-above` has one that is slower; 2 for wrong
    usage; 3 when rows must not be believed (the machine was loaded, throttled or noisy).
    """
    return exit_code_of(lambda: _run(argv), program="edge-router bench")


def _run(argv: Sequence[str]) -> int:
    options = whole_parser().parse_args(argv)
    return _compare(options) if getattr(options, "compare", False) else _bench(options)


def whole_parser() -> argparse.ArgumentParser:
    """The parser of the command with all suites."""
    parser = OneLineParser(
        prog="edge-router bench",
        description=f"Measure this installation. Without a suite: {', '.join(DEFAULT)}.",
    )
    _add_shared(parser, **SHARED)
    parser.set_defaults(suites=DEFAULT)
    commands = parser.add_subparsers(metavar="SUITE")
    for name, suite in SUITES.items():
        command = commands.add_parser(name, help=suite.summary, description=suite.summary)
        _add_shared(command, **dict.fromkeys(SHARED, argparse.SUPPRESS))
        suite.options(command)
        command.set_defaults(suites=(name,))
    help_text = "two files of rows, cell by cell"
    command = commands.add_parser("compare", help=help_text, description=help_text)
    command.set_defaults(compare=True)
    command.add_argument("old", type=Path, help="rows: .jsonl, .json or .csv")
    command.add_argument("new", type=Path, help="rows: .jsonl, .json or .csv")
    command.add_argument(
        "--tolerance",
        type=float,
        default=3.0,
        metavar="PERCENT",
        help="difference that counts as the same",
    )
    command.add_argument(
        "--fail-above", type=float, metavar="PERCENT", help="exit 1 if a cell is slower by more"
    )
    return parser


SHARED = {
    "artifact": "router-small",
    "repetitions": 200,
    "warm_up": 10,
    "format": "md",
    "out": None,
    "plots": None,
    "submit_file": None,
}


def _add_shared(parser: argparse.ArgumentParser, **default: object) -> None:
    """Add the options that go before or after the suite's name; later ones win."""

    def add(flag: str, **settings: object) -> None:
        name = flag.removeprefix("--").replace("-", "_")
        parser.add_argument(flag, default=default[name], **settings)  # type: ignore[arg-type]

    add("--artifact", help="a shipped router's name or a directory")
    add("--repetitions", type=int, metavar="N", help="samples a cell; slow suites take fewer")
    add("--warm-up", type=int, metavar="N", help="samples left out before those")
    add("--format", choices=tuple(PRINTERS), help="how rows are printed")
    parser.add_argument(
        "--json", action="store_const", const="json", dest="format", default=default["format"],
        help="--format json",
    )  # fmt: skip
    add("--out", type=Path, metavar="FILE", help="file for the rows, instead of standard output")
    add("--plots", type=Path, metavar="FOLDER", help="also SVG figures; needs matplotlib")
    add("--submit-file", type=Path, metavar="FILE", help="also a file to share, without names")


def _bench(options: argparse.Namespace) -> int:
    if options.repetitions < 1 or options.warm_up < 0:
        raise ConfigError("--repetitions must be 1 or more, --warm-up 0 or more")
    places = {"--out": options.out, "--submit-file": options.submit_file}
    for option, path in places.items():
        if path is not None:
            require_writable(path, what=option)
    rows, broken = _measured(options)
    print_rows(rows, options.format, options.out)
    if options.plots is not None:
        from .printers.plots import draw_plots

        for path in draw_plots(rows, options.plots):
            progress(f"drew {path}")
    if options.submit_file is not None:
        from .rows.submission import submission

        options.submit_file.write_text(submission(rows), encoding="utf-8")
        progress(f"wrote {options.submit_file}: look through it, then share it")
    return FAILED if broken else _exit_code(rows)


def _measured(options: argparse.Namespace) -> tuple[list[Row], bool]:
    """All rows, reported as they arrive, and whether a suite broke off; its rows so far count."""
    rows: list[Row] = []
    broken = False
    for name in options.suites:
        progress(f"{name}: {SUITES[name].summary}")
        try:
            for row in SUITES[name].run(_complete(options, name)):
                progress_of(row)
                rows.append(row)
        except ConfigError:
            raise
        except EdgeRouterError as error:
            progress(f"{name} broke off: {error}")
            broken = True
    return rows, broken


def _complete(options: argparse.Namespace, name: str) -> argparse.Namespace:
    """The options with the suite's own defaults, which are not set when several suites run."""
    parser = argparse.ArgumentParser()
    SUITES[name].options(parser)
    defaults = vars(parser.parse_args([]))
    return argparse.Namespace(**{**defaults, **vars(options)})


def _exit_code(rows: Iterable[Row]) -> int:
    """The exit code of the rows, and a line that explains it."""
    failed, invalid = count_invalid(list(rows))
    if failed:
        progress(f"{failed} cells failed")
    if invalid:
        progress(f"{invalid} rows must not be believed; the rows say why")
    return FAILED if failed else INVALID if invalid else 0


def _compare(options: argparse.Namespace) -> int:
    old, new = read_rows(options.old), read_rows(options.new)
    comparisons = compare(old, new, tolerance=options.tolerance / 100)
    if not comparisons:
        raise ConfigError(f"{options.old} and {options.new} have no cell in common")
    if (difference := machines_differ(old, new)) is not None:
        progress(difference)
    print_text(comparison_table(comparisons))
    if options.fail_above is None:
        return 0
    limit = 1 + options.fail_above / 100
    return int(any(one.verdict is Verdict.WORSE and one.low > limit for one in comparisons))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
