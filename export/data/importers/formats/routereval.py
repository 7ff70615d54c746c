"""RouterEval (Huang et al. 2025): github.com/MilkThink-Lab/RouterEval.

`DATASET_router_dataset.pkl` holds `prompt` with train_prompt, val_prompt and test_prompt, and pools
under [easy | hard][size][group]: `model`, the names, and `data` with train_score, val_score and
test_score (queries, models). What its routers read is the .npz of one pool: the scores and either
the prompts or their embeddings. A bare score matrix Y comes as .npy, or as `Y` beside X in an .npz.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_router.guards.bounded_file import MAX_WHOLE_BYTES
from edge_router.learning.outcomes.rows import Row

from ...rows import BadData
from ..pickles import Array, array, load_tree, readable
from ..texts import bare_name, read_bytes

__all__ = ["routereval"]

SPLITS = {"train": "train", "val": "dev", "test": "test"}  # theirs and ours
LARGEST_POOL = 10


@dataclass(frozen=True, slots=True)
class _Pool:
    """`scores` (queries, models); `prompts`, `names` and `splits` are None where the file has
    none."""

    scores: Array
    prompts: list[Any] | None
    names: list[str] | None
    splits: list[str] | None


def routereval(path: Path) -> Iterator[tuple[str, Row]]:
    """Rows of all pools in one file; without prompts in it, rows without `query`.

    Rows keep the file's own split, 8:1:1 (section 4.1); its val is our dev. A bare matrix has none.
    Pools of more than 10 models (RouterEval has them of 100 and 1,000) are left out: no device
    chooses among so many. Models without names are numbered: FILE-0, FILE-1.
    Raises BadData, FileNotFoundError.
    """
    pools = _pickled(path) if path.suffix == ".pkl" else [_packed(path)]
    for pool in pools:
        yield from _rows(path, pool)


def _rows(path: Path, pool: _Pool) -> Iterator[tuple[str, Row]]:
    _refuse_misfits(path, pool)
    names = pool.names or [f"{bare_name(path)}-{number}" for number in range(pool.scores.shape[1])]
    for number, scores in enumerate(pool.scores.tolist()):
        row: Row = {
            "task": bare_name(path).removesuffix("_router_dataset"),
            "score": dict(zip(names, scores, strict=True)),
        }
        if pool.splits is not None:
            row["split"] = pool.splits[number]
        if pool.prompts is not None:
            row["query"] = pool.prompts[number]
        yield f"{path} row {number + 1}", row


def _refuse_misfits(path: Path, pool: _Pool) -> None:
    if pool.scores.ndim != 2:
        raise BadData(f"{path} has scores of shape {pool.scores.shape}; they are (queries, models)")
    for things, kind, size in (
        (pool.prompts, "prompts", pool.scores.shape[0]),
        (pool.names, "model names", pool.scores.shape[1]),
    ):
        if things is not None and len(things) != size:
            raise BadData(f"{path} has {len(things)} {kind} for scores {pool.scores.shape}")


def _packed(path: Path) -> _Pool:
    """The one pool of an .npz or .npy file."""
    with readable(path):
        arrays = _arrays(path)
        return _pool(path, arrays, arrays, arrays.get("model"))


def _arrays(path: Path) -> dict[str, Array]:
    file = io.BytesIO(read_bytes(path))
    if zipfile.is_zipfile(file):
        _refuse_bomb(path, zipfile.ZipFile(file))
    file.seek(0)
    loaded = np.load(file, allow_pickle=False)
    return {"Y": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)


def _refuse_bomb(path: Path, packed: zipfile.ZipFile) -> None:
    """Raises BadData for arrays that unpack to more than a table may have."""
    size = sum(entry.file_size for entry in packed.infolist())
    if size > MAX_WHOLE_BYTES:
        raise BadData(f"{path} unpacks to {size:,} bytes; at most {MAX_WHOLE_BYTES:,} are read")


def _pickled(path: Path) -> list[_Pool]:
    tree = load_tree(path)
    with readable(path):
        pools = [
            _pool(path, node["data"], tree.get("prompt", {}), node["model"])
            for node in _nodes(tree, depth=3)
            if len(array(node["model"])) <= LARGEST_POOL
        ]
    if not pools:
        raise BadData(f"{path} holds no pool of at most {LARGEST_POOL} models with their scores")
    return pools


def _nodes(tree: object, depth: int) -> Iterator[Mapping[str, Any]]:
    """Every dict of `tree`, down to `depth` keys, that is a pool."""
    if isinstance(tree, dict) and {"data", "model"} <= tree.keys():
        yield tree
    elif isinstance(tree, dict) and depth:
        for branch in tree.values():
            yield from _nodes(branch, depth - 1)


def _pool(path: Path, scores: Mapping[str, Any], prompts: Mapping[str, Any], names: Any) -> _Pool:
    matrix = _joined(scores, "score")
    if matrix is None and "Y" in scores:
        matrix = _plain(scores["Y"])
    if matrix is None:
        raise BadData(f"{path} has no scores (train_score, ... or Y); it has {sorted(scores)}")
    texts = _joined(prompts, "prompt")
    return _Pool(
        matrix,
        None if texts is None else texts.tolist(),
        None if names is None else [str(name) for name in _plain(names).tolist()],
        _splits(scores),
    )


def _splits(scores: Mapping[str, Any]) -> list[str] | None:
    """The split of each row, in the order of `_joined`."""
    parts = [
        [ours] * len(_plain(scores[f"{theirs}_score"]))
        for theirs, ours in SPLITS.items()
        if f"{theirs}_score" in scores
    ]
    return [split for part in parts for split in part] or None


def _joined(parts: Mapping[str, Any], kind: str) -> Array | None:
    """The arrays of all splits below each other; None when there is none."""
    matrices = [_plain(parts[f"{name}_{kind}"]) for name in SPLITS if f"{name}_{kind}" in parts]
    return np.concatenate(matrices) if matrices else None


def _plain(value: Any) -> Array:
    return value if isinstance(value, np.ndarray) else array(value)
