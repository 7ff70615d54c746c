"""An outcome on its way out of a device: what it holds, and what it does not."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.learning.fleet.shared_row import SharedRow, packed, unpacked
from made_log import row

SECRET = "My name is Ada and my PIN is 4711"


def sent(value: Any) -> Any:
    """Through JSON."""
    return json.loads(json.dumps(value))


def test_a_row_comes_back_as_it_was() -> None:
    """But for its time, which is told to the hour."""
    outcome = row(3, z=0.25, time=7199.0, score=0.5)
    back = unpacked(sent(packed(SharedRow("dev", 2, 9, outcome), text=False)))
    assert (back.device, back.export, back.order, back.outcome.time) == ("dev", 2, 9, 3600.0)
    assert np.array_equal(back.outcome.vector, outcome.vector)
    assert replace(back.outcome, time=7199.0, vector=outcome.vector) == outcome


@given(st.text(min_size=8, max_size=40))
def test_no_text_leaves_unless_it_is_asked_for(prompt: str) -> None:
    """Neither as it is nor as anything that is made of its letters."""
    shared = SharedRow("dev", 1, 1, row(prompt=prompt))
    silent, open_ = packed(shared, text=False), packed(shared, text=True)
    assert silent == packed(replace(shared, outcome=row(prompt=None)), text=True)
    assert open_["prompt"] == prompt


def test_what_is_sent_has_no_more_fields_than_are_documented() -> None:
    """A new field of the log does not leave the device unnoticed."""
    assert sorted(packed(SharedRow("dev", 1, 1, row(prompt=SECRET)), text=False)) == sorted(
        "version device export order id time artifact vector log_tokens characters script "
        "estimates expert rival answered_by propensity gain min_gain cost_usd first_token_s "
        "total_s input_tokens output_tokens score ended".split()
    )


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(packed(SharedRow("d", 1, 1, row()), text=False))), JSON_VALUES)
def test_any_value_in_any_field_is_read_or_refused(name: str, value: Any) -> None:
    """With ValueError, never another error."""
    changed = packed(SharedRow("d", 1, 1, row()), text=False) | {name: value}
    with suppress(ValueError):
        assert unpacked(changed).outcome.propensity > 0


@pytest.mark.parametrize("value", [None, [], "row", 3, {}])
def test_what_is_no_row_is_refused(value: Any) -> None:
    """In words."""
    with pytest.raises(ValueError, match=r"is no outcome|has no version"):
        unpacked(value)
