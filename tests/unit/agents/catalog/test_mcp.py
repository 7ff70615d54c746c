"""Which MCP server is meant, and those that are refused before anything is sent or started."""

from __future__ import annotations

from typing import Any

import pytest

from edge_router.agents.catalog.mcp import listed_tools
from edge_router.errors import ConfigError, InvalidAgent
from edge_router.settings.config import Config


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http://127.0.0.1:0/mcp",
        "https://x:99999/mcp",
        "http://[::1/mcp",
        "http://a\tb/",
        "http://exa mple/mcp",
        "http://exa%20mple/mcp",
        "http://127.0.0.1:9/mcp --verbose",
    ],
)
def test_what_is_no_url_is_a_typed_error(url: str) -> None:
    """No server is asked."""
    with pytest.raises(InvalidAgent, match="the URL of the MCP server is none"):
        listed_tools(url, Config())


@pytest.mark.parametrize("url", ["http:/127.0.0.1:9/", "http:127.0.0.1", "https:me:hush@h"])
def test_a_url_without_its_slashes_is_told_so(url: str) -> None:
    """It is no file."""
    with pytest.raises(InvalidAgent, match=r"lacks // behind https?:$"):
        listed_tools(url, Config())


@pytest.mark.parametrize("url", [" {} \n", "'{}'", '"{}"', "' {}'"])
def test_blanks_and_quotes_around_a_url_are_passed_over(url: str) -> None:
    """As pasted."""
    with pytest.raises(ConfigError, match=r"server at http://192\.168\.1\.7/mcp may not be asked"):
        listed_tools(url.format("http://192.168.1.7/mcp"), Config(offline=True))


@pytest.mark.parametrize("url", ["http://me:hush@127.0.0.1/mcp", "http://127.0.0.1/mcp#hush"])
def test_a_password_in_a_url_is_refused_and_not_shown(url: str) -> None:
    """The message says where a key belongs."""
    with pytest.raises(InvalidAgent, match="--api-key-env") as caught:
        listed_tools(url, Config())
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://192.168.1.7/mcp", "https://mcp.example.com/mcp"])
@pytest.mark.parametrize(
    "settings", [{"offline": True}, {"placement": "only_on_device"}, {"placement": "only_on_lan"}]
)
def test_a_url_that_the_settings_forbid_is_not_asked(settings: dict[str, Any], url: str) -> None:
    """As an expert at this address would not be."""
    with pytest.raises(ConfigError, match=r"may not be asked .*; give the reply to its tools/list"):
        listed_tools(url, Config(**settings))


def test_a_private_address_is_told_to_count_as_cloud() -> None:
    """The place of an address on the network is not assumed."""
    with pytest.raises(ConfigError, match="an address that is not this device's counts as cloud"):
        listed_tools("http://192.168.1.7/mcp", Config(placement="only_on_lan"))
    with pytest.raises(ConfigError) as caught:
        listed_tools("http://192.168.1.7/mcp", Config(offline=True))
    assert "counts as" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "url", "words"),
    [
        ("MCP_KEY", "http://127.0.0.1:9/mcp", r"\$MCP_KEY is not set"),
        ("MCP_KEY", "http://mcp.example.com/mcp", "key of --api-key-env would travel unencr"),
        ("sk-live key", "http://127.0.0.1:9/mcp", "--api-key-env must be the name of an environ"),
        ("KEYxVery0Secret", "http://127.0.0.1:9/mcp", "variable named by --api-key-env is not"),
    ],
)
def test_a_key_that_cannot_be_sent_is_a_typed_error(name: str, url: str, words: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ConfigError, match=words):
        listed_tools(url, Config(), api_key_env=name)


@pytest.mark.parametrize(
    "url", ["wss://user:hunter2@h/mcp?token=abcdefgh12345", " 'FTP://hunter2/'"]
)
def test_a_url_of_another_scheme_is_refused_by_its_name(url: str) -> None:
    """It is no command, and nothing else of it is shown."""
    with pytest.raises(InvalidAgent, match=r"has the scheme '(wss|FTP)'; give one") as caught:
        listed_tools(url, Config())
    assert not any(hidden in str(caught.value) for hidden in ("hunter2", "abcdefgh"))


def test_a_key_is_for_a_url() -> None:
    """A command reads its own environment."""
    with pytest.raises(ConfigError, match="a key is for the URL"):
        listed_tools("no-such-program-anywhere", Config(), api_key_env="MCP_KEY")
