"""Where a server is and what lets us in: its address, the key, and headers from the environment."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping

import httpx

from edge_router.errors import BackendRejected, ConfigError
from edge_router.guards.loopback import is_loopback
from edge_router.guards.redaction import looks_like_a_key, names_a_variable, redacted_url

__all__ = ["Access", "endpoint", "positive", "variable"]

_OURS = frozenset(
    """
    accept accept-encoding authorization connection content-encoding content-length content-type
    cookie expect host keep-alive proxy-authorization proxy-connection te trailer transfer-encoding
    upgrade user-agent
    """.split()
)
_SHORTEST_SECRET = 4  # a header may say "1", and no message could do without that


class Access:
    """The key of `api_key_env` and the headers of `headers_env` (name to variable), both read from
    the environment at each call and kept nowhere.

    Raises ConfigError for a setting that cannot work or would expose a secret.
    """

    def __init__(
        self, api_key_env: str | None, headers_env: Mapping[str, str], *, url: httpx.URL
    ) -> None:
        self.api_key_env = api_key_env
        self._headers_env = dict(headers_env)
        if api_key_env is not None:
            _require_variable_name("api_key_env", api_key_env)
            _require_private_channel("the key of api_key_env", url)
        for header, name in self._headers_env.items():
            _require_header(header)
            _require_variable_name("extra_headers_env", name)
            _require_private_channel(f"the header {header} of extra_headers_env", url)

    def headers(self, *, stream: bool, who: str) -> dict[str, str]:
        """All headers of a question. Raises BackendRejected for a variable that is missing."""
        headers = {
            "User-Agent": "edge-router",
            "Content-Type": "application/json",
            "Accept": "text/event-stream" if stream else "application/json",
            "Accept-Encoding": "identity",  # compression holds back the tokens of a stream
        }
        if self.api_key_env is not None:
            headers["Authorization"] = f"Bearer {_key(self.api_key_env, who=who)}"
        for header, name in self._headers_env.items():
            headers[header] = _header_value(header, name, who=who)
        return headers

    def secrets(self) -> tuple[str, ...]:
        """What no message may show."""
        key = _read(self.api_key_env) if self.api_key_env else ""
        values = (_read(name) for name in self._headers_env.values())
        return tuple(filter(None, [key, *(v for v in values if len(v) >= _SHORTEST_SECRET)]))


def endpoint(base_url: str) -> httpx.URL:
    """Where questions go. Raises ConfigError."""
    if not isinstance(base_url, str):
        raise ConfigError(f"base_url must be a text, not {type(base_url).__name__}")
    try:
        url = httpx.URL(base_url)
        host = url.host
        named = _is_host(url.raw_host.decode("ascii")) and bool(host)
    except (httpx.InvalidURL, ValueError):
        # Not shown: the error quotes the part it cannot read, maybe a password.
        raise ConfigError("base_url is not a URL; check its host and port") from None
    if url.userinfo or url.query or url.fragment or re.search("[?#]", base_url):
        # Not shown: this is where people put keys.
        raise ConfigError(
            "base_url must not hold a user, a password, a query or a fragment; give the key "
            "with api_key_env"
        )
    if url.scheme not in ("http", "https") or not host:
        shown = f"base_url is {base_url!r}; it" if _is_harmless(base_url) else "base_url"
        raise ConfigError(
            f"{shown} must look like https://api.openai.com/v1 or http://localhost:8080/v1"
        )
    if not named:
        # Not shown: a password may have ended up there.
        raise ConfigError("base_url names a host that cannot be: its labels are 1 to 63 letters")
    if url.port is not None and not 0 < url.port < 65536:
        raise ConfigError(f"base_url has port {url.port}; a port is a number from 1 to 65535")
    return url.copy_with(path=url.path.rstrip("/") + "/chat/completions")


def positive(name: str, seconds: float | None, *, unset: float = math.inf) -> float:
    """`seconds`, or `unset` where there are none. Raises ConfigError."""
    if seconds is None:
        return unset
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not (number and seconds > 0):
        raise ConfigError(f"{name} is {seconds!r}; it must be more than 0 seconds")
    return seconds


def variable(name: str, setting: str = "api_key_env") -> str:
    """How a message names the variable `name`: not at all when the key was pasted there."""
    plain = names_a_variable(name) and len(name) <= 40
    return f"${name}" if plain else f"the variable named by {setting}"


def _is_host(name: str) -> bool:
    """Whether it is an address, or a name that DNS can hold."""
    labels = name.removesuffix(".").split(".")
    return ":" in name or (
        len(name) <= 253 and all(re.fullmatch(r"[A-Za-z0-9_-]{1,63}", label) for label in labels)
    )


def _is_harmless(base_url: str) -> bool:
    return redacted_url(base_url) == base_url and not looks_like_a_key(base_url)


def _require_variable_name(setting: str, name: str) -> None:
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        # Not shown: it may be the key.
        raise ConfigError(
            f"{setting} must be the name of an environment variable such as OPENAI_API_KEY, "
            "not the key itself"
        )


def _require_header(header: str) -> None:
    if not isinstance(header, str) or not re.fullmatch(r"[A-Za-z0-9-]{1,64}", header):
        raise ConfigError(
            "extra_headers_env must map names of headers, such as X-Org, to variables"
        )
    if header.lower() in _OURS:
        raise ConfigError(
            f"extra_headers_env must not hold {header}; each request sets it itself"
            + ("; the key belongs into api_key_env" if header.lower() == "authorization" else "")
        )


def _require_private_channel(what: str, url: httpx.URL) -> None:
    if url.scheme == "http" and not is_loopback(url.host):
        raise ConfigError(
            f"{what} would travel unencrypted to {url.host}, readable by everyone on the way; "
            "use https://, or leave it out"
        )


def _read(name: str) -> str:
    return os.environ.get(name, "").strip()


def _key(name: str, *, who: str) -> str:
    key = _read(name)
    if not key:
        raise BackendRejected(f"{who}: {variable(name)} is not set, or blank")
    if not re.fullmatch(r"[!-~]+", key):  # else h11 would put the whole key into its error
        raise BackendRejected(
            f"{who}: the key in {variable(name)} holds a blank or a character outside ASCII; "
            "copy it again"
        )
    return key


def _header_value(header: str, name: str, *, who: str) -> str:
    value, told = _read(name), variable(name, "extra_headers_env")
    if not value:
        raise BackendRejected(f"{who}: {told}, for the header {header}, is not set, or blank")
    if not re.fullmatch(r"[ -~]+", value):
        raise BackendRejected(
            f"{who}: {told}, for the header {header}, holds a character that no header may hold"
        )
    return value
