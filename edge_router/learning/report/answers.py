"""Logged answers in columns: what was expected of each expert, and what then happened."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_router.routing.arrays import Bools, Float64s, Places

__all__ = ["FIELDS", "Columns", "LoggedAnswers"]

TEXTS = ("expert", "answered_by", "reason", "operating_point", "ended")
TEXTS_OR_NONE = ("rival", "shadow")
NUMBERS = ("time", "propensity", "first_token_s", "total_s")
NUMBERS_OR_NONE = ("cost_usd", "score", "input_tokens", "cached_tokens", "output_tokens")
FIELDS = (*TEXTS, *TEXTS_OR_NONE, *NUMBERS, *NUMBERS_OR_NONE, "estimates")
EXPECTED = 4  # numbers: quality, dollars, seconds, tokens
NOBODY = -1


@dataclass(frozen=True, slots=True, eq=False)
class LoggedAnswers:
    """Answered queries, the oldest first.

    `experts` names all that are in the log. `quality`, `expected_usd` and `expected_s` (answers,
    experts) are what the router expected, NaN where an expert was not compared or its price is not
    known. `asked`, `answered`, `rival` and `shadow` (answers,) are numbers of experts, -1 for none;
    `propensity` is the probability of asking `asked`. All others (answers,) as in `Outcome`, NaN
    where not known. `unreadable` rows were left out, the first of them because of `fault`.
    """

    experts: tuple[str, ...]
    quality: Float64s
    expected_usd: Float64s
    expected_s: Float64s
    asked: Places
    answered: Places
    rival: Places
    shadow: Places
    propensity: Float64s
    score: Float64s
    cost_usd: Float64s
    first_token_s: Float64s
    total_s: Float64s
    input_tokens: Float64s
    cached_tokens: Float64s
    output_tokens: Float64s
    time: Float64s
    ended: npt.NDArray[Any]
    reason: npt.NDArray[Any]
    operating_point: npt.NDArray[Any]
    unreadable: int = 0
    fault: str = ""

    def __len__(self) -> int:
        return len(self.asked)

    @property
    def scored(self) -> Bools:
        """Which answers have a score that says how good they were: one that broke off says how the
        connection was."""
        whole: Bools = self.ended != "broken"
        return ~np.isnan(self.score) & whole

    @property
    def times_back(self) -> int:
        """How often the clock went back by more than a minute from one answer to the next."""
        return int((np.diff(self.time) < -60).sum())


@dataclass(slots=True)
class Columns:
    """Collects rows one by one."""

    numbers: dict[str, int] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in TEXTS})
    places: dict[str, list[int]] = field(
        default_factory=lambda: {n: [] for n in ("expert", "answered_by", *TEXTS_OR_NONE)}
    )
    values: dict[str, list[float]] = field(
        default_factory=lambda: {name: [] for name in (*NUMBERS, *NUMBERS_OR_NONE)}
    )
    rows: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    expected: list[list[float]] = field(default_factory=list)
    count: int = 0
    unreadable: int = 0
    fault: str = ""

    def add(self, row: Mapping[str, Any]) -> None:
        """One row with FIELDS, `estimates` as [quality, dollars, seconds, tokens] by expert. Raises
        ValueError or TypeError for one that is none, which is then not added."""
        estimates = row["estimates"]
        if not isinstance(estimates, dict) or not estimates:
            raise ValueError("estimates are missing")
        expected = [_expected(name, numbers) for name, numbers in estimates.items()]
        texts = {name: _text(row, name) for name in TEXTS}
        if texts["answered_by"] not in estimates or texts["expert"] not in estimates:
            raise ValueError(f"nothing was expected of {texts['answered_by']!r:.60}")
        others = {name: row.get(name) for name in TEXTS_OR_NONE}
        values = [_number(row, name) for name in NUMBERS]
        values += [_number(row, name, unset=math.nan) for name in NUMBERS_OR_NONE]
        if not 0 < row["propensity"] <= 1:
            raise ValueError(f"propensity is {row['propensity']!r:.60}")
        if row.get("score") is not None and not 0 <= row["score"] <= 1:
            raise ValueError(f"score is {row['score']!r:.60}")
        if min(row.get(name) or 0 for name in ("cost_usd", "first_token_s", "total_s")) < 0:
            raise ValueError("a cost or a time is negative")
        self._keep(expected, list(estimates), texts, others, values)

    def _keep(
        self,
        expected: list[list[float]],
        names: list[str],
        texts: dict[str, str],
        others: dict[str, Any],
        values: list[float],
    ) -> None:
        for name in names:
            self.rows.append(self.count)
            self.columns.append(self.numbers.setdefault(name, len(self.numbers)))
        self.expected += expected
        for name, text in texts.items():
            self.texts[name].append(text)
        for name, column in self.places.items():
            expert = texts.get(name) or others.get(name)
            column.append(self.numbers.get(expert, NOBODY) if isinstance(expert, str) else NOBODY)
        for column_of, value in zip(self.values.values(), values, strict=True):
            column_of.append(value)
        self.count += 1

    def skip(self, fault: str) -> None:
        """Count a row that cannot be read."""
        self.unreadable += 1
        self.fault = self.fault or fault

    def finished(self) -> LoggedAnswers:
        """All rows in columns."""
        table = np.full((self.count, len(self.numbers), EXPECTED), np.nan)
        if self.count:
            table[self.rows, self.columns] = self.expected
        places = {name: np.array(of, dtype=np.intp) for name, of in self.places.items()}
        values = {name: np.array(of, dtype=np.float64) for name, of in self.values.items()}
        texts = {name: np.array(self.texts[name], dtype=str) for name in TEXTS}
        return LoggedAnswers(
            experts=tuple(self.numbers),
            quality=table[:, :, 0],
            expected_usd=table[:, :, 1],
            expected_s=table[:, :, 2],
            asked=places["expert"],
            answered=places["answered_by"],
            rival=places["rival"],
            shadow=places["shadow"],
            **values,
            ended=texts["ended"],
            reason=texts["reason"],
            operating_point=texts["operating_point"],
            unreadable=self.unreadable,
            fault=self.fault,
        )


def _expected(name: str, numbers: Any) -> list[float]:
    """Raises ValueError, TypeError, OverflowError."""
    quality, usd, seconds, tokens = numbers
    stated = [quality, 0.0 if usd is None else usd, seconds, tokens]
    known = [float(value) for value in stated if type(value) in (int, float)]
    if len(known) < EXPECTED or not all(0 <= value < math.inf for value in known) or known[0] > 1:
        raise ValueError(f"what was expected of {name!r:.60} is {numbers!r:.80}")
    if usd is None:
        known[1] = math.nan
    return known


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name, "complete" if name == "ended" else "")
    if not isinstance(value, str):
        raise ValueError(f"{name} is {value!r:.60}, no text")
    return value


def _number(row: Mapping[str, Any], name: str, *, unset: float | None = None) -> float:
    value = row.get(name)
    if value is None and unset is not None:
        return unset
    if type(value) not in (int, float) or not math.isfinite(value):  # type: ignore[arg-type]
        raise ValueError(f"{name} is {value!r:.60}, no number")
    return float(value)  # type: ignore[arg-type]
