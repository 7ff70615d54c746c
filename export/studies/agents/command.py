"""The study of agents as a command: edge-router export agents."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..base import Report, as_json, files_in
from ..options import add_shared

__all__ = ["AgentsStudy"]


class AgentsStudy:
    """CLINC150 and BANKING77 as catalogues of agents."""

    name = "agents"
    help = "how well requests reach agents, and what many agents cost"

    def options(self, parser: argparse.ArgumentParser) -> None:
        add_shared(parser, "--artifact")
        parser.add_argument("--data", type=Path, required=True, help="folder with queries/")
        parser.add_argument(
            "--reference", action="store_true", help="also all-MiniLM-L6-v2, beside the artifact"
        )
        parser.add_argument(
            "--slm", action="store_true", help="also SmolLM2, which can write names only; minutes"
        )
        parser.add_argument(
            "--semantic-router", type=Path, metavar="PYTHON",
            help="the interpreter of an environment with semantic-router, to show it beside ours",
        )  # fmt: skip
        add_shared(parser, "--work")
        parser.add_argument("--out", type=Path, help="folder for agents.json, .md and .svg")

    def run(self, options: argparse.Namespace) -> Any:
        from edge_router.routing.artifact.manifest import RouterArtifact

        from ...data.packaged import base_folder
        from .study import agents_study

        artifact = RouterArtifact.load(options.artifact)
        reference = base_folder() if options.reference else None
        return agents_study(
            artifact,
            options.data,
            options.work,
            reference=reference,
            language_model=options.slm,
            semantic_router=options.semantic_router,
        )

    def report(self, findings: Any, options: argparse.Namespace) -> Report:
        from .report import agents_markdown, agents_plot

        markdown = agents_markdown(findings)
        if not options.out:  # a plot needs matplotlib
            return Report(markdown)
        texts = {"json": as_json(findings) + "\n", "md": markdown, "svg": agents_plot(findings)}
        return Report(markdown, files_in(options.out, self.name, texts))
