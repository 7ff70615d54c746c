"""LiteLLM's complexity router with its default, the heuristic: keywords and lengths, no model."""

import os
from collections.abc import Callable

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

from unittest.mock import MagicMock  # as LiteLLM's own evaluation of it does

from litellm.router_strategy.complexity_router.complexity_router import ComplexityRouter

Example = tuple[str, float, float]


def load(examples: list[Example], weak: str, strong: str) -> Callable[[str], float]:
    router = ComplexityRouter(model_name="auto", ctx=MagicMock())

    def decide(text: str) -> float:
        _tier, score, _signals = router.classify(text)
        return float(score)

    return decide
