"""OpenAIBackend raises ConfigError for settings that cannot work or would expose the key."""

from __future__ import annotations

import contextlib

import pytest

from edge_router.backends.openai.backend import OpenAIBackend
from edge_router.errors import ConfigError

KEY = "sk-Very.Secret+Key/42="


@pytest.mark.parametrize(
    "base_url", ["", "localhost:8080/v1", "ftp://h/v1", "http://", "file:///etc", "http://h:x/v1"]
)
def test_a_base_url_that_is_not_http_is_a_config_error(base_url: str) -> None:
    """The error shows what a base URL looks like."""
    with pytest.raises(ConfigError, match="base_url"):
        OpenAIBackend("tiny", base_url=base_url)


@pytest.mark.parametrize(
    "base_url",
    ["https://me:hunter2@h/v1", "https://h/v1?key=hunter2", "http://me:hunter2@h:hunter2/v1"],
)
def test_a_base_url_with_a_secret_is_a_config_error(base_url: str) -> None:
    """Secrets have one place, and the error does not show this one."""
    with pytest.raises(ConfigError) as caught:
        OpenAIBackend("tiny", base_url=base_url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("host", ["example.com", "192.168.1.5:8080", "0.0.0.0", "localhost.a.com"])
def test_a_key_over_plain_http_is_a_config_error(host: str) -> None:
    """A key is never sent where others can read it; the error says why."""
    with pytest.raises(ConfigError, match="unencrypted"):
        OpenAIBackend("tiny", base_url=f"http://{host}/v1", api_key_env="TINY_KEY")


@pytest.mark.parametrize(
    ("base_url", "api_key_env"),
    [
        ("https://example.com/v1", "TINY_KEY"),
        ("http://localhost:8080/v1/", "TINY_KEY"),
        ("http://127.0.0.1/v1", "TINY_KEY"),
        ("http://[::1]:1/v1", "TINY_KEY"),
        ("http://192.168.1.5:8080/v1", None),
    ],
)
def test_good_settings_are_taken(base_url: str, api_key_env: str | None) -> None:
    """Encrypted, local or without a key."""
    with contextlib.closing(
        OpenAIBackend("tiny", base_url=base_url, api_key_env=api_key_env)
    ) as backend:
        assert backend.base_url == base_url.rstrip("/")


def test_a_key_in_place_of_its_variable_is_a_config_error() -> None:
    """The most likely mistake is named, and the key is not repeated."""
    with pytest.raises(ConfigError, match="not the key itself") as caught:
        OpenAIBackend("tiny", base_url="https://h/v1", api_key_env=KEY)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_times_that_are_not_positive_are_config_errors(seconds: float) -> None:
    """The error names the setting."""
    with pytest.raises(ConfigError, match="connect_timeout_s"):
        OpenAIBackend("tiny", base_url="https://h/v1", connect_timeout_s=seconds)
    with pytest.raises(ConfigError, match="first_token_timeout_s"):
        OpenAIBackend("tiny", base_url="https://h/v1", first_token_timeout_s=seconds)
