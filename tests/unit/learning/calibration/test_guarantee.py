"""What is promised, with its evidence, and what is said where nothing can be."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from edge_router.errors import ConfigError, TargetsConflict, TargetUnsupported
from edge_router.learning.calibration.evidence import Evidence
from edge_router.learning.calibration.guarantee import (
    Promise,
    calibrate,
    quality_interval,
    sentence,
)
from edge_router.learning.calibration.targets import parse_targets
from made_evidence import made_evidence


def promised(evidence: Evidence, *targets: str, confidence: float = 0.95) -> Promise:
    return calibrate(evidence, parse_targets(targets), confidence=confidence)


def test_a_promise_carries_what_was_measured_at_its_threshold() -> None:
    """Values by hand from the outcomes; the limits lie around them, the lower one at the target."""
    made = made_evidence(1000)
    found = promised(made, "quality>=0.9")
    ask = made.turns >= found.price
    routed = np.where(ask, made.strong.scores, made.weak.scores)
    assert found.queries == 1000
    assert found.strong_calls.value == pytest.approx(ask.mean())
    assert found.quality.value == pytest.approx(routed.mean() / made.strong.scores.mean())
    assert 0.9 <= found.quality.low <= found.quality.value <= (found.quality.high or 2)
    assert found.strong_calls.low < ask.mean() < (found.strong_calls.high or 0)
    assert found.cost_usd == pytest.approx(np.where(ask, made.strong.cost_usd, 0).mean())
    assert found.most_usd is None
    assert found.bounds_used == {"quality>=0.9": "betting (Waudby-Smith & Ramdas 2024)"}


def test_three_queries_limit_nothing_from_above() -> None:
    """No number is made up."""
    assert quality_interval(made_evidence(3), 0.0, delta=0.05).high is None


def test_the_sentence_says_what_on_which_traffic_and_how_sure() -> None:
    """One sentence, and on cost also what it takes for given."""
    made = made_evidence(1000)
    told = sentence(promised(made, "quality>=0.9"), made, weak="local", strong="cloud")
    assert told == (
        "Routing between local and cloud keeps at least 90 % of cloud's mean score, on queries "
        "like the 1,000 it was calibrated on (1,000 of made), with 95 % confidence over their draw."
    )
    told = sentence(promised(made, "cost<=1/1000"), made, weak="local", strong="cloud")
    assert re.search(r"costs at most \$1 per 1,000 queries, on .*, if no query costs more", told)
    assert "costs are estimates from prices and expected" in told
    stand_ins = replace(made, stand_ins=True)
    told = sentence(promised(made, "quality>=0.9"), stand_ins, weak="local", strong="cloud")
    assert told.endswith("draw, if both answer like the known models of their profiles.")
    measured = replace(made, costs_measured=True)
    told = sentence(promised(measured, "cost<=1/1000"), measured, weak="local", strong="cloud")
    assert "estimates" not in told
    told = sentence(promised(made, "p95_latency<=3.9"), made, weak="local", strong="cloud")
    assert told.endswith("draw; latencies are estimates from speeds and expected answer lengths.")


def test_ten_rows_are_refused_with_the_number_that_would_do() -> None:
    """About that many do support it, and the best supported target is named and is supported."""
    with pytest.raises(TargetUnsupported) as refused:
        promised(made_evidence(10), "quality>=0.9")
    error = refused.value
    assert error.needed is not None
    assert str(error).startswith("10 queries do not support quality>=0.9 with 0.95 confidence; ")
    more = f"about {error.needed - 10:,} more queries like them would ({error.needed:,} in all)"
    assert more in str(error)
    assert promised(made_evidence(10 * error.needed), "quality>=0.9").queries == 10 * error.needed


def test_the_best_supported_target_is_supported() -> None:
    """It is looser than what was asked, and asking for it gives a promise."""
    made = made_evidence(100)
    with pytest.raises(TargetUnsupported) as refused:
        promised(made, "quality>=0.99")
    best = refused.value.best["quality>=0.99"]
    assert best is not None
    assert f"the best supported is {best}" in str(refused.value)
    assert promised(made, best).targets[0].bound < 0.99


def test_what_no_number_of_queries_would_support_is_said() -> None:
    """An expert that is never right gains nothing by being asked more."""
    made = made_evidence(200)
    hopeless = replace(made, weak=replace(made.weak, scores=np.zeros(200)))
    strong = replace(made.strong, scores=np.ones(200))
    with pytest.raises(TargetUnsupported, match="100,000 queries like them would not either") as no:
        promised(replace(hopeless, strong=strong), "quality>=0.9999")
    assert no.value.needed is None


def test_targets_that_no_threshold_meets_conflict() -> None:
    """Each alone can be had: good answers, and cheap ones."""
    with pytest.raises(TargetsConflict, match="not even on these 1,000 queries themselves"):
        promised(made_evidence(1000), "quality>=0.99", "cost<=0.1/1000")


def test_a_promise_on_cost_needs_a_maximum_or_enough_queries() -> None:
    """Of 298 queries nobody knows whether one in a hundred is far dearer; of 299 it is known."""
    few, target = made_evidence(298), parse_targets(["cost<=2/1000"])
    with pytest.raises(TargetUnsupported, match="state max_cost_usd, or give 299 queries") as no:
        calibrate(few, target)
    assert no.value.needed == 299
    assert calibrate(few, target, max_cost_usd=0.01).most_usd == 0.01
    assert calibrate(made_evidence(299), target).most_usd is not None
    assert calibrate(few, parse_targets(["strong_calls<=0.5"])).most_usd is None
    with pytest.raises(TargetUnsupported, match="give 688 queries"):
        calibrate(made_evidence(299), target, confidence=0.999)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -1.0, True, "0.95", 10**400])
def test_a_confidence_or_a_price_that_is_none_is_refused(odd: object) -> None:
    """Instead of a promise that means nothing."""
    made, targets = made_evidence(100), parse_targets(["cost<=2/1000"])
    with pytest.raises(ConfigError, match="confidence is"):
        calibrate(made, targets, confidence=odd)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="max_cost_usd is"):
        calibrate(made, targets, max_cost_usd=odd)  # type: ignore[arg-type]
