"""A small local expert and a big cloud expert, both behind a closed port."""

from __future__ import annotations

from edge_router.errors import BackendUnavailable
from edge_router.settings.expert_config import ExpertConfig

NOWHERE = "http://127.0.0.1:9/v1"
LOCAL = ExpertConfig("openai", "small", "135m", base_url=NOWHERE)
CLOUD = ExpertConfig(
    "openai",
    "big",
    "frontier",
    location="cloud",
    base_url=NOWHERE,
    input_usd_per_million=100.0,
    output_usd_per_million=1.0,
)
DOWN = BackendUnavailable("connection refused")
