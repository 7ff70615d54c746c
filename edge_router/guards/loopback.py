"""Whether a host name or an address is this machine's own (loopback), or looks private."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

__all__ = ["is_loopback", "looks_private"]

HOME_NAMES = (".local", ".lan", ".home", ".internal", ".home.arpa")  # RFC 6762, RFC 8375, habits


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address, without a port) is this very machine.

    Names under "localhost" are, by RFC 6761, section 6.3; no name server is used.
    """
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or (mapped is not None and mapped.is_loopback)


def looks_private(host: str) -> bool:
    """Whether `host` looks like a machine of a private network: by its address (RFC 1918, RFC 4193,
    link-local), by its ending, or as a name without a dot.

    That is a hint and no proof: a name may resolve to any address, and a private address may be a
    gateway to elsewhere. This machine itself is none.
    """
    if is_loopback(host):
        return False
    name = host.lower().removesuffix(".")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return bool(name) and ("." not in name or name.endswith(HOME_NAMES))
    address = getattr(address, "ipv4_mapped", None) or address
    return (address.is_private or address.is_link_local) and not address.is_unspecified
