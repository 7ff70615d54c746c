"""What would have changed a decision, as values: single steps, and the changes they make up.

Every step has `setting` (its stable name), `was`, `becomes` and `expert` (None unless the step is
about one expert); `words` says it in the user's units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edge_router.settings.constraints import Placement

from ..deciding.reason import RULED_OUT, Reason

__all__ = [
    "Change",
    "ConfiguredStep",
    "ConstraintStep",
    "CostStep",
    "DoubtStep",
    "GainStep",
    "LengthStep",
    "PreferenceStep",
    "Step",
    "ToolsStep",
]


@dataclass(frozen=True, slots=True)
class ConstraintStep:
    """Another value of one of the `Constraints`, `setting` being the field."""

    setting: str
    was: bool | float | Placement | None
    becomes: bool | float | Placement
    expert: ClassVar[None] = None

    @property
    def words(self) -> str:
        was, becomes = _shown(self.was), _shown(self.becomes)
        if self.setting == "offline":
            return "without offline"
        if self.setting == "budget_left_usd":
            return f"with ${becomes} left of the budget instead of ${was}"
        return f"with {self.setting} {becomes} instead of {was}"


@dataclass(frozen=True, slots=True)
class GainStep:
    """Another price."""

    was: float
    becomes: float
    setting: ClassVar[str] = "min_gain"
    expert: ClassVar[None] = None

    @property
    def words(self) -> str:
        return f"with min_gain {_shown(self.becomes)} instead of {_shown(self.was)}"


@dataclass(frozen=True, slots=True)
class ToolsStep:
    """A query that needs live data or a device is decided as any other."""

    setting: ClassVar[str] = "needs_tools"
    was: ClassVar[str] = "cheapest"
    becomes: ClassVar[str] = "as_usual"
    expert: ClassVar[None] = None

    @property
    def words(self) -> str:
        return f"with needs_tools {self.becomes} instead of {self.was}"


@dataclass(frozen=True, slots=True)
class PreferenceStep:
    """Another preference."""

    was: str
    becomes: str
    setting: ClassVar[str] = "preference"
    expert: ClassVar[None] = None

    @property
    def words(self) -> str:
        return f"with preference {self.becomes} instead of {self.was}"


@dataclass(frozen=True, slots=True)
class LengthStep:
    """A query of fewer tokens."""

    was: int
    becomes: int
    setting: ClassVar[str] = "input_tokens"
    expert: ClassVar[None] = None

    @property
    def words(self) -> str:
        return f"if the query had at most {self.becomes} tokens instead of {self.was}"


@dataclass(frozen=True, slots=True)
class ConfiguredStep:
    """An expert that only serves to compare is configured."""

    expert: str
    setting: ClassVar[str] = "configured"
    was: ClassVar[bool] = False
    becomes: ClassVar[bool] = True

    @property
    def words(self) -> str:
        return f"if {self.expert} were configured"


@dataclass(frozen=True, slots=True)
class CostStep:
    """A lower cost of this answer, in dollars; `was` is None where the price is unknown."""

    expert: str
    was: float | None
    becomes: float
    setting: ClassVar[str] = "cost_usd"

    @property
    def words(self) -> str:
        was = "an unknown price" if self.was is None else f"${_shown(self.was)}"
        return f"if {self.expert} cost at most ${_shown(self.becomes)} instead of {was}"


@dataclass(frozen=True, slots=True)
class DoubtStep:
    """The state of the device no longer speaks against an expert."""

    expert: str
    was: Reason
    setting: ClassVar[str] = "doubt"
    becomes: ClassVar[None] = None

    @property
    def words(self) -> str:
        return f"without the doubt about {self.expert} ({RULED_OUT.get(self.was, self.was)})"


Step = (
    ConstraintStep
    | GainStep
    | ToolsStep
    | PreferenceStep
    | LengthStep
    | ConfiguredStep
    | CostStep
    | DoubtStep
)


@dataclass(frozen=True, slots=True)
class Change:
    """The steps, all of them together, after which `expert` would answer."""

    expert: str
    steps: tuple[Step, ...]

    @property
    def words(self) -> str:
        return f"{' and '.join(step.words for step in self.steps)}, {self.expert} would answer"

    def to_json(self) -> dict[str, Any]:
        """As explanation.schema.json describes it."""
        steps = [
            {"setting": s.setting, "was": s.was, "becomes": s.becomes, "expert": s.expert}
            for s in self.steps
        ]
        return {"expert": self.expert, "steps": steps, "words": self.words}


def _shown(value: object) -> str:
    if isinstance(value, float):
        return np.format_float_positional(value, precision=6, fractional=False, trim="-")
    return str(value)
