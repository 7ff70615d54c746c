"""Copies of the shipped artifact, changed and signed again with other tools."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_router.routing.artifact.manifest import bundled_artifacts

SHIPPED = bundled_artifacts()["router-small"]
ENCODER, TOKENIZER = "encoder.int8.onnx", "tokenizer.json"


def copy_of_shipped(folder: Path) -> Path:
    """The shipped artifact in a folder that may be spoilt."""
    return Path(shutil.copytree(SHIPPED, folder))


def sign(path: Path, manifest: dict[str, Any] | None = None) -> None:
    """Give every file the hash and size that it has, and sign the manifest."""
    result = json.loads((path / "manifest.json").read_bytes()) if manifest is None else manifest
    for file, promise in result["files"].items():
        content = (path / file).read_bytes()
        promise |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    sign_as_is(path, json.dumps(result).encode())


def sign_as_is(path: Path, manifest: bytes) -> None:
    """A manifest of these bytes, with the right hash."""
    (path / "manifest.json").write_bytes(manifest)
    (path / "manifest.sha256").write_text(hashlib.sha256(manifest).hexdigest())


def change_json(path: Path, file: str, change: Callable[[Any], None]) -> None:
    """Change a JSON file of the artifact in place, and sign it again."""
    result = json.loads((path / file).read_bytes())
    change(result)
    if file == "manifest.json":
        sign_as_is(path, json.dumps(result).encode())
    else:
        (path / file).write_text(json.dumps(result))
        sign(path)


def replace_file(path: Path, file: str, content: bytes) -> None:
    """Another content of a file, signed."""
    (path / file).write_bytes(content)
    sign(path)
