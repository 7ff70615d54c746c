"""The budget: the most that a call may cost is reserved before it, its real cost booked after."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Self

from edge_router.chat.completion import ChatRequest, Usage
from edge_router.errors import BudgetReached, BudgetUnusable, CostLimitReached, NoExpertFits
from edge_router.guards.forking import ForkSafeLock, renew_after_fork
from edge_router.routing.deciding.reason import Reason
from edge_router.routing.experts.expert import Expert, Location

from .amount import Amount
from .worst_case import Limit, Need, is_free, most_input_tokens

if TYPE_CHECKING:
    from edge_router.settings.config import Config
    from edge_router.settings.constraints import Constraints

    from .ledger import Ledger, Room, Window
    from .ledger_table import Entry

__all__ = ["Budget", "Reservation"]

log = logging.getLogger("edge_router")


class Budget:
    """What may be spent: by one EdgeRouter in its life, in dollars (None for no limit), and by the
    limits of a `ledger`, which other processes share. Thread-safe.

    Between `reserve` and `Reservation.settle` the worst case counts as spent, so that calls at the
    same time never overshoot together. What an expert counts beyond its worst case (more input
    tokens than `most_input_tokens`, or an answer longer than allowed) is booked all the same: the
    overshoot is that of one call. A forked child has a budget of its own, which starts with what
    was spent before the fork; the ledger is one for both. `limited` says whether there is any
    limit.
    """

    def __init__(self, usd: float | None = None, *, ledger: Ledger | None = None) -> None:
        self.limited = usd is not None or ledger is not None
        self._usd = usd
        self._ledger = ledger
        self._lock = ForkSafeLock()
        self._spent_usd = 0.0
        self._reserved_usd = 0.0
        self._warned = False
        renew_after_fork(self)

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """What `budget_usd` and the table `[budget]` allow; no file is opened yet."""
        if not config.budget.is_set:
            return cls(config.budget_usd)
        from .ledger import Ledger

        return cls(config.budget_usd, ledger=Ledger.in_folder(config.data_folder, config.budget))

    def after_fork(self) -> None:
        """Calls under way are the parent's."""
        self._reserved_usd = 0.0

    @property
    def left_usd(self) -> float | None:
        """Dollars that are neither spent nor reserved, never below 0; None without a limit."""
        return None if self._usd is None else max(0.0, self._usd - self.committed_usd)

    @property
    def committed_usd(self) -> float:
        """Dollars that are spent or reserved."""
        return self._spent_usd + self._reserved_usd

    @property
    def spent_usd(self) -> float:
        """Dollars that answers have cost so far."""
        return self._spent_usd

    def limits(self, configured: Constraints, caller: str | None) -> Constraints:
        """The `configured` limits, with what is left of the budget for a caller.

        Where that cannot be read, the ledger limits nothing here: `doubts` and `reserve` refuse.
        """
        left = [] if self.left_usd is None else [self.left_usd]
        left += [one.left for one in self._room(caller) or () if not one.in_tokens]
        return replace(configured, budget_left_usd=min(left, default=None))

    def doubts(
        self, experts: Iterable[Expert], request: ChatRequest, caller: str | None
    ) -> Mapping[str, Reason]:
        """Why experts should not be asked as long as another may: the ledger does not leave their
        tokens, or they cost something and it cannot be read."""
        room = self._room(caller)
        if room is None:
            return {one.name: Reason.BUDGET_UNKNOWN for one in experts if not is_free(one)}
        left = min((one.left for one in room if one.in_tokens), default=math.inf)
        if left == math.inf:
            return {}
        most = most_input_tokens(request)
        cloud = (one for one in experts if one.location == Location.CLOUD)
        return {e.name: Reason.TOKEN_BUDGET for e in cloud if e.read_tokens(most) >= left}

    def explained(self, error: NoExpertFits, caller: str | None) -> NoExpertFits:
        """The error for a query that no expert may answer: BudgetReached, with the time to come
        again, where the ledger leaves too little."""
        if Reason.BUDGET not in error.excluded.values() or not (room := self._room(caller)):
            return error
        tightest = min((one for one in room if not one.in_tokens), key=_left, default=None)
        if tightest is None or tightest.ends is None:
            return error
        own = self.left_usd
        if own is not None and own <= tightest.left:
            return error
        limit = _limit_of(tightest)
        return BudgetReached(
            f"{error}; {limit.words} is free again at {limit.free_at} at the latest",
            excluded=error.excluded,
            retry_after_s=limit.free_in_s or 0.0,
        )

    def reserve(
        self,
        expert: Expert,
        request: ChatRequest,
        *,
        expected_tokens: float,
        expected_s: float,
        max_cost_usd: float | None = None,
        caller: str | None = None,
        within_s: float = math.inf,
    ) -> Reservation:
        """Reserve money for one answer of `expert` to `request`, as long as the limits pay for.

        `max_cost_usd` bounds this answer. Raises CostLimitReached where the limits do not pay for
        the expected answer, of `expected_tokens` tokens and `expected_s` seconds, and where what
        they leave cannot be looked up or booked in `within_s` seconds.
        """
        ledger = None if is_free(expert) else self._ledger
        with self._lock:
            own = list(self._own_limits(max_cost_usd))
            if ledger is None and not own:  # nothing to hold back, so nothing is counted
                return Reservation(self, 0.0, None)
            need = Need.of(expert, request, expected_tokens, expected_s)
            if ledger is None:
                return self._reserved(need.within(own), None)
            plan = partial(_planned, need, own)
            try:
                entry = ledger.reserve(caller, plan, expert=expert.name, within_s=within_s)
            except BudgetUnusable as error:
                raise CostLimitReached(
                    f"{expert.name} was not asked: {error}", limit=Reason.BUDGET_UNKNOWN
                ) from error
            return self._reserved(entry.amount, entry)

    def close(self) -> None:
        """Give the file of the ledger back."""
        if self._ledger is not None:
            self._ledger.close()

    def _own_limits(self, max_cost_usd: float | None) -> Iterator[Limit]:
        if max_cost_usd is not None:
            yield Limit(max_cost_usd, Reason.MAX_COST, "max_cost_usd")
        if (left := self.left_usd) is not None:
            yield Limit(left, Reason.BUDGET, "the budget")

    def _room(self, caller: str | None) -> Room | None:
        """What the ledger leaves: empty without a ledger, None where it cannot be read, which is
        logged once."""
        if self._ledger is None:
            return ()
        try:
            return self._ledger.room(caller)
        except BudgetUnusable as error:
            if not self._warned:
                self._warned = True
                log.warning("nothing that costs is asked: %s", error)
            return None

    def _reserved(self, amount: Amount, entry: Entry | None) -> Reservation:
        self._reserved_usd += amount.usd
        return Reservation(self, amount.usd, amount.max_tokens, entry)

    def _settle(self, reservation: Reservation, spent_usd: float, used: Usage | None) -> None:
        with self._lock:
            self._reserved_usd = max(0.0, self._reserved_usd - reservation.usd)
            self._spent_usd += spent_usd
        if self._ledger is not None and reservation.entry is not None:
            tokens = 0 if used is None else used.total_tokens
            counted = tokens if reservation.entry.amount.tokens else 0  # none of a device's
            self._ledger.settle(reservation.entry, spent_usd, counted)


