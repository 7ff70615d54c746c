"""The content of experts.json: fitted heads of profiles and experts, with answer lengths."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from edge_router.routing.arrays import Float64s
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.experts.expert import PROFILES

from ..data.outcome_set import OutcomeSet
from ..recipe import Recipe
from ..training.heads import (
    FALLBACK_PROFILE,
    LinearHead,
    fit_model_head,
    fit_profile_heads,
    fit_tools_head,
    mean_score,
)
from .limits import counted_experts

__all__ = ["Heads", "experts_json", "fit_heads", "profile_scores"]


log = logging.getLogger("edge_router.export")

SHIPPED_ROUTER = "router-small"


@dataclass(frozen=True, slots=True)
class Heads:
    """Heads of the six profiles, of every model by name, and of whether a query needs tools."""

    profiles: Mapping[str, LinearHead]
    experts: Mapping[str, LinearHead]
    needs_tools: LinearHead | None = None


def fit_heads(
    recipe: Recipe,
    outcomes: OutcomeSet,
    vectors: Float64s,
    trained: Mapping[str, LinearHead],
    trained_sizes: Mapping[str, LinearHead],
) -> Heads:
    """Fit all heads on the train split of `vectors` (queries, dim).

    A model's head is the mean of one fitted here and the one `trained` together with the encoder:
    the first knows each task kind better, the second was held back by all other experts. So is a
    profile's where a student has learned `trained_sizes`, from its teacher's specialists.
    """
    train = outcomes.splits == "train"
    weights = _weights(recipe, outcomes)[train]
    profiles = fit_profile_heads(*profile_scores(recipe, outcomes, vectors, "train"), weights)
    profiles |= {p: LinearHead.mean([profiles[p], head]) for p, head in trained_sizes.items()}
    profile_of = {model: p for p, models in recipe.profiles.items() for model in models}
    experts = {}
    for expert in tqdm(outcomes.experts, desc="heads"):
        seen = train & ~np.isnan(outcomes.column(expert))
        prior = profiles[profile_of.get(expert, FALLBACK_PROFILE)]
        scores = outcomes.column(expert)[seen].astype(np.float64)
        fitted = fit_model_head(vectors[seen], scores, prior)
        experts[expert] = LinearHead.mean([fitted, trained[expert]])
    tools = outcomes.needs_tools[train]
    known = not np.isnan(tools).all()
    return Heads(profiles, experts, fit_tools_head(vectors[train], tools) if known else None)


def _weights(recipe: Recipe, outcomes: OutcomeSet) -> Float64s:
    """How many queries each (queries,) counts for: as often as the first teacher sees it."""
    often = next(iter(recipe.teachers.values())).draws
    return np.array([often.get(t, often["*"]) for t in outcomes.tables.tolist()], dtype=np.float64)


def profile_scores(
    recipe: Recipe, outcomes: OutcomeSet, vectors: Float64s, split: str
) -> tuple[Float64s, dict[str, Float64s]]:
    """A split's vectors, and by profile the mean score of its models, NaN where none was seen."""
    rows = outcomes.splits == split
    columns = {
        profile: [outcomes.experts.index(model) for model in recipe.profiles[profile]]
        for profile in PROFILES
    }
    scores = outcomes.scores[rows].astype(np.float64)
    return vectors[rows], {p: mean_score(scores, chosen) for p, chosen in columns.items()}


def experts_json(
    recipe: Recipe, outcomes: OutcomeSet, heads: Heads, log_tokens: Float64s
) -> dict[str, Any]:
    """The content of experts.json: heads with their length offsets, and the reference values."""
    offsets, groups = _length_offsets(recipe, outcomes, log_tokens)
    tools = heads.needs_tools
    return {
        "profiles": {
            profile: {
                "head": _head_json(heads.profiles[profile], groups[profile]),
                "reference": recipe.reference[profile],
                "models": list(recipe.profiles[profile]),
            }
            for profile in PROFILES
        },
        "experts": {
            expert: {"head": _head_json(heads.experts[expert], offsets[expert])}
            for expert in _named(recipe, outcomes)
        },
    } | ({"needs_tools": _linear_json(tools)} if tools else {})


