"""Where an expert runs: on this device, on a machine of the user's own network, or in the cloud.

What each setting allows, by place. "Device elsewhere" is an expert with `location = "device"` whose
address is another host's.

| setting                            | device | device elsewhere | lan   | cloud |
|------------------------------------|--------|------------------|-------|-------|
| placement = "only_on_device"       | yes    | no               | no    | no    |
| placement = "only_on_lan"          | yes    | yes              | yes   | no    |
| placement = "prefer_on_device"     | yes    | yes              | yes   | yes   |
| placement = "prefer_in_cloud"      | second | second           | second| first |
| placement = "only_in_cloud"        | no     | no               | no    | yes   |
| offline = true                     | yes    | no               | no    | no    |
| privacy, lan = "never", a finding  | yes    | no               | no    | yes   |
| privacy, cloud = "never", a finding| yes    | no               | yes   | no    |
| least expense under a price        | 0      | 0.1              | 0.1   | 0.1   |
| dollars where none are stated      | 0      | 0                | 0     | unknown |

Without a `location` a loopback address is this device and any other address is the cloud, a private
one too: a company's gateway at 10.0.0.1 may hand every text on, and who answers to a name on a
network is for its name server to say. `lan` is what the user states, and never assumed; `doctor`
says so where an address looks like one.
"""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import urlsplit

from edge_router.errors import ConfigError
from edge_router.guards.loopback import is_loopback
from edge_router.guards.redaction import redacted_url

__all__ = ["Location", "location_of", "needs_network", "require_url"]


class Location(StrEnum):
    """Where an expert runs; nothing leaves the machine for one on the device."""

    DEVICE = "device"
    LAN = "lan"
    CLOUD = "cloud"


def needs_network(base_url: str | None) -> bool:
    """Whether a request to this address, None for a model in this process, leaves the machine."""
    return base_url is not None and not is_loopback(urlsplit(base_url).hostname or "")


def location_of(stated: str | None, base_url: str | None) -> Location:
    """The place that the settings state, else the one that the address proves."""
    if stated is not None:
        return Location(stated)
    return Location.CLOUD if needs_network(base_url) else Location.DEVICE


def require_url(base_url: str | None, where: str) -> None:
    """Raise ConfigError for an address of a server that is missing or none."""
    example = "for example http://127.0.0.1:8080/v1"
    if base_url is None:
        raise ConfigError(f"{where} lacks base_url, {example}")
    try:
        parts = urlsplit(base_url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a broken address or port
        fine = False
    if not fine:
        raise ConfigError(
            f"base_url = {redacted_url(base_url)!r} in {where} is not an address, {example}"
        )
