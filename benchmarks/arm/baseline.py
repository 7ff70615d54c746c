"""The baseline: instruction counts that the project keeps, and the changes against them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from edge_router.guards.data_folder import write_atomically

from .errors import BaselineUnusable
from .instructions import Count

__all__ = ["LIMIT", "Baseline", "kept_baseline"]

LIMIT = 0.02  # counts repeat to far less; this leaves room for another build of Python
GATED = "router"


def kept_baseline() -> Path:
    """The path of the baseline in the package."""
    return Path(str(files(__package__) / "baseline.json"))


@dataclass(frozen=True, slots=True)
class Baseline:
    """Instructions by machine and label (see Count), and what they were counted with."""

    made_with: Mapping[str, str]
    instructions: Mapping[str, Mapping[str, int]]

    @classmethod
    def of(cls, counts: Iterable[Count], made_with: Mapping[str, str]) -> Self:
        by_machine: dict[str, dict[str, int]] = {}
        for count in counts:
            by_machine.setdefault(count.machine, {})[count.label] = count.instructions
        return cls(dict(made_with), by_machine)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises BaselineUnusable."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            made_with, by_machine = content["made_with"], content["instructions"]
            numbers = {machine: _whole(labels) for machine, labels in by_machine.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BaselineUnusable(
                f"{path} cannot be read ({type(error).__name__}: {error}); "
                "write it anew with --update-baseline"
            ) from None
        return cls(made_with, numbers)

    def write(self, path: Path) -> None:
        """Raises BaselineUnusable if the folder cannot be written."""
        content = {"made_with": dict(self.made_with), "instructions": self.instructions}
        try:
            write_atomically(path, json.dumps(content, indent=1) + "\n")
        except OSError as error:
            raise BaselineUnusable(f"{path} cannot be written: {error.strerror}") from None

    def with_counts(self, counts: Iterable[Count], made_with: Mapping[str, str]) -> Baseline:
        """The baseline with these counts added. Counts made with other versions are dropped."""
        new = Baseline.of(counts, made_with)
        others = self.instructions if self.made_with == new.made_with else {}
        return Baseline(new.made_with, {**others, **new.instructions})

    def changes(self, counts: Iterable[Count]) -> dict[Count, float]:
        """Growth of the router's counts relative to the baseline, where both are known."""
        relative = {}
        for count in counts:
            kept = self.instructions.get(count.machine, {}).get(count.label)
            if kept is not None and count.model == GATED:
                relative[count] = (count.instructions - kept) / kept
        return relative

    def faults(self, counts: Sequence[Count], limit: float = LIMIT) -> list[str]:
        """One sentence per count that grew by more than `limit`, or if none is known."""
        changes = self.changes(counts)
        if not changes:
            names = ", ".join(sorted({count.machine for count in counts}))
            return [f"the baseline has no such count of {names}; keep these: --update-baseline"]
        return [
            f"{count.machine} takes {change:+.1%} instructions for {count.label} "
            f"({count.instructions:,}), more than {limit:+.0%}"
            for count, change in changes.items()
            if change > limit
        ]

    def differences(self, made_with: Mapping[str, str]) -> list[str]:
        """Versions of another run that differ from those of these counts."""
        return [
            f"{name} {made_with.get(name)}, baseline {of}"
            for name, of in self.made_with.items()
            if made_with.get(name) != of
        ]


def _whole(labels: Mapping[str, Any]) -> Mapping[str, int]:
    if not all(isinstance(number, int) and number > 0 for number in labels.values()):
        raise ValueError("a count is no whole number of 1 or more")
    return dict(labels)
