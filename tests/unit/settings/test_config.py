"""File, environment and arguments become one Config; an unknown key or value is an error."""

from __future__ import annotations

import os
from dataclasses import FrozenInstanceError, asdict
from pathlib import Path
from typing import Any

import pytest

from edge_router.errors import ConfigError
from edge_router.settings.config import Config
from edge_router.settings.constraints import Placement
from edge_router.settings.expert_config import ExpertConfig
from edge_router.settings.file import default_config_path
from made_settings import SERVER, load


def test_the_tests_have_no_settings_of_their_own() -> None:
    """No settings of the user who runs the tests."""
    assert not default_config_path().is_relative_to(Path.home() / ".config")
    assert not default_config_path().exists()
    assert not [name for name in os.environ if name.startswith("EDGE_ROUTER_")]
    assert Config.load() == Config()


def test_defaults() -> None:
    """Without any settings: the shipped router, the small model here, and no limit on money."""
    config = Config.load()
    assert (config.artifact, config.operating_point, config.min_gain) == (
        "router-small",
        "balanced",
        None,
    )
    assert (config.placement, config.offline) == (Placement.PREFER_ON_DEVICE, False)
    assert (config.max_cost_usd, config.max_latency_s, config.budget_usd) == (None, None, None)
    assert config.deadline_s == 120.0
    assert list(config.experts) == ["local"]
    assert asdict(config.experts["local"]) | {"context_tokens": 2048} == asdict(
        ExpertConfig("llama_cpp", "smollm2-135m", "135m", context_tokens=2048)
    )
    assert config.experts["local"].on_device


def test_a_config_is_frozen() -> None:
    """Neither the settings nor the table of experts can be changed."""
    with pytest.raises(FrozenInstanceError):
        Config().offline = True  # type: ignore[misc]
    with pytest.raises(TypeError):
        Config().experts["new"] = Config().experts["local"]  # type: ignore[index]


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    """Every setting of the router and one expert."""
    config = load(
        tmp_path,
        f"""
        [router]
        artifact = "mine"
        operating_point = "economy"
        min_gain = 0.25
        placement = "only_in_cloud"
        offline = true
        max_cost_usd = 0.01
        max_latency_s = 8
        budget_usd = 5
        deadline_s = 30.5
        [experts.gpt]
        {SERVER}
        """,
    )
    assert config == Config(
        artifact="mine",
        operating_point="economy",
        min_gain=0.25,
        placement=Placement.ONLY_IN_CLOUD,
        offline=True,
        max_cost_usd=0.01,
        max_latency_s=8.0,
        budget_usd=5.0,
        deadline_s=30.5,
        experts={"gpt": ExpertConfig("openai", "gpt", "frontier", base_url="https://x.org/v1")},
    )
    assert isinstance(config.placement, Placement)


def test_the_order_is_file_environment_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later wins, and what the later does not name stays."""
    monkeypatch.setenv("EDGE_ROUTER_DEADLINE_S", "20")
    monkeypatch.setenv("EDGE_ROUTER_BUDGET_USD", "2")
    file = "[router]\ndeadline_s = 10\nbudget_usd = 1\nmax_cost_usd = 0.5"
    config = load(tmp_path, file, deadline_s=30)
    assert (config.deadline_s, config.budget_usd, config.max_cost_usd) == (30.0, 2.0, 0.5)


@pytest.mark.parametrize(
    ("name", "value", "key", "expected"),
    [
        ("EDGE_ROUTER_PLACEMENT", "only_on_device", "placement", Placement.ONLY_ON_DEVICE),
        ("EDGE_ROUTER_OFFLINE", "true", "offline", True),
        ("EDGE_ROUTER_OFFLINE", "0", "offline", False),
        ("EDGE_ROUTER_MIN_GAIN", "0", "min_gain", 0.0),
        ("EDGE_ROUTER_MIN_GAIN", "", "min_gain", None),
        ("EDGE_ROUTER_ARTIFACT", "/opt/router", "artifact", "/opt/router"),
    ],
)
def test_the_environment(
    name: str, value: str, key: str, expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts are turned into the setting's own type; an empty variable is as good as none."""
    monkeypatch.setenv(name, value)
    assert getattr(Config.load(), key) == expected


@pytest.mark.parametrize("name", ["EDGE_ROUTER_TYPO", "EDGE_ROUTER_EXPERTS", "EDGE_ROUTER_"])
def test_an_unknown_variable_is_an_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt limit must not go unnoticed."""
    monkeypatch.setenv(name, "1")
    key = name.removeprefix("EDGE_ROUTER_").lower()
    with pytest.raises(ConfigError, match=f"unknown key '{key}' in the environment; "):
        Config.load()


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (
            "[router]\ndedline_s = 1",
            "unknown key 'dedline_s' in [router]; did you mean 'deadline_s'",
        ),
        ("[router]\nqqq = 1", "unknown key 'qqq' in [router]; known are affinity, artifact, "),
        ("[router]\nexperts = 1", "unknown key 'experts' in [router]"),
        ("[ruoter]\nartifact = 'x'", "unknown key 'ruoter' in the file; did you mean 'router'?"),
        (
            "deadline_s = 1",
            "unknown key 'deadline_s' in the file; known are budget, cache, experts, ",
        ),
        (
            f"[experts.gpt]\n{SERVER}\nmodle = 'x'",
            "unknown key 'modle' in [experts.gpt]; did you mean 'model'?",
        ),
    ],
)
def test_an_unknown_key_is_an_error_with_a_suggestion(
    toml: str, message: str, tmp_path: Path
) -> None:
    """The key, where it stands, and what was probably meant."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, toml)
    assert message in str(caught.value)


