"""Writes the pickled samples beside it, as the published files are written.

RouterBench's was written by pandas before 3 and numpy before 2, RouterEval's by numpy 2:
    pip install pandas==1.5.3 numpy==1.24.4 && python make_pickles.py routerbench_tiny
    pip install "pandas<3" "numpy>=2"       && python make_pickles.py routerbench_numpy2
    pip install "numpy>=2"                  && python make_pickles.py tiny_router_dataset
"""

from __future__ import annotations

import importlib
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent


def routerbench(path: Path) -> None:
    """The table of routerbench_tiny.csv; the scores are objects, the costs a block each."""
    pandas = importlib.import_module("pandas")  # not there where the tests are checked
    table = pandas.read_csv(HERE / "routerbench_tiny.csv")
    scores = ["vendor/small-chat", "large-1106"]
    table[scores] = table[scores].astype(object)
    table.to_pickle(path)


def routereval(path: Path) -> None:
    """Two pools over the same three queries, and one that is too large for a device."""
    splits = ("train", "val", "test")

    def pool(names: list[str], scores: list[list[float]]) -> dict[str, Any]:
        rows = zip(splits, np.split(np.array(scores), 3), strict=True)
        return {"data": {f"{name}_score": row for name, row in rows}, "model": np.array(names)}

    prompts = np.array(["What is 1 + 1?", "What is 2 + 2?", "What is 3 + 3?"])
    small = pool(["weak", "strong"], [[0, 1], [1, 1], [0, 0]])
    mixed = pool(["weak", "odd"], [[0, 0.5], [1, 0], [0, 1]])
    huge = pool([f"m{number}" for number in range(11)], [[0.0] * 11] * 3)
    tree = {
        "easy": {3: {"all_weak": small, "strong_to_weak": mixed}},
        "hard": {100: {"all_strong": huge}},
        "split_index": {f"{name}_indices": np.array([at]) for at, name in enumerate(splits)},
        "embedding": {f"{name}_embed": np.zeros((1, 4)) for name in splits},
        "prompt": {f"{name}_prompt": prompts[at : at + 1] for at, name in enumerate(splits)},
    }
    path.write_bytes(pickle.dumps(tree, protocol=4))


if __name__ == "__main__":
    name = sys.argv[1]
    (routereval if name == "tiny_router_dataset" else routerbench)(HERE / f"{name}.pkl")
