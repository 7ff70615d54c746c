"""Whether a host name or an address is this machine's own (loopback)."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

__all__ = ["is_loopback"]


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
