"""Preferences on a table with real dollar costs: against the hull of the single experts.

Heads are enrolled from the table's train rows (or nothing is fitted and a size profile stands in),
prices are fitted on its train rows, settings are chosen on its dev rows; the test rows are only
looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edge_router.device.latency import Speed
from edge_router.routing.arrays import Bools, Float64s, Places
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.deciding.decision import Rule
from edge_router.routing.deciding.price_rule import PriceRule
from edge_router.routing.deciding.topsis import PreferenceRule
from edge_router.routing.experts.expert import Estimate, Expert, ExpertHead, Location, find_head
from edge_router.routing.experts.panel import Candidate, Candidates
from edge_router.routing.logistic import sigmoid

from ..data.outcome_set import OutcomeSet, outcome_set, read_tables
from ..evaluation.tasks.measurements import measure
from ..graphs.represent import Representations
from ..metrics.agreement import means
from ..metrics.apgr import Counts, draw_counts, hull_heights, interval
from ..training.heads import LinearHead, fit_model_head

__all__ = ["Priced", "preference_lines", "preference_study", "priced_table"]

Heads = Literal["enrolled", "profiles"]

TABLE = "routerbench_arc_mbpp_11models"
KEPT = 0.95  # share of the best single expert's quality
SAME_SPEED = Speed(0.0, 1.0, 1.0)  # the table knows no seconds: the same for all
PROFILES_OF = {
    "WizardLM/WizardLM-13B-V1.2": "8b",
    "claude-instant-v1": "70b",
    "claude-v1": "frontier",
    "claude-v2": "frontier",
    "gpt-3.5-turbo-1106": "70b",
    "gpt-4-1106-preview": "frontier",
    "meta/code-llama-instruct-34b-chat": "8b",
    "meta/llama-2-70b-chat": "70b",
    "mistralai/mistral-7b-chat": "8b",
    "mistralai/mixtral-8x7b-chat": "8b",
    "zero-one-ai/Yi-34B-Chat": "70b",
}


@dataclass(frozen=True, slots=True)
class Priced:
    """Queries with what each expert scored and cost, and what a router expects of it.

    `scores`, `costs` (dollars), `expected_scores` and `expected_costs` (queries, experts).
    """

    experts: tuple[str, ...]
    splits: npt.NDArray[np.str_]
    scores: Float64s
    costs: Float64s
    expected_scores: Float64s
    expected_costs: Float64s

    def split(self, name: str) -> Priced:
        rows = self.splits == name
        return Priced(
            self.experts,
            self.splits[rows],
            self.scores[rows],
            self.costs[rows],
            self.expected_scores[rows],
            self.expected_costs[rows],
        )

    def chosen(self, rule: Rule) -> Places:
        """The expert's number that `rule` takes for each query, from what is expected alone."""
        experts = [_expert(name) for name in self.experts]
        numbers = []
        for qualities, costs in zip(self.expected_scores, self.expected_costs, strict=True):
            candidates = [
                Candidate(e, Estimate(e.name, float(q), float(c), 1.0, 1.0))
                for e, q, c in zip(experts, qualities, costs, strict=True)
            ]
            weighed = rule.weigh(Candidates.of(candidates))
            numbers.append(weighed.best(np.arange(len(candidates))))
        return np.array(numbers)

    def outcome(self, chosen: Places) -> tuple[Float64s, Float64s]:
        """Real scores and dollars (queries,) of the chosen experts."""
        rows = np.arange(len(chosen))
        return self.scores[rows, chosen], self.costs[rows, chosen]


def _expert(name: str) -> Expert:
    head = ExpertHead(0.0, np.zeros(1, dtype=np.float32))
    return Expert(name, name, Location.CLOUD, head, SAME_SPEED, None)


