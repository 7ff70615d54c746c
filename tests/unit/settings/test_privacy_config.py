"""The `[privacy]` table: what would look closed and is open is refused."""

from __future__ import annotations

import pytest

from edge_router.errors import ConfigError
from edge_router.settings.privacy_config import PrivacyConfig, privacy_config_of


@pytest.mark.parametrize("mode", ["never", "redact", "ask"])
@pytest.mark.parametrize("place", ["cloud", "lan"])
def test_nothing_to_look_for_is_refused_where_something_is_to_stay(place: str, mode: str) -> None:
    """detect = [] would let everything through, whatever the mode says."""
    for nothing in ([], "", ()):
        with pytest.raises(ConfigError, match=r"would hold nothing back.*leave detect out"):
            privacy_config_of({place: mode, "detect": nothing})


def test_nothing_to_look_for_is_allowed_where_all_may_leave_or_ids_are_looked_for() -> None:
    """The gate is off, or has patterns or ids of its own."""
    assert PrivacyConfig(detect=()).is_open
    assert PrivacyConfig(cloud="never", detect=(), national_ids=("de",)).detect == ()
    assert PrivacyConfig(cloud="never", detect=(), patterns={"staff": "EMP-1"}).detect == ()


@pytest.mark.parametrize("word", ["Never", "NEVER", " never ", "nevr", "", False, ["never"]])
def test_a_mode_that_is_misspelt_is_no_mode(word: object) -> None:
    """It must not become "allow" in silence."""
    with pytest.raises(ConfigError, match="allow, redact, ask, never"):
        privacy_config_of({"cloud": word})
