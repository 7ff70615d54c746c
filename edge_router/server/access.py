"""Who may ask: the key, the Host header (against DNS rebinding) and the origins of web pages.

A page of any site can make a browser send requests to a server on loopback. It is kept out three
times: by its Host where its own name was pointed at 127.0.0.1, by its Origin, and by the JSON
content type, which a browser sends to another origin only after a preflight that is refused.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from edge_router.errors import ConfigError
from edge_router.guards.loopback import is_loopback
from edge_router.guards.redaction import quoted

from .api_key import SERVE, ApiKey
from .wire.errors import Refused

__all__ = ["Access", "Headers", "checked_hosts", "checked_origins"]

Headers = Sequence[tuple[str, str]]
"""Header fields as they came, their names in small letters."""

OPEN = ("/", "/healthz", "/readyz")  # without a key: they tell nothing but whether it is there
METHODS = "GET, POST, OPTIONS"
WANTED = "authorization, content-type"
PREFLIGHT_S = "600"
EXPOSED = ", ".join(
    [
        *(
            f"x-edge-router-{n}"
            for n in (
                "expert",
                "reason",
                "quality",
                "cost-usd",
                "decision-id",
                "cached",
                "reasoning-effort",
            )
        ),
        "retry-after",
        "x-should-retry",
    ]
)


def checked_origins(origins: Iterable[str], *, has_key: bool) -> tuple[str, ...]:
    """Origins of web pages that may ask. Raises ConfigError for what is no origin, and for "*"
    without a key, by which any page could spend the user's money."""
    result = tuple(origins)
    for origin in result:
        if origin == "*":
            if not has_key:
                raise ConfigError(
                    "--cors-origin '*' lets every web page ask; list origins, or require a key "
                    "with --api-key-env"
                )
            continue
        parts = urlsplit(origin)
        if not parts.scheme or not parts.netloc or origin != f"{parts.scheme}://{parts.netloc}":
            raise ConfigError(
                f"--cors-origin {quoted(origin)} is no origin; write it like "
                "https://chat.example.com or http://localhost:3000"
            )
    return result


def checked_hosts(hosts: Iterable[str]) -> frozenset[str]:
    """Names that a Host header may have. Raises ConfigError for what is none: it never fits."""
    result = set()
    for stated in hosts:
        name = stated.lower() if isinstance(stated, str) else ""
        if name.split() != [name] or name not in (host_name(name), host_name(f"[{name}]")):
            raise ConfigError(
                f"--allow-host {quoted(stated)} is no name of a host; write it like "
                "box.local or 192.168.1.5, without http:// and without a port"
            )
        result.add(name)
    return frozenset(result)


@dataclass(frozen=True, slots=True)
class Access:
    """What a request needs to be let in.

    `keys` are those of which it must bring one; without any, none is asked for. `hosts` are the
    names that its Host may have besides this machine's own (`any_host`: any name). `origins` are
    those of web pages that may ask; "*" stands for all.
    """

    keys: tuple[ApiKey, ...] = ()
    hosts: frozenset[str] = frozenset()
    any_host: bool = False
    origins: tuple[str, ...] = ()

    def check(self, method: str, path: str, headers: Headers) -> str:
        """Who asks, as the caller of a budget. Raises Refused for a request that is not let in."""
        self._check_host(_all(headers, "host"))
        self._check_origin(_all(headers, "origin"))
        if not self.keys or path in OPEN or method == "OPTIONS":
            return SERVE
        return self._caller(_all(headers, "authorization"))

    def _check_host(self, stated: list[str]) -> None:
        name = host_name(stated[0]) if len(stated) == 1 else ""
        if name and (self.any_host or is_loopback(name) or name in self.hosts):
            return
        shown = quoted(name) if name else "missing or there twice"
        words = f"Host is {shown}; name this server's own with --allow-host"
        raise Refused(403, words, code="host_not_allowed", kind="permission_error")

    def _check_origin(self, stated: list[str]) -> None:
        if not stated or self._lists(stated):
            return
        words = f"the web page {quoted(stated[0])} may not ask; list it with --cors-origin"
        raise Refused(403, words, code="origin_not_allowed", kind="permission_error")

    def _lists(self, origins: list[str]) -> bool:
        """Whether there is one origin, and it is listed."""
        return len(origins) == 1 and ("*" in self.origins or origins[0] in self.origins)

    def _caller(self, stated: list[str]) -> str:
        scheme, _, given = stated[0].partition(" ") if len(stated) == 1 else ("", "", "")
        if scheme.lower() == "bearer":  # all are compared, whichever fits
            fitting = [one.caller for one in self.keys if _equal(given.strip(), one.secret)]
            if fitting:
                return fitting[0]
        words = "a key is needed: in the header Authorization, behind the word Bearer and a blank"
        raise Refused(
            401, "the key is wrong" if stated else words, code="invalid_api_key",
            kind="authentication_error", headers={"www-authenticate": "Bearer"},
        )  # fmt: skip

    def cors(self, headers: Headers) -> Mapping[str, str]:
        """The headers that let a page of a listed origin read the reply, also a refusal; no cookie
        is ever used, so credentials are never allowed."""
        stated = _all(headers, "origin")
        if not self._lists(stated):
            return {}
        allowed = "*" if "*" in self.origins else stated[0]
        return {
            "access-control-allow-origin": allowed,
            "access-control-expose-headers": EXPOSED,
            "vary": "Origin",
        }

    def preflight(self, headers: Headers) -> Mapping[str, str] | None:
        """The headers of the reply to a preflight; None for what is none."""
        asked = _all(headers, "access-control-request-method")
        if not asked or not _all(headers, "origin"):
            return None
        wanted = _all(headers, "access-control-request-headers")
        near = _all(headers, "access-control-request-private-network")
        private = {"access-control-allow-private-network": "true"} if near else {}
        names = (name.strip().lower() for name in ",".join(wanted).split(","))
        sdk = sorted({name for name in names if name.startswith("x-stainless-")})
        return {
            **self.cors(headers),
            "access-control-allow-methods": METHODS,
            "access-control-allow-headers": ", ".join([WANTED, *sdk]),
            "access-control-max-age": PREFLIGHT_S,
            **private,
        }


def host_name(stated: str) -> str:
    """The name or address in a Host header, without its port; "" for what is none."""
    try:
        parts = urlsplit(f"//{stated}")
        _ = parts.port  # raises for what is no number
    except ValueError:
        return ""
    if parts.netloc != stated or "@" in stated:
        return ""
    return (parts.hostname or "").lower()


def _all(headers: Headers, name: str) -> list[str]:
    return [value for one, value in headers if one == name]


def _equal(given: str, key: str) -> bool:
    """Compares in a time that tells nothing of the key, not even its length."""
    digests = (hashlib.sha256(one.encode(errors="replace")).digest() for one in (given, key))
    return hmac.compare_digest(*digests)
