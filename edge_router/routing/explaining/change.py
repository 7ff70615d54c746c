"""What would have changed a decision, as values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..deciding.reason import RULED_OUT

__all__ = ["Change", "Step"]


Value = bool | float | str | None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that would be otherwise.

    `setting` is a constraint by its name, "min_gain" (for every pair of experts), "preference",
    "input_tokens" (of the query), or, of the one `expert`, "configured", "cost_usd" (of this
    answer) or "doubt" (a reason that the state of the device gives).
    """

    setting: str
    was: Value
    becomes: Value
    expert: str | None = None

    @property
    def words(self) -> str:
        """In the user's units."""
        was, becomes = (_told(value) for value in (self.was, self.becomes))
        special = {
            "offline": "without offline",
            "configured": f"if {self.expert} were configured",
            "cost_usd": f"if {self.expert} cost at most ${becomes} instead of "
            + ("an unknown price" if self.was is None else f"${was}"),
            "doubt": f"without the doubt about {self.expert} ({RULED_OUT.get(self.was, was)})",  # type: ignore[call-overload]
            "input_tokens": f"if the query had at most {becomes} tokens instead of {was}",
            "budget_left_usd": f"with ${becomes} left of the budget instead of ${was}",
        }
        return special.get(self.setting, f"with {self.setting} {becomes} instead of {was}")


@dataclass(frozen=True, slots=True)
class Change:
    """The steps, all of them together, after which `expert` would answer."""

    expert: str
    steps: tuple[Step, ...]

    @property
    def words(self) -> str:
        return f"{' and '.join(step.words for step in self.steps)}, {self.expert} would answer"


def _told(value: Value) -> str:
    if isinstance(value, float):
        return np.format_float_positional(value, precision=6, fractional=False, trim="-")
    return str(value)
