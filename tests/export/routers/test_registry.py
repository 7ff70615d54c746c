"""The routers by name: all there, all alike to use, and all learn what can be learned."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from edge_router.export.data.rows import BadData
from edge_router.export.routers import ROUTERS, make_router
from edge_router.export.routers.base import Pool, Queries

FINE_TUNED = ("BERT", "SFT")
BLIND = ("Random", "Zero", "Elo")
IN_TORCH = ("MLP", "LinearR", "MLPR", "MLC", "Contrastive", "MoMA", "MF", *FINE_TUNED)


def routers(*, without: tuple[str, ...]) -> list[object]:
    """Names to try, skipped where they need torch and it is not installed."""
    needs_torch = pytest.mark.skipif(
        importlib.util.find_spec("torch") is None, reason="the extra `export` is not installed"
    )
    names = [name for name in ROUTERS if name not in without]
    return [pytest.param(n, marks=needs_torch if n in IN_TORCH else ()) for n in names]


def test_every_router_of_the_field_is_there() -> None:
    """By the names that the papers give them."""
    assert set(ROUTERS) == {
        *("Random", "Zero", "1NN", "MLP", "BERT"),
        *("LinearR", "MLPR", "C-RoBERTa", "MLC", "PRknn"),
        *("SFT", "Contrastive", "MoMA", "Elo", "MF", "SW"),
        *("prompt length", "complexity heuristic", "task only", "Ridge gain", "weak-is-wrong"),
    }


def test_a_name_that_is_not_there_is_refused_with_those_that_are() -> None:
    """The message is enough to correct a spelling."""
    with pytest.raises(BadData, match=r"'knn'; known are Random, .*PRknn"):
        make_router("knn")


def test_the_registry_and_the_simple_routers_do_without_torch() -> None:
    """Importing the names costs nothing, and a lookup needs no training framework."""
    code = (
        "import sys; from edge_router.export.routers import ROUTERS; ROUTERS['PRknn']();"
        "ROUTERS['SW'](); ROUTERS['Ridge gain'](); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", routers(without=FINE_TUNED))
def test_a_router_has_a_name_and_a_source(name: str) -> None:
    """The table of results is made from them."""
    router = make_router(name)
    assert router.name == name
    assert router.source


@pytest.mark.parametrize("name", routers(without=FINE_TUNED))
def test_the_same_seed_gives_the_same_utilities(name: str, chat_and_maths: Pool) -> None:
    """Finite, one for each query and expert, whatever ran before."""
    train, result = part(chat_and_maths, slice(100)), []
    for _ in range(2):
        router = make_router(name)
        router.fit(train, seed=3)
        result.append(router.utilities(chat_and_maths.queries))
    assert result[0].shape == (len(chat_and_maths), 2)
    assert np.isfinite(result[0]).all()
    assert np.array_equal(*result)


@pytest.mark.parametrize("name", routers(without=FINE_TUNED + BLIND))
def test_two_kinds_of_queries_go_to_their_experts(name: str, chat_and_maths: Pool) -> None:
    """Queries that were not trained on, each to the expert that is right."""
    train, test = part(chat_and_maths, slice(300)), part(chat_and_maths, slice(300, None))
    router = make_router(name)
    router.fit(train, seed=0)
    utilities = router.utilities(test.queries)
    assert (utilities.argmax(axis=1) == test.scores.argmax(axis=1)).mean() > 0.98


@pytest.mark.parametrize("name", routers(without=FINE_TUNED))
def test_a_router_ranks_more_than_two_experts(name: str, chat_and_maths: Pool) -> None:
    """A third expert, which is never right, is chosen for almost nothing by those that look."""
    scores = np.column_stack([np.zeros(len(chat_and_maths)), chat_and_maths.scores])
    pool = Pool(chat_and_maths.queries, ("useless", "weak", "strong"), scores)
    router = make_router(name)
    router.fit(pool, seed=0)
    utilities = router.utilities(pool.queries)
    assert utilities.shape == scores.shape
    if router.source.split()[0] in ("RouterEval", "MoMA", "RouteLLM"):
        assert (utilities.argmax(axis=1) == 0).mean() < 0.02


def part(pool: Pool, rows: slice) -> Pool:
    """Some rows of a pool."""
    queries = pool.queries
    kept = Queries(
        queries.texts[rows], queries.kinds[rows], queries.characters[rows], queries.embeddings[rows]
    )
    return Pool(kept, pool.experts, pool.scores[rows])
