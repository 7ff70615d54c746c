"""Deferral: risk-coverage of gates that see the query, the answer's tokens, or both.

The pre-gate is what the router expects of the local answer, the post-gate a logistic model on the
model's confidence alone, and "both" is the gate that deferral uses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edge_router.backends.llama_cpp.model_files import find_model
from edge_router.client.asking.gate import FEATURES, STAGES, DeferralGate, GateStage
from edge_router.errors import ConfigError
from edge_router.routing.arrays import Float64s
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.settings.config import Config

from ...metrics.apgr import Interval, bootstrap, brier, expected_calibration_error
from ...recipe import RECIPES
from .answers import FEWEST, Answers, read_answers

__all__ = ["aurc", "deferral_study", "risk_at", "run_study", "selective_risk"]


COLLECTED_WITH = RECIPES / "collect.toml"
CURVE_POINTS = 100
PRIOR = np.array([float(name == "router_log_odds") for name in FEATURES])  # the last feature
PRE_GATE, DEFERRING = "pre-gate", "both, 16 tokens"
COVERAGES = (0.2, 0.5, 0.8)


def run_study(
    outcomes: Path,
    artifact: RouterArtifact,
    *,
    config: Path | None,
    expert: str | None,
    data: Path,
    work: Path,
    fit_split: str,
    repeats: int,
    seed: int,
) -> tuple[dict[str, Any], DeferralGate]:
    """Fit on one split, report on the test split: the study, and the gate to defer with.

    `config` holds the settings with which the outcomes were collected, `expert` the local model
    among them (the first without). Raises ConfigError, MissingExtra, BadRow, BadData.
    """
    experts = Config.load(config or COLLECTED_WITH).experts
    name = expert or next(iter(experts))
    if name not in experts or experts[name].backend != "llama_cpp":
        raise ConfigError(
            f"expert {name!r} is not one that runs in llama.cpp: {', '.join(experts)}"
        )
    profile = experts[name].profile
    answers = read_answers(outcomes, name, profile=profile, artifact=artifact, data=data, work=work)
    fitted_on = answers.split(fit_split)
    points = artifact.calibration["operating_points"]
    prices = {name: stored["price"] for name, stored in points.items()}
    about = {"expert": name, "profile": profile, "artifact": artifact.hash, "fit_split": fit_split}
    test = answers.split("test")
    findings = deferral_study(fitted_on, test, prices, repeats=repeats, seed=seed)
    model = find_model(experts[name].model).stem
    return about | findings, _fit_gate(fitted_on, model=model, artifact=artifact, profile=profile)


def _fit_gate(
    answers: Answers, *, model: str, artifact: RouterArtifact, profile: str
) -> DeferralGate:
    """The gate that deferral uses, at every stage, from all of `answers`."""
    return DeferralGate(
        model=model,
        artifact=artifact.hash,
        profile=profile,
        created=datetime.now(UTC).date().isoformat(),
        queries=len(answers),
        stages={s: _fit(answers.designs[str(s)], answers.scores) for s in STAGES},
    )


def _fit(design: Float64s, scores: Float64s) -> GateStage:
    return GateStage.fit(design, scores, prior=PRIOR[: design.shape[1]])


def deferral_study(
    fitted_on: Answers,
    test: Answers,
    prices: Mapping[str, float],
    *,
    repeats: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Every gate on the answers of `test`, with 95 % bootstrap intervals.

    `prices` are those of the operating points: the least gain for which the dearer expert is asked.
    """
    gates = _gates(fitted_on, test)
    resample = partial(bootstrap, rows=len(test), repeats=repeats, seed=seed)
    return {
        "answers": {"fit": len(fitted_on), "test": len(test)},
        "good": float(test.scores.mean()),
        "gates": {
            name: _measured(p, gates[PRE_GATE], test.scores, resample) for name, p in gates.items()
        },
        "sources": _by_source(gates, test),
        "operating_points": {
            name: {"price": price} | _operated(price, gates[DEFERRING], test)
            for name, price in prices.items()
        },
    }


