"""One run of a job on one machine: its answers and its instruction counts."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from .agreement import Answer
from .errors import GuestFailed
from .host.emulation import Emulation
from .host.guest import NATIVE, Guest
from .host.machines import Machine
from .instructions import Count, counts_of, read_marks

__all__ = ["Job", "Visit", "visit_host", "visit_machine"]

START_S = 300.0  # an emulated import takes some 10 s on a quiet machine
PER_QUERY_S = 10.0
PER_STRETCH_S = 60.0
REPORT_EVERY = 100


@dataclass(frozen=True, slots=True)
class Job:
    """The work for a machine.

    `artifact` is a folder. `texts` by their length in tokens are counted `rounds` times, in the
    router and in each of `encoders`, other ONNX files by name.
    """

    artifact: Path
    queries: tuple[str, ...]
    texts: Mapping[int, str]
    encoders: Mapping[str, Path]
    rounds: int

    def to_json(self, *, counting: bool) -> dict[str, Any]:
        """The job as `inside.py` reads it."""
        count = {
            "texts": {str(tokens): text for tokens, text in self.texts.items()},
            "encoders": {name: str(path) for name, path in self.encoders.items()},
            "rounds": self.rounds,
        }
        return {
            "artifact": str(self.artifact),
            "queries": list(self.queries),
            "count": count if counting else None,
        }

    @property
    def timeout_s(self) -> float:
        stretches = len(self.texts) * (2 + len(self.encoders)) * (self.rounds + 2)
        return START_S + PER_QUERY_S * len(self.queries) + PER_STRETCH_S * stretches


@dataclass(frozen=True, slots=True)
class Visit:
    """The results of a machine; `versions` of its Python and packages."""

    versions: Mapping[str, str]
    answers: tuple[Answer, ...]
    counts: tuple[Count, ...] = ()


@dataclass(slots=True)
class _Lines:
    """The lines of `inside.py`, sorted by kind."""

    versions: Mapping[str, str]
    answers: list[Answer]
    stretches: list[str]

    @classmethod
    def read(
        cls, lines: Iterable[Mapping[str, Any]], name: str, report: Callable[[str], None]
    ) -> Self:
        visited = cls({}, [], [])
        for line in lines:
            if "answer" in line:
                visited.answers.append(Answer.from_json(line["answer"]))
                if len(visited.answers) % REPORT_EVERY == 0:
                    report(f"{name}: {len(visited.answers)} queries")
            visited.versions = line.get("versions", visited.versions)
            visited.stretches = line.get("stretches", visited.stretches)
        return visited


def visit_host(job: Job, report: Callable[[str], None]) -> Visit:
    """Run the job on this machine, not emulated. Raises GuestFailed."""
    visited = _visited(NATIVE, job, counting=False, report=report)
    return Visit(visited.versions, tuple(visited.answers))


def visit_machine(
    machine: Machine, emulation: Emulation, job: Job, report: Callable[[str], None]
) -> Visit:
    """Run the job on an emulated machine. Counts instructions on boards only: on x86 they depend on
    the host's own Python.

    Raises GuestFailed.
    """
    if machine.board is None:
        visited = _visited(emulation.guest(machine), job, counting=False, report=report)
        return Visit(visited.versions, tuple(visited.answers))
    with tempfile.TemporaryDirectory(prefix="edge-router-") as folder:
        log = Path(folder) / "counts"
        visited = _visited(emulation.guest(machine, counts=log), job, counting=True, report=report)
        marks = read_marks(log.read_text(encoding="utf-8")) if log.exists() else []
    counts = counts_of(machine.name, visited.stretches, marks)
    return Visit(visited.versions, tuple(visited.answers), tuple(counts))


def _visited(guest: Guest, job: Job, *, counting: bool, report: Callable[[str], None]) -> _Lines:
    report(f"{guest.name}: {len(job.queries)} queries")
    lines = guest.run(job.to_json(counting=counting), timeout_s=job.timeout_s)
    visited = _Lines.read(lines, guest.name, report)
    if len(visited.answers) != len(job.queries):
        raise GuestFailed(
            f"{guest.name}: {len(visited.answers)} answers to {len(job.queries)} queries"
        )
    return visited
