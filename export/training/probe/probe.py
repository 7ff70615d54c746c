"""A probe: what the frozen hidden states of a small language model say of a query.

A language model has read far more than the teacher's networks. It is not trained here; kernel
ridge regression reads the quality of each size off its states.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor

from edge_router.routing.arrays import Bools, Float32s, Float64s
from edge_router.routing.experts.expert import PROFILES
from edge_router.routing.logistic import log_odds

from ...data.outcome_set import TRANSFER, OutcomeSet
from ...recipe import ProbePlan, Recipe
from ..heads import mean_score
from ..soft_labels import Specialist
from .hidden_states import hidden_states
from .kernel_ridge import KernelRidge

__all__ = ["probed"]

LEAST = 0.02  # a prediction's distance from 0 and 1


def probed(
    recipe: Recipe, studied: OutcomeSet, plan: ProbePlan, *, offsets: Tensor, work: Path
) -> Specialist:
    """What it says of the tables of its plan and of the transferred texts: the six sizes, the need
    of tools and the length, on the scale of a network whose experts have the `offsets` (experts,).
    """
    own_tables = np.isin(studied.tables, plan.tables)
    rows: Bools = own_tables | (studied.tables == TRANSFER)
    own, taught = studied.where(rows), (own_tables & (studied.splits == "train"))[rows]
    states = hidden_states(
        own.texts, package=plan.package, layer=plan.layer, max_tokens=plan.max_tokens, work=work
    )
    said = _predicted(_scaled(states, taught), _targets(recipe, own, offsets), taught, plan)
    sizes = len(PROFILES)
    return Specialist(
        rows,
        np.zeros(len(studied.experts), np.bool_),
        np.zeros((len(states), 0), np.float32),
        _log_odds(said[:, :sizes]),
        _log_odds(said[:, sizes : sizes + 1]),
        said[:, sizes + 1 :].astype(np.float32),
        plan.weight,
    )


def _targets(recipe: Recipe, own: OutcomeSet, offsets: Tensor) -> Float64s:
    """(queries, sizes + 2): the mean score of each size's models, the need of tools and the length;
    NaN where not known."""
    places = {size: [*map(own.experts.index, recipe.profiles[size])] for size in PROFILES}
    scores = [mean_score(own.scores.astype(np.float64), places[size]) for size in PROFILES]
    lengths = own.log_tokens - offsets.detach().numpy()
    length = mean_score(lengths.astype(np.float64), range(len(own.experts)))
    return np.column_stack([*scores, own.needs_tools, length])


def _scaled(states: Float32s, taught: Bools) -> Float64s:
    """So that two rows of those `taught` lie a squared distance of about 2 apart."""
    mean, spread = states[taught].mean(axis=0), states[taught].std(axis=0)
    scaled: Float64s = ((states - mean) / (spread + 1e-6)).astype(np.float64)
    scaled /= np.sqrt(scaled.shape[1])
    return scaled


def _predicted(rows: Float64s, targets: Float64s, taught: Bools, plan: ProbePlan) -> Float64s:
    """(queries, targets): targets that are known on the same rows are fitted together."""
    known = ~np.isnan(targets) & taught[:, None]
    said = np.full(targets.shape, np.nan)
    for group in np.unique(known, axis=1).T:
        columns = (known == group[:, None]).all(axis=0)
        if group.any():
            fitted = KernelRidge.fit(
                rows[group],
                targets[np.ix_(group, columns)],
                sharpness=plan.sharpness,
                ridge=plan.ridge,
            )
            said[:, columns] = fitted.predict(rows)
    return said


def _log_odds(chances: Float64s) -> Float32s:
    return log_odds(chances.clip(LEAST, 1 - LEAST)).astype(np.float32)
