"""edge-router export ...: the toolchain's commands."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_router.data_folder import write_atomically
from edge_router.errors import EdgeRouterError

from .rows import BadData

if TYPE_CHECKING:
    from .making import Making

__all__ = ["main"]

STEPS = {
    "train": ("teacher", "fine-tune the teacher's networks"),
    "distill": ("student", "distil the teacher into the network that ships"),
    "quantize": ("graphs", "export the student to ONNX and quantise it"),
    "calibrate": ("calibration", "fit heads, temperature and operating points"),
    "parity": ("parity", "check that int8 decides as fp32 does"),
}


def main(argv: Sequence[str]) -> int:
    """Run one export command; returns the exit code: 1 for data that cannot be used."""
    options = _parser().parse_args(argv)
    try:
        options.run(options)
    except (BadData, EdgeRouterError, OSError) as error:
        print(f"edge-router export: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stopped:
        print(f"edge-router export: {stopped}", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-router export", description="Make a router from outcome data."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_collect(commands)
    _add_import(commands)
    for name, (step, told) in STEPS.items():
        _add_step(commands, name, step, told)
    for name, told in (
        ("package", "put the artifact together"),
        ("run", "all steps, from outcome tables to a verified artifact"),
    ):
        command = _recipe_command(commands, name, _package, told)
        command.add_argument("--out", type=Path, help="the artifact's folder (default: WORK/NAME)")
    frontier = _recipe_command(commands, "frontier", _frontier, "all students of a recipe compared")
    frontier.add_argument("--out", type=Path, required=True, help="folder for frontier.{json,svg}")
    _add_evaluate(commands)
    _add_held_out(commands)
    _add_preferences(commands)
    _add_latency(commands)
    _add_deferral(commands)
    _add_coverage(commands)
    _add_enrolment(commands)
    _add_drift(commands)
    return parser


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], None], told: str
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=told, description=told)
    command.set_defaults(run=run)
    return command


def _recipe_command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], None], told: str
) -> argparse.ArgumentParser:
    command = _command(commands, name, run, told)
    command.add_argument("recipe", type=Path)
    command.add_argument("--data", type=Path, required=True, help="folder with outcomes/")
    command.add_argument(
        "--work", type=Path, default=Path("work"), help="folder for what lies between"
    )
    return command


def _add_step(commands: Any, name: str, step: str, told: str) -> None:
    def run(options: argparse.Namespace) -> None:
        print(json.dumps(_told(getattr(_making(options), step)), indent=1))

    _recipe_command(commands, name, run, f"{told}, after the steps before it")


def _told(result: Any) -> Any:
    """What a step's result looks like on the terminal."""
    if isinstance(result, tuple):
        return [str(path) for path in result]
    if isinstance(result, dict):
        return result
    networks = result if isinstance(result, list) else [result]
    return [{"parameters": sum(p.numel() for p in network.parameters())} for network in networks]


def _making(options: argparse.Namespace) -> Making:
    from .making import Making
    from .recipe import Recipe

    recipe = Recipe.load(options.recipe)
    return Making(recipe, data=options.data, work=options.work / recipe.name)


def _package(options: argparse.Namespace) -> None:
    making = _making(options)
    print(making.package(options.out or making.work / "artifact").path)


