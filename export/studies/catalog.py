"""The studies by name: their options, what each runs and what it reports.

`--help` imports this file, so a study's own modules are imported only when it runs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .agents.command import AgentsStudy
from .base import Report, Study, as_json, files_in
from .options import add_shared
from .tasks.study import TasksStudy
from .to_router.command import ToRouterCommand

__all__ = ["STUDIES"]


class AblationStudy:
    """The shipped encoder, step by step from MiniLM."""

    name = "ablation"
    help = "what each step towards a fast encoder buys"

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--repeats", type=int, default=200, help="timed calls of each graph")
        parser.add_argument(
            "--work", type=Path, default=Path("work/ablation"), help="folder for the graphs"
        )
        parser.add_argument("--out", type=Path, help="folder for ablation.json and .md")
        add_shared(parser, "--json")

    def run(self, options: argparse.Namespace) -> Any:
        from ..data.packaged import base_folder
        from .ablation import ablation

        return ablation(base_folder(), options.work, repeats=options.repeats)

    def report(self, findings: Any, options: argparse.Namespace) -> Report:
        from .ablation import ablation_table

        written, table = as_json([asdict(row) for row in findings]), ablation_table(findings)
        files = files_in(options.out, self.name, {"json": written + "\n", "md": table + "\n"})
        return Report(written if options.json else table, files)


class PreferencesStudy:
    """RouterBench's table under each preference."""

    name = "preferences"
    help = "preferences on RouterBench's real dollar costs"

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("artifact", help="a shipped router's name or a directory")
        parser.add_argument("--data", type=Path, required=True, help="folder with outcomes/")
        parser.add_argument(
            "--heads",
            choices=("enrolled", "profiles"),
            default="enrolled",
            help="fitted to the table's train rows, or size profiles as they are",
        )
        add_shared(parser, "--seed", "--repeats", "--work", "--json")

    def run(self, options: argparse.Namespace) -> Any:
        from edge_router.routing.artifact.manifest import RouterArtifact

        from .preference import preference_study, priced_table

        artifact = RouterArtifact.load(options.artifact)
        folder = options.data / "outcomes" / "evaluate_only"
        table = priced_table(artifact, folder, heads=options.heads, work=options.work)
        return preference_study(table, repeats=options.repeats, seed=options.seed)

    def report(self, findings: Any, options: argparse.Namespace) -> Report:
        from .preference import preference_lines

        return Report(
            json.dumps(findings) if options.json else "\n".join(preference_lines(findings))
        )


class LatencyStudy:
    """A local expert's seconds, expected and real."""

    name = "latency"
    help = "predicted against real seconds of a local expert"

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--config", help="settings with the expert to ask")
        parser.add_argument("--expert", default="local", help="its name in the settings")
        parser.add_argument("--prompts", type=int, default=200, help="how many are asked")
        parser.add_argument(
            "--longest", type=int, default=1500, help="tokens of the longest prompt"
        )
        parser.add_argument("--max-tokens", type=int, default=64, help="length of an answer")
        parser.add_argument(
            "--busy", type=int, default=0, help="processes that compute during the second half"
        )
        add_shared(parser, "--seed")
        parser.add_argument("--out", type=Path, help="JSON lines, one an answer")

    def run(self, options: argparse.Namespace) -> Any:
        from edge_router.settings.config import Config

        from ..data.rows import write_rows
        from .latency import asked_texts, latency_study

        answers = latency_study(
            Config.load(options.config),
            asked_texts(options.prompts, longest=options.longest, seed=options.seed),
            expert=options.expert,
            max_tokens=options.max_tokens,
            busy=options.busy,
        )
        if options.out:
            write_rows(options.out, [asdict(answer) for answer in answers])
        return answers

    def report(self, findings: Any, options: argparse.Namespace) -> Report:
        from .latency import summary

        return Report(as_json(summary(findings, busy=options.busy > 0)))


class DeferralStudy:
    """The gate before an answer and the gate after it; also writes the gate that was fitted."""

    name = "deferral"
    help = "what a look at a local answer's tokens tells"

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "outcomes", type=Path, help="rows of export collect, with the model's confidences"
        )
        parser.add_argument("--data", type=Path, required=True, help="folder with queries/")
        parser.add_argument(
            "--config", type=Path, help="settings that the rows were collected with (default: ours)"
        )
        parser.add_argument("--expert", help="whose answers (default: the first expert's)")
        add_shared(parser, "--artifact")
        parser.add_argument(
            "--fit", default="train", choices=("train", "dev"), help="split to fit on"
        )
        add_shared(parser, "--seed", "--repeats", "--work")
        parser.add_argument("--out", type=Path, help="folder for deferral.json, .md and .svg")
        parser.add_argument(
            "--gate", type=Path, help="file for the gate that the setting deferral needs"
        )

    def run(self, options: argparse.Namespace) -> Any:
        from edge_router.routing.artifact.manifest import RouterArtifact

        from .deferral.study import run_study

        return run_study(
            options.outcomes,
            RouterArtifact.load(options.artifact),
            config=options.config,
            expert=options.expert,
            data=options.data,
            work=options.work,
            fit_split=options.fit,
            repeats=options.repeats,
            seed=options.seed,
        )

    def report(self, findings: Any, options: argparse.Namespace) -> Report:
        from .deferral.report import deferral_markdown, deferral_plot

        figures, gate = findings
        markdown = deferral_markdown(figures)
        files = {options.gate: as_json(gate.to_json()) + "\n"} if options.gate else {}
        if options.out:
            texts = {
                "json": as_json(figures) + "\n",
                "md": markdown,
                "svg": deferral_plot(figures),
            }
            files |= files_in(options.out, self.name, texts)
        return Report(markdown, files)


