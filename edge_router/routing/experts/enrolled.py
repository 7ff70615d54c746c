"""Enrolled experts on this device: one JSON file each, good for the router it was made with."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from edge_router.errors import ConfigError
from edge_router.guards.data_folder import write_atomically
from edge_router.guards.redaction import quoted_json
from edge_router.guards.stored_json import FAULTS, number, read_object, table, text

from ..artifact.manifest import RouterArtifact
from .expert import ExpertHead, find_head

__all__ = [
    "EnrolledExpert",
    "Provenance",
    "check_name",
    "enrolled_names",
    "enrolled_path",
    "head_of",
]

SCHEMA = 1
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a head rests on: `outcomes` many, their `mean_score` (None without any), the day
    (ISO 8601), the artifact's `artifact_hash`, the `command` that makes it anew."""

    outcomes: int
    mean_score: float | None
    created: str
    artifact: str
    artifact_hash: str
    command: str


@dataclass(frozen=True, slots=True, eq=False)
class EnrolledExpert:
    """An expert that this device has learned; `profile = NAME` in the settings finds it.

    `profile` is the nearest one of the artifact, whose speed it shares.
    """

    name: str
    profile: str
    head: ExpertHead
    evidence: Provenance

    def write(self, folder: Path) -> Path:
        """Keep it in a data folder; no text of any query is in the file. Raises OSError."""
        path = enrolled_path(folder, self.name)
        write_atomically(path, json.dumps(self._json(), indent=1) + "\n")
        return path

    @classmethod
    def read(cls, folder: Path, name: str, artifact: RouterArtifact) -> Self:
        """The expert called `name`. Raises ConfigError for a file that cannot be read, or that was
        made with another artifact: a head means nothing to another encoder."""
        path = enrolled_path(folder, name)
        try:
            stored = read_object(path)
            if stored["schema"] != SCHEMA:
                raise ValueError(f"schema {quoted_json(stored['schema'])} is not {SCHEMA}")
            evidence = _provenance(table(stored["evidence"], "evidence"))
            if evidence.artifact_hash == artifact.hash:
                profile = text(stored["profile"], "profile")
                if profile not in artifact.experts["profiles"]:
                    raise ValueError(f"profile {profile!r:.60} is none of the router's")
                dim = artifact.manifest.representation_dim
                return cls(name, profile, _head(table(stored["head"], "head"), dim), evidence)
        except FAULTS as error:
            raise ConfigError(
                f"{path} cannot be read ({error}); remove it, or enrol {name!r} again"
            ) from None
        raise _other_router(path, evidence, artifact)

    def _json(self) -> dict[str, Any]:
        head = self.head
        return {
            "schema": SCHEMA,
            "name": self.name,
            "profile": self.profile,
            "evidence": asdict(self.evidence),
            "head": {
                "bias": head.bias,
                "weights": head.weights.tolist(),
                "log_tokens": head.log_tokens,
            },
        }


def enrolled_path(folder: Path, name: str) -> Path:
    """Where the expert called `name` is kept. Raises ConfigError for a name that no file has."""
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"expert name {name!r} cannot be the name of a file; use at most 64 letters, digits, "
            "'.', '_' and '-', a letter or a digit first"
        )
    return folder / "experts" / f"{name}.json"


def enrolled_names(folder: Path) -> list[str]:
    """The names of the experts kept in a data folder."""
    return sorted(path.stem for path in (folder / "experts").glob("*.json"))


def check_name(name: str, artifact: RouterArtifact) -> None:
    """Raise ConfigError for a name that the artifact itself has taken."""
    if _is_own(name, artifact):
        raise ConfigError(
            f"{name!r} is an expert of the router itself, and that one is found first; choose "
            "another name"
        )


def head_of(profile: str, artifact: RouterArtifact, folder: Path) -> tuple[str, ExpertHead]:
    """The head called `profile` and the profile whose speed it shares.

    The artifact's own names come first, then those enrolled in the data folder. Raises ConfigError.
    """
    kept = NAME.fullmatch(profile) and os.path.lexists(enrolled_path(folder, profile))
    if kept and not _is_own(profile, artifact):
        expert = EnrolledExpert.read(folder, profile, artifact)
        return expert.profile, expert.head
    return profile, find_head(artifact.experts, profile, artifact.calibration["temperature"])


def _is_own(name: str, artifact: RouterArtifact) -> bool:
    return any(name in artifact.experts[group] for group in ("profiles", "experts"))


def _provenance(stored: Mapping[str, Any]) -> Provenance:
    """The provenance in a file. Raises one of FAULTS for any other content."""
    for name in ("created", "artifact", "artifact_hash", "command"):
        text(stored[name], name)
    number(stored["outcomes"], "outcomes", 0)
    if stored["mean_score"] is not None:
        number(stored["mean_score"], "mean_score", 0, 1)
    return Provenance(**stored)


def _head(stored: Mapping[str, Any], dim: int) -> ExpertHead:
    """The head in a file, with `dim` weights. Raises one of FAULTS for any other content."""
    weights = stored["weights"]
    if not isinstance(weights, list) or len(weights) != dim:
        raise ValueError(f"a head has no {dim} weights")
    for name, value in (("bias", stored["bias"]), ("log_tokens", stored["log_tokens"])):
        number(value, name)
    for value in weights:
        number(value, "a weight")
    return ExpertHead.from_json(stored)


def _other_router(path: Path, evidence: Provenance, artifact: RouterArtifact) -> ConfigError:
    return ConfigError(
        f"{path} was made with another router ({evidence.artifact} {evidence.artifact_hash[:12]}, "
        f"this one is {artifact.manifest.name} {artifact.hash[:12]}), and cannot be carried over, "
        f"since the queries were not kept; enrol it again: {evidence.command}"
    )