def _frontier(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from .frontier import frontier, frontier_plot, frontier_table

    points = frontier(_making(options))
    options.out.mkdir(parents=True, exist_ok=True)
    told = json.dumps([asdict(point) for point in points], indent=1)
    (options.out / "frontier.json").write_text(told + "\n")
    frontier_plot(points, options.out / "frontier.svg")
    print(frontier_table(points))


def _add_collect(commands: Any) -> None:
    collect = _command(
        commands, "collect", _collect, "run experts over questions with gold answers"
    )
    collect.add_argument("out", type=Path, help="outcome rows: JSON lines, or .jsonl.gz")
    collect.add_argument("--config", help="settings with the [experts.NAME] to run")
    collect.add_argument("--expert", action="append", help="only this one (may be repeated)")
    asked = collect.add_mutually_exclusive_group(required=True)
    asked.add_argument("--questions", type=Path, help="JSON lines with query, gold and metric")
    asked.add_argument("--data", type=Path, help="folder with outcomes/ and queries/")
    collect.add_argument("--source", action="append", help="only these questions (repeatable)")
    collect.add_argument("--count", type=int, help="only this many, drawn by their hash")
    collect.add_argument("--parallel", type=int, default=1, help="questions under way (default 1)")
    collect.add_argument("--costs", action="store_true", help="refuse an expert without a price")
    collect.add_argument("--retry-failed", action="store_true")


def _collect(options: argparse.Namespace) -> None:
    from edge_router.config import Config

    from .asked import asked_experts
    from .collect import collect, reference_answer
    from .embedding import base_folder
    from .questions import gold_questions, read_questions, some_of
    from .rows import write_rows
    from .similarity import add_similarity

    given = options.questions
    asked = read_questions(given) if given else list(gold_questions(options.data))
    questions = some_of(asked, sources=options.source, count=options.count)
    found = Config.load(options.config).experts
    with asked_experts(
        found, options.expert, parallel=options.parallel, costs=options.costs
    ) as experts:
        rows = collect(questions, experts, options.out, retry_failed=options.retry_failed)
    references = {row["qkey"]: reference_answer(row) for row in questions}
    add_similarity(rows, references, base_folder())
    write_rows(options.out, rows)


def _add_import(commands: Any) -> None:
    from .importers import FORMATS

    command = _command(commands, "import", _import, "turn a public format into outcome rows")
    command.add_argument("format", choices=sorted(FORMATS))
    command.add_argument("files", type=Path, nargs="+")
    command.add_argument("--out", type=Path, required=True, help="JSON lines, or .jsonl.gz")
    command.add_argument("--task", help="the task's name, where the files do not say it")
    command.add_argument("--texts", type=Path, help="queries of a format that holds none")


def _import(options: argparse.Namespace) -> None:
    from .importers import import_outcomes
    from .rows import write_rows

    rows = import_outcomes(options.format, options.files, task=options.task, texts=options.texts)
    write_rows(options.out, rows)
    experts = {expert for row in rows for expert in row["score"]}
    print(f"{len(rows)} rows, {len(experts)} experts -> {options.out}")


def _add_evaluate(commands: Any) -> None:
    evaluate = _command(
        commands, "evaluate", _evaluate, "artifacts and research routers on outcome tables"
    )
    evaluate.add_argument(
        "contenders",
        nargs="+",
        help='shipped artifacts or directories, research routers by name, or "research" for all',
    )
    evaluate.add_argument("--recipe", type=Path, help="a recipe's pairs (default: the shipped one)")
    rows = evaluate.add_mutually_exclusive_group(required=True)
    rows.add_argument("--data", type=Path, help="folder with outcomes/")
    rows.add_argument("--outcomes", type=Path, nargs="+", help="files of outcome rows")
    evaluate.add_argument("--tables", default="open", help="folder in outcomes/ (default open)")
    evaluate.add_argument("--pair", nargs=3, action="append", metavar=("TABLE", "WEAK", "STRONG"))
    evaluate.add_argument("--pools", action="store_true", help="RouterEval's pools and scaling too")
    evaluate.add_argument("--config", help="settings whose [experts.NAME] state prices")
    evaluate.add_argument("--seed", type=int, default=0)
    evaluate.add_argument("--repeats", type=int, default=1000, help="bootstrap resamples")
    evaluate.add_argument("--work", type=Path, default=Path("work"), help="folder for predictions")
    evaluate.add_argument("--out", type=Path, help="folder for evaluation.json, .md and .html")
    evaluate.add_argument("--json", action="store_true")


def _add_held_out(commands: Any) -> None:
    command = _command(
        commands, "held-out", _held_out, "an artifact on tables it never saw, nothing fitted"
    )
    command.add_argument("artifact", help="a shipped router's name or a directory")
    command.add_argument("--recipe", type=Path, help="whose [[unseen]] pairs (default: ours)")
    command.add_argument("--data", type=Path, required=True, help="folder with outcomes/")
    command.add_argument("--tables", default="evaluate_only", help="folder in outcomes/")
    command.add_argument("--work", type=Path, default=Path("work"))
    command.add_argument("--json", action="store_true")


def _add_coverage(commands: Any) -> None:
    command = _command(
        commands, "coverage", _coverage, "do guaranteed thresholds keep their targets, at what cost"
    )
    command.add_argument("--artifact", default="router-small", help="a name or a directory")
    command.add_argument("--data", type=Path, required=True, help="folder with outcomes/")
    command.add_argument("--splits", type=int, default=500, help="calibration sets (default 500)")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--work", type=Path, default=Path("work"), help="folder for vectors")
    command.add_argument("--out", type=Path, help="folder for coverage.json and coverage.md")
    command.add_argument("--json", action="store_true")


def _coverage(options: argparse.Namespace) -> None:
    from edge_router.artifact import RouterArtifact

    from .coverage import coverage_json, coverage_table, pools, study

    artifact = RouterArtifact.load(options.artifact)
    found = study(
        pools(artifact, options.data, work=options.work),
        splits=options.splits,
        seed=options.seed,
    )
    told = json.dumps(coverage_json(found), indent=1)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "coverage.json").write_text(told + "\n")
        (options.out / "coverage.md").write_text(coverage_table(found) + "\n")
    print(told if options.json else coverage_table(found))