def priced_table(artifact: RouterArtifact, folder: Path, *, heads: Heads, work: Path) -> Priced:
    """RouterBench's table, with what `artifact` expects. Raises BadRow, FileNotFoundError."""
    rows = read_tables([folder / f"{TABLE}.jsonl.gz"])
    outcomes = outcome_set(rows, artifact.manifest.max_chars)
    vectors = Representations.of_artifact(artifact, work).of(outcomes.texts)
    read = {row["qkey"]: row["prompt_chars"] for row in rows[TABLE]}
    characters = np.array([read[key] for key in outcomes.qkeys], dtype=np.float64)
    costs = measure(outcomes, rows).cost_usd
    return _study_table(artifact, outcomes, vectors, costs, characters, heads=heads)


def _study_table(
    artifact: RouterArtifact,
    outcomes: OutcomeSet,
    vectors: Float64s,
    costs: Float64s,
    characters: Float64s,
    *,
    heads: Heads,
) -> Priced:
    """Fit on the train rows what may be fitted; queries that lack a score or a cost are left out.

    `vectors` (queries, representation_dim), `costs` (queries, experts), `characters` of the whole
    prompts (queries,).
    """
    scores = outcomes.scores.astype(np.float64)
    known = ~(np.isnan(scores) | np.isnan(costs)).any(axis=1)
    train = known & (outcomes.splits == "train")
    fitted = train if heads == "enrolled" else None
    expected = [
        _expected_scores(artifact, name, vectors, scores[:, at], train=fitted)
        for at, name in enumerate(outcomes.experts)
    ]
    dollars = [_expected_costs(costs[:, at], characters, train) for at in range(costs.shape[1])]
    return Priced(
        outcomes.experts,
        outcomes.splits[known],
        scores[known],
        costs[known],
        np.column_stack(expected)[known],
        np.column_stack(dollars)[known],
    )


def _expected_scores(
    artifact: RouterArtifact,
    expert: str,
    vectors: Float64s,
    scores: Float64s,
    *,
    train: Bools | None,
) -> Float64s:
    """(queries,): a size profile's head as it is, or fitted around it to the rows of `train`."""
    temperature = artifact.calibration["temperature"]
    profile = find_head(artifact.experts, PROFILES_OF[expert], temperature)
    weights = np.concatenate([[profile.bias], profile.weights.astype(np.float64)]) / temperature
    head = LinearHead.of(weights)
    if train is not None:
        head = fit_model_head(vectors[train], scores[train], head)
    return sigmoid(head.log_odds(vectors))


def _expected_costs(costs: Float64s, characters: Float64s, train: Bools) -> Float64s:
    """Dollars (queries,): so much for an answer and so much for a character, from train rows."""
    design = np.column_stack([np.ones(len(characters)), characters])
    coefficients = np.linalg.lstsq(design[train], costs[train], rcond=None)[0]
    expected: Float64s = np.maximum(design @ coefficients, 1e-9)
    return expected


def preference_study(
    table: Priced, *, repeats: int = 1000, seed: int = 0, steps: int = 21
) -> dict[str, Any]:
    """Every preference and the threshold rule on the test rows, with 95 % bootstrap intervals.

    For each: mean score, dollars for 1,000 answers, and `above_hull`, its mean score above that of
    the best mix of single experts at the same cost. For both families, weights and thresholds, the
    cheapest setting that keeps KEPT of the best single expert's score on dev; the dollars it saves
    on test, and the share it keeps there. `repeats` resamples of the test rows.
    """
    dev, test = table.split("dev"), table.split("test")
    counts = draw_counts(len(test.scores), repeats=repeats, seed=seed)
    once = np.ones((1, len(test.scores)), dtype=counts.dtype)
    drawn = np.vstack([once, counts])  # the rows themselves come first
    best = int(np.argmax(dev.scores.mean(axis=0)))
    named = {name: PreferenceRule.of(name) for name in ("performance", "auto", "cost")}
    placed = {name: _placed(test, rule, drawn) for name, rule in named.items()}
    singles = {
        name: {"score": score, "usd_per_1000": 1000 * cost}
        for name, score, cost in zip(
            test.experts, test.scores.mean(axis=0), test.costs.mean(axis=0), strict=True
        )
    }
    return {
        "table": TABLE,
        "queries": {"dev": len(dev.scores), "test": len(test.scores)},
        "best_single": test.experts[best],
        "singles": singles,
        "preferences": placed,
        "kept": {
            family: _kept(dev, test, rules, best, drawn)
            for family, rules in _families(steps).items()
        },
    }


