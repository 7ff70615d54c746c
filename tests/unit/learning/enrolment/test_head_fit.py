"""A new head from outcomes, with a small router's experts as the prior."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from edge_router.errors import ConfigError
from edge_router.learning.enrolment.head_fit import (
    POPULATION,
    Enrolment,
    EnrolmentOutcomes,
    HeadPrior,
)
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.logistic import sigmoid, with_bias

PROFILES = {"small": (-1.0, [0.5, 0.0], 0.2), "large": (1.0, [0.1, 0.4], 0.6)}


def _entry(bias: float, weights: list[float], log_tokens: float = 0.0) -> dict[str, Any]:
    return {"head": {"bias": bias, "weights": weights, "log_tokens": log_tokens}}


def _experts(count: int) -> dict[str, Any]:
    random = np.random.default_rng(0)
    known = {
        f"m{n}": _entry(float(random.normal()), random.normal(size=2).tolist())
        for n in range(count)
    }
    return {"profiles": {name: _entry(*head) for name, head in PROFILES.items()}, "experts": known}


def _outcomes(
    rows: int, head: list[float], *, tokens: float = np.nan, seed: int = 1
) -> EnrolmentOutcomes:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(rows, 2))
    scores = (random.random(rows) < sigmoid(with_bias(vectors) @ head)).astype(float)
    return EnrolmentOutcomes(vectors, np.full(rows, 3.0), scores, np.full(rows, tokens))


PRIOR = HeadPrior.of(_experts(20), 2.0)


def test_without_outcomes_it_is_the_profile() -> None:
    """Its log-odds divided by the router's temperature, its length offset as it is."""
    found = Enrolment.of_profile(PRIOR, "small")
    assert found.head.bias == pytest.approx(-0.5)
    assert found.head.weights == pytest.approx([0.25, 0.0])
    assert (found.head.temperature, found.head.log_tokens) == (1.0, 0.2)


def test_many_outcomes_say_what_the_head_is() -> None:
    """Wherever it started."""
    for profile in ("small", "large", None):
        found = Enrolment.fit(PRIOR, _outcomes(20_000, [0.3, -0.7, 0.9]), profile)
        assert found.belief.mean == pytest.approx([0.3, -0.7, 0.9], abs=0.06)


def test_the_nearest_profile_is_the_one_that_explains_the_outcomes() -> None:
    """Weights sum to 1 and cover the mean of all known experts too."""
    found = Enrolment.fit(PRIOR, _outcomes(300, [-0.5, 0.25, 0.0]))
    assert found.profile == "small"
    assert found.weights.keys() == {"small", "large", POPULATION}
    assert sum(found.weights.values()) == pytest.approx(1.0)
    assert Enrolment.fit(PRIOR, _outcomes(300, [-0.5, 0.25, 0.0]), "large").profile == "large"


def test_outcomes_that_are_all_good_raise_the_level_and_end_there() -> None:
    """The prior keeps the head finite; the larger profile explains them better."""
    vectors = np.random.default_rng(2).normal(size=(30, 2))
    good = EnrolmentOutcomes(vectors, np.full(30, 3.0), np.ones(30), np.full(30, np.nan))
    found = Enrolment.fit(PRIOR, good)
    assert (found.profile, found.mean_score) == ("large", 1.0)
    assert 0.7 < sigmoid(with_bias(vectors) @ found.belief.mean).mean() < 1
    assert np.abs(found.belief.mean).max() < 10


def test_more_outcomes_make_it_surer() -> None:
    """The volume of what is believed shrinks."""
    few, many = (Enrolment.fit(PRIOR, _outcomes(n, [0.0, 1.0, 0.0])) for n in (20, 200))
    volumes = [np.linalg.slogdet(found.belief.covariance)[1] for found in (few, many)]
    assert volumes[1] < volumes[0]


def test_a_router_with_few_experts_has_a_plain_prior() -> None:
    """Nine heads say nothing of a scatter."""
    prior = HeadPrior.of(_experts(9), 1.0)
    assert POPULATION not in prior.centres
    assert prior.scatter == pytest.approx(0.1 * np.eye(3))


def test_experts_seen_on_few_kinds_say_nothing_of_how_heads_scatter() -> None:
    """Only the broad ones count, unless too few of them are."""
    experts = _experts(20)
    narrow = _entry(50.0, [50.0, 50.0])
    experts["experts"] |= {f"narrow{n}": narrow for n in range(20)}
    broad = [f"m{n}" for n in range(20)]
    prior = HeadPrior.of(experts, 2.0, broad)
    assert prior.scatter == pytest.approx(PRIOR.scatter)
    assert prior.centres[POPULATION] == pytest.approx(PRIOR.centres[POPULATION])
    assert HeadPrior.of(experts, 2.0, broad[:9]).centres[POPULATION][0] > 10