def _held_out(options: argparse.Namespace) -> None:
    from edge_router.artifact import RouterArtifact

    from .data import load_tables
    from .evaluate import leaderboard
    from .held_out import evaluate_unseen
    from .recipe import SHIPPED, Recipe

    recipe = Recipe.load(options.recipe or SHIPPED)
    trained_on = load_tables(options.data, recipe.own_outcomes).values()
    found = evaluate_unseen(
        RouterArtifact.load(options.artifact),
        recipe.unseen,
        options.data / "outcomes" / options.tables,
        seen={row["qkey"] for rows in trained_on for row in rows if row["split"] == "train"},
        work=options.work,
    )
    print(json.dumps(found) if options.json else leaderboard(found))


def _add_preferences(commands: Any) -> None:
    command = _command(
        commands, "preferences", _preferences, "preferences on RouterBench's real dollar costs"
    )
    command.add_argument("artifact", help="a shipped router's name or a directory")
    command.add_argument("--data", type=Path, required=True, help="folder with outcomes/")
    command.add_argument(
        "--heads",
        choices=("enrolled", "profiles"),
        default="enrolled",
        help="fitted to the table's train rows, or size profiles as they are",
    )
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--repeats", type=int, default=1000, help="bootstrap resamples")
    command.add_argument("--work", type=Path, default=Path("work"))
    command.add_argument("--json", action="store_true")


def _preferences(options: argparse.Namespace) -> None:
    from edge_router.artifact import RouterArtifact

    from .preference_study import preference_lines, preference_study, priced_table

    artifact = RouterArtifact.load(options.artifact)
    folder = options.data / "outcomes" / "evaluate_only"
    table = priced_table(artifact, folder, heads=options.heads, work=options.work)
    found = preference_study(table, repeats=options.repeats, seed=options.seed)
    print(json.dumps(found) if options.json else "\n".join(preference_lines(found)))


def _add_latency(commands: Any) -> None:
    command = _command(
        commands, "latency", _latency, "predicted against real seconds of a local expert"
    )
    command.add_argument("--config", help="settings with the expert to ask")
    command.add_argument("--expert", default="local")
    command.add_argument("--prompts", type=int, default=200, help="of 10 tokens and more")
    command.add_argument("--longest", type=int, default=1500, help="tokens of the longest prompt")
    command.add_argument("--max-tokens", type=int, default=64)
    command.add_argument(
        "--busy", type=int, default=0, help="processes that compute during the second half"
    )
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--out", type=Path, help="JSON lines, one an answer")