def test_an_unknown_argument_is_an_error() -> None:
    """Arguments are checked like a file, when loading and when changing."""
    with pytest.raises(ConfigError, match="unknown key 'dedline_s' in the arguments; did you mean"):
        Config.load(dedline_s=1)
    with pytest.raises(ConfigError, match="unknown key 'dedline_s' in the arguments; did you mean"):
        Config().with_changes(dedline_s=1)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ('placement = "cloud"', "placement = 'cloud' in [router] must be one of only_on_device, "),
        ("placement = 1", "placement = 1 in [router] must be one of only_on_device, "),
        ('offline = "maybe"', "offline = 'maybe' in [router] must be one of True, False"),
        ("offline = 2", "offline = 2 in [router] must be one of True, False"),
        ("min_gain = 1.5", "min_gain = 1.5 in [router] must be a number from -1 to 1"),
        ('min_gain = "high"', "min_gain = 'high' in [router] must be a number from -1 to 1"),
        ("max_cost_usd = -1", "max_cost_usd = -1 in [router] must be a number from 0 to inf"),
        ("max_cost_usd = nan", "max_cost_usd = nan in [router] must be a number"),
        ("max_cost_usd = true", "max_cost_usd = True in [router] must be a number"),
        ("deadline_s = []", "deadline_s = [] in [router] must be a number"),
        ("min_battery = 20", "min_battery = 20 in [router] must be a number from 0 to 1"),
        ("keep_speeds = 2", "keep_speeds = 2 in [router] must be one of True, False"),
        ('preference = "cheap"', "preference 'cheap' is unknown; use"),
        ('artifact = ""', "artifact = '' in [router] must be a text"),
        ("artifact = 3", "artifact = 3 in [router] must be a text"),
    ],
)
def test_a_wrong_value_is_named_with_its_key(setting: str, message: str, tmp_path: Path) -> None:
    """The message says which setting, which value, and what would be right."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"[router]\n{setting}")
    assert message in str(caught.value)


def test_a_wrong_variable_says_that_it_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it can be found and changed."""
    monkeypatch.setenv("EDGE_ROUTER_BUDGET_USD", "five")
    with pytest.raises(ConfigError, match="budget_usd = 'five' in the environment must be a num"):
        Config.load()


@pytest.mark.parametrize("limit", ["max_cost_usd", "max_latency_s", "budget_usd", "min_gain"])
def test_a_limit_of_zero_is_a_limit(limit: str) -> None:
    """Zero is not the same as no limit."""
    zero: dict[str, Any] = {limit: 0}
    assert getattr(Config.load(**zero), limit) == 0.0


def test_with_changes_keeps_the_rest(tmp_path: Path) -> None:
    """The changed settings are checked, the others and the experts stay."""
    config = load(tmp_path, f"[router]\nbudget_usd = 5\n[experts.gpt]\n{SERVER}")
    changed = config.with_changes(placement="only_in_cloud", offline="1")
    assert (changed.placement, changed.offline) == (Placement.ONLY_IN_CLOUD, True)
    assert (changed.budget_usd, changed.experts) == (5.0, config.experts)
    assert config.placement is Placement.PREFER_ON_DEVICE


def test_experts_of_a_file_replace_the_default_one(tmp_path: Path) -> None:
    """A file that names experts names all of them, in its order."""
    toml = (
        f'[experts.gpt]\n{SERVER}\n[experts.a]\nbackend="llama_cpp"\nmodel="a.gguf"\nprofile="1b"'
    )
    assert list(load(tmp_path, toml).experts) == ["gpt", "a"]


@pytest.mark.parametrize("toml", ["router = 3", "experts = 3", "[[experts]]\nmodel = 'a'"])
def test_a_value_where_a_table_should_be_is_an_error_of_ours(toml: str, tmp_path: Path) -> None:
    """[router] and [experts] must be tables."""
    with pytest.raises(ConfigError):
        load(tmp_path, toml)


def test_deferral_settings(tmp_path: Path) -> None:
    """Off unless asked for; a word that is none of the three and half a token are refused."""
    assert (Config().deferral, Config().deferral_tokens) == ("off", 16)
    result = load(tmp_path, '[router]\ndeferral = "while"\ndeferral_tokens = 8')
    assert (result.deferral, result.deferral_tokens) == ("while", 8)
    with pytest.raises(ConfigError, match=r"deferral = 'on'.*off, before, while"):
        load(tmp_path, "", deferral="on")
    with pytest.raises(ConfigError, match=r"deferral_tokens = 1\.5.*whole number"):
        load(tmp_path, "", deferral_tokens=1.5)
