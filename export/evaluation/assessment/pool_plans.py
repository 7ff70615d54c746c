"""The pools that are measured: three, four and six experts of public tables.

Sizes cost the recipe's reference prices; what else is priced here is a list price of 2024, an
assumption.
"""

from __future__ import annotations

from collections.abc import Iterator

from edge_router.routing.experts.expert import Pricing

from ...recipe import Recipe
from .pool import Member, PoolPlan
from .reference_prices import on_device, reference_pricing
from .subject import SIZES

__all__ = ["EVERYDAY", "MMLU_PRO", "pool_plans"]

MMLU_PRO, GSM8K = "mmlu_pro_29models", "gsm8k_test_joint"
ROUTERBENCH, EVERYDAY = "routerbench_arc_mbpp_11models", "everyday_rated"

MMLU_PRO_SIZES = {
    "3b": "Phi-3-mini-4k-instruct",
    "8b": "Meta-Llama-3_1-8B-Instruct",
    "70b": "Meta-Llama-3_1-70B-Instruct",
    "frontier": "gemini-1.5-pro-002",
}
GSM8K_SIZES = {
    "1b": "rho/rho-math-1b-v0.1",
    "3b": "zeroeval/gemma-2-2b-it",
    "8b": "zeroeval/Meta-Llama-3.1-8B-Instruct",
    "70b": "zeroeval/Meta-Llama-3.1-70B-Instruct",
    "frontier": "zeroeval/gpt-4o-2024-08-06",
}
MIXTRAL = Member(
    "Mixtral-8x7B-Instruct-v0.1", ("Mixtral-8x7B-Instruct-v0.1", "8b"), Pricing(0.24, 0.24)
)
FLASH = Member("gemini-1.5-flash-002", ("gemini-1.5-flash-002", "70b"), Pricing(0.075, 0.3))
GPT_4O_MINI = Member(
    "zeroeval/gpt-4o-mini-2024-07-18",
    ("zeroeval/gpt-4o-mini-2024-07-18", "70b"),
    Pricing(0.15, 0.6),
)
ROUTERBENCH_SIZES = (
    ("WizardLM/WizardLM-13B-V1.2", "3b"),
    ("mistralai/mixtral-8x7b-chat", "8b"),
    ("zero-one-ai/Yi-34B-Chat", "70b"),
    ("claude-instant-v1", "70b"),
    ("gpt-3.5-turbo-1106", "70b"),
    ("gpt-4-1106-preview", "frontier"),
)


def pool_plans(recipe: Recipe) -> list[PoolPlan]:
    """Exam pools, RouterBench's with real dollars, then rated everyday queries."""
    return [*_mmlu_pro(recipe), *_gsm8k(recipe), *_routerbench(), *_everyday(recipe)]


def _sized(recipe: Recipe, expert: str, size: str) -> Member:
    return Member(expert, (size,), reference_pricing(recipe, size), on_device(recipe, size))


def _mmlu_pro(recipe: Recipe) -> Iterator[PoolPlan]:
    of = {size: _sized(recipe, expert, size) for size, expert in MMLU_PRO_SIZES.items()}
    small, middle, large, frontier = of.values()
    yield PoolPlan("MMLU-Pro, 3", MMLU_PRO, (small, middle, frontier))
    yield PoolPlan("MMLU-Pro, 4", MMLU_PRO, (small, middle, large, frontier))
    six = (small, middle, MIXTRAL, FLASH, large, frontier)
    yield PoolPlan("MMLU-Pro, 6", MMLU_PRO, six)


def _gsm8k(recipe: Recipe) -> Iterator[PoolPlan]:
    of = {size: _sized(recipe, expert, size) for size, expert in GSM8K_SIZES.items()}
    tiny, small, middle, large, frontier = of.values()
    yield PoolPlan("GSM8K, 3", GSM8K, (small, middle, frontier))
    yield PoolPlan("GSM8K, 4", GSM8K, (small, middle, large, frontier))
    six = (tiny, small, middle, GPT_4O_MINI, large, frontier)
    yield PoolPlan("GSM8K, 6", GSM8K, six)


def _routerbench() -> Iterator[PoolPlan]:
    """Size profiles as they are, then heads enrolled on the table's train rows."""
    six = tuple(Member(expert, (size,), None) for expert, size in ROUTERBENCH_SIZES)
    wizard, mixtral, _, _, turbo, gpt_4 = six
    pools = {3: (wizard, mixtral, gpt_4), 4: (wizard, mixtral, turbo, gpt_4), 6: six}
    for enrolled in (False, True):
        for size, members in pools.items():
            heads = "enrolled" if enrolled else "profiles"
            name = f"RouterBench dollars, {size}, {heads}"
            yield PoolPlan(name, ROUTERBENCH, members, "evaluate_only", enrolled)


def _everyday(recipe: Recipe) -> Iterator[PoolPlan]:
    of = {size: _sized(recipe, f"rated/{size}", size) for size in SIZES}
    two = (of["135m"], of["frontier"])
    four = tuple(of[size] for size in MMLU_PRO_SIZES)
    yield PoolPlan("everyday ratings, 135m and frontier", EVERYDAY, two)
    yield PoolPlan("everyday ratings, 4", EVERYDAY, four)
    yield PoolPlan("everyday ratings, 6", EVERYDAY, tuple(of.values()))
