"""What messages may show of keys, passwords and addresses."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.errors import ConfigError
from edge_router.guards.redaction import (
    looks_like_a_key,
    names_a_variable,
    redacted,
    redacted_command,
    redacted_url,
    without_secrets,
)
from edge_router.settings.config import Config
from edge_router.settings.expert_config import ExpertConfig

KEYS = (
    "sk-SECRETSECRET1234567890",
    "sk-proj-abcdefghijkl",
    "gsk_abc123def456",
    "hf_abcdefghijklmnop",
    "AKIAIOSFODNN7EXAMPLE",
    "AIzaSyA1234567890abcdefg",
    "0123456789abcdef0123456789abcdef",
    "123e4567-e89b-12d3-a456-426614174000",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
)
PLAIN = (
    "meta-llama/Llama-3.1-8B-Instruct-Q4_K_M",
    "claude-sonnet-4-5-20250929",
    "gpt-4o-mini-2024-07-18",
    "only_on_device",
    "/home/u/.cache/hub/snapshots/0123456789abcdef0123456789abcdef01234567/x.gguf",
    r"C:\models\SmolLM2-135M-Instruct.Q4_1.gguf",
    "risk-averse task-force-12",
)


@pytest.mark.parametrize("key", KEYS)
def test_a_pasted_key_is_not_shown(key: str) -> None:
    """Neither as a value, nor as a variable's name, nor inside of a table."""
    assert looks_like_a_key(key)
    assert not names_a_variable(key)
    for told in (redacted(key), redacted({"extra": [key]}), redacted(f"Bearer {key}")):
        assert key not in told


@pytest.mark.parametrize("value", PLAIN)
def test_what_is_no_secret_is_shown_as_it_is(value: str) -> None:
    """Names of models and files of any length."""
    assert redacted(value) == repr(value)
    assert without_secrets(value) == value


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "MY_KEY_2", "openai_key", "KEY_OF_FRANKFURT"])
def test_a_variable_has_its_name(name: str) -> None:
    """As people name them."""
    assert names_a_variable(name)


WORD = st.text(string.ascii_letters + string.digits + "-._~!$&'()*+,;=:/?#% ", min_size=4)


@given(user=WORD, password=WORD.filter(lambda word: "SECRET" not in word))
def test_no_password_of_an_address_is_shown(user: str, password: str) -> None:
    """Whatever characters are in it, also those that no URL may have there."""
    told = redacted_url(f"https://{user}:SECRET{password}@llm.example.com/v1")
    assert told == "https://***@llm.example.com/v1"


@given(query=WORD)
def test_no_query_of_an_address_is_shown(query: str) -> None:
    """Some put keys there."""
    told = redacted_url(f"https://llm.example.com/v1?key=SECRET{query}".replace("@", ""))
    assert told == "https://llm.example.com/v1?***"


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        (
            "Incorrect API key provided: sk-abcdefgh12. Look",
            "Incorrect API key provided: ***. Look",
        ),
        ("Authorization: Bearer abcdefgh12", "Authorization: *** ***"),
        ("password=hunter22 is wrong", "password=*** is wrong"),
        ("GET https://ann:pw@h/v1?k=v failed", "GET https://***@h/v1?*** failed"),
        ("max_tokens = 5000000 in [router]", "max_tokens = 5000000 in [router]"),
        ("api_key_env = 'OPENAI_KEY' in [x]", "api_key_env = 'OPENAI_KEY' in [x]"),
    ],
)
def test_a_message_loses_its_secrets_only(told: str, kept: str) -> None:
    """The rest of the sentence stays."""
    assert without_secrets(told) == kept


@pytest.mark.parametrize(
    "command",
    [
        "npx server --api-key=SECRET",
        "server --verbose --token 'SECRET SECRET' -p 5",
        'server --password "SECRET',
        "server --api-key --auth SECRET",
        "API_KEY=SECRET server",
        "npx remote https://ann:SECRET@host/?SECRET",
        "server/mcp?SECRET",
    ],
)
def test_a_command_is_shown_without_its_secrets(command: str) -> None:
    """However short they are: the option says what they are."""
    shown = redacted_command(command)
    assert "SECRET" not in shown
    assert "server" in shown or "npx remote https://***@host/" in shown
    assert redacted_command("server --max-retries 5 a/b") == "'server --max-retries 5 a/b'"


def test_settings_do_not_show_what_was_pasted_there() -> None:
    """Not in the repr of one expert, nor of all settings."""
    expert = ExpertConfig(
        "openai",
        "m",
        "8b",
        base_url="https://ann:SECRET@host/v1",
        api_key_env="MY_KEY",
        extra_body={"api_key": "SECRET", "user": "me"},
        extra_headers_env={"X-Org": "MY_ORG"},
    )
    for told in (repr(expert), repr(Config(experts={"c": expert}))):
        assert "SECRET" not in told
        assert "https://***@host/v1" in told
        assert "'user': 'me'" in told
        assert "'X-Org': 'MY_ORG'" in told


@pytest.mark.parametrize(
    "pasted", [{"api_key_env": "sk-SECRETSECRET1234567890"},
               {"extra_headers_env": {"X-Key": "sk-SECRETSECRET12"}}],
)  # fmt: skip
def test_a_key_pasted_for_a_variables_name_is_refused_unseen(pasted: dict[str, Any]) -> None:
    """Where the setting is made."""
    with pytest.raises(ConfigError, match="must be the name of an environment") as caught:
        ExpertConfig("openai", "m", "8b", base_url="https://host/v1", **pasted)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        'base_url = "ftp://ann:SECRET@host/v1"',
        'base_url = "ann:SECRET@host"',
        'base_url = "http://[::1?key=SECRET"',
        'base_url = "http://h/v1"\ncontext_tokens = "sk-SECRETSECRET12345"',
        'base_url = "http://h/v1"\nextra_body = "sk-SECRETSECRET12345"',
        'base_url = "http://h/v1"\nextra_headers_env = {Authorization = ["SECRETSECRET"]}',
    ],
)
def test_a_refused_setting_is_not_quoted_with_its_secret(line: str, tmp_path: Path) -> None:
    """The key of the setting is enough to find it."""
    file = tmp_path / "c.toml"
    file.write_text(f'[experts.c]\nbackend = "openai"\nmodel = "m"\nprofile = "8b"\n{line}\n')
    with pytest.raises(ConfigError) as caught:
        Config.load(file)
    assert "SECRET" not in str(caught.value)
