"""The suite `arm`: decisions and instruction counts of each machine, compared and judged."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.text import RouterTokenizer

from ..measuring.stages import named
from ..printers.terminal import progress
from ..rows.context import Context
from ..rows.row import Row
from .agreement import MAX_DELTA, Agreement
from .baseline import kept_baseline
from .gate import Gate
from .host.cache import default_cache
from .host.emulation import Emulation
from .host.machines import MACHINES, Machine
from .instructions import Count
from .queries import real_queries, text_of
from .rows import rows_of
from .visit import Job, visit_host, visit_machine

__all__ = ["ArmSuite"]

TABLES = Path("../shared/data/outcomes/open")


class ArmSuite:
    """The published ARM wheels in an emulator: the same decisions, and at how many instructions.

    Every machine must agree with this one; instructions are counted on the ARM boards. A machine on
    which a decision differs, or the router takes over 2 % more instructions than the baseline says,
    gets a row that failed.
    """

    name = "arm"
    summary = "decisions and instruction counts on emulated machines; needs Linux on x86"

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--machines",
            type=_machines,
            default=tuple(MACHINES.values()),
            help=f"some of {','.join(MACHINES)} (default: all)",
        )
        parser.add_argument(
            "--queries", type=_count, default=30, help="how many real queries are decided"
        )
        parser.add_argument(
            "--tokens",
            type=_counts,
            default=(8, 16, 32, 64, 128),
            help="lengths to count instructions at, such as 8,32,128",
        )
        parser.add_argument(
            "--rounds", type=_count, default=3, help="how often counts are repeated"
        )
        parser.add_argument(
            "--max-delta",
            type=float,
            default=MAX_DELTA,
            help="largest difference of a logit; more is a fault",
        )
        parser.add_argument("--tables", type=Path, default=TABLES, help="folder of outcome tables")
        parser.add_argument(
            "--cache", type=Path, default=default_cache(), help="folder for what is downloaded"
        )
        parser.add_argument("--mirror", help="Debian's archive (default: of this system's apt)")
        parser.add_argument(
            "--baseline",
            type=Path,
            default=kept_baseline(),
            help="file of the counts to compare with",
        )
        parser.add_argument(
            "--update-baseline", action="store_true", help="keep these counts instead of judging"
        )

    def run(self, options: argparse.Namespace) -> Iterator[Row]:
        """Yields each machine's rows when it is done. Raises EmulationError, BaselineUnusable."""
        artifact = RouterArtifact.load(options.artifact)
        emulation = Emulation.set_up(options.cache, mirror=options.mirror, report=progress)
        job = _job(options, artifact, emulation)
        encoder = artifact.manifest.files[artifact.encoder_path.name]["sha256"]
        made_with = {"encoder": encoder, "qemu": emulation.qemu_version}
        gate = Gate(
            options.baseline,
            made_with,
            progress,
            update=options.update_baseline,
            max_delta=options.max_delta,
        )
        context = Context.now(named(artifact))
        host = visit_host(job, progress)
        for machine in options.machines:
            visit = visit_machine(machine, emulation, job, progress)
            agreement = Agreement.between(host.answers, visit.answers, machine=machine.name)
            faults = gate.judge(agreement, visit)
            results: list[Agreement | Count] = [agreement, *visit.counts]
            yield from rows_of(results, faults, machine=machine.name, context=context)


def _job(options: argparse.Namespace, artifact: RouterArtifact, emulation: Emulation) -> Job:
    manifest = artifact.manifest
    tokenizer = RouterTokenizer(artifact.tokenizer_path, max_tokens=manifest.max_tokens)
    tables = options.tables if options.tables.is_dir() else None
    return Job(
        artifact=artifact.path.resolve(),
        queries=tuple(real_queries(options.queries, tables)),
        texts={n: text_of(n, tokenizer, manifest.max_chars) for n in options.tokens},
        encoders={"ready-made": emulation.ready_made},
        rounds=options.rounds,
    )


def _machines(text: str) -> tuple[Machine, ...]:
    names = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [name for name in names if name not in MACHINES]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"{text!r} must be of {', '.join(MACHINES)}")
    return tuple(MACHINES[name] for name in names)


def _counts(text: str) -> tuple[int, ...]:
    return tuple(_count(part) for part in text.split(","))


def _count(text: str) -> int:
    number = int(text) if text.strip().isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number of 1 or more")
    return number
