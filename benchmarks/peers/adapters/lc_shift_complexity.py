"""lc-shift's COMPLEXITY strategy: a rule, no model."""

import asyncio
from collections.abc import Callable

from lc_shift import PRESETS, RouterConfig, RouterShifter, ShiftRequest, Strategy
from lc_shift.strategies import compute_complexity

Example = tuple[str, float, float]


def load(examples: list[Example], weak: str, strong: str) -> Callable[[str], float]:
    config = RouterConfig(
        tiers=PRESETS["anthropic-3tier"],
        default_tier="balanced",
        strategy=Strategy.COMPLEXITY,
        complexity_threshold=0.4,
    )
    router = RouterShifter(config)
    loop = asyncio.new_event_loop()

    def decide(text: str) -> float:
        loop.run_until_complete(router.route(ShiftRequest(prompt=text)))
        return float(compute_complexity(text))  # the decision keeps only whether it passed 0.4

    return decide