def _latency(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from edge_router.config import Config

    from .latency_study import asked_texts, latency_study, summary
    from .rows import write_rows

    found = latency_study(
        Config.load(options.config),
        asked_texts(options.prompts, longest=options.longest, seed=options.seed),
        expert=options.expert,
        max_tokens=options.max_tokens,
        busy=options.busy,
    )
    if options.out:
        write_rows(options.out, [asdict(compared) for compared in found])
    print(json.dumps(summary(found, busy=options.busy > 0), indent=1))


def _add_deferral(commands: Any) -> None:
    command = _command(
        commands, "deferral", _deferral, "what a look at a local answer's tokens tells"
    )
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
    from edge_router.artifact import RouterArtifact

    from .deferral_report import deferral_markdown, deferral_plot
    from .deferral_study import run_study

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


def _add_enrolment(commands: Any) -> None:
    command = _command(
        commands, "enrolment", _enrolment, "new experts enrolled from few rows, judged on test rows"
    )
    command.add_argument("--artifact", default="router-small", help="a shipped name or a directory")
    command.add_argument("--data", type=Path, required=True, help="folder with outcomes/")
    command.add_argument("--work", type=Path, default=Path("work"))
    command.add_argument("--pool", type=int, help="only so many train rows (default: all)")
    command.add_argument("--draws", type=int, default=20)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--out", type=Path, help="folder for enrolment.json and .md")


def _enrolment(options: argparse.Namespace) -> None:
    from edge_router.artifact import RouterArtifact

    from .enrolment_report import enrolment_markdown
    from .enrolment_study import StudySetting, study

    setting = StudySetting(draws=options.draws, pool=options.pool, seed=options.seed)
    artifact = RouterArtifact.load(options.artifact)
    found = study(artifact, options.data, options.work, setting)
    if options.out:
        told = json.dumps(found, indent=1)
        write_atomically(options.out / "enrolment.json", told + "\n")
        write_atomically(options.out / "enrolment.md", enrolment_markdown(found))
    print(enrolment_markdown(found))


def _add_drift(commands: Any) -> None:
    command = _command(commands, "drift", _drift, "false alarms and real ones of the drift monitor")
    command.add_argument("--artifact", default="router-small", help="the router")
    command.add_argument("--data", type=Path, required=True, help="folder with queries/")
    command.add_argument("--streams", type=int, default=800, help="without drift; a quarter with")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--work", type=Path, default=Path("work"))
    command.add_argument("--out", type=Path, help="folder for drift.json and .md")


def _drift(options: argparse.Namespace) -> None:
    from edge_router.artifact import RouterArtifact

    from .drift_study import drift_markdown, drift_study

    artifact = RouterArtifact.load(options.artifact)
    found = drift_study(
        artifact, options.data, streams=options.streams, work=options.work, seed=options.seed
    )
    if options.out:
        write_atomically(options.out / "drift.json", json.dumps(found, indent=1) + "\n")
        write_atomically(options.out / "drift.md", drift_markdown(found))
    print(drift_markdown(found))


def _evaluate(options: argparse.Namespace) -> None:
    from .asked import configured_prices
    from .comparison import Comparison, compare
    from .data import load_tables, read_tables
    from .evaluation import write_report
    from .recipe import SHIPPED, Recipe
    from .report.markdown import markdown

    recipe = Recipe.load(options.recipe or SHIPPED)
    if options.outcomes:
        rows = read_tables(options.outcomes)
    else:
        own = recipe.own_outcomes if options.tables == "open" else ()
        rows = load_tables(options.data, own, folder=options.tables)
    comparison = Comparison(
        contenders=options.contenders,
        pairs=[tuple(pair) for pair in options.pair or ()],
        pools=options.pools,
        seed=options.seed,
        repeats=options.repeats,
    )
    prices = configured_prices(options.config) if options.config else None
    found = compare(comparison, recipe, rows, work=options.work, prices=prices)
    if options.out:
        write_report(found, options.out)
    print(json.dumps(found) if options.json else markdown(found))
