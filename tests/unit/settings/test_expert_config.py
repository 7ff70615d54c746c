"""A table of the settings becomes one expert: its types, its limits, its place and its price."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_router.errors import ConfigError
from edge_router.settings.expert_config import ExpertConfig
from made_settings import SERVER, expert, load


def test_only_this_device_is_paid_by_the_hour(tmp_path: Path) -> None:
    """A cloud expert has a price by the token."""
    table = 'backend = "llama_cpp"\nmodel = "m"\nprofile = "1b"\nusd_per_hour = 0.02'
    assert expert(tmp_path, table).usd_per_hour == 0.02
    with pytest.raises(ConfigError, match=r"usd_per_hour = 0.02 in \[experts.* on this device"):
        expert(
            tmp_path,
            'backend = "openai"\nmodel = "m"\nprofile = "8b"\nusd_per_hour = 0.02\n'
            'base_url = "https://x.org/v1"',
        )


def test_only_a_cloud_expert_is_asked_again(tmp_path: Path) -> None:
    """What fails on this device fails for good."""
    far = 'backend = "openai"\nmodel = "m"\nprofile = "8b"\nbase_url = "https://x.org/v1"\n'
    assert expert(tmp_path, f"{far}retries = 5").retries == 5
    with pytest.raises(ConfigError, match=r"retries = 5 in \[experts.* is for cloud experts"):
        expert(tmp_path, 'backend = "llama_cpp"\nmodel = "m"\nprofile = "1b"\nretries = 5')


def test_speeds_that_are_stated_are_known_by_name(tmp_path: Path) -> None:
    """So that nothing that was measured replaces them."""
    table = 'backend = "llama_cpp"\nmodel = "m"\nprofile = "1b"\nstart_s = 0'
    assert expert(tmp_path, table).stated_speed == {"start_s": 0.0}


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
    result = expert(tmp_path, table)
    assert result == ExpertConfig(
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
    assert isinstance(result.context_tokens, int)


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
        (
            f"{SERVER}\nown_process = true",
            "own_process in [experts.it] is for backend = 'llama_cpp",
        ),
        (
            'backend = "llama_cpp"\nmodel = "a"\nprofile = "1b"\nown_process = "yes please"',
            "own_process = 'yes please' in [experts.it] must be",
        ),
        (f'{SERVER}\nlocation = "moon"', "location = 'moon' in [experts.it] must be one of device"),
        (f"{SERVER}\ncontext_tokens = 0", "context_tokens = 0 in [experts.it] must be a number fr"),
        (f"{SERVER}\ncontext_tokens = true", "context_tokens = True in [experts.it] must be a num"),
        (f"{SERVER}\noutput_tokens_per_s = 0", "output_tokens_per_s = 0 in [experts.it] must be "),
        (
            f"{SERVER}\nstart_s = -1",
            "start_s = -1 in [experts.it] must be a number from 0",
        ),
        (f"{SERVER}\napi_key_env = 3", "api_key_env = 3 in [experts.it] must be a text"),
        (f"{SERVER}\ninput_usd_per_million = 2", "needs both input_usd_per_million and output_usd"),
        (f"{SERVER}\noutput_usd_per_million = 0", "needs both input_usd_per_million and output_us"),
    ],
)
def test_a_wrong_expert_is_an_error(table: str, message: str, tmp_path: Path) -> None:
    """The message names the table, the key and what would be right."""
    with pytest.raises(ConfigError) as caught:
        expert(tmp_path, table)
    assert message in str(caught.value)


def test_an_expert_must_be_a_table(tmp_path: Path) -> None:
    """A text is not one."""
    with pytest.raises(ConfigError, match=r"\[experts.it\] must be a table"):
        load(tmp_path, '[experts]\nit = "gpt"')


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
    assert expert(tmp_path, table).on_device is on_device


def test_prices_of_zero_are_prices(tmp_path: Path) -> None:
    """Free is not unknown."""
    table = f"{SERVER}\ninput_usd_per_million = 0\noutput_usd_per_million = 0"
    result = expert(tmp_path, table)
    assert (result.input_usd_per_million, result.output_usd_per_million) == (0.0, 0.0)


@pytest.mark.parametrize("number", ["inf", "1" * 400])
def test_a_number_out_of_all_bounds_is_an_error_of_ours(number: str, tmp_path: Path) -> None:
    """TOML knows infinity and integers of any length."""
    with pytest.raises(ConfigError):
        expert(tmp_path, f"{SERVER}\ncontext_tokens = {number}")


def test_half_a_token_is_an_error(tmp_path: Path) -> None:
    """A whole number is wanted; 1.5 threads are not silently one."""
    with pytest.raises(ConfigError):
        expert(tmp_path, f"{SERVER}\nn_threads = 1.5")


def test_a_malformed_url_is_an_error_of_ours(tmp_path: Path) -> None:
    """A bracket that is not closed is refused while loading."""
    table = 'backend = "openai"\nmodel = "m"\nprofile = "8b"\nbase_url = "http://[::1/v1"'
    with pytest.raises(ConfigError):
        expert(tmp_path, table)
