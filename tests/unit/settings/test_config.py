"""File, environment and arguments become one Config; what is not understood is an error."""

from __future__ import annotations

import os
from dataclasses import FrozenInstanceError, asdict, fields
from pathlib import Path
from typing import Any

import pytest

from edge_router.errors import ConfigError
from edge_router.settings.config import SETTINGS, Config
from edge_router.settings.constraints import Placement
from edge_router.settings.expert_config import EXPERT_SETTINGS, ExpertConfig
from edge_router.settings.file import default_config_path

SERVER = 'backend = "openai"\nmodel = "gpt"\nprofile = "frontier"\nbase_url = "https://x.org/v1"'


def _load(tmp_path: Path, toml: str, **overrides: Any) -> Config:
    file = tmp_path / "config.toml"
    file.write_text(toml, encoding="utf-8")
    return Config.load(file, **overrides)


def _expert(tmp_path: Path, table: str) -> ExpertConfig:
    return _load(tmp_path, f"[experts.it]\n{table}").experts["it"]


def test_the_tests_have_no_settings_of_their_own() -> None:
    """Nothing of the user who runs the tests gets in."""
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
    config = _load(
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
    config = _load(tmp_path, file, deadline_s=30)
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


def test_the_users_own_file_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Under $XDG_CONFIG_HOME, or ~/.config where that is not set or empty."""
    default_config_path().parent.mkdir(parents=True)
    default_config_path().write_text("[router]\ndeadline_s = 7")
    assert Config.load().deadline_s == 7
    monkeypatch.setenv("XDG_CONFIG_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_config_path() == tmp_path / ".config" / "edge-router" / "config.toml"


def test_the_variable_goes_before_the_users_own_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """$EDGE_ROUTER_CONFIG names another file, and an argument names yet another."""
    default_config_path().parent.mkdir(parents=True)
    default_config_path().write_text("[router]\ndeadline_s = 7")
    (tmp_path / "other.toml").write_text("[router]\ndeadline_s = 8")
    monkeypatch.setenv("EDGE_ROUTER_CONFIG", str(tmp_path / "other.toml"))
    assert Config.load().deadline_s == 8
    assert _load(tmp_path, "[router]\ndeadline_s = 9").deadline_s == 9


def test_an_empty_variable_names_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty means unset for EDGE_ROUTER_CONFIG as for all the others."""
    monkeypatch.setenv("EDGE_ROUTER_CONFIG", "")
    assert Config.load() == Config()


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (
            "[router]\ndedline_s = 1",
            "unknown key 'dedline_s' in [router]; did you mean 'deadline_s'",
        ),
        ("[router]\nqqq = 1", "unknown key 'qqq' in [router]; known are artifact, budget_usd, "),
        ("[router]\nexperts = 1", "unknown key 'experts' in [router]"),
        ("[ruoter]\nartifact = 'x'", "unknown key 'ruoter' in the file; did you mean 'router'?"),
        ("deadline_s = 1", "unknown key 'deadline_s' in the file; known are experts, router"),
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
        _load(tmp_path, toml)
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
        _load(tmp_path, f"[router]\n{setting}")
    assert message in str(caught.value)


def test_a_wrong_variable_says_that_it_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who set it long ago finds it again."""
    monkeypatch.setenv("EDGE_ROUTER_BUDGET_USD", "five")
    with pytest.raises(ConfigError, match="budget_usd = 'five' in the environment must be a num"):
        Config.load()


def test_only_this_device_is_paid_by_the_hour(tmp_path: Path) -> None:
    """A cloud expert has a price by the token."""
    table = 'backend = "llama_cpp"\nmodel = "m"\nprofile = "1b"\nusd_per_hour = 0.02'
    assert _expert(tmp_path, table).usd_per_hour == 0.02
    with pytest.raises(ConfigError, match=r"usd_per_hour = 0.02 in \[experts.* on this device"):
        _expert(
            tmp_path,
            'backend = "openai"\nmodel = "m"\nprofile = "8b"\nusd_per_hour = 0.02\n'
            'base_url = "https://x.org/v1"',
        )


def test_speeds_that_are_stated_are_known_by_name(tmp_path: Path) -> None:
    """So that nothing that was measured replaces them."""
    table = 'backend = "llama_cpp"\nmodel = "m"\nprofile = "1b"\nstart_s = 0'
    assert _expert(tmp_path, table).stated_speed == {"start_s": 0.0}


@pytest.mark.parametrize("limit", ["max_cost_usd", "max_latency_s", "budget_usd", "min_gain"])
def test_a_limit_of_zero_is_a_limit(limit: str) -> None:
    """Zero is not the same as no limit."""
    zero: dict[str, Any] = {limit: 0}
    assert getattr(Config.load(**zero), limit) == 0.0


def test_with_changes_keeps_the_rest(tmp_path: Path) -> None:
    """The changed settings are checked, the others and the experts stay."""
    config = _load(tmp_path, f"[router]\nbudget_usd = 5\n[experts.gpt]\n{SERVER}")
    changed = config.with_changes(placement="only_in_cloud", offline="1")
    assert (changed.placement, changed.offline) == (Placement.ONLY_IN_CLOUD, True)
    assert (changed.budget_usd, changed.experts) == (5.0, config.experts)
    assert config.placement is Placement.PREFER_ON_DEVICE


def test_experts_of_a_file_replace_the_default_one(tmp_path: Path) -> None:
    """Who names experts names all of them, in their order."""
    toml = (
        f'[experts.gpt]\n{SERVER}\n[experts.a]\nbackend="llama_cpp"\nmodel="a.gguf"\nprofile="1b"'
    )
    assert list(_load(tmp_path, toml).experts) == ["gpt", "a"]


def test_an_expert_table_is_read_whole(tmp_path: Path) -> None:
    """Every key of it, in its own type."""
    table = f"""{SERVER}
        location = "cloud"
        api_key_env = "MY_KEY"
        context_tokens = 8192
        input_usd_per_million = 2
        output_usd_per_million = 6.5
        start_s = 0.5
        input_tokens_per_s = 1000
        output_tokens_per_s = 50
        n_threads = 4"""
    found = _expert(tmp_path, table)
    assert found == ExpertConfig(
        "openai",
        "gpt",
        "frontier",
        location="cloud",
        base_url="https://x.org/v1",
        api_key_env="MY_KEY",
        context_tokens=8192,
        input_usd_per_million=2.0,
        output_usd_per_million=6.5,
        start_s=0.5,
        input_tokens_per_s=1000.0,
        output_tokens_per_s=50.0,
        n_threads=4,
    )
    assert isinstance(found.context_tokens, int)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('model = "a"', "[experts.it] lacks backend, profile"),
        ('backend = "llama_cpp"\nprofile = "1b"', "[experts.it] lacks model"),
        ('backend = "x"\nmodel = "a"\nprofile = "1b"', "backend = 'x' in [experts.it] must be one"),
        (
            'backend = "openai"\nmodel = "a"\nprofile = "1b"',
            "[experts.it] lacks base_url, for exam",
        ),
        (
            'backend = "llama_cpp"\nmodel = "a"\nprofile = "1b"\nlocation = "cloud"',
            "its location cannot be 'cloud'",
        ),
        (f'{SERVER}\nlocation = "moon"', "location = 'moon' in [experts.it] must be one of device"),
        (f"{SERVER}\ncontext_tokens = 0", "context_tokens = 0 in [experts.it] must be a number fr"),
        (f"{SERVER}\ncontext_tokens = true", "context_tokens = True in [experts.it] must be a num"),
        (f"{SERVER}\noutput_tokens_per_s = 0", "output_tokens_per_s = 0 in [experts.it] must be "),
        (f"{SERVER}\nstart_s = -1", "start_s = -1 in [experts.it] must be a number from 0 to inf"),
        (f"{SERVER}\napi_key_env = 3", "api_key_env = 3 in [experts.it] must be a text"),
        (f"{SERVER}\ninput_usd_per_million = 2", "needs both input_usd_per_million and output_usd"),
        (f"{SERVER}\noutput_usd_per_million = 0", "needs both input_usd_per_million and output_us"),
    ],
)
def test_a_wrong_expert_is_an_error(table: str, message: str, tmp_path: Path) -> None:
    """The message names the table, the key and what would be right."""
    with pytest.raises(ConfigError) as caught:
        _expert(tmp_path, table)
    assert message in str(caught.value)


def test_an_expert_must_be_a_table(tmp_path: Path) -> None:
    """A text is not one."""
    with pytest.raises(ConfigError, match=r"\[experts.it\] must be a table"):
        _load(tmp_path, '[experts]\nit = "gpt"')


@pytest.mark.parametrize(
    ("url", "location", "on_device"),
    [
        ("http://127.0.0.1:8080/v1", None, True),
        ("http://127.0.0.2:8080/v1", None, True),
        ("http://localhost:11434/v1", None, True),
        ("http://LOCALHOST:11434/v1", None, True),
        ("http://[::1]:8080/v1", None, True),
        ("https://api.example.org/v1", None, False),
        ("http://192.168.1.5:8080/v1", None, False),
        ("http://localhost.example.org/v1", None, False),
        ("http://127.0.0.1@example.org/v1", None, False),
        ("http://192.168.1.5:8080/v1", "device", True),
        ("http://127.0.0.1:8080/v1", "cloud", False),
    ],
)
def test_a_loopback_server_is_on_the_device_unless_stated(
    url: str, location: str | None, on_device: bool, tmp_path: Path
) -> None:
    """By its host alone, and what the user states wins (a proxy on loopback leaves the device)."""
    stated = f'\nlocation = "{location}"' if location else ""
    table = f'backend = "openai"\nmodel = "m"\nprofile = "8b"\nbase_url = "{url}"{stated}'
    assert _expert(tmp_path, table).on_device is on_device


def test_prices_of_zero_are_prices(tmp_path: Path) -> None:
    """Free is not unknown."""
    table = f"{SERVER}\ninput_usd_per_million = 0\noutput_usd_per_million = 0"
    found = _expert(tmp_path, table)
    assert (found.input_usd_per_million, found.output_usd_per_million) == (0.0, 0.0)


def test_a_file_that_is_named_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an argument or as a variable; the message has the path and the system's reason."""
    missing = str(tmp_path / "nowhere.toml")
    told = f"config file {missing!r} cannot be read: No such file"
    with pytest.raises(ConfigError, match=told):
        Config.load(missing)
    monkeypatch.setenv("EDGE_ROUTER_CONFIG", missing)
    with pytest.raises(ConfigError, match=told):
        Config.load()


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """What cannot be read is an error of ours."""
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        Config.load(tmp_path)


@pytest.mark.parametrize("content", [b"{}", b"[router", b"a = 1\na = 2", b"\xff\xfe[router]"])
def test_a_file_that_is_not_toml_is_an_error(content: bytes, tmp_path: Path) -> None:
    """Another format, half a line, a key twice and another encoding: the message has the path."""
    file = tmp_path / "config.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"config\.toml' is not TOML"):
        Config.load(file)


@pytest.mark.parametrize("toml", ["router = 3", "experts = 3", "[[experts]]\nmodel = 'a'"])
def test_a_value_where_a_table_should_be_is_an_error_of_ours(toml: str, tmp_path: Path) -> None:
    """[router] and [experts] must be tables."""
    with pytest.raises(ConfigError):
        _load(tmp_path, toml)


@pytest.mark.parametrize("number", ["inf", "1" * 400])
def test_a_number_out_of_all_bounds_is_an_error_of_ours(number: str, tmp_path: Path) -> None:
    """TOML knows infinity and integers of any length."""
    with pytest.raises(ConfigError):
        _expert(tmp_path, f"{SERVER}\ncontext_tokens = {number}")


def test_half_a_token_is_an_error(tmp_path: Path) -> None:
    """A whole number is wanted; 1.5 threads are not silently one."""
    with pytest.raises(ConfigError):
        _expert(tmp_path, f"{SERVER}\nn_threads = 1.5")


def test_a_malformed_url_is_an_error_of_ours(tmp_path: Path) -> None:
    """A bracket that is not closed is refused while loading."""
    table = 'backend = "openai"\nmodel = "m"\nprofile = "8b"\nbase_url = "http://[::1/v1"'
    with pytest.raises(ConfigError):
        _expert(tmp_path, table)


def test_deferral_settings(tmp_path: Path) -> None:
    """Off unless asked for; a word that is none of the three and half a token are refused."""
    assert (Config().deferral, Config().deferral_tokens) == ("off", 16)
    found = _load(tmp_path, '[router]\ndeferral = "while"\ndeferral_tokens = 8')
    assert (found.deferral, found.deferral_tokens) == ("while", 8)
    with pytest.raises(ConfigError, match=r"deferral = 'on'.*off, before, while"):
        _load(tmp_path, "", deferral="on")
    with pytest.raises(ConfigError, match=r"deferral_tokens = 1\.5.*whole number"):
        _load(tmp_path, "", deferral_tokens=1.5)


def test_every_setting_has_its_check() -> None:
    """A field without one could not be set at all."""
    assert SETTINGS.keys() == {field.name for field in fields(Config)} - {"experts"}
    assert EXPERT_SETTINGS.keys() == {field.name for field in fields(ExpertConfig)}


def test_each_setting_is_named_once_with_its_help() -> None:
    """What a command has an option for is in the README too, under the same name."""
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    for one in fields(Config):
        if one.name != "experts":
            assert one.metadata["help"]
            assert not one.metadata["option"] or one.name in readme
    assert sum(one.metadata.get("option", False) for one in fields(Config)) == 8