@dataclass(slots=True, eq=False)
class Reservation:
    """Money for one answer of up to `max_tokens` tokens (None: as many as the request allows), and
    its `entry` in the ledger, if there is one."""

    budget: Budget = field(repr=False)
    usd: float
    max_tokens: int | None
    entry: Entry | None = None
    settled: bool = False

    def settle(self, spent_usd: float | None, used: Usage | None = None) -> None:
        """Release the reservation and book what was spent, and the tokens that were `used`; only
        the first call counts."""
        if not self.settled:
            self.settled = True
            self.budget._settle(self, spent_usd or 0.0, used)  # noqa: SLF001 - one concept, two classes


def _planned(need: Need, own: list[Limit], room: Room) -> Amount:
    """The amount to reserve by the limits of this process and those of the ledger."""
    return need.within([*own, *map(_limit_of, room)])


def _limit_of(window: Window) -> Limit:
    from .periods import as_text

    whose = f" of caller {window.caller!r}" if window.caller is not None else ""
    period = "one answer" if window.period == "answer" else f"this {window.period}"
    return Limit(
        window.left,
        Reason.TOKEN_BUDGET if window.in_tokens else Reason.BUDGET,
        f"the budget of {period}{whose}",
        in_tokens=window.in_tokens,
        free_in_s=window.in_s,
        free_at="" if window.ends is None else as_text(window.ends),
    )


def _left(window: Window) -> float:
    return window.left
