"""Runs in an environment with semantic-router: its scores for requests, from given embeddings.

python semantic_router_script.py FOLDER reads texts.json (with "texts", "routes" {name: texts} and
"requests") and vectors.npy (texts, dim) there, and writes scores.json beside them.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

SHOWN = 5  # of the routes of a request


def router_of(routes: dict[str, list[str]], vectors: dict[str, list[float]]) -> Any:
    """An IndexedRouter with its defaults, whose encoder looks embeddings up."""
    from semantic_router import Route
    from semantic_router.encoders import DenseEncoder
    from semantic_router.routers import IndexedRouter

    class Known(DenseEncoder):  # type: ignore[misc]  # a pydantic model of another environment
        def __call__(self, docs: list[Any]) -> list[list[float]]:
            return [vectors[doc] for doc in docs]

    known = [Route(name=name, utterances=texts) for name, texts in routes.items()]
    return IndexedRouter(encoder=Known(name="known"), routes=known)


def main(folder: Path) -> None:
    """Every request alone, as in serving."""
    stated = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    rows = np.load(folder / "vectors.npy").tolist()
    router = router_of(stated["routes"], dict(zip(stated["texts"], rows, strict=True)))
    scores, seconds = {}, []
    for text in stated["requests"]:
        started = time.perf_counter()
        choices = router(text, limit=SHOWN)
        seconds.append(time.perf_counter() - started)
        scores[text] = [[one.name, one.confidence] for one in choices]
    result = {"scores": scores, "ms": 1e3 * float(np.median(seconds))}
    (folder / "scores.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
