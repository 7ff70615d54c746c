"""An Enroller with an encoder and a backend that need no weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from edge_router.learning.enrolment.enrol import Enroller
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.representation import Representation
from edge_router.settings.config import Config
from edge_router.settings.expert_config import ExpertConfig
from edge_router.testing import FakeBackend

LOCAL = ExpertConfig("llama_cpp", "smollm2-135m", "135m", context_tokens=2048)
CLOUD = ExpertConfig("openai", "m", "8b", location="cloud", base_url="http://127.0.0.1:9/v1")


class HashEncoder:
    """A vector of each text's own, made of its bytes."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def represent(self, text: str) -> Representation:
        random = np.random.default_rng(list(text.encode()))
        return Representation(random.normal(size=self.dim).astype(np.float32), 3.0)


def made_enroller(
    tmp_path: Path,
    artifact: RouterArtifact,
    name: str = "mine",
    backend: FakeBackend | None = None,
    **settings: object,
) -> Enroller:
    """For `name`, with changed settings."""
    config = Config(data_dir=str(tmp_path), experts={"mine": LOCAL, "far": CLOUD})
    encoder = HashEncoder(artifact.manifest.representation_dim)
    changed = replace(config, **settings)  # type: ignore[arg-type]
    return Enroller(
        changed,
        name,
        command="edge-router enroll again",
        backend=backend or FakeBackend("Paris"),
        encoder=encoder,
    )
