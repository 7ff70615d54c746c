"""Queries with the known outcomes of a weak and a strong expert: what a calibration rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Protocol, Self

import numpy as np

from edge_router.chat.completion import DEFAULT_MAX_TOKENS, ChatRequest, estimated_tokens
from edge_router.errors import OutcomesUnusable
from edge_router.routing.arrays import Bools, Float64s
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.representation import Representation
from edge_router.routing.deciding.price import expenses, turning_prices
from edge_router.routing.experts.expert import Expert
from edge_router.routing.experts.panel import Panel

__all__ = [
    "Evidence",
    "ExpertOutcomes",
    "QueryReader",
    "from_known_queries",
    "priced",
    "refuse_unknown_tables",
]


class QueryReader(Protocol):
    """What evidence needs of a `Router`: how it reads a query, and on which a price decides."""

    artifact: RouterArtifact
    usd_per_second: float

    def represent(self, request: ChatRequest) -> Representation:
        """What the encoder says of the request."""
        ...

    def for_cheapest(self, query: Representation) -> bool:
        """Whether the cheapest expert answers the query at any price."""
        ...


@dataclass(frozen=True, slots=True)
class ExpertOutcomes:
    """One expert's outcomes, all (queries,).

    `scores` in 0..1; `cost_usd` dollars, None where no price is known; `latency_s` seconds until
    the answer was complete. Raises OutcomesUnusable for numbers that are none of these.
    """

    scores: Float64s
    cost_usd: Float64s | None
    latency_s: Float64s

    def __post_init__(self) -> None:
        _require("score", self.scores, (self.scores >= 0) & (self.scores <= 1), "in 0..1")
        for name in ("cost_usd", "latency_s"):
            values = getattr(self, name)
            if values is not None:
                _require(name, values, (values >= 0) & (values < np.inf), "a number from 0")

    def twice(self) -> ExpertOutcomes:
        """Every outcome two times."""
        costs = None if self.cost_usd is None else np.tile(self.cost_usd, 2)
        return ExpertOutcomes(np.tile(self.scores, 2), costs, np.tile(self.latency_s, 2))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a weak and a strong expert did on the same queries, in no order that matters.

    Studies put many samples in one: arrays then are (samples, queries).

    `turns` (queries,) are the highest prices at which the rule of an operating point asks the
    dearer of the two, by its expense for that query; that is the strong one, except where
    `strong_is_cheaper` (queries,). `tables` and `kinds` count the queries of each. Costs and
    latencies are `costs_measured` and `latencies_measured`, or else estimates from prices and
    speeds. With `stand_ins`, the scores are those of other models of the experts' profiles.
    `for_cheapest` more queries are not in it: the cheapest expert answers them at any price.
    """

    turns: Float64s
    strong_is_cheaper: Bools
    weak: ExpertOutcomes
    strong: ExpertOutcomes
    tables: Mapping[str, int]
    kinds: Mapping[str, int]
    costs_measured: bool = False
    latencies_measured: bool = False
    stand_ins: bool = False
    for_cheapest: int = 0

    def __len__(self) -> int:
        return int(self.turns.shape[-1])

    @classmethod
    def estimated(
        cls,
        weak: Expert,
        strong: Expert,
        queries: Sequence[tuple[Representation, int]],
        scores: tuple[Float64s, Float64s],
        *,
        tables: Sequence[str],
        kinds: Sequence[str],
        usd_per_second: float = 0.0,
    ) -> Self:
        """Known `scores` of the weak and the strong expert (queries,), the rest as the router
        expects it of queries by their representation and number of characters, a second of waiting
        being worth `usd_per_second`."""
        quality, costs, latencies = _estimates(Panel.of((weak, strong)), queries)
        low, high = (
            ExpertOutcomes(
                known.astype(np.float64), None if np.isnan(cost).any() else cost, latency
            )
            for known, cost, latency in zip(scores, costs.T, latencies.T, strict=True)
        )
        leaves = np.array([weak.leaves_device, strong.leaves_device])
        expense = expenses(costs, latencies, leaves, usd_per_second)
        cheaper = expense[:, 1] < expense[:, 0]
        return cls(
            turning_prices(quality, expense), cheaper, low, high, Counter(tables), Counter(kinds)
        )

    def by_expense(self, weak: Float64s, strong: Float64s) -> tuple[Float64s, Float64s]:
        """Values of the weak and the strong expert as those of the cheaper and the dearer one; all
        (queries,)."""
        if not self.strong_is_cheaper.any():
            return weak, strong
        swap = self.strong_is_cheaper
        return np.where(swap, strong, weak), np.where(swap, weak, strong)

    def routed(self, weak: Float64s, strong: Float64s, price: float) -> Float64s:
        """`weak` or `strong`, whichever the rule asks at a price; all (queries,)."""
        cheaper, dearer = self.by_expense(weak, strong)
        return np.where(self.turns >= price, dearer, cheaper)

    def twice(self) -> Evidence:
        """Every query two times: what as many more queries like these would look like."""
        return replace(
            self,
            turns=np.tile(self.turns, 2),
            strong_is_cheaper=np.tile(self.strong_is_cheaper, 2),
            weak=self.weak.twice(),
            strong=self.strong.twice(),
            tables={table: 2 * count for table, count in self.tables.items()},
            kinds={kind: 2 * count for kind, count in self.kinds.items()},
        )


