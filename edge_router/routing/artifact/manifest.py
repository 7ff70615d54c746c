"""A router artifact: a directory with a manifest, verified before anything parses it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from importlib import import_module
from pathlib import Path
from reprlib import repr as short
from typing import TYPE_CHECKING, Any

from edge_router.errors import ArtifactCorrupt, ArtifactIncompatible, ArtifactNotFound
from edge_router.guards.user_files import is_file, user_path

from .file import read_json, read_regular
from .onnx.bounds import check_bounds
from .onnx.check import check_onnx
from .schema import MAX_TEXT, Checked, check_calibration, check_experts

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

SCHEMA_VERSION = 2  # 2: an operating point is one price; embedding_dim
ENCODER, TOKENIZER = "encoder.int8.onnx", "tokenizer.json"
EXPERTS, CALIBRATION, CARD = "experts.json", "calibration.json", "README.md"
FILES = (ENCODER, TOKENIZER, EXPERTS, CALIBRATION, CARD)
MANIFEST = "manifest.json"
KNOWN_QUERIES = "known_queries.npz"  # an artifact may do without
MAX_BYTES = {  # of each file, several times what a large router needs
    ENCODER: 128 * 2**20,
    TOKENIZER: 8 * 2**20,
    EXPERTS: 8 * 2**20,
    CALIBRATION: 2**20,
    CARD: 2**20,
    KNOWN_QUERIES: 64 * 2**20,
}
MAX_MANIFEST_BYTES = 2**20
CHARS, TOKENS = (64, 65_536), (8, 2_048)  # that a query may be cut to: at least and at most
MAX_DIM, MAX_OPSET = 4_096, 10**6
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `manifest.json` says. Sizes in bytes, `max_chars` and `max_tokens` of the input;
    `embedding_dim` is 0 where the encoder gives no sentence embedding."""

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
    embedding_dim: int
    task_kinds: tuple[str, ...]
    opset: int
    quantization: str
    parity: Mapping[str, Any]
    metrics: Mapping[str, Any]
    training_data: tuple[Mapping[str, Any], ...]
    tool_versions: Mapping[str, str]
    command: str


class _Unread(dict[str, bytes]):
    """Content that was verified and not asked for yet; stays in its process."""

    def __reduce__(self) -> tuple[type[_Unread], tuple[()]]:
        return _Unread, ()


@dataclass(frozen=True, slots=True)
class RouterArtifact:
    """A verified artifact: its bytes are what its manifest promises, and used as they were checked.

    `experts` and `calibration` are the parsed JSON files; `hash` identifies the whole.
    """

    path: Path
    manifest: Manifest
    experts: Mapping[str, Any]
    calibration: Mapping[str, Any]
    hash: str
    _unread: _Unread = field(default_factory=_Unread, repr=False, compare=False)

    @classmethod
    def load(cls, name: str | Path) -> RouterArtifact:
        """Verify and read the artifact called `name`: a shipped one, or a directory.

        Raises ArtifactNotFound, ArtifactIncompatible (another schema version) or ArtifactCorrupt
        (a size, hash, operator or field that is not as promised, or beyond its bounds).
        """
        path = _find(name)
        raw = _read_manifest(path)
        manifest = _parse_manifest(raw, path / MANIFEST)
        contents = {file: _verified(path, file, manifest.files) for file in manifest.files}
        experts = read_json(contents[EXPERTS], str(path / EXPERTS))
        check_experts(experts, str(path / EXPERTS), manifest.representation_dim)
        calibration = read_json(contents[CALIBRATION], str(path / CALIBRATION))
        check_calibration(calibration, str(path / CALIBRATION))
        check_bounds(
            check_onnx(contents[ENCODER], ENCODER),
            ENCODER,
            tokens=manifest.max_tokens,
            dim=manifest.representation_dim,
            embedding=manifest.embedding_dim,
        )
        unread = _Unread({file: contents[file] for file in (ENCODER, TOKENIZER)})
        return cls(path, manifest, experts, calibration, hashlib.sha256(raw).hexdigest(), unread)

    def content(self, file: str) -> bytes:
        """The verified content of one of its files: that which was checked, or read once more and
        the same. Raises ArtifactCorrupt for a file that was changed since."""
        unread = self._unread.pop(file, None)  # the first who asks gets it, so it is not kept
        return _verified(self.path, file, self.manifest.files) if unread is None else unread

    def known_queries(self) -> KnownQueries | None:
        """The dev split that came with it, None where none did. Reads the file each time."""
        if KNOWN_QUERIES not in self.manifest.files:
            return None
        from .known_queries import KnownQueries

        where = str(self.path / KNOWN_QUERIES)
        known = KnownQueries.of_content(self.content(KNOWN_QUERIES), where)
        if known.vectors.shape[1] != self.manifest.representation_dim:
            raise ArtifactCorrupt(
                f"{where} has vectors of {known.vectors.shape[1]} numbers, its manifest says "
                f"{self.manifest.representation_dim}"
            )
        return known

    def models(self, profile: str) -> Sequence[str]:
        """The models whose outcomes stand for a profile; for any other name that name itself."""
        known = self.experts["profiles"].get(profile)
        models: Sequence[str] = known["models"] if known else (profile,)
        return models

    @property
    def encoder_path(self) -> Path:
        return self.path / ENCODER

    @property
    def tokenizer_path(self) -> Path:
        return self.path / TOKENIZER


