"""The drift alarm: its rate without drift, its power with it, and what it keeps."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from edge_router.errors import ConfigError
from edge_router.learning.drift.mmd_test import DRAWS, LOOKS
from edge_router.learning.drift.monitor import DriftMonitor
from edge_router.learning.drift.traffic import Traffic
from made_traffic import KNOWN, fed, made_traffic, reference_of


def test_a_shift_alarms() -> None:
    """Of one standard deviation at the first look, with the smallest p value there is."""
    verdict = fed(made_traffic(np.random.default_rng(1), LOOKS[0], shift=1.0)).verdict()
    assert verdict.alarm
    assert verdict.p_value == 1 / (DRAWS + 1)
    assert verdict.quality > 0.1
    assert "are not like the known ones (p = 0.0005): " in verdict.words


def test_longer_queries_alarm() -> None:
    """Ten times as many characters and nothing else; the verdict says so."""
    same = made_traffic(np.random.default_rng(2), LOOKS[0])
    verdict = fed(Traffic(same.vectors, same.log_tokens, 10 * same.characters)).verdict()
    assert verdict.alarm
    assert verdict.lengths == pytest.approx(10, rel=0.3)


def test_the_order_between_looks_does_not_count() -> None:
    """The same queries the other way round give the same statistic."""
    traffic = made_traffic(np.random.default_rng(3), LOOKS[0])
    turned = traffic.take(np.arange(LOOKS[0])[::-1])
    found = fed(turned).verdict().statistic
    assert fed(traffic).verdict().statistic == pytest.approx(found)


def test_memory_does_not_grow() -> None:
    """After a thousand queries it holds as much as after one."""
    random = np.random.default_rng(4)
    one, many = fed(made_traffic(random, 1)), fed(made_traffic(random, 1001))
    assert abs(len(pickle.dumps(many)) - len(pickle.dumps(one))) < 100


def test_a_verdict_stands_until_the_next_look() -> None:
    """Before the first one there is none; an alarm lasts through its stretch, and no longer."""
    random = np.random.default_rng(5)
    monitor = fed(made_traffic(random, LOOKS[0] - 1, shift=2.0))
    assert (monitor.verdict().queries, monitor.verdict().alarm) == (0, False)
    assert "too few to tell" in monitor.verdict().words
    fed(made_traffic(random, LOOKS[-1] - LOOKS[0] + 1, shift=2.0), monitor=monitor)
    assert (monitor.verdict().queries, monitor.verdict().alarm) == (LOOKS[-1], True)
    fed(made_traffic(random, LOOKS[0] - 1), monitor=monitor)
    assert monitor.verdict().alarm
    fed(made_traffic(random, 1), monitor=monitor)
    assert (monitor.verdict().queries, monitor.verdict().alarm) == (LOOKS[0], False)
    assert "are like the known ones" in monitor.verdict().words


def test_threshold_and_p_value_agree() -> None:
    """What lies just above the threshold has a p value of the stated rate, what lies on it more."""
    for rate in (0.001, 0.01, 0.05, 0.5):
        threshold = KNOWN.threshold(rate)
        assert KNOWN.p_value(np.nextafter(threshold, np.inf)) <= rate < KNOWN.p_value(threshold)
    assert KNOWN.p_value(0.0) == 1.0
    assert KNOWN.p_value(np.inf) == 1 / (DRAWS + 1)


def test_a_seed_repeats_a_reference() -> None:
    """Bit for bit."""
    traffic = made_traffic(np.random.default_rng(6), 500)
    assert np.array_equal(reference_of(traffic, 1).null, reference_of(traffic, 1).null)
    assert not np.array_equal(reference_of(traffic, 1).null, reference_of(traffic, 2).null)


@pytest.mark.parametrize("rate", [0.0, 0.0001, 0.51, float("nan")])
def test_a_rate_that_cannot_be_kept_is_refused(rate: float) -> None:
    """With the span that can be."""
    with pytest.raises(ConfigError, match=r"it must lie in 0\.001\.\.0\.5"):
        DriftMonitor(KNOWN, false_alarms=rate)
