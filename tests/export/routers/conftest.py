"""A made-up problem that any router worth its name learns: two kinds of queries, two experts."""

from __future__ import annotations

import numpy as np
import pytest

from edge_router.export.routers.base import Pool, Queries

WIDTH = 32


@pytest.fixture
def chat_and_maths() -> Pool:
    """400 queries, alternately chat and maths: the weak expert is right in chat alone, the strong
    one in maths alone; maths is longer, and lies elsewhere in the embedding space."""
    count, random = 400, np.random.default_rng(0)
    maths = np.arange(count) % 2
    vectors = 0.1 * random.normal(size=(count, WIDTH))
    vectors[np.arange(count), maths] += 1
    texts = ("hello, a nice lunch", "prove the theorem: why is 2 + 2 = 4, given 3 axioms?")
    queries = Queries(
        texts=tuple(texts[kind] for kind in maths),
        kinds=np.array(["chat", "maths"])[maths],
        characters=np.array([len(texts[kind]) for kind in maths]) + random.integers(0, 5, count),
        embeddings=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
    )
    return Pool(queries, ("weak", "strong"), np.stack([1 - maths, maths], axis=1).astype(float))