def test_the_shipped_prior_is_of_those_seen_on_many_kinds(artifact: RouterArtifact) -> None:
    """An expert seen only on sums has its profile's head on all other kinds, and is left out."""
    known = artifact.known_queries()
    assert known is not None
    broad = known.seen_on(5)
    assert "gpt-4-1106-preview" in broad
    assert "zeroeval/gpt-4o-2024-08-06" not in broad
    found = HeadPrior.of_artifact(artifact)
    asked = HeadPrior.of(artifact.experts, artifact.calibration["temperature"], broad)
    assert found.scatter == pytest.approx(asked.scatter)
    everyone = HeadPrior.of(artifact.experts, artifact.calibration["temperature"])
    assert found.centres[POPULATION] != pytest.approx(everyone.centres[POPULATION])


def test_questions_are_chosen_around_what_is_known_of_the_expert() -> None:
    """Its profile, else the mean of the known, else the largest profile; twice as far around."""
    assert PRIOR.for_design("small").mean == pytest.approx(PRIOR.centres["small"])
    assert PRIOR.for_design("mine").mean == pytest.approx(PRIOR.centres[POPULATION])
    few = HeadPrior.of(_experts(9), 1.0)
    assert few.for_design().mean == pytest.approx(few.centres["large"])
    assert few.for_design().covariance[1:, 1:] == pytest.approx(4 * few.scatter[1:, 1:])


def test_answers_twice_as_long_move_the_length_offset() -> None:
    """18 answers of twice the expected length outweigh the profile's offset, worth 2 answers."""
    outcomes = _outcomes(18, [0.0, 1.0, 0.0], tokens=2 * np.exp(3.0))
    found = Enrolment.fit(PRIOR, outcomes, "small")
    assert found.log_tokens == pytest.approx((2 * 0.2 + 18 * np.log(2)) / 20)
    assert Enrolment.fit(PRIOR, _outcomes(18, [0.0, 1.0, 0.0]), "small").log_tokens == 0.2


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        ([], "no outcomes"),
        ([0.5, 1.2], r"score 1\.2 of outcome 2 is not in 0\.\.1"),
        ([0.5, float("nan")], "score nan of outcome 2"),
    ],
)
def test_outcomes_that_are_none_are_refused(scores: list[float], told: str) -> None:
    """With what is wrong and what would be right."""
    rows = np.array(scores)
    with pytest.raises(ConfigError, match=told):
        EnrolmentOutcomes(np.zeros((len(rows), 2)), rows, rows, rows)


def test_an_unknown_profile_is_refused() -> None:
    """The mean of all known experts is none either."""
    for name in ("huge", POPULATION):
        with pytest.raises(ConfigError, match="use one of small, large"):
            Enrolment.of_profile(PRIOR, name)


def test_no_learning_framework_is_imported() -> None:
    """In a process of its own, a fit included: numpy is enough."""
    program = (
        "import sys, numpy as np, edge_router.cli.commands.learning.enroll\n"
        "from edge_router.learning.enrolment.head_fit import *\n"
        "own = {'head': {'bias': 0.0, 'weights': [1.0], 'log_tokens': 0.0}}\n"
        "prior = HeadPrior.of({'profiles': {'3b': own}, 'experts': {}}, 1.0)\n"
        "seen = np.array([0.0, 1.0])\n"
        "Enrolment.fit(prior, EnrolmentOutcomes(seen[:, None], seen, seen, seen))\n"
        "heavy = {'torch', 'transformers', 'sklearn', 'onnx', 'scipy'} & set(sys.modules)\n"
        "print(*sorted(heavy))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert ran.stdout.split() == []


def test_the_nearest_is_a_profile_even_where_none_has_any_weight() -> None:
    """5,000 outcomes of the mean head, the profiles far off: the nearer of them, not the first."""
    mean = PRIOR.centres[POPULATION]
    far = {"small": mean - 40.0, "large": mean - 30.0, POPULATION: mean}
    prior = HeadPrior(far, 0.01 * np.eye(3), PRIOR.lengths)
    found = Enrolment.fit(prior, _outcomes(5_000, mean.tolist()))
    assert found.weights[POPULATION] == pytest.approx(1.0)
    assert found.profile == "large"
