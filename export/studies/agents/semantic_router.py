"""semantic-router with the same examples and embeddings, in an environment of its own."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from edge_router.agents.catalog.embedding import Embedder
from edge_router.agents.ranking.scorer import Ranking

from .accuracy import Method, accuracy
from .intents import Intents

__all__ = ["VERSION", "semantic_router_accuracy"]

VERSION = "1.1.1"
SCRIPT = Path(__file__).with_name("semantic_router_script.py")
LIMIT_S = 1200.0


def semantic_router_accuracy(
    python: Path, intents: Intents, embedder: Embedder, examples: int | None, *, seed: int = 0
) -> dict[str, Any]:
    """`accuracy` of its IndexedRouter with its defaults, and its milliseconds without embedding.

    `python` is the interpreter of an environment that has it. An intent is a route; its utterances
    are the examples and the spoken name, what our scorer compares with, too. A route's confidence
    is the first one's score; the threshold is chosen on dev, as ours is. Raises
    CalledProcessError, TimeoutExpired.
    """
    agents = intents.agents(examples, seed)
    routes = {one.name: [one.spoken, *one.examples] for one in agents}
    parts = (intents.dev, intents.test)
    asked = [text for part in parts for text, _ in part]
    asked += [*intents.out_of_scope_dev, *intents.out_of_scope_test]
    result = _asked(python, routes, list(dict.fromkeys(asked)), embedder)
    facts = accuracy(intents, embedder, _method(result["scores"]))
    return facts | {"ms": result["ms"]}


def _asked(
    python: Path, routes: dict[str, list[str]], requests: list[str], embedder: Embedder
) -> dict[str, Any]:
    utterances = [text for texts in routes.values() for text in texts]
    texts = list(dict.fromkeys([*utterances, *requests]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stated = {"texts": texts, "routes": routes, "requests": requests}
        (folder / "texts.json").write_text(json.dumps(stated), encoding="utf-8")
        np.save(folder / "vectors.npy", embedder.embed(texts))
        command = [str(python), "-P", str(SCRIPT), str(folder)]  # -P: this file has its name
        subprocess.run(command, check=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL)  # noqa: S603 - the caller's own interpreter
        answer: dict[str, Any] = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    return answer


def _method(scores: dict[str, list[tuple[str, float]]]) -> Method:
    """Its routes as a ranking; the vector is not asked again."""

    def ranked(text: str, vector: Any) -> Ranking:
        del vector
        names, values = zip(*scores[text], strict=True)
        return Ranking(tuple(names), tuple(values), tuple(values), values[0])

    return ranked
