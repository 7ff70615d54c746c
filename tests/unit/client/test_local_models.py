"""The models that run in this process: what is said of them, and their unloading by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from edge_router import Config, EdgeRouter
from edge_router.backends.deadline import Deadline
from edge_router.client.local_models import local_models, unload
from edge_router.errors import ConfigError
from edge_router.testing import FakeBackend

EXPERTS: dict[str, Any] = {
    "here": {"backend": "llama_cpp", "model": "smollm2-135m", "profile": "135m"},
    "there": {
        "backend": "openai",
        "model": "m",
        "profile": "3b",
        "base_url": "http://127.0.0.1:9/v1",
    },
}


class FakeModel(FakeBackend):
    """A backend with a model of 100 bytes that can be loaded and unloaded."""

    loaded = loading = busy = False
    model_bytes, idle_s, keep_alive_s = 100, 10.0, 300.0

    def load(self, *, deadline: Deadline) -> None:
        self.loaded = True

    def unload(self) -> bool:
        was, self.loaded = self.loaded and not self.busy, self.loaded and self.busy
        return was


def test_models_of_this_process_are_listed_and_unloaded() -> None:
    """By their expert's name; an expert elsewhere has none here, and one that answers stays."""
    model = FakeModel()
    config = Config(experts=EXPERTS, keep_speeds=False)
    with EdgeRouter(config, backends={"here": model}) as router:
        (one,) = local_models(router)
        assert (one.expert, one.file, one.bytes) == ("here", "smollm2-135m", 100)
        assert (one.loaded, one.left_s) == (False, 290.0)
        assert unload(router) == []
        model.loaded = True
        assert unload(router, "here") == ["here"]
        model.loaded = model.busy = True
        assert unload(router) == []
        with pytest.raises(ConfigError, match=r"no model of 'there' runs in this process.*here"):
            unload(router, "there")


def test_a_layer_around_a_model_hides_it_not() -> None:
    """The gate of [privacy] and others wrap a backend."""
    around = FakeBackend()
    around.inner = FakeModel()  # type: ignore[attr-defined]
    with EdgeRouter(Config(experts=EXPERTS), backends={"here": around}) as router:
        assert [one.expert for one in local_models(router)] == ["here"]
        assert not math.isnan(local_models(router)[0].left_s)
