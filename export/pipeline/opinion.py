"""The teacher's opinion: what its networks say together of every query that is studied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from pathlib import Path

import numpy as np
from torch import Tensor

from edge_router.routing.arrays import Float32s
from edge_router.routing.experts.expert import PROFILES

from ..data.outcome_set import TRANSFER, OutcomeSet
from ..recipe import Recipe, TeacherPlan
from ..training.heads import LinearHead
from ..training.model import RouterNetwork, trained_heads
from ..training.probe.probe import probed
from ..training.soft_labels import Opinion, Specialist, log_odds_of, read_texts
from .experts_json import Heads, fit_heads

__all__ = ["teacher_opinion"]


def teacher_opinion(
    recipe: Recipe,
    outcomes: OutcomeSet,
    studied: OutcomeSet,
    members: Sequence[RouterNetwork],
    work: Path,
) -> Opinion:
    """Of the queries `studied`, which begin with `outcomes`: that of the first network, together
    with each other one's of the queries and the experts of the tables that this was trained on, and
    with what the recipe's probes say.

    `members` are the networks of the recipe's teachers, in their order.
    """
    first, *others = zip(members, recipe.teachers.values(), strict=True)
    broad = _broad(recipe, outcomes, studied, *first, work=work)
    offsets = first[0].head_lengths
    specialists = [_specialist(recipe, studied, *one, offsets=offsets, work=work) for one in others]
    probes = [
        probed(recipe, studied, plan, offsets=offsets, work=work) for plan in recipe.probes.values()
    ]
    return broad.joined([*specialists, *probes])


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
    return Opinion(
        log_odds_of(_in_order(heads.experts, outcomes.experts), vectors),
        log_odds_of(_in_order(heads.profiles, PROFILES), vectors),
        _needs_tools(heads, vectors),
        log_tokens,
        vectors[:, -member.kind.out_features :],
    )


def _specialist(
    recipe: Recipe,
    studied: OutcomeSet,
    member: RouterNetwork,
    plan: TeacherPlan,
    *,
    offsets: Tensor,
    work: Path,
) -> Specialist:
    """Of the tables that a network was trained on, and of the transferred texts. Its lengths are
    told on the scale of a network whose experts have the `offsets` (experts,)."""
    often = plan.draws
    seen = np.array([often.get(table, often["*"]) > 0 for table in studied.tables.tolist()])
    rows = (seen | (studied.tables == TRANSFER)).astype(np.bool_)
    own = studied.where(rows)
    vectors, log_tokens = read_texts(member, own.texts, recipe.base, plan.max_tokens, work)
    heads = _heads(recipe, own, member, vectors)
    taught = seen & (studied.splits == "train")
    known = (~np.isnan(studied.scores[taught])).any(axis=0)
    timed = (~np.isnan(studied.log_tokens[taught])).any(axis=0)
    experts = _in_order(heads.experts, compress(studied.experts, known))
    sizes = _in_order(heads.profiles, PROFILES)
    longer = (member.head_lengths - offsets).detach().numpy()[timed].mean()
    return Specialist(
        rows,
        known,
        log_odds_of(experts, vectors),
        log_odds_of(sizes, vectors),
        _needs_tools(heads, vectors),
        log_tokens + longer,
    )


def _needs_tools(heads: Heads, vectors: Float32s) -> Float32s:
    """(queries, 1), NaN where no outcome says whether a query needs tools."""
    if heads.needs_tools is None:
        return np.full((len(vectors), 1), np.nan, np.float32)
    return log_odds_of([heads.needs_tools], vectors)


def _heads(recipe: Recipe, known: OutcomeSet, member: RouterNetwork, vectors: Float32s) -> Heads:
    """The heads on a network's own `vectors` (queries, dim) of `known` outcomes."""
    trained = trained_heads(member, known.experts)
    return fit_heads(recipe, known, vectors.astype(np.float64), trained, {})


def _in_order(heads: Mapping[str, LinearHead], names: Iterable[str]) -> list[LinearHead]:
    return [heads[name] for name in names]
