"""The task study as Markdown, JSON and figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edge_router.tasks.evaluation.plots import confusion_svg, radar_svg

from .classifying import ClassifierRow, OpsEvalStudy
from .injection import Injection
from .routing import RoutedSet, RoutingStudy

__all__ = ["TaskStudy"]

SHOWN = ("accuracy", "precision_macro", "recall_macro", "f1_macro", "f1_weighted")
ABOUT_OPSEVAL = """\
## Naming the task: OpsEval

Four tasks (the files of OpsEval, Liu et al. 2023), {test} test questions in English and Chinese.
DevOps-Eval, on which CoE-Ops was measured, is not in this data, so its tables VII and VIII are
followed in form, not in their figures. Ours are enrolled on {train} train questions, or on the
{few} examples that OpsEval ships. A question and its translation may stand on both sides of the
split: the data set does not say which belong together. Macro means weigh tasks alike, weighted ones
by their questions; unknown is never right; 95 % bootstrap intervals. `en` and `zh` are accuracies.
"""
ABOUT_INJECTION = """\
### Prompt injection

A question asks for the task X, drawn at random: "answer **Task: X**" (format), or in prose. X is
named too often where the share with it is above that of X being right, by more than the sampling
error of {error:.3f} (two standard errors). The injected words also draw Chinese questions towards
English ones, which costs accuracy.
"""
ABOUT_ROUTING = """\
## Two stages: MMLU-Pro

{train} train questions with the outcomes of 29 models make the leaderboard and enrol the head;
{test} test questions are scored. 95 % bootstrap intervals; differences to the best single expert,
which is chosen on train, are resampled in pairs. "direct" takes the expert of the highest expected
quality by the shipped router's heads of these models, "expected" that of the highest accuracy under
the head's probabilities, "kinds" the encoder's own posterior (it was trained on the train split of
this table). The table says who was right, not which letter was chosen: the precision and recall of
letters in CoE-Ops' tables III to VI cannot be had from it.
"""


@dataclass(frozen=True, slots=True)
class TaskStudy:
    """Both parts, with the artifact's name and hash."""

    artifact: str
    opseval: OpsEvalStudy
    routing: RoutingStudy

    def markdown(self) -> str:
        return "\n".join([f"# Two-stage routing by task\n\nRouter {self.artifact}.\n",
                          *_opseval(self.opseval), *_routing(self.routing)]) + "\n"  # fmt: skip

    def figures(self) -> dict[str, str]:
        """SVGs by name: a heat map for each classifier that learned or read, a radar for each set
        of four."""
        figures = {}
        for row in self.opseval.rows:
            if row.milliseconds:
                figures[f"tasks-confusion-{_slug(row.name)}"] = confusion_svg(
                    row.confusion, title=f"OpsEval: {row.name}, %"
                )
        for one in self.routing.sets:
            if len(one.experts) <= 4:
                figures[f"tasks-radar-{_slug(one.name)}"] = _radar(one)
        return figures

    def to_json(self) -> dict[str, Any]:
        opseval = {
            "questions": dict(self.opseval.counts),
            "rows": [
                {"name": row.name, "by_language": dict(row.by_language)}
                | {"milliseconds": row.milliseconds}
                | row.confusion.to_json()
                for row in self.opseval.rows
            ],
            "injections": [asdict(one) for one in self.opseval.injections],
        }
        return {"artifact": self.artifact, "opseval": opseval, "mmlu_pro": asdict(self.routing)}


def _opseval(study: OpsEvalStudy) -> Iterator[str]:
    yield ABOUT_OPSEVAL.format(**study.counts)
    names = [name.replace("_", ", ") for name in SHOWN]
    yield from _head(["classifier", "questions", *names, "en", "zh", "ms"])
    yield from map(_classifier, study.rows)
    yield "\n" + ABOUT_INJECTION.format(error=2 * math.sqrt(0.25 * 0.75 / study.counts["test"]))
    yield from _head(["classifier", "injection", "questions", "X is right", "named without",
                      "named with", "accuracy without", "with"])  # fmt: skip
    yield from map(_injection, study.injections)
    yield ""


def _classifier(row: ClassifierRow) -> str:
    measures = row.confusion.measures()
    languages = [f"{row.by_language[one]:.3f}" if one in row.by_language else "-"
                 for one in ("en", "zh")]  # fmt: skip
    spent = f"{row.milliseconds:.1f}" if row.milliseconds else "-"
    figures = [measures[name].words for name in SHOWN]
    return _line([row.name, str(row.confusion.questions), *figures, *languages, spent])


def _injection(one: Injection) -> str:
    shares = (one.x_is_right, one.x_named_without, one.x_named_with, one.accuracy_without,
              one.accuracy_with)  # fmt: skip
    return _line([one.classifier, one.kind, str(one.questions), *(f"{s:.3f}" for s in shares)])


def _routing(study: RoutingStudy) -> Iterator[str]:
    yield ABOUT_ROUTING.format(**study.questions)
    accuracies = (f"{name} {value}" for name, value in study.accuracy.items())
    yield f"Accuracy of the classifiers on the 14 subjects: {', '.join(accuracies)}.\n"
    for one in study.sets:
        yield f"### Experts {one.name}\n"
        yield (
            f"Best single on train: {one.best_single}. On {one.level} of "
            f"{len(next(iter(one.by_task.values())))} subjects the best expert cannot be told "
            "apart from another one at the 5 % level.\n"
        )
        yield from _head(["contender", "mean score", "above the best single"])
        yield from _scores(one)
        yield ""


def _scores(one: RoutedSet) -> Iterator[str]:
    """All of a set of four; of a larger one the five best on test."""
    singles = sorted(one.experts, key=lambda name: -one.scores[name].value)
    shown = singles if len(singles) <= 4 else singles[:5]
    for name, value in one.scores.items():
        if name in one.experts and name not in shown:
            continue
        above = f"{one.above[name].value:+.3f} {_ends(one, name)}" if name in one.above else ""
        yield _line([name, str(value), above])


def _ends(one: RoutedSet, name: str) -> str:
    return f"[{one.above[name].low:+.3f}, {one.above[name].high:+.3f}]"


def _radar(one: RoutedSet) -> str:
    shown = ("two stages, head", *one.experts)
    values: Mapping[str, Mapping[str, float]] = {
        name: {task.removeprefix("mmlu_pro/"): score for task, score in one.by_task[name].items()}
        for name in shown
    }
    return radar_svg(values, title=f"MMLU-Pro, experts {one.name}", first=shown[:1])


def _head(names: Sequence[str]) -> list[str]:
    return [_line(names), "|---" * len(names) + "|"]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _slug(name: str) -> str:
    letters = (letter.lower() if letter.isalnum() else "-" for letter in name)
    return "-".join(part for part in "".join(letters).split("-") if part)
