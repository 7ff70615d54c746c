"""A smaller BERT keeps what carries most."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the extra `export` is not installed")
pytest.importorskip("transformers", reason="the extra `export` is not installed")

from transformers import BertConfig, BertModel  # noqa: E402

from edge_router.export.data.rows import BadData  # noqa: E402
from edge_router.export.training.shrink import shrink  # noqa: E402


@pytest.fixture
def bert() -> BertModel:
    """Three layers, 4 heads of 4, 12 inner neurons."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=12,
    )
    return BertModel(config, add_pooling_layer=False).eval()


def outputs(model: BertModel) -> torch.Tensor:
    """Of a fixed text."""
    with torch.no_grad():
        return model.eval()(input_ids=torch.arange(7)[None]).last_hidden_state


def test_keeping_everything_changes_nothing(bert: BertModel) -> None:
    """The copy computes the same numbers."""
    same = shrink(bert, layers=[0, 1, 2], width=16, feed_forward=12)
    assert torch.allclose(outputs(same), outputs(bert), atol=1e-6)


def test_what_is_zero_goes_first(bert: BertModel) -> None:
    """Heads that write nothing and neurons that are not read are cut."""
    with torch.no_grad():
        for layer in bert.encoder.layer:
            layer.attention.output.dense.weight[:, 4:8] = 0  # the second head
            layer.output.dense.weight[:, [1, 5]] = 0
        bert.embeddings.word_embeddings.weight[:, 8:12] = 1.0  # no variance
    small = shrink(bert, layers=[2], width=12, feed_forward=10)
    layer, old = small.encoder.layer[0], bert.encoder.layer[2]
    hidden = [*range(8), *range(12, 16)]
    inside = [*range(4), *range(8, 16)]
    assert torch.equal(
        layer.attention.self.query.weight, old.attention.self.query.weight[inside][:, hidden]
    )
    neurons = [n for n in range(12) if n not in (1, 5)]
    assert torch.equal(layer.output.dense.weight, old.output.dense.weight[hidden][:, neurons])
    assert outputs(small).shape == (1, 7, 12)


@pytest.mark.parametrize(
    ("layers", "width", "feed_forward", "message"),
    [
        ([3], 16, 12, "must be among 0..2"),
        ([], 16, 12, "must be among 0..2"),
        ([0], 10, 12, "multiple of 4 up to 16"),
        ([0], 20, 12, "multiple of 4 up to 16"),
        ([0], 16, 13, r"must be 1..12"),
    ],
)
def test_a_shape_outside_the_teachers_is_refused(
    bert: BertModel, layers: list[int], width: int, feed_forward: int, message: str
) -> None:
    """With what would fit."""
    with pytest.raises(BadData, match=message):
        shrink(bert, layers=layers, width=width, feed_forward=feed_forward)


def test_only_the_words_named_stay(bert: BertModel) -> None:
    """In their new order; a text of them reads as before."""
    words = [0, 1, 2, 3, 4, 5, 6, 40]
    small = shrink(bert, layers=[0, 1, 2], width=16, feed_forward=12, words=words)
    assert small.config.vocab_size == 8
    assert torch.allclose(outputs(small), outputs(bert), atol=1e-6)