def _gates(fitted_on: Answers, test: Answers) -> dict[str, Float64s]:
    """P(good) (answers,) of each gate on `test`; the prompt's length only ranks."""
    probabilities = {
        "random": np.full(len(test), fitted_on.scores.mean()),
        "prompt length": -test.characters.astype(np.float64),
        PRE_GATE: test.quality,
    }
    for seen in ("16", "whole"):
        post = _fit(fitted_on.designs[seen][:, :-1], fitted_on.scores)
        probabilities[f"post-gate, {_words(seen)}"] = post.probability(test.designs[seen][:, :-1])
    for seen, design in fitted_on.designs.items():
        both = _fit(design, fitted_on.scores)
        probabilities[f"both, {_words(seen)}"] = both.probability(test.designs[seen])
    return probabilities | {"oracle": test.scores}


def _words(seen: str) -> str:
    return "whole answer" if seen == "whole" else f"{seen} tokens"


def _measured(
    p: Float64s, pre: Float64s, scores: Float64s, resample: Callable[..., Interval]
) -> dict[str, Any]:
    """AURC and what it is better by than the pre-gate's, on the same resamples."""
    probable = p.min() >= 0
    return {
        "aurc": _listed(resample(lambda drawn: aurc(p[drawn], scores[drawn]))),
        "gain": _listed(
            resample(lambda d: aurc(pre[d], scores[d]) - aurc(p[d], scores[d])),
        ),
        "risk": {str(share): risk_at(share, p, scores) for share in COVERAGES},
        "brier": brier(p, scores) if probable else None,
        "ece": expected_calibration_error(p, scores) if probable else None,
        "curve": _thinned(selective_risk(p, scores)),
    }


def _listed(interval: Interval) -> list[float]:
    return [interval.value, interval.low, interval.high]


def _thinned(risk: Float64s) -> dict[str, list[float]]:
    """At most CURVE_POINTS points of a curve, its end among them."""
    at = np.unique(np.linspace(0, len(risk) - 1, CURVE_POINTS).round().astype(int))
    return {"coverage": ((at + 1) / len(risk)).tolist(), "risk": risk[at].tolist()}


def _by_source(gates: Mapping[str, Float64s], test: Answers) -> dict[str, Any]:
    """AURC within each source: over all of them, a gate also gains by separating the sources."""
    names, sizes = np.unique(test.sources, return_counts=True)
    sources = {}
    for source in names[sizes >= FEWEST].tolist():
        part = test.sources == source
        scores = test.scores[part]
        sources[source] = {
            "answers": int(part.sum()),
            "good": float(scores.mean()),
            "aurc": {name: aurc(p[part], scores) for name, p in gates.items()},
        }
    return sources


def _operated(price: float, after: Float64s, test: Answers) -> dict[str, Any]:
    """What deferral does to the answers that the router leaves on the device."""
    stays = test.strong - test.quality < price
    goes = stays & (test.strong - after >= price)
    return {
        "stay": int(stays.sum()),
        "good": _mean(test.scores[stays]),
        "handed_over": int(goes.sum()),
        "good_of_handed_over": _mean(test.scores[goes]),
        "good_of_rest": _mean(test.scores[stays & ~goes]),
    }


def _mean(scores: Float64s) -> float | None:
    return float(scores.mean()) if len(scores) else None


def selective_risk(confidence: Float64s, scores: Float64s) -> Float64s:
    """(answers,) mean loss of the k answers of highest confidence, for k = 1 to all.

    The loss is 1 - score (Geifman and El-Yaniv 2017, equation 2, for scores in 0..1). Answers of
    equal confidence count as if in random order. Both arrays (answers,), at least one.
    """
    order = np.argsort(-confidence, kind="stable")
    starts = np.flatnonzero(np.diff(confidence[order], prepend=np.inf))  # one per confidence
    sizes = np.diff(starts, append=len(order))
    mean_loss = np.add.reduceat(1 - scores[order], starts) / sizes
    risk: Float64s = np.cumsum(np.repeat(mean_loss, sizes)) / np.arange(1, len(order) + 1)
    return risk


def aurc(confidence: Float64s, scores: Float64s) -> float:
    """Area under the risk-coverage curve, 0..1, lower is better (Geifman et al. 2019, section 3).

    The mean of the selective risk over all coverages; without any skill it is the mean loss.
    """
    return float(selective_risk(confidence, scores).mean())


def risk_at(coverage: float, confidence: Float64s, scores: Float64s) -> float:
    """Selective risk when the share `coverage` (0..1) of the answers is kept, at least one."""
    kept = max(1, round(coverage * len(scores)))
    return float(selective_risk(confidence, scores)[kept - 1])