def bundled_artifacts() -> dict[str, Path]:
    """The artifacts that came with this installation, by name."""
    try:
        root = Path(next(iter(import_module("edge_router.models").__path__)))  # resources take 4 ms
    except ModuleNotFoundError:  # an application frozen without the package's data
        return {}
    if not root.is_dir():  # in a zip file
        from .zipped import unpacked

        root = unpacked("edge_router.models")
    return {
        manifest.parent.name: manifest.parent for manifest in sorted(root.glob(f"*/{MANIFEST}"))
    }


def _find(name: str | Path) -> Path:
    bundled = bundled_artifacts()
    try:
        path = bundled.get(str(name)) or user_path(name, what="artifact", refusal=ArtifactNotFound)
        exists = is_file(path / MANIFEST)
    except ValueError:  # a name that no file can have
        exists = False
    if not exists:
        if not bundled:
            raise ArtifactNotFound(_without_data(name))
        raise ArtifactNotFound(
            f"no router artifact {str(name)[:300]!r}; give a directory with a {MANIFEST} or one "
            f"of the shipped names {sorted(bundled)}"
        )
    return path


def _without_data(name: str | Path) -> str:
    """What an installation lacks that has no artifact of its own."""
    return (
        f"no router artifact {str(name)[:300]!r}: this installation lacks the package's data, "
        "edge_router/models/*/manifest.json; install edge-router again, or freeze the application "
        "with PyInstaller's --collect-data edge_router --hidden-import edge_router.models"
    )


def _read_manifest(path: Path) -> bytes:
    raw = read_regular(path / MANIFEST, MAX_MANIFEST_BYTES)
    promised = read_regular(path / "manifest.sha256", 1024).decode("ascii", "replace").strip()
    if hashlib.sha256(raw).hexdigest() != promised:
        with suppress(ArtifactCorrupt):
            _refuse_other_schema(read_json(raw, MANIFEST))
        raise ArtifactCorrupt(f"{path / MANIFEST} does not match manifest.sha256")
    return raw


def _refuse_other_schema(content: Mapping[str, Any]) -> None:
    version = content.get("schema_version")
    if type(version) is int and version != SCHEMA_VERSION:
        raise ArtifactIncompatible(
            f"the artifact has schema version {short(version)}, this Edge Router reads "
            f"{SCHEMA_VERSION}; "
            + ("upgrade edge-router" if version > SCHEMA_VERSION else "export it again")
        )


def _parse_manifest(raw: bytes, path: Path) -> Manifest:
    content = read_json(raw, str(path))
    _refuse_other_schema(content)
    expected = {field.name for field in fields(Manifest)}
    if odd := sorted(content.keys() ^ expected):
        raise ArtifactCorrupt(f"{path} has missing or unknown fields: {short(odd)}")
    _check_manifest(Checked(str(path)), content)
    content["task_kinds"] = tuple(content["task_kinds"])
    content["training_data"] = tuple(content["training_data"])
    return Manifest(**content)


def _check_manifest(check: Checked, content: Mapping[str, Any]) -> None:
    for name in ("name", "created", "base_model", "licence", "input_template", "truncation"):
        check.text(content[name], name)
    for name in ("quantization", "command"):
        check.text(content[name], name, MAX_TEXT)
    check.whole(content["schema_version"], "schema_version", SCHEMA_VERSION, SCHEMA_VERSION)
    check.whole(content["max_chars"], "max_chars", *CHARS)
    check.whole(content["max_tokens"], "max_tokens", *TOKENS)
    check.whole(content["opset"], "opset", 1, MAX_OPSET)
    dim = content["representation_dim"]
    check.whole(dim, "representation_dim", 1, MAX_DIM)
    check.whole(content["embedding_dim"], "embedding_dim", 0, MAX_DIM)
    check.listed(content["task_kinds"], "task_kinds", Checked.text)
    if not 1 <= len(content["task_kinds"]) <= dim:
        check.refuse(content["task_kinds"], "task_kinds", f"a list of 1..{dim} names")
    check.listed(content["training_data"], "training_data", Checked.object)
    for name in ("parity", "metrics", "tool_versions"):
        check.object(content[name], name)
    for name in ("parity", "metrics", "tool_versions", "training_data"):
        check.plain(content[name], name)
    check.fields(content["files"], "files", FILES, (KNOWN_QUERIES,))
    check.items(content["files"], "files", _check_promise)


def _check_promise(check: Checked, promise: Any, field: str) -> None:
    check.fields(promise, field, ("sha256", "bytes"))
    check.whole(promise["bytes"], f"{field}.bytes", 0, MAX_BYTES[field.removeprefix("files.")])
    if type(promise["sha256"]) is not str or not SHA256.fullmatch(promise["sha256"]):
        check.refuse(promise["sha256"], f"{field}.sha256", "64 hexadecimal digits")


def _verified(path: Path, file: str, promised: Mapping[str, Mapping[str, Any]]) -> bytes:
    content = read_regular(path / file, promised[file]["bytes"])
    if len(content) != promised[file]["bytes"]:
        raise ArtifactCorrupt(
            f"{path / file} has {len(content)} bytes, its manifest says {promised[file]['bytes']}"
        )
    if hashlib.sha256(content).hexdigest() != promised[file]["sha256"]:
        raise ArtifactCorrupt(f"{path / file} was changed: its hash is not the manifest's")
    return content
