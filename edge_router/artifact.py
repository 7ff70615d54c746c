"""A router artifact: a directory with a manifest, verified before anything parses it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ArtifactCorrupt, ArtifactIncompatible, ArtifactNotFound
from .onnx_check import check_onnx
from .user_files import is_file, user_path

if TYPE_CHECKING:
    from .known_queries import KnownQueries

__all__ = [
    "FILES",
    "KNOWN_QUERIES",
    "SCHEMA_VERSION",
    "Manifest",
    "RouterArtifact",
    "bundled_artifacts",
]

SCHEMA_VERSION = 1
ENCODER, TOKENIZER = "encoder.int8.onnx", "tokenizer.json"
EXPERTS, CALIBRATION, CARD = "experts.json", "calibration.json", "README.md"
FILES = (ENCODER, TOKENIZER, EXPERTS, CALIBRATION, CARD)
KNOWN_QUERIES = "known_queries.npz"  # an artifact may do without
MAX_FILE_BYTES = 512 * 2**20
MAX_MANIFEST_BYTES = 2**20
MIN_CHARS, MIN_TOKENS = 64, 8


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `manifest.json` says. Sizes in bytes, `max_chars` and `max_tokens` of the input."""

    schema_version: int
    name: str
    created: str
    files: Mapping[str, Mapping[str, Any]]
    base_model: str
    licence: str
    input_template: str
    max_chars: int
    max_tokens: int
    truncation: str
    representation_dim: int
    task_kinds: tuple[str, ...]
    opset: int
    quantization: str
    parity: Mapping[str, Any]
    metrics: Mapping[str, Any]
    training_data: tuple[Mapping[str, Any], ...]
    tool_versions: Mapping[str, str]
    command: str


@dataclass(frozen=True, slots=True)
class RouterArtifact:
    """A verified artifact: its bytes are what its manifest promises.

    `experts` and `calibration` are the parsed JSON files; `hash` identifies the whole.
    """

    path: Path
    manifest: Manifest
    experts: Mapping[str, Any]
    calibration: Mapping[str, Any]
    hash: str

    @classmethod
    def load(cls, name: str | Path) -> RouterArtifact:
        """Verify and read the artifact called `name`: a shipped one, or a directory.

        Raises ArtifactNotFound, ArtifactIncompatible (another schema version) or ArtifactCorrupt
        (a size, hash, operator or field that is not as promised).
        """
        path = _find(name)
        raw = _read_manifest(path)
        manifest = _parse_manifest(raw, path)
        contents = {file: _verified(path, file, manifest.files) for file in FILES}
        if KNOWN_QUERIES in manifest.files:
            _verified(path, KNOWN_QUERIES, manifest.files)
        check_onnx(contents[ENCODER], ENCODER)
        return cls(
            path,
            manifest,
            json.loads(contents[EXPERTS]),
            json.loads(contents[CALIBRATION]),
            hashlib.sha256(raw).hexdigest(),
        )

    def known_queries(self) -> KnownQueries | None:
        """The dev split that came with it, None where none did. Reads the file each time."""
        if KNOWN_QUERIES not in self.manifest.files:
            return None
        from .known_queries import KnownQueries

        return KnownQueries.read(self.path / KNOWN_QUERIES)

    @property
    def encoder_path(self) -> Path:
        return self.path / ENCODER

    @property
    def tokenizer_path(self) -> Path:
        return self.path / TOKENIZER


def bundled_artifacts() -> dict[str, Path]:
    """The artifacts that came with this installation, by name."""
    try:
        root = Path(str(files("edge_router.models")))
    except ModuleNotFoundError:  # an application frozen without the package's data
        return {}
    return {found.parent.name: found.parent for found in sorted(root.glob("*/manifest.json"))}


def _find(name: str | Path) -> Path:
    bundled = bundled_artifacts()
    path = bundled.get(str(name)) or user_path(name, what="artifact", refusal=ArtifactNotFound)
    if not is_file(path / "manifest.json"):
        if not bundled:
            raise ArtifactNotFound(_without_data(name))
        raise ArtifactNotFound(
            f"no router artifact {str(name)!r}; give a directory with a manifest.json or one of "
            f"the shipped names {sorted(bundled)}"
        )
    return path


def _without_data(name: str | Path) -> str:
    """What an installation lacks that has no artifact of its own."""
    return (
        f"no router artifact {str(name)!r}: this installation lacks the package's data, "
        "edge_router/models/*/manifest.json; install edge-router again, or freeze the application "
        "with PyInstaller's --collect-data edge_router --hidden-import edge_router.models"
    )


def _read_manifest(path: Path) -> bytes:
    raw = _read(path / "manifest.json", MAX_MANIFEST_BYTES)
    promised = _read(path / "manifest.sha256", 1024).decode("ascii", "replace").strip()
    if hashlib.sha256(raw).hexdigest() != promised:
        _refuse_other_schema(raw)
        raise ArtifactCorrupt(f"{path / 'manifest.json'} does not match manifest.sha256")
    return raw


def _read(path: Path, limit: int) -> bytes:
    try:
        if path.stat().st_size > limit:
            raise ArtifactCorrupt(f"{path} is larger than {limit} bytes")
        return path.read_bytes()
    except OSError as error:
        raise ArtifactCorrupt(f"{path} cannot be read: {error.strerror}") from None


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:  # not JSON, or not UTF-8
        return {}
    return found if isinstance(found, dict) else {}


def _refuse_other_schema(raw: bytes) -> None:
    version = _json_object(raw).get("schema_version")
    if isinstance(version, int) and version != SCHEMA_VERSION:
        raise ArtifactIncompatible(
            f"the artifact has schema version {version}, this Edge Router reads "
            f"{SCHEMA_VERSION}; "
            + ("upgrade edge-router" if version > SCHEMA_VERSION else "export it again")
        )


def _parse_manifest(raw: bytes, path: Path) -> Manifest:
    _refuse_other_schema(raw)
    found = _json_object(raw)
    expected = {field.name for field in fields(Manifest)}
    if found.keys() != expected:
        odd = sorted(found.keys() ^ expected)
        raise ArtifactCorrupt(f"{path / 'manifest.json'} has missing or unknown fields: {odd}")
    if found["max_chars"] < MIN_CHARS or found["max_tokens"] < MIN_TOKENS:
        raise ArtifactCorrupt(
            f"{path / 'manifest.json'} cuts queries to {found['max_chars']} characters and "
            f"{found['max_tokens']} tokens; at least {MIN_CHARS} and {MIN_TOKENS} are needed"
        )
    found["task_kinds"] = tuple(found["task_kinds"])
    found["training_data"] = tuple(found["training_data"])
    return Manifest(**found)


def _verified(path: Path, file: str, promised: Mapping[str, Mapping[str, Any]]) -> bytes:
    if file not in promised:
        raise ArtifactCorrupt(f"{path / 'manifest.json'} does not list {file}")
    content = _read(path / file, MAX_FILE_BYTES)
    if len(content) != promised[file]["bytes"]:
        raise ArtifactCorrupt(
            f"{path / file} has {len(content)} bytes, its manifest says {promised[file]['bytes']}"
        )
    if hashlib.sha256(content).hexdigest() != promised[file]["sha256"]:
        raise ArtifactCorrupt(f"{path / file} was changed: its hash is not the manifest's")
    return content
