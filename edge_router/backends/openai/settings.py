"""Checks of the settings of an OpenAI-compatible server: its address, its headers, its dialect.

All raise ConfigError, and none shows what may be a secret.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import httpx

from edge_router.errors import ConfigError
from edge_router.guards.loopback import is_loopback
from edge_router.guards.redaction import looks_like_a_key, names_a_secret, redacted_url

__all__ = [
    "BOUNDS",
    "checked_extra",
    "checked_temperature",
    "endpoint",
    "is_host",
    "positive",
    "require_access",
    "secrets_in",
]

BOUNDS = ("max_tokens", "max_completion_tokens")
"""The names by which servers know the limit of an answer's length."""

OUR_FIELDS = ("model", "messages", "stream", "n", *BOUNDS)
SHORTEST_SECRET = 4  # a header may say "1", and no message could do without that
_OUR_HEADERS = frozenset(
    """
    accept accept-encoding authorization connection content-encoding content-length content-type
    cookie expect host keep-alive proxy-authorization proxy-connection te trailer transfer-encoding
    upgrade user-agent
    """.split()
)


def endpoint(base_url: str) -> httpx.URL:
    """The address that requests go to."""
    if not isinstance(base_url, str):
        raise ConfigError(f"base_url must be a text, not {type(base_url).__name__}")
    try:
        url = httpx.URL(base_url)
        host = url.host
        named = is_host(url.raw_host.decode("ascii")) and bool(host)
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
    """`seconds`, or `unset` where there are none."""
    if seconds is None:
        return unset
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not (number and seconds > 0):
        raise ConfigError(f"{name} is {seconds!r}; it must be more than 0 seconds")
    return seconds


def require_access(
    api_key_env: str | None, headers_env: Mapping[str, str], url: httpx.URL, *, key_setting: str
) -> None:
    """Names of variables, for headers that no request sets itself, over a private channel."""
    if api_key_env is not None:
        _require_variable_name(key_setting, api_key_env)
        _require_private_channel(f"the key of {key_setting}", url)
    for header, name in headers_env.items():
        _require_header(header)
        _require_variable_name("extra_headers_env", name)
        _require_private_channel(f"the header {header} of extra_headers_env", url)


def checked_temperature(
    temperature: float | Literal["omit"] | None,
) -> float | Literal["omit"] | None:
    """A number from 0, "omit", or None."""
    if temperature is None or temperature == "omit":
        return temperature
    fits = isinstance(temperature, int | float) and not isinstance(temperature, bool)
    if not (fits and 0 <= temperature < float("inf")):
        raise ConfigError(f"temperature = {temperature!r} must be 'omit', or a number from 0")
    return temperature


def checked_extra(extra: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `extra_body`. Values are not shown: they may be secret."""
    if not isinstance(extra, Mapping):
        raise ConfigError("extra_body must be a table")
    for name in OUR_FIELDS:
        if name in extra:
            raise ConfigError(
                f"extra_body must not hold {name!r}; "
                + ("one answer is read" if name == "n" else "each request states it")
                + (", see max_tokens_field" if name in BOUNDS else "")
            )
    try:
        copy = json.loads(json.dumps(dict(extra), allow_nan=False))
        json.dumps(copy, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError):
        raise ConfigError(
            f"extra_body holds something that JSON cannot write (in {', '.join(map(str, extra))})"
        ) from None
    return dict(copy)


def secrets_in(value: Any, hidden: bool = False) -> Iterator[str]:
    """The texts in a JSON value that stand under names such as "api_key"."""
    if isinstance(value, str) and hidden and len(value) >= SHORTEST_SECRET:
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from secrets_in(part, hidden or names_a_secret(name))
    elif isinstance(value, list):
        for part in value:
            yield from secrets_in(part, hidden)


def is_host(name: str) -> bool:
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
    if header.lower() in _OUR_HEADERS:
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
