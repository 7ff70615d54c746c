"""An expert of the settings with levels of thinking becomes an expert for each of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_router import Config
from edge_router.errors import ConfigError
from edge_router.settings.expert_config import ExpertConfig
from made_experts import CLOUD, LOCAL
from made_settings import SERVER, load


def test_each_level_is_an_expert(tmp_path: Path) -> None:
    """With the expert's server and key, and what it states for itself; the order is that stated."""
    config = load(
        tmp_path,
        f"""
        [experts.big]
        {SERVER}
        input_usd_per_million = 1
        output_usd_per_million = 4
        extra_body = {{ top_k = 1 }}
        [experts.big.thinking.off]
        [experts.big.thinking.full]
        thought_tokens = 2000
        quality_gain = 0.1
        output_usd_per_million = 8
        extra_body = {{ budget = 9 }}
        [experts.small]
        {SERVER}
        """,
    )
    assert list(config.experts) == ["big-off", "big-full", "small"]
    off, full, small = config.experts.values()
    assert (off.reasoning_effort, full.reasoning_effort) == ("none", "high")
    assert (off.thought_tokens, full.thought_tokens) == (None, 2000.0)
    assert (off.output_usd_per_million, full.output_usd_per_million) == (4.0, 8.0)
    assert full.extra_body == {"top_k": 1, "budget": 9}
    assert off.level_of == full.level_of == "big"
    assert (small.level_of, small.reasoning_effort, small.thinking) == (None, None, None)


def test_settings_with_levels_survive_a_round_trip() -> None:
    """As JSON and through `replace`, though the levels are experts by then."""
    big = replace(CLOUD, thinking={"off": {}, "low": {"thought_tokens": 100}})
    config = Config(experts={"big": big})
    assert Config(**config.to_json()).experts == config.experts
    assert config.with_changes(offline=True).experts == config.experts


@pytest.mark.parametrize(
    ("thinking", "words"),
    [
        ({}, r"thinking = .* names no level; use some of off, low, medium, full"),
        ({"much": {}}, r"has 'much'; levels are off, low"),
        ({"low": 3}, r"thinking.low = 3 must be a table"),
        ("low", r"thinking = 'low' in \[experts.big\] must be a table"),
        ({"low": {}}, r"\[experts.big.thinking.low\] lacks thought_tokens"),
        ({"off": {"base_url": "http://x"}}, r"unknown key 'base_url' in \[experts.big.thinking"),
        ({"off": {"thougt_tokens": 1}}, r"did you mean 'thought_tokens'"),
        ({"off": {"thought_tokens": -1}}, r"thought_tokens = -1 .*number from 0"),
        ({"off": {"quality_gain": 0.5}}, r"quality_gain = 0.5 .*number from -0.45 to 0.45"),
        ({"off": {"reasoning_effort": "off"}}, r"reasoning_effort = 'off' .* none, minimal, low"),
    ],
)
def test_a_level_that_cannot_be_names_value_and_fix(thinking: Any, words: str) -> None:
    """Before anything is asked."""
    url = "http://127.0.0.1:9/v1"
    stated = {"backend": "openai", "model": "m", "profile": "8b", "base_url": url}
    with pytest.raises(ConfigError, match=words):
        Config(experts={"big": {**stated, "thinking": thinking}})


def test_what_a_level_lacks_is_said_of_that_level() -> None:
    """Also where settings depend on each other."""
    priceless = replace(
        CLOUD, input_usd_per_million=None, output_usd_per_million=None,
        thinking={"off": {"input_usd_per_million": 1.0}},
    )  # fmt: skip
    with pytest.raises(ConfigError, match=r"\[experts.big.thinking.off\] needs both input_usd"):
        Config(experts={"big": priceless})


def test_what_an_expert_thinks_is_not_what_it_thinks_when_it_does_not() -> None:
    """What is stated for all levels is not of the level `off`, unless that states it itself."""
    stated = replace(CLOUD, thought_tokens=300, quality_gain=0.1)
    both = Config(experts={"big": replace(stated, thinking={"off": {}, "low": {}})}).experts
    assert (both["big-off"].thought_tokens, both["big-off"].quality_gain) == (None, None)
    assert (both["big-low"].thought_tokens, both["big-low"].quality_gain) == (300.0, 0.1)
    own = replace(stated, thinking={"off": {"thought_tokens": 5}})
    assert Config(experts={"big": own}).experts["big-off"].thought_tokens == 5.0


def test_no_expert_is_a_level_of_another_one_or_of_two_servers() -> None:
    """Who asks for the expert on this device by its name must not get one in the cloud."""
    with pytest.raises(ConfigError, match=r"level_of = 'local' in \[experts.big\] is the name of"):
        Config(experts={"local": LOCAL, "big": replace(CLOUD, level_of="local")})
    one = replace(CLOUD, level_of="big")
    for other in (replace(one, base_url="http://127.0.0.1:8/v1"), replace(one, api_key_env="KEY")):
        with pytest.raises(ConfigError, match=r"\[experts.b\] has another server, key or location"):
            Config(experts={"a": one, "b": other})


def test_a_name_is_taken_once() -> None:
    """A level's name may be that of another expert, which would be lost."""
    big = replace(CLOUD, thinking={"off": {}})
    with pytest.raises(ConfigError, match="'big-off' and a level of that name; rename it"):
        Config(experts={"big": big, "big-off": LOCAL})


def test_only_a_server_that_can_reason_has_levels() -> None:
    """A model in this process has none, nor one that is said to have none."""
    with pytest.raises(ConfigError, match=r"thinking = .* a model in this process cannot"):
        ExpertConfig("llama_cpp", "m.gguf", "1b", thinking={"off": {}})
    with pytest.raises(ConfigError, match="thinking in ExpertConfig needs reasoning = true"):
        replace(CLOUD, thinking={"off": {}}, reasoning=False)
    with pytest.raises(ConfigError, match="extra_body in ExpertConfig must not hold"):
        replace(CLOUD, reasoning_effort="low", extra_body={"reasoning_effort": "high"})
