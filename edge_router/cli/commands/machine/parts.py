"""The packages that a decision runs in: their versions, and what stands in for a missing one."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

__all__ = ["runtime_parts", "version_of"]

OLDEST_ONNXRUNTIME = (1, 30)  # older ones decide otherwise on about one query in a hundred
PARTS = ("numpy", "onnxruntime", "tokenizers", "httpx")


def runtime_parts() -> tuple[str, bool]:
    """In words, and whether they are sound. Raises ImportError for one that nothing replaces."""
    from edge_router.routing.artifact.encoder import link_runtime

    missing = {} if link_runtime() else {"onnxruntime": "the encoder runs in numpy"}
    if _is_missing("tokenizers"):
        missing["tokenizers"] = "texts are split in Python"
    versions = {name: version_of(name) for name in PARTS if name not in missing}
    said = ", ".join(f"{name} {number}" for name, number in versions.items())
    for name, instead in missing.items():
        said += f"; no {name} here: {instead}, deciding the same, but slower"
    parts = [int(part) for part in re.findall(r"\d+", versions.get("onnxruntime", ""))[:2]]
    if parts and tuple(parts) < OLDEST_ONNXRUNTIME:
        return f"{said}; pip install 'onnxruntime>=1.30'", False
    return said, True


def version_of(name: str) -> str:
    """The version of a package; a frozen application may lack its metadata."""
    try:
        return version(name)
    except PackageNotFoundError:
        return str(getattr(import_module(name), "__version__", "of unknown version"))


def _is_missing(name: str) -> bool:
    try:
        import_module(name)
    except ImportError:
        return True
    return False