class CoverageStudy:
    """Guaranteed thresholds on many calibration sets."""

    name = "coverage"
    help = "do guaranteed thresholds keep their targets, at what cost"

    def options(self, parser: argparse.ArgumentParser) -> None:
        add_shared(parser, "--artifact")
        parser.add_argument("--data", type=Path, required=True, help="folder with outcomes/")
        parser.add_argument("--splits", type=int, default=500, help="how many calibration sets")
        add_shared(parser, "--seed", "--work")
        parser.add_argument("--out", type=Path, help="folder for coverage.json and .md")
        add_shared(parser, "--json")

    def run(self, options: argparse.Namespace) -> Any:
        from edge_router.routing.artifact.manifest import RouterArtifact

        from .coverage.study import pools, study

        artifact = RouterArtifact.load(options.artifact)
        return study(
            pools(artifact, options.data, work=options.work),
            splits=options.splits,
            seed=options.seed,
        )

    def report(self, findings: Any, options: argparse.Namespace) -> Report:
        from .coverage.study import coverage_json, coverage_table

        written, table = as_json(coverage_json(findings)), coverage_table(findings)
        files = files_in(options.out, self.name, {"json": written + "\n", "md": table + "\n"})
        return Report(written if options.json else table, files)


class EnrolmentStudy:
    """Two experts that no encoder was trained on."""

    name = "enrolment"
    help = "new experts enrolled from few rows, judged on test rows"

    def options(self, parser: argparse.ArgumentParser) -> None:
        add_shared(parser, "--artifact")
        parser.add_argument("--data", type=Path, required=True, help="folder with outcomes/")
        add_shared(parser, "--work")
        parser.add_argument("--pool", type=int, help="only so many train rows (default: all)")
        parser.add_argument(
            "--draws", type=int, default=20, help="samples of rows for each number of rows"
        )
        add_shared(parser, "--seed")
        parser.add_argument("--out", type=Path, help="folder for enrolment.json and .md")

    def run(self, options: argparse.Namespace) -> Any:
        from edge_router.routing.artifact.manifest import RouterArtifact

        from .enrolment.study import StudySetting, study

        setting = StudySetting(draws=options.draws, pool=options.pool, seed=options.seed)
        artifact = RouterArtifact.load(options.artifact)
        return study(artifact, options.data, options.work, setting)

    def report(self, findings: Any, options: argparse.Namespace) -> Report:
        from .enrolment.report import enrolment_markdown

        markdown = enrolment_markdown(findings)
        texts = {"json": as_json(findings) + "\n", "md": markdown}
        return Report(markdown, files_in(options.out, self.name, texts))


class DriftStudy:
    """The drift monitor on real queries, with drift and without."""

    name = "drift"
    help = "false alarms and real ones of the drift monitor"

    def options(self, parser: argparse.ArgumentParser) -> None:
        add_shared(parser, "--artifact")
        parser.add_argument("--data", type=Path, required=True, help="folder with queries/")
        parser.add_argument(
            "--streams", type=int, default=800,
            help="streams of queries without drift; a quarter as many with drift",
        )  # fmt: skip
        add_shared(parser, "--seed", "--work")
        parser.add_argument("--out", type=Path, help="folder for drift.json and .md")

    def run(self, options: argparse.Namespace) -> Any:
        from edge_router.routing.artifact.manifest import RouterArtifact

        from .drift import drift_study

        artifact = RouterArtifact.load(options.artifact)
        return drift_study(
            artifact, options.data, streams=options.streams, work=options.work, seed=options.seed
        )

    def report(self, findings: Any, options: argparse.Namespace) -> Report:
        from .drift import drift_markdown

        markdown = drift_markdown(findings)
        texts = {"json": as_json(findings) + "\n", "md": markdown}
        return Report(markdown, files_in(options.out, self.name, texts))


ALL: tuple[Study, ...] = (
    PreferencesStudy(),
    LatencyStudy(),
    DeferralStudy(),
    CoverageStudy(),
    EnrolmentStudy(),
    DriftStudy(),
    AblationStudy(),
    TasksStudy(),
    AgentsStudy(),
    ToRouterCommand(),
)
STUDIES: Mapping[str, Study] = {study.name: study for study in ALL}
