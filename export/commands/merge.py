"""edge-router export merge: the exported logs of many devices as one Parquet table."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_router.cli.table import parser_of

from ..studies.options import add_shared

if TYPE_CHECKING:
    from ..collecting.fleet_merge import Merge

__all__ = ["add"]

SHORT = 12  # digits of a hash


def add(commands: Any) -> None:
    """Register the command."""
    merge = parser_of(commands, "merge", _merge)
    merge.add_argument(
        "logs",
        nargs="+",
        type=Path,
        metavar="LOG",
        help="what edge-router log export wrote, .jsonl or .jsonl.gz, or a folder of such files",
    )
    merge.add_argument("--out", type=Path, required=True, help="the table, a .parquet file")
    merge.add_argument(
        "--artifact",
        default="",
        metavar="HASH",
        help="only outcomes of the router whose hash begins so (default: of all)",
    )
    merge.add_argument(
        "--keep-going", action="store_true", help="leave damaged lines out, and count them"
    )
    add_shared(merge, "--json")


def _merge(options: argparse.Namespace) -> None:
    from edge_router.errors import ConfigError

    from ..collecting.fleet_merge import merge_logs

    if options.out.suffix != ".parquet":
        raise ConfigError(f"--out {str(options.out)!r} must end in .parquet")
    if options.out.is_symlink() or (options.out.exists() and not options.out.is_file()):
        raise ConfigError(f"--out {str(options.out)!r} is no regular file; name another")
    merged = merge_logs(
        options.logs, options.out, artifact=options.artifact, keep_going=options.keep_going
    )
    print(json.dumps(merged.to_json()) if options.json else _words(merged, options.out))


def _words(merge: Merge, out: Path) -> str:
    facts = merge.to_json()
    made_of = f"{merge.rows:,} outcomes of {facts['devices']:,} devices, {merge.scored:,} scored"
    share = f"the largest device has {facts['largest_device']:.1%} of them"
    lines = [
        f"{made_of}, from {merge.logs:,} logs; {share}",
        *(f"  router {name[:SHORT]}: {count:,}" for name, count in sorted(merge.artifacts.items())),
        f"{merge.copies:,} copies left out" if merge.copies else "",
        f"{merge.others:,} outcomes of other routers left out" if merge.others else "",
        *(f"{log}: {count:,} damaged lines left out" for log, count in merge.damaged.items()),
        f"{out}: for calibrate --from-log {out} and enroll NAME --outcomes {out}",
    ]
    return "\n".join(filter(None, lines))