def from_known_queries(
    router: QueryReader, weak: Expert, strong: Expert, *, tables: Sequence[str] = ()
) -> Evidence:
    """The outcomes that the artifact carries, of the models that stand for each profile.

    The artifact's one temperature was fitted on the same queries, which no bound accounts for.
    `tables` keeps only those of that name. Raises OutcomesUnusable.
    """
    known = router.artifact.known_queries()
    if known is None:
        raise OutcomesUnusable(
            f"the artifact {router.artifact.manifest.name!r} carries no outcomes; give --outcomes"
        )
    refuse_unknown_tables(tables, sorted(set(known.tables.tolist())))
    scores = [known.mean_score(router.artifact.models(expert.profile)) for expert in (weak, strong)]
    here = np.isin(known.tables, list(tables)) if tables else np.ones(len(known), dtype=bool)
    both = here & ~np.isnan(scores[0]) & ~np.isnan(scores[1])
    if not both.any():
        raise OutcomesUnusable(
            f"the artifact knows no query that both {weak.profile} and {strong.profile} were asked;"
            " give --outcomes"
        )
    queries = [
        (Representation(known.vectors[row], float(known.log_tokens[row])), length)
        for row, length in zip(np.flatnonzero(both), known.characters[both].tolist(), strict=True)
    ]
    decided = priced(router, queries)
    queries = list(compress(queries, decided))
    both[both] = decided
    evidence = Evidence.estimated(
        weak,
        strong,
        queries,
        (scores[0][both], scores[1][both]),
        tables=known.tables[both].tolist(),
        kinds=known.kinds[both].tolist(),
        usd_per_second=router.usd_per_second,
    )
    return replace(evidence, stand_ins=True, for_cheapest=int((~decided).sum()))


def priced(router: QueryReader, queries: Sequence[tuple[Representation, int]]) -> Bools:
    """Which (queries,) a price decides on. Raises OutcomesUnusable where it is none."""
    decided = np.array([not router.for_cheapest(query) for query, _ in queries], dtype=np.bool_)
    if not decided.any():
        raise OutcomesUnusable(
            "every query needs live data or a device, which the cheapest expert answers at any "
            'price; set needs_tools = "as_usual"'
        )
    return decided


def refuse_unknown_tables(tables: Sequence[str], known: Sequence[str]) -> None:
    """Raises OutcomesUnusable for a name in `tables` that is not in `known`."""
    for table in tables:
        if table not in known:
            raise OutcomesUnusable(f"no table {table!r}; there are {', '.join(known)}")


def _require(name: str, values: Float64s, fits: Bools, wanted: str) -> None:
    if not fits.all():
        raise OutcomesUnusable(f"a {name} is {values[~fits][0]:g}; it must be {wanted}")


def _estimates(
    panel: Panel, queries: Sequence[tuple[Representation, int]]
) -> tuple[Float64s, Float64s, Float64s]:
    """Quality, cost in dollars (NaN: price unknown), seconds; each (queries, experts)."""
    estimates = [
        panel.estimate(
            query,
            input_tokens=estimated_tokens(characters),
            max_tokens=DEFAULT_MAX_TOKENS,
            states={},
        )
        for query, characters in queries
    ]
    return (
        np.array([estimate.quality for estimate in estimates]),
        np.array([estimate.cost_usd for estimate in estimates]),
        np.array([estimate.latency_s for estimate in estimates]),
    )
