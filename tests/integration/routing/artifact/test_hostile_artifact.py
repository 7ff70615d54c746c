"""Artifacts changed at random, loaded in a process whose memory is bounded."""

from __future__ import annotations

from artifact_fuzz import fuzz


def test_whatever_is_changed_nothing_but_an_artifact_error_is_raised() -> None:
    """Signed again, loaded and used within 2 GiB, each in a moment; some changes do no harm."""
    found = fuzz(seed=0, count=30)
    assert found["wrong"] == []
    assert found["used"] > 0
    assert found["slowest_s"] < 5