def _families(steps: int) -> Mapping[str, Mapping[str, Rule]]:
    shares = np.linspace(0, 1, steps).round(3).tolist()
    weights = [f"quality={share},cost={round(1 - share, 3)}" for share in shares]
    gains = np.linspace(0, 0.3, steps).round(3).tolist()
    return {
        "weights": {text: PreferenceRule.of(text) for text in weights},
        "thresholds": {f"min_gain={gain}": PriceRule.of_price(gain) for gain in gains},
    }


def _placed(test: Priced, rule: Rule, drawn: Counts) -> dict[str, Any]:
    scores, costs = test.outcome(test.chosen(rule))
    quality, dollars = means(scores, drawn), means(costs, drawn)
    above = quality - _hull(test, drawn, dollars)
    return {
        "score": _interval(quality),
        "usd_per_1000": _interval(1000 * dollars),
        "above_hull": _interval(above),
    }


def _kept(
    dev: Priced, test: Priced, rules: Mapping[str, Rule], best: int, drawn: Counts
) -> dict[str, Any]:
    """The cheapest setting on dev that keeps enough there, and what it does on test."""
    on_dev = {name: dev.outcome(dev.chosen(rule)) for name, rule in rules.items()}
    enough = KEPT * dev.scores[:, best].mean()
    reaching = {name: cost.mean() for name, (s, cost) in on_dev.items() if s.mean() >= enough}
    if not reaching:
        return {"setting": None}
    setting = min(reaching, key=lambda name: (reaching[name], name))
    scores, costs = test.outcome(test.chosen(rules[setting]))
    quality, dollars = means(scores, drawn), means(costs, drawn)
    best_quality = means(test.scores[:, best], drawn)
    best_dollars = means(test.costs[:, best], drawn)
    return {
        "setting": setting,
        "saved": _interval(1 - dollars / best_dollars),
        "kept": _interval(quality / best_quality),
        "above_hull": _interval(quality - _hull(test, drawn, dollars)),
    }


def _hull(test: Priced, drawn: Counts, dollars: Float64s) -> Float64s:
    """(resamples,) the best mean score of a mix of single experts for that many dollars.

    Left of the cheapest expert that expert's own score counts: nobody can be had for less.
    """
    size = drawn.sum(axis=1, keepdims=True)
    return hull_heights(dollars, drawn @ test.costs / size, drawn @ test.scores / size)


def _interval(resampled: Float64s) -> dict[str, float]:
    return asdict(interval(float(resampled[0]), resampled[1:]))


def preference_lines(study: Mapping[str, Any]) -> Sequence[str]:
    """The study for people."""
    lines = [f"{study['table']}, {study['queries']['test']} test queries", ""]
    for name, single in sorted(study["singles"].items(), key=lambda item: item[1]["score"]):
        lines.append(f"{name:<36} score {single['score']:.3f}  ${single['usd_per_1000']:.3f}/1000")
    lines.append("")
    for name, row in study["preferences"].items():
        lines.append(
            f"{name:<12} score {_words(row['score'])}  ${_words(row['usd_per_1000'])}/1000  "
            f"above the hull {_words(row['above_hull'])}"
        )
    lines.append("")
    for family, row in study["kept"].items():
        if row["setting"] is None:
            lines.append(f"{family}: no setting keeps {KEPT:.0%} on dev")
            continue
        lines.append(
            f"{family}: {row['setting']} saves {_words(row['saved'])} of the dollars of "
            f"{study['best_single']} and keeps {_words(row['kept'])} of its score, above the "
            f"hull {_words(row['above_hull'])}"
        )
    return lines


def _words(value: Mapping[str, float]) -> str:
    return f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"
