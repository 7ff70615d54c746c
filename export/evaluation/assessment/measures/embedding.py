"""The encoder's sentence embedding beside MiniLM's: nearest intents, and paraphrases told apart.

The router's own vector stands beside both: it was made to tell how hard a query is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from edge_router.routing.arrays import Float64s, Places

from ....data.packaged import base_folder
from ....metrics.agreement import auc, means
from ....metrics.apgr import with_interval
from ....training.embedding import embed_cached
from ..intents import Commands, banking77, clinc150, same_intent_pairs
from ..result import ABSENT, Cell, MeasureTable, Result
from ..setting import Setting

__all__ = ["embedding"]

Embed = Callable[[Sequence[str]], Float64s]

PAIRS = 5000
PART = 500  # queries compared with all at a time
TEXT = (
    "1-NN: the intent of the nearest train command by cosine (CLINC150, without out-of-scope "
    "ones). AUC: two commands of one intent against two of different intents of one domain."
)


def embedding(setting: Setting) -> Result:
    """Every contender on CLINC150 and BANKING77. Raises NoSuchFile."""
    data = setting.rows.folder
    train, asked = clinc150(data, "train"), clinc150(data, setting.rows.split)
    banking = banking77(data)
    rows: list[tuple[Cell, ...]] = []
    for name, embed in _contenders(setting).items():
        if embed is None:
            rows.append((name, ABSENT, None, None))
            continue
        of_asked = _unit(embed(asked.texts))
        right = _nearest_right(_unit(embed(train.texts)), of_asked, train, asked)
        rows.append(
            (
                name,
                with_interval(partial(means, right), setting.counts(len(right))),
                _auc(of_asked, asked, setting.seed),
                _auc(_unit(embed(banking.texts)), banking, setting.seed),
            )
        )
    header = ("contender", "CLINC150 1-NN accuracy", "CLINC150 AUC", "BANKING77 AUC")
    return Result(
        "embedding",
        "Sentence embedding",
        (TEXT,),
        (MeasureTable("Intents and paraphrases", header, tuple(rows)),),
    )


def _contenders(setting: Setting) -> dict[str, Embed | None]:
    """None for an artifact without embeddings."""
    base, subject = base_folder(setting.recipe.base_package), setting.subject
    gives = bool(subject.artifact.manifest.embedding_dim)
    return {
        "embedding of the artifact": subject.embed if gives else None,
        "all-MiniLM-L6-v2": lambda texts: embed_cached(texts, base, setting.work).astype(float),
        "the router's own vector": lambda texts: subject.read(texts).vectors,
    }


def _unit(vectors: Float64s) -> Float64s:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Float64s = vectors / np.where(length > 0, length, 1)
    return unit


def _nearest_right(known: Float64s, asked: Float64s, train: Commands, query: Commands) -> Float64s:
    """1 for each query whose nearest train command has its intent, else 0."""
    parts = [asked[at : at + PART] @ known.T for at in range(0, len(asked), PART)]
    nearest = np.concatenate([part.argmax(axis=1) for part in parts])
    right: Float64s = (train.intents[nearest] == query.intents).astype(np.float64)
    return right


def _auc(unit: Float64s, commands: Commands, seed: int) -> float:
    same, different = same_intent_pairs(commands, PAIRS, seed)
    return auc(_cosines(unit, same), _cosines(unit, different))


def _cosines(unit: Float64s, pairs: Places) -> Float64s:
    cosines: Float64s = (unit[pairs[:, 0]] * unit[pairs[:, 1]]).sum(axis=1)
    return cosines
