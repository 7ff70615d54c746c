"""A chat template that eats memory for as long as it may run."""

from __future__ import annotations

import pytest

from greedy_templates import NESTED, is_refused

pytest.importorskip("jinja2", reason="the extra `local` is not installed")


@pytest.mark.slow
@pytest.mark.parametrize("source", NESTED)
def test_a_template_cannot_eat_the_memory(source: str) -> None:
    """Given up after its limit, with little made until then."""
    is_refused(source)
