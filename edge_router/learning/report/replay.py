"""Logged queries decided again under other settings; no expert is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from edge_router.chat.completion import DEFAULT_MAX_TOKENS, estimated_tokens
from edge_router.errors import LearningError, NoExpertFits
from edge_router.routing.artifact.representation import Representation
from edge_router.routing.deciding.decision import Decision
from edge_router.routing.deciding.policy import decide
from edge_router.routing.deciding.reason import Reason
from edge_router.routing.experts.panel import Candidates
from edge_router.routing.router import Router
from edge_router.settings.constraints import Constraints

from ..outcomes.table import FAULTS, estimate_numbers, vector_of
from .answers import FIELDS, Columns, LoggedAnswers
from .reading import is_lines, logged_lines, stored_rows
from .savings import Savings, savings_of
from .summary import moves_of
from .verdict import verdict

__all__ = ["Mean", "NotReplayed", "Replay", "replayed"]

NAMES = (*FIELDS, "id", "artifact", "vector", "log_tokens", "characters", "prompt")
STATED = {Reason.ASKED_BY_NAME, Reason.TOOL_LOOP, Reason.TASK_EXPERT}
Row = Mapping[str, Any]


class NotReplayed(StrEnum):
    """Why a logged query cannot be decided again."""

    UNREADABLE = "cannot be read"
    NOT_ROUTED = "not decided by the router: asked for by name, a task's expert, a tool loop"
    UNKNOWN = "the log holds neither the query as this router reads it nor its estimates"
    NOBODY_FITS = "no expert may answer under these settings"


@dataclass(frozen=True, slots=True)
class Mean:
    """Means per query of what is expected: quality 0..1, dollars (None where a price is not known),
    seconds."""

    quality: float
    usd: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Replay:
    """What other settings make of `answers` logged queries.

    `not_replayed` counts the rest by why. `changes` counts "a to b" where another expert is asked.
    `before` is expected of the experts that were asked then, `after` of those asked now, both by
    the same estimates; `happened_usd` and `happened_s` are means of what was really paid and waited
    (None where no cost is known). `by_estimates` of the queries were decided on logged estimates,
    with the corrections of that time. `savings` are those of the choices made now.
    """

    answers: int
    not_replayed: Mapping[str, int]
    changes: Mapping[str, int]
    before: Mean
    after: Mean
    happened_usd: float | None
    happened_s: float
    by_estimates: int
    savings: Savings | None

    @property
    def verdict(self) -> str:
        """Whether routing would have paid under these settings."""
        return verdict(self.savings)

    def to_json(self) -> dict[str, Any]:
        """Every figure, `paid` (null: cannot be told) and the `verdict` in words."""
        paid = None if self.savings is None else self.savings.paid
        return asdict(self) | {"paid": paid, "verdict": self.verdict}


def replayed(path: Path, router: Router, constraints: Constraints) -> Replay:
    """The log at `path`, decided by `router` within `constraints`. Raises LearningError where no
    query can be decided again."""
    again = _Again(router, constraints)
    skip = again.unreadable
    try:
        for row in logged_lines(path, skip) if is_lines(path) else stored_rows(path, NAMES):
            again.add(row)
    except FAULTS as error:
        if not again.choices:
            raise (
                error
                if isinstance(error, LearningError)
                else LearningError(f"{path} cannot be read as a log: {error}")
            ) from error
        skip(str(error))
    if not again.choices:
        left = "; ".join(f"{count:,} {why}" for why, count in again.left.items())
        raise LearningError(f"{path} holds no query that can be decided again ({left or 'empty'})")
    return again.result()


class _Again:
    """Decides rows one by one and collects what was and is asked."""

    def __init__(self, router: Router, constraints: Constraints) -> None:
        self._router = router
        self._constraints = constraints
        self._columns = Columns()
        self._by_estimates = 0
        self.choices: list[str] = []
        self.left: Counter[str] = Counter()

    def unreadable(self, _: str) -> None:
        self.left[NotReplayed.UNREADABLE] += 1

    def add(self, row: Row) -> None:
        """Decide one row; count why, where it cannot be."""
        try:
            if row.get("reason") in STATED:
                self.left[NotReplayed.NOT_ROUTED] += 1
                return
            query = self._query(row)
            candidates = self._candidates(row, query)
            if candidates is None:
                self.left[NotReplayed.UNKNOWN] += 1
                return
            decision = self._decided(row, query, candidates)
            logged = {n: one for n, one in row["estimates"].items() if n not in candidates.names}
            self._columns.add({**row, "estimates": estimate_numbers(decision.estimates) | logged})
        except NoExpertFits:
            self.left[NotReplayed.NOBODY_FITS] += 1
        except FAULTS:
            self.left[NotReplayed.UNREADABLE] += 1
        else:
            self.choices.append(decision.expert)
            self._by_estimates += query is None

    def _candidates(self, row: Row, query: Representation | None) -> Candidates | None:
        """What is expected of the experts of the settings: of the query, else as it was then."""
        panel = self._router.panel
        if query is not None:
            read = _read_tokens(row)
            return panel.estimate(
                query, input_tokens=read, max_tokens=DEFAULT_MAX_TOKENS, states={}
            )
        names, logged = panel.traits.names.tolist(), row["estimates"]
        if not set(names) <= set(logged):
            return None
        table = [[np.nan if n is None else float(n) for n in logged[name]] for name in names]
        return Candidates(panel.traits, *np.array(table, dtype=np.float64).T)

    def _query(self, row: Row) -> Representation | None:
        """As this router read it then, else as it reads the logged text."""
        router, dim = self._router, self._router.artifact.manifest.representation_dim
        if row.get("artifact") == router.artifact.hash and row.get("vector") is not None:
            vector = vector_of(row["vector"])
            if len(vector) == dim and np.isfinite(vector).all():
                return Representation(vector, float(row["log_tokens"]))
        if isinstance(row.get("prompt"), str):
            return router.represent_input(row["prompt"])
        return None

    def _decided(self, row: Row, query: Representation | None, candidates: Candidates) -> Decision:
        """Raises NoExpertFits."""
        router = self._router
        if query is None:
            rule = router.rule_for(needs_tools=row.get("reason") == Reason.NEEDS_TOOLS)
        else:
            rule = router.rule_for(needs_tools=router.for_cheapest(query))
        return decide(
            candidates, constraints=self._constraints, rule=rule, input_tokens=_read_tokens(row)
        )

    def result(self) -> Replay:
        log = self._columns.finished()
        numbers = {name: number for number, name in enumerate(log.experts)}
        choices = np.array([numbers[name] for name in self.choices], dtype=np.intp)
        known = log.cost_usd[~np.isnan(log.cost_usd)]
        offered = frozenset(expert.name for expert in self._router.experts)
        return Replay(
            answers=len(log),
            not_replayed=dict(self.left),
            changes=dict(moves_of(log, log.asked, choices).most_common()),
            before=_mean(log, log.asked),
            after=_mean(log, choices),
            happened_usd=float(known.mean()) if len(known) else None,
            happened_s=float(log.total_s.mean()),
            by_estimates=self._by_estimates,
            savings=savings_of(log, offered, choices=choices),
        )


def _read_tokens(row: Row) -> int:
    stated = row.get("input_tokens")
    return int(stated) if stated is not None else estimated_tokens(int(row.get("characters") or 0))


def _mean(log: LoggedAnswers, of: np.ndarray[Any, Any]) -> Mean:
    rows = np.arange(len(log))
    usd = log.expected_usd[rows, of]
    return Mean(
        quality=float(log.quality[rows, of].mean()),
        usd=None if np.isnan(usd).any() else float(usd.mean()),
        seconds=float(log.expected_s[rows, of].mean()),
    )
