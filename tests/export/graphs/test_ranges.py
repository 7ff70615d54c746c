"""How large an encoder's numbers become: the maxima over real tokens, and nothing left behind."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the extra `export` is not installed")
pytest.importorskip("transformers", reason="the extra `export` is not installed")

from transformers import BertConfig, BertModel  # noqa: E402

from edge_router.export.graphs.ranges import ranges  # noqa: E402
from edge_router.export.training.model import RouterNetwork  # noqa: E402

TEXTS = [[1, 2, 3], [4, 5, 6, 7, 8, 9], [10]]


@pytest.fixture
def network() -> RouterNetwork:
    """Two layers, 4 heads of 4."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=12,
        attn_implementation="eager",
    )
    bert = BertModel(config, add_pooling_layer=False)
    return RouterNetwork(bert, difficulties=2, kinds=2, experts=2).eval()


def test_the_maxima_are_those_of_the_texts_one_by_one(network: RouterNetwork) -> None:
    """Padding in a batch does not count, and each head has its own."""
    together = ranges(network, TEXTS)
    alone = [ranges(network, [text]) for text in TEXTS]
    assert together.final == pytest.approx(max(one.final for one in alone), rel=1e-4)
    assert together.embedded == pytest.approx(max(one.embedded for one in alone), rel=1e-4)
    for number, layer in enumerate(together.layers):
        each = [one.layers[number] for one in alone]
        assert layer.attended == pytest.approx(max(one.attended for one in each), rel=1e-4)
        assert layer.query.shape == (4,)
        for head in range(4):
            largest = max(one.query[head] for one in each)
            assert layer.query[head] == pytest.approx(largest, rel=1e-4)


def test_a_largest_value_is_what_the_network_gives(network: RouterNetwork) -> None:
    """Of the last layer, straight from the output; and the network keeps no hook."""
    with torch.no_grad():
        ids = torch.tensor([TEXTS[1]])
        states = network.bert(input_ids=ids).last_hidden_state
    assert ranges(network, [TEXTS[1]]).final == pytest.approx(float(states.abs().max()), rel=1e-4)
    assert not any(module._forward_hooks for module in network.modules())
