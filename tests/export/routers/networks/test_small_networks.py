"""Networks on bags of words and embeddings, and the descent that trains them."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `export` is not installed")

from edge_router.export.routers.base import Pool  # noqa: E402
from edge_router.export.routers.networks.bag_of_words import (  # noqa: E402
    BagOfWordsMLP,
    Vocabulary,
    weighted_cross_entropy,
)
from edge_router.export.routers.networks.descent import Descent  # noqa: E402
from edge_router.export.routers.networks.perceptron import MLC, MLPR, LinearR  # noqa: E402


def test_a_vocabulary_holds_the_most_frequent_words() -> None:
    """In any case, without single letters; unknown words are skipped."""
    vocabulary = Vocabulary(["Why a cat?", "the CAT the dog", "the bird"], most=2)
    assert len(vocabulary) == 2
    assert vocabulary.numbers("Cat, THE cat; a bird") == [1, 0, 1]


def test_a_bag_is_the_first_layer_on_counts(chat_and_maths: Pool) -> None:
    """W2 relu(W1 x + b1) + b2 with x the counts; the order of the words is lost."""
    router = BagOfWordsMLP(Descent(rate=5e-3, weight_decay=1e-4, batch=64, epochs=1))
    router.fit(chat_and_maths, seed=0)
    network, words = router._network, router._vocabulary
    row = words.numbers("prove prove hello")
    counts = torch.bincount(torch.tensor(row), minlength=len(words)).float()
    hidden = torch.relu(counts @ network.bag.weight + network.bias)
    assert torch.allclose(network([row])[0], network.out(hidden), atol=1e-6)
    assert torch.allclose(network([row, [], row[::-1]])[2], network([row])[0], atol=1e-6)


def test_the_weighted_cross_entropy_by_hand() -> None:
    """Logits (0, 0) cost ln 2; (ln 3, 0) with soft labels (1/2, 1/2) cost -ln(3/16) / 2.

    Over the two rows of the batch, whatever their weights are together."""
    logits = torch.tensor([[0.0, 0.0], [np.log(3.0), 0.0]])
    result = weighted_cross_entropy(
        logits, torch.tensor([[1.0, 0.0], [0.5, 0.5]]), torch.tensor([1.0, 3.0])
    )
    assert result.item() == pytest.approx((np.log(2) - 3 * np.log(3 / 16) / 2) / 2)


def test_descent_keeps_the_epoch_that_did_best_on_the_held_out_tenth() -> None:
    """A rate far too high walks away from the minimum; what is kept is the nearest visit."""
    visited, network = [], torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(network.weight, 3.0)

    def loss(rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> torch.Tensor:
        if not network.training:
            visited.append(network.weight.item())
        return (network.weight**2).sum() + 0.0 * len(rows)

    Descent(rate=1.0, weight_decay=0.0, batch=90, epochs=6).run_to_best(network, loss, 100, seed=0)
    assert len(visited) == 6
    assert visited[-1] != network.weight.item() == min(visited, key=abs)


def test_mlc_gives_log_probabilities(chat_and_maths: Pool) -> None:
    """Both experts right everywhere: each is probably among the best, and none is above 1."""
    router = MLC()
    router.fit(Pool(chat_and_maths.queries, ("a", "b"), np.ones((400, 2))), seed=0)
    result = np.exp(router.utilities(chat_and_maths.queries))
    assert 0.5 < result.min() < result.max() <= 1


def test_the_regressions_have_the_layers_of_the_authors_code() -> None:
    """One linear layer, and two hidden ones of 256."""
    linear = LinearR()._layers(384, 5)
    assert (linear.in_features, linear.out_features) == (384, 5)
    sizes = [one.out_features for one in MLPR()._layers(384, 5) if hasattr(one, "out_features")]
    assert sizes == [256, 256, 5]


@pytest.mark.parametrize("kind", [LinearR, MLPR])
def test_the_regressions_learn_log_odds(kind: type[LinearR], chat_and_maths: Pool) -> None:
    """Binary cross-entropy on logits: an expert that is always right has positive ones, one that
    never is negative ones, and scores of 1 and 0.97 are both right."""
    scores = np.column_stack([np.where(chat_and_maths.scores == 1, 1.0, 0.97), np.zeros(400)])
    router = kind(Descent(rate=1e-2, weight_decay=0.0, batch=64, epochs=10))
    router.fit(Pool(chat_and_maths.queries, ("a", "b", "never"), scores), seed=0)
    logits = router.utilities(chat_and_maths.queries)
    assert logits[:, :2].min() > 1
    assert logits[:, 2].max() < -1
