"""Measurements of answers beside their scores: dollars, seconds, tokens, similarity, NLL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

import numpy as np

from edge_router.chat.completion import CHARACTERS_PER_TOKEN
from edge_router.learning.outcomes.rows import Row
from edge_router.routing.arrays import Float64s, Places
from edge_router.routing.experts.expert import Pricing

from ...data.outcome_set import OutcomeSet
from ...data.rows import BadData

__all__ = ["Measurements", "answer_costs", "measure"]

STATED = ("cost_usd", "latency_s", "similarity", "nll", "input_tokens")


@dataclass(frozen=True, slots=True)
class Measurements:
    """Each (queries, experts), NaN where not known.

    `cost_usd` dollars for the answer, `latency_s` seconds until it was complete, `output_tokens`
    its length, `similarity` cosine to the gold answer (TO-Router's BERTSim), `nll` the mean
    negative log-likelihood that the expert gives the tokens of the gold answer, in nats.
    """

    cost_usd: Float64s
    latency_s: Float64s
    output_tokens: Float64s
    similarity: Float64s
    nll: Float64s

    def at(self, rows: Places, experts: Places) -> Measurements:
        """Only these rows and columns."""
        cells = np.ix_(rows, experts)
        return Measurements(*(getattr(self, field.name)[cells] for field in fields(self)))

    def known(self, name: str) -> Float64s | None:
        """A column group that is known in every cell, else None: a gap is never taken for 0."""
        values: Float64s = getattr(self, name)
        return None if np.isnan(values).any() else values

    def costs(self, experts: tuple[str, ...], where: str) -> Float64s | None:
        """Dollars (queries, experts), None where no expert's are known.

        Raises BadData that names an expert without a price beside others that have one.
        """
        unknown = np.isnan(self.cost_usd)
        if unknown.all():
            return None
        for number in np.flatnonzero(unknown.any(axis=0)).tolist():
            raise BadData(
                f"{where}: the cost of {experts[number]!r} is asked for and not known; state its "
                "price and the lengths of its answers, or leave it out"
            )
        return self.cost_usd


def measure(
    outcomes: OutcomeSet,
    rows: Mapping[str, Iterable[Row]] | None = None,
    prices: Mapping[str, Pricing] | None = None,
) -> Measurements:
    """What is known of the answers behind `outcomes`.

    `rows` are each table's own rows, joined by qkey (of equal queries in one table the last value
    counts). Where a row states no cost, an expert of `prices` costs its price for the row's input
    tokens, or characters / 4, and the output tokens of `outcomes`.
    """
    tokens = np.exp(outcomes.log_tokens.astype(np.float64))
    stated = {name: np.full(tokens.shape, np.nan) for name in STATED}
    column = {expert: number for number, expert in enumerate(outcomes.experts)}
    places = _places(outcomes)
    for table, part in (rows or {}).items():
        for row in part:
            for name, expert, value in _stated(row):
                if expert in column:
                    stated[name][places.get((table, row["qkey"]), []), column[expert]] = value
    read = stated.pop("input_tokens")
    guess = np.broadcast_to(outcomes.characters[:, None] / CHARACTERS_PER_TOKEN, read.shape)
    read = np.where(np.isnan(read), guess, read)
    for expert, price in (prices or {}).items():
        if expert in column:
            _fill_in(stated["cost_usd"], column[expert], price, read, tokens)
    return Measurements(output_tokens=tokens, **stated)


def _places(outcomes: OutcomeSet) -> dict[tuple[str, str], list[int]]:
    """The row numbers of each query in each table."""
    places: dict[tuple[str, str], list[int]] = {}
    for number, place in enumerate(zip(outcomes.tables.tolist(), outcomes.qkeys, strict=True)):
        places.setdefault(place, []).append(number)
    return places


def _stated(row: Row) -> Iterable[tuple[str, str, float]]:
    """Measurements of a row's answers: field, expert, value."""
    for name in STATED:
        for expert, value in (row.get(name) or {}).items():
            if value is not None:
                yield name, expert, value


def _fill_in(
    costs: Float64s, column: int, price: Pricing, read: Float64s, written: Float64s
) -> None:
    """Price the answers (queries,) of one expert whose cost no row states."""
    gaps = np.isnan(costs[:, column])
    costs[gaps, column] = answer_costs(price, read[gaps, column], written[gaps, column])


def answer_costs(price: Pricing, read: Float64s, written: Float64s) -> Float64s:
    """Dollars (answers,) for the tokens `read` and `written` (answers,)."""
    tokens = zip(read.tolist(), written.tolist(), strict=True)
    return np.array([price.cost(*pair) for pair in tokens], dtype=np.float64)