def _named(recipe: Recipe, outcomes: OutcomeSet) -> list[str]:
    """The experts with a head of their own in the artifact, see `Recipe.without_heads`."""
    scored = ~np.isnan(outcomes.scores[~np.isin(outcomes.tables, recipe.without_heads)])
    named = {outcomes.experts[place] for place in np.flatnonzero(scored.any(axis=0))}
    named |= {name for pair in recipe.pairs.values() for name in pair}
    return [name for name in outcomes.experts if name in named]


def _length_offsets(
    recipe: Recipe, outcomes: OutcomeSet, log_tokens: Float64s
) -> tuple[dict[str, float], dict[str, float]]:
    """By expert and by profile; those of the shipped router where no answer's length is known."""
    if not counted_experts(outcomes.split("train")):
        return _shipped_offsets(recipe, outcomes, log_tokens)
    offsets = {
        expert: _length_offset(outcomes, number, log_tokens)
        for number, expert in enumerate(outcomes.experts)
    }
    counts = _weights(recipe, outcomes)
    groups = {
        profile: _group_offset(outcomes, recipe.profiles[profile], log_tokens, counts)
        for profile in PROFILES
    }
    return offsets, groups


def _group_offset(
    outcomes: OutcomeSet, models: Sequence[str], log_tokens: Float64s, counts: Float64s
) -> float:
    """That of a profile: the median over its models' queries, each of which counts `counts`
    (queries,) times; in some tables an answer is a letter, in others a derivation."""
    columns = [outcomes.experts.index(model) for model in models]
    lengths = outcomes.log_tokens[:, columns].astype(np.float64)
    known = mean_score(lengths, range(len(columns)))
    seen = (outcomes.splits == "train") & ~np.isnan(known)
    if not seen.any():
        return 0.0
    longer, count = known[seen] - log_tokens[seen], counts[seen]
    order = np.argsort(longer)
    middle = np.searchsorted(np.cumsum(count[order]), count.sum() / 2)
    return float(longer[order[middle]])


def _shipped_offsets(
    recipe: Recipe, outcomes: OutcomeSet, log_tokens: Float64s
) -> tuple[dict[str, float], dict[str, float]]:
    """What makes answers as long, on the mean, as the shipped router expects of its profiles."""
    shipped = RouterArtifact.load(SHIPPED_ROUTER)
    known = shipped.known_queries()
    expected = 0.0 if known is None else float(known.log_tokens.astype(np.float64).mean())
    log.warning(
        "no outcome row has output_tokens or out_chars: answers are expected to be as long as the "
        "profiles' of %s",
        shipped.manifest.name,
    )
    groups = {
        profile: float(shipped.experts["profiles"][profile]["head"]["log_tokens"])
        + expected
        - float(log_tokens.mean())
        for profile in PROFILES
    }
    profile_of = {model: p for p, models in recipe.profiles.items() for model in models}
    offsets = {
        expert: groups[profile_of.get(expert, FALLBACK_PROFILE)] for expert in outcomes.experts
    }
    return offsets, groups


def _length_offset(outcomes: OutcomeSet, expert: int, log_tokens: Float64s) -> float:
    """How much longer this expert's answers are than the encoder expects, as a logarithm."""
    train = outcomes.splits == "train"
    known = outcomes.log_tokens[:, expert]
    seen = train & ~np.isnan(known)
    return float(np.mean(known[seen] - log_tokens[seen])) if seen.any() else 0.0


def _head_json(head: LinearHead, log_tokens: float) -> dict[str, Any]:
    return _linear_json(head) | {"log_tokens": _rounded(log_tokens)}


def _linear_json(head: LinearHead) -> dict[str, Any]:
    return {"bias": _rounded(head.bias), "weights": [_rounded(weight) for weight in head.weights]}


def _rounded(value: float) -> float:
    return round(float(value), 5)
