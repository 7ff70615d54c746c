"""edge-router export deferral: what a look at a local answer's tokens tells."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from edge_router.cli.table import parser_of
from edge_router.guards.data_folder import write_atomically

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    command = parser_of(commands, "deferral", _deferral)
    command.add_argument("outcomes", type=Path, help="what `collect` kept, with confidences")
    command.add_argument("--data", type=Path, required=True, help="folder with queries/")
    command.add_argument("--config", type=Path, help="settings it was collected with (ours)")
    command.add_argument("--expert", help="which of them (default: the first)")
    command.add_argument("--artifact", default="router-small", help="the router")
    command.add_argument("--fit", default="train", choices=("train", "dev"), help="split to fit on")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--repeats", type=int, default=1000, help="bootstrap resamples")
    command.add_argument("--work", type=Path, default=Path("work"))
    command.add_argument("--out", type=Path, help="folder for deferral.json, .md and .svg")
    command.add_argument("--gate", type=Path, help="write the gate that `deferral` needs here")


def _deferral(options: argparse.Namespace) -> None:
    from edge_router.routing.artifact.manifest import RouterArtifact

    from ..studies.deferral import run_study
    from ..studies.deferral_report import deferral_markdown, deferral_plot

    artifact = RouterArtifact.load(options.artifact)
    found, gate = run_study(
        options.outcomes,
        artifact,
        config=options.config,
        expert=options.expert,
        data=options.data,
        work=options.work,
        fit_split=options.fit,
        repeats=options.repeats,
        seed=options.seed,
    )
    if options.gate:
        write_atomically(options.gate, json.dumps(gate.to_json(), indent=1) + "\n")
    if options.out:
        told = json.dumps(found, indent=1)
        write_atomically(options.out / "deferral.json", told + "\n")
        write_atomically(options.out / "deferral.md", deferral_markdown(found))
        write_atomically(options.out / "deferral.svg", deferral_plot(found))
    print(deferral_markdown(found))
