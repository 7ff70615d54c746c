"""The teacher's opinion: what its networks say together of every query that is studied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from edge_router.routing.arrays import Float32s

from ..data.outcome_set import TRANSFER, OutcomeSet
from ..recipe import Recipe, TeacherPlan
from ..training.heads import LinearHead
from ..training.model import RouterNetwork, trained_heads
from ..training.soft_labels import Opinion, Specialist, read_texts
from .experts_json import fit_heads

__all__ = ["teacher_opinion"]


def teacher_opinion(
    recipe: Recipe,
    outcomes: OutcomeSet,
    studied: OutcomeSet,
    members: Sequence[RouterNetwork],
    work: Path,
) -> Opinion:
    """Of the queries `studied`, which begin with `outcomes`: that of the first network, together
    with each other one's of the queries and the experts of the tables that this was trained on.

    `members` are the networks of the recipe's teachers, in their order.
    """
    first, *others = zip(members, recipe.teachers.values(), strict=True)
    broad = _broad(recipe, outcomes, studied, *first, work=work)
    return broad.joined([_specialist(recipe, studied, *other, work=work) for other in others])


def _broad(
    recipe: Recipe,
    outcomes: OutcomeSet,
    studied: OutcomeSet,
    member: RouterNetwork,
    plan: TeacherPlan,
    *,
    work: Path,
) -> Opinion:
    vectors, log_tokens = read_texts(member, studied.texts, recipe.base, plan.max_tokens, work)
    heads = _heads(recipe, outcomes, member, vectors[: len(outcomes)])
    in_order = [heads[expert] for expert in outcomes.experts]
    return Opinion.of(vectors, log_tokens, in_order, kinds=member.kind.out_features)


def _specialist(
    recipe: Recipe, studied: OutcomeSet, member: RouterNetwork, plan: TeacherPlan, *, work: Path
) -> Specialist:
    """Of the tables that a network was trained on, and of the transferred texts."""
    often = plan.draws
    seen = np.array([often.get(table, often["*"]) > 0 for table in studied.tables.tolist()])
    rows = (seen | (studied.tables == TRANSFER)).astype(np.bool_)
    own = studied.where(rows)
    vectors, _ = read_texts(member, own.texts, recipe.base, plan.max_tokens, work)
    heads = _heads(recipe, own, member, vectors)
    experts = (~np.isnan(studied.scores[seen & (studied.splits == "train")])).any(axis=0)
    exact = vectors.astype(np.float64)
    known = [name for place, name in enumerate(studied.experts) if experts[place]]
    log_odds = np.stack([heads[name].log_odds(exact) for name in known], axis=1)
    return Specialist(rows, experts, log_odds.astype(np.float32))


def _heads(
    recipe: Recipe, known: OutcomeSet, member: RouterNetwork, vectors: Float32s
) -> Mapping[str, LinearHead]:
    """The experts' heads on a network's own `vectors` (queries, dim) of `known` outcomes."""
    trained = trained_heads(member, known.experts)
    return fit_heads(recipe, known, vectors.astype(np.float64), trained).experts
