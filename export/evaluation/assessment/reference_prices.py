"""What an answer costs at the recipe's reference prices, and its expense among some sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_router.routing.arrays import Float64s
from edge_router.routing.deciding.price import expenses
from edge_router.routing.experts.expert import Location, Pricing

from ...recipe import Recipe
from ..tasks.measurements import answer_costs

__all__ = ["on_device", "reference_expenses", "reference_pricing"]


def reference_pricing(recipe: Recipe, size: str) -> Pricing:
    """Dollars per million tokens that the recipe assumes for a size."""
    return Pricing(**recipe.reference[size]["pricing"])


def on_device(recipe: Recipe, size: str) -> bool:
    """Whether the recipe assumes that a size runs on the device."""
    return bool(recipe.reference[size]["location"] == Location.DEVICE)


def reference_expenses(
    recipe: Recipe, sizes: Sequence[str], input_tokens: Float64s, log_tokens: Float64s
) -> Float64s:
    """Expense of each size (queries, sizes) for `input_tokens` (queries,) read and the expected
    `log_tokens` (queries, sizes) written."""
    tokens = np.exp(log_tokens)
    costs = np.stack(
        [
            answer_costs(reference_pricing(recipe, size), input_tokens, written)
            for size, written in zip(sizes, tokens.T, strict=True)
        ],
        axis=1,
    )
    leaves = np.array([not on_device(recipe, size) for size in sizes])
    return expenses(costs, np.zeros_like(costs), leaves)
