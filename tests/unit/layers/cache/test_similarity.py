"""The calibrated similarity: its file, its artifact, and the figures that it promises."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge_router.errors import ConfigError
from edge_router.layers.cache.alignment import FEATURES, features
from edge_router.layers.cache.reading import reading
from edge_router.layers.cache.similarity import SHIPPED, Similarity, Weights
from edge_router.routing.arrays import Float32s, Float64s
from edge_router.routing.artifact.manifest import RouterArtifact


def embed(text: str) -> Float32s:
    """Unrelated for all words but a pair of synonyms."""
    places = {"couch": 0, "sofa": 0}
    vector = np.zeros(64, dtype=np.float32)
    vector[places.get(text, 1 + sum(text.encode()) % 63)] = 1
    return vector


def seen(asked: str, kept: str) -> dict[str, float]:
    """The features by their names."""
    values: Float64s = features(reading(asked), reading(kept), 0.9, embed=embed, word_cosine=0.8)
    return dict(zip(FEATURES, values.tolist(), strict=True))


def test_a_replaced_word_counts_once() -> None:
    """And an added one is none."""
    replaced = seen("Can I freeze cooked pasta?", "Can I freeze cooked rice?")
    assert (replaced["replaced"], replaced["added"], replaced["qualified"]) == (1, 0, 0)
    added = seen("Can I freeze cooked wild rice?", "Can I freeze cooked rice?")
    assert (added["replaced"], added["added"], added["qualified"]) == (0, 1, 0)
    qualified = seen("Can I freeze cooked rice for dogs?", "Can I freeze cooked rice?")
    assert (qualified["replaced"], qualified["added"], qualified["qualified"]) == (0, 0, 1)


def test_synonyms_by_their_embeddings_are_no_difference() -> None:
    """Nor are those of the word list."""
    assert seen("Where is the couch?", "Where is the sofa?")["replaced"] == 0
    assert seen("Where is the movie?", "Where is the film?")["replaced"] == 0


def test_the_shipped_weights_are_for_the_shipped_router() -> None:
    """After a new router: python -m tests.cache_pairs --fit."""
    weights = Weights.load(SHIPPED)
    assert weights.artifact == RouterArtifact.load("router-small").hash
    assert (weights.wrong, weights.delta) == (0.05, 0.1)
    assert 0.5 <= weights.threshold <= 1


def test_another_router_is_refused() -> None:
    """Its cosines mean something else."""
    with pytest.raises(ConfigError, match='use mode = "exact"'):
        Similarity.of("0" * 64, embed)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"artifact": 1}'])
def test_a_damaged_file_is_refused(tmp_path: Path, content: str) -> None:
    """The error names it."""
    path = tmp_path / "similarity.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"similarity.json' cannot be used"):
        Weights.load(path)


def test_weights_survive_their_file(tmp_path: Path) -> None:
    """But for digits that nobody needs."""
    path, weights = tmp_path / "similarity.json", Weights.load(SHIPPED)
    path.write_text(json.dumps(weights.to_json()))
    assert np.allclose(Weights.load(path).parameters, weights.parameters, atol=1e-4)
