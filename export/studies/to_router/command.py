"""ToRouterStudy as a command: edge-router export to-router."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from ..base import Report, as_json
from ..options import add_shared

__all__ = ["ToRouterCommand"]


class ToRouterCommand:
    """TO-Router's experiment on answers that were collected, or are collected first."""

    name = "to-router"
    help = "TO-Router's experiment: cost, speed, similarity and NLL of small experts and routers"

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--data", type=Path, required=True, help="folder with queries/")
        parser.add_argument(
            "--answers", type=Path, required=True, help="the experts' answers, .jsonl or .jsonl.gz"
        )
        parser.add_argument(
            "--collect",
            type=int,
            metavar="N",
            help="first ask N questions of each kind and write --answers, but for what it has",
        )
        parser.add_argument("--seed", type=int, default=42, help="of all draws; the paper's is 42")
        add_shared(parser, "--repeats")
        parser.add_argument(
            "--work",
            type=Path,
            default=Path("work/to-router"),
            help="folder for models and vectors",
        )
        parser.add_argument("--out", type=Path, help="folder for to-router.json, .md and figures")

    def run(self, options: argparse.Namespace) -> Any:
        from ...data.rows import BadData
        from .answers import ask_experts, complete_rows
        from .study import to_router_study

        if options.collect is not None:
            if options.collect < 1:
                raise BadData(f"--collect is {options.collect}; it must be 1 or more")
            ask_experts(options.data, options.collect, options.answers, options.work)
        rows = complete_rows(options.answers, options.data)
        return to_router_study(rows, options.work, seed=options.seed, repeats=options.repeats)

    def report(self, findings: Any, options: argparse.Namespace) -> Report:
        from .report import to_router_figures, to_router_json, to_router_markdown

        stated = ["--data", "DATA", "--answers", options.answers.name, "--seed", str(options.seed)]
        command = shlex.join(["edge-router", "export", self.name, *stated, "--out", "OUT"])
        markdown = to_router_markdown(findings, command)
        if not options.out:
            return Report(markdown)
        files = {options.out / "to-router.md": markdown}
        files[options.out / "to-router.json"] = as_json(to_router_json(findings)) + "\n"
        for name, svg in to_router_figures(findings).items():
            files[options.out / f"{name}.svg"] = svg + "\n"
        return Report(markdown, files)
