"""Enrolled experts on this device: one JSON file each, good for the router it was made with."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from .artifact import RouterArtifact
from .data_folder import write_atomically
from .encoder import Representation
from .enrolment import Enrolment
from .errors import ConfigError
from .experts import ExpertHead, find_head
from .posterior import Gaussian, with_bias

__all__ = ["EnrolledExpert", "Evidence", "check_name", "enrolled_path", "head_of"]

SCHEMA_VERSION = 1
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a head rests on: `outcomes` many, their `mean_score` (None without any), the day
    (ISO 8601), the artifact's `artifact_hash`, the `command` that makes it anew."""

    outcomes: int
    mean_score: float | None
    created: str
    artifact: str
    artifact_hash: str
    command: str


@dataclass(frozen=True, slots=True)
class EnrolledExpert:
    """An expert that this device has learned; `profile = NAME` in the settings finds it."""

    name: str
    enrolment: Enrolment
    evidence: Evidence

    def quality(self, query: Representation) -> tuple[float, float, float]:
        """Expected quality of a query, and the ends of its 95 % interval, all in 0..1."""
        design = with_bias(query.vector[None, :])
        middle, low, high = self.enrolment.belief.quality(design)[0].tolist()
        return middle, low, high

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
            found = json.loads(path.read_text(encoding="utf-8"))
            expert = cls(name, _enrolment(found), Evidence(**found["evidence"]))
            version = found["schema_version"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{path} cannot be read ({error}); remove it, or enrol {name!r} again"
            ) from None
        _refuse_other(path, version, expert.evidence, artifact)
        return expert

    def _json(self) -> dict[str, Any]:
        enrolment = self.enrolment
        return {
            "schema_version": SCHEMA_VERSION,
            "name": self.name,
            "profile": enrolment.profile,
            "prior_weights": dict(enrolment.weights),
            "evidence": asdict(self.evidence),
            "head": {
                "bias": float(enrolment.belief.mean[0]),
                "weights": enrolment.belief.mean[1:].tolist(),
                "log_tokens": enrolment.log_tokens,
            },
            "uncertainty": _packed(enrolment.belief.root),
        }


def enrolled_path(folder: Path, name: str) -> Path:
    """Where the expert called `name` is kept. Raises ConfigError for a name that no file has."""
    return folder / "experts" / f"{_file_name(name)}.json"


def check_name(name: str, artifact: RouterArtifact) -> None:
    """Raise ConfigError for a name that no file has, or that the artifact itself has taken."""
    _file_name(name)
    if any(name in artifact.experts[group] for group in ("profiles", "experts")):
        raise ConfigError(
            f"{name!r} is an expert of the router itself, and that one is found first; choose "
            "another name"
        )


def head_of(profile: str, artifact: RouterArtifact, folder: Path) -> tuple[str, ExpertHead]:
    """The head called `profile` and the profile whose thresholds and speed it shares.

    The artifact's own names come first, then those enrolled in the data folder. Raises ConfigError.
    """
    own = any(profile in artifact.experts[group] for group in ("profiles", "experts"))
    if not own and NAME.fullmatch(profile) and enrolled_path(folder, profile).is_file():
        enrolment = EnrolledExpert.read(folder, profile, artifact).enrolment
        return enrolment.profile, enrolment.head
    return profile, find_head(artifact.experts, profile, artifact.calibration["temperature"])


def _file_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"expert name {name!r} cannot be the name of a file; use at most 64 letters, digits, "
            "'.', '_' and '-', a letter or a digit first"
        )
    return name


def _refuse_other(path: Path, version: Any, evidence: Evidence, artifact: RouterArtifact) -> None:
    if version == SCHEMA_VERSION and evidence.artifact_hash == artifact.hash:
        return
    raise ConfigError(
        f"{path} was made with another router ({evidence.artifact} {evidence.artifact_hash[:12]}, "
        f"this one is {artifact.manifest.name} {artifact.hash[:12]}), and cannot be carried over: "
        f"the queries themselves were not kept. Renew it: {evidence.command}"
    )


def _enrolment(found: Mapping[str, Any]) -> Enrolment:
    head = found["head"]
    mean = np.array([head["bias"], *head["weights"]], dtype=np.float64)
    belief = Gaussian(mean, _unpacked(found["uncertainty"], len(mean)))
    weights = {str(name): float(share) for name, share in found["prior_weights"].items()}
    return Enrolment(belief, str(found["profile"]), weights, float(head["log_tokens"]))


def _packed(root: npt.NDArray[np.float64]) -> str:
    """A lower triangle whose product with its transpose is the covariance, in half precision."""
    triangle = np.linalg.cholesky(root @ root.T)
    numbers = triangle[np.tril_indices(len(triangle))].astype("<f2")
    return base64.b64encode(numbers.tobytes()).decode("ascii")


def _unpacked(packed: str, size: int) -> npt.NDArray[np.float64]:
    root = np.zeros((size, size))
    numbers = np.frombuffer(base64.b64decode(packed, validate=True), dtype="<f2")
    root[np.tril_indices(size)] = numbers  # raises ValueError for another size
    return root
