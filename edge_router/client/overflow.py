"""Overflow: an expert says that a request exceeds its context, and one with more room is asked."""

from __future__ import annotations

from edge_router.errors import ContextExceeded

from .query import Query

__all__ = ["rule_out_smaller"]


def rule_out_smaller(query: Query, name: str) -> None:
    """Note that `name` had too little room, and that experts without more are not asked; after a
    second overflow nobody is. One whose context is not known may have more."""
    again = query.overflow is not None
    query.overflow = query.overflow or name
    grounds = query.decision.grounds
    experts = {} if grounds is None else {one.expert.name: one.expert for one in grounds.candidates}
    room = experts[name].context_tokens if name in experts else None
    for other in query.decision.order:
        if other in query.failures or other not in experts:
            continue
        theirs = experts[other].context_tokens
        if again or (room is not None and theirs is not None and theirs <= room):
            query.failures[other] = ContextExceeded(
                f"{other} was not asked: {name} had too little room"
                + (" too" if again else ", and it has no more")
            )
