"""The tools of an MCP server: one that is started here by a command, or one at an address."""

from __future__ import annotations

import re
from typing import Any

from edge_router.errors import ConfigError, InvalidAgent
from edge_router.guards.redaction import quoted
from edge_router.settings.config import Config

from .mcp_session import LIMIT_S

__all__ = ["listed_tools"]

_WEB = re.compile(r"https?:", re.IGNORECASE)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)


def listed_tools(
    server: str, config: Config, *, api_key_env: str | None = None, limit_s: float = LIMIT_S
) -> dict[str, Any]:
    """The result of `tools/list`, all pages in one; `server` is a command, or a URL that begins
    with http:// or https://. Blanks around it, and quotes around a URL, are passed over.

    `api_key_env` is the variable that holds the key for a URL. Raises ConfigError for a URL that
    `config` forbids, and InvalidAgent for a server that fails, hangs or lies.
    """
    if (url := _url(server)) is not None:
        from .mcp_http import tools_at

        return tools_at(url, config, api_key_env=api_key_env, limit_s=limit_s)
    if api_key_env is not None:
        raise ConfigError("a key is for the URL of a server; a command has it in its environment")
    from .mcp_stdio import tools_of_command

    return tools_of_command(server.strip(), limit_s=limit_s)


def _url(server: str) -> str | None:
    """The URL that is meant, None for a command. Raises InvalidAgent for another scheme's."""
    bare = server.strip().strip("\"'").strip()
    if _WEB.match(bare):
        return bare
    if found := _SCHEME.match(bare):
        raise InvalidAgent(
            f"the URL of the MCP server has the scheme {quoted(found[1])}; give one that begins "
            "with http:// or https://, the command of a server that speaks over its standard "
            "streams, or the reply to tools/list as a FILE"
        )
    return None
