"""Queries with the known outcomes of a weak and a strong expert: what a calibration rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

from .chat import DEFAULT_MAX_TOKENS
from .encoder import Representation
from .errors import OutcomesUnusable
from .experts import CHARACTERS_PER_TOKEN, Estimate, Expert

if TYPE_CHECKING:
    from .router import Router

__all__ = ["Evidence", "Outcomes", "from_known_queries", "refuse_unknown_tables"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """One expert's outcomes, all (queries,).

    `scores` in 0..1; `cost_usd` dollars, None where no price is known; `latency_s` seconds until
    the answer was complete.
    """

    scores: Floats
    cost_usd: Floats | None
    latency_s: Floats

    def twice(self) -> Outcomes:
        """Every outcome two times."""
        costs = None if self.cost_usd is None else np.tile(self.cost_usd, 2)
        return Outcomes(np.tile(self.scores, 2), costs, np.tile(self.latency_s, 2))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a weak and a strong expert did on the same queries, in no order that matters.

    Studies put many samples in one: arrays then are (samples, queries).

    `gains` (queries,) are the router's expected gains of asking the strong one. `tables` and
    `kinds` count the queries of each. Costs and latencies are `costs_measured` and
    `latencies_measured`, or else estimates from prices and speeds. With `stand_ins`, the scores
    are those of other models of the experts' profiles.
    """

    gains: Floats
    weak: Outcomes
    strong: Outcomes
    tables: Mapping[str, int]
    kinds: Mapping[str, int]
    costs_measured: bool = False
    latencies_measured: bool = False
    stand_ins: bool = False

    def __len__(self) -> int:
        return int(self.gains.shape[-1])

    @classmethod
    def estimated(
        cls,
        weak: Expert,
        strong: Expert,
        queries: Sequence[tuple[Representation, int]],
        scores: tuple[Floats, Floats],
        *,
        tables: Sequence[str],
        kinds: Sequence[str],
    ) -> Self:
        """Known `scores` of the weak and the strong expert (queries,), the rest as the router
        expects it of queries by their representation and number of characters."""
        sides = [_estimates(expert, queries) for expert in (weak, strong)]
        gains = [dear.quality - cheap.quality for cheap, dear in zip(*sides, strict=True)]
        low, high = (_expected(*side) for side in zip(scores, sides, strict=True))
        return cls(np.array(gains), low, high, Counter(tables), Counter(kinds))

    def routed(self, weak: Floats, strong: Floats, threshold: float) -> Floats:
        """`strong` where the gain reaches the threshold, else `weak`; all (queries,)."""
        return np.where(self.gains >= threshold, strong, weak)

    def twice(self) -> Evidence:
        """Every query two times: what as many more queries like these would look like."""
        return replace(
            self,
            gains=np.tile(self.gains, 2),
            weak=self.weak.twice(),
            strong=self.strong.twice(),
            tables={table: 2 * count for table, count in self.tables.items()},
            kinds={kind: 2 * count for kind, count in self.kinds.items()},
        )


def from_known_queries(
    router: Router, weak: Expert, strong: Expert, *, tables: Sequence[str] = ()
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
    scores = [known.mean_score(_models(router, expert)) for expert in (weak, strong)]
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
    found = Evidence.estimated(
        weak,
        strong,
        queries,
        (scores[0][both], scores[1][both]),
        tables=known.tables[both].tolist(),
        kinds=known.kinds[both].tolist(),
    )
    return replace(found, stand_ins=True)


def refuse_unknown_tables(tables: Sequence[str], known: Sequence[str]) -> None:
    """Raises OutcomesUnusable for a name in `tables` that is not in `known`."""
    for table in tables:
        if table not in known:
            raise OutcomesUnusable(f"no table {table!r}; there are {', '.join(known)}")


def _models(router: Router, expert: Expert) -> Sequence[str]:
    """Whose outcomes stand for an expert: its profile's models, or the one it is named after."""
    profile = router.artifact.experts["profiles"].get(expert.profile)
    return profile["models"] if profile else [expert.profile]


def _estimates(expert: Expert, queries: Sequence[tuple[Representation, int]]) -> list[Estimate]:
    return [
        expert.estimate(
            query,
            input_tokens=-(-characters // CHARACTERS_PER_TOKEN),
            max_tokens=DEFAULT_MAX_TOKENS,
        )
        for query, characters in queries
    ]


def _expected(scores: Floats, estimates: Sequence[Estimate]) -> Outcomes:
    costs = [estimate.cost_usd for estimate in estimates]
    return Outcomes(
        scores.astype(np.float64),
        None if None in costs else np.array(costs, dtype=np.float64),
        np.array([estimate.latency_s for estimate in estimates]),
    )
