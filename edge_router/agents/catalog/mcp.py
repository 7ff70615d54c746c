"""The tools of an MCP server: one that is started here by a command, or one at an address."""

from __future__ import annotations

from typing import Any

from edge_router.errors import ConfigError
from edge_router.settings.config import Config

from .mcp_session import LIMIT_S

__all__ = ["listed_tools"]


def listed_tools(
    server: str, config: Config, *, api_key_env: str | None = None, limit_s: float = LIMIT_S
) -> dict[str, Any]:
    """The result of `tools/list`, all pages in one; `server` is a command, or a URL that begins
    with http:// or https://.

    `api_key_env` is the variable that holds the key for a URL. Raises ConfigError for a URL that
    `config` forbids, and InvalidAgent for a server that fails, hangs or lies.
    """
    if server.lower().startswith(("http://", "https://")):
        from .mcp_http import tools_at

        return tools_at(server, config, api_key_env=api_key_env, limit_s=limit_s)
    if api_key_env is not None:
        raise ConfigError("a key is for the URL of a server; a command has it in its environment")
    from .mcp_stdio import tools_of_command

    return tools_of_command(server, limit_s=limit_s)
