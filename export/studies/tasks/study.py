"""TaskStudy as a command: edge-router export tasks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..base import Report, as_json
from ..options import add_shared

__all__ = ["TasksStudy"]


class TasksStudy:
    """Task classifiers on OpsEval, and two-stage routing on MMLU-Pro."""

    name = "tasks"
    help = "task classifiers, and two-stage routing beside single experts"

    def options(self, parser: argparse.ArgumentParser) -> None:
        add_shared(parser, "--artifact")
        parser.add_argument("--data", type=Path, required=True, help="folder with outcomes/")
        parser.add_argument(
            "--llm",
            type=int,
            default=0,
            metavar="N",
            help="test questions that SmolLM2 classifies (about 15 s of a core each)",
        )
        parser.add_argument(
            "--fine-tune",
            action="store_true",
            help="also fine-tune Bench-CoE's classifier: 4 minutes, once for all routers",
        )
        add_shared(parser, "--repeats", "--seed", "--work")
        parser.add_argument("--out", type=Path, help="folder for tasks.json, .md and figures")

    def run(self, options: argparse.Namespace) -> Any:
        from edge_router.routing.router import Router
        from edge_router.settings.config import Config

        from .classifying import classify_opseval
        from .report import TaskStudy
        from .routing import route_mmlu_pro

        router = Router.from_config(Config(artifact=options.artifact))
        seed, work = options.seed, options.work
        opseval = classify_opseval(
            options.data, router, work, llm=options.llm, fine_tune=options.fine_tune, seed=seed
        )
        routing = route_mmlu_pro(options.data, router, work, repeats=options.repeats, seed=seed)
        artifact = f"{router.artifact.manifest.name} {router.artifact.hash[:12]}"
        return TaskStudy(artifact, opseval, routing)

    def report(self, findings: Any, options: argparse.Namespace) -> Report:
        markdown = findings.markdown()
        if not options.out:
            return Report(markdown)
        files = {options.out / "tasks.md": markdown}
        files[options.out / "tasks.json"] = as_json(findings.to_json()) + "\n"
        for name, svg in findings.figures().items():
            files[options.out / f"{name}.svg"] = svg
        return Report(markdown, files)
