"""The environment's proxy for a URL, by the rules that curl, Go and requests share."""

from __future__ import annotations

import fnmatch
import ipaddress
import re
import urllib.request

import httpcore
import httpx

from edge_router.guards.loopback import is_loopback

__all__ = ["login_of", "proxy_for"]

_PORTS = {"http": 80, "https": 443}
_NETWORK = re.compile(
    r"\[?(?P<start>[\da-f.:]+)\]?/(?P<mask>\d{1,3}|\d+(?:\.\d+){3})\]?(?::(?P<port>\d{1,5}))?"
)
_START_OF_ADDRESS = re.compile(r"(?:\d{1,3}\.){1,3}")


def proxy_for(url: httpx.URL) -> str | None:
    """The environment's proxy for `url`, if any, as a URL. Loopback never has one."""
    if is_loopback(url.host):
        return None
    stated = urllib.request.getproxies_environment()  # lower case wins over upper case
    if any(stated.get(scheme) for scheme in ("http", "https", "all")):
        proxy = stated.get(url.scheme) or stated.get("all")
        straight = _is_exempt(url, stated.get("no", ""))
    else:  # the settings of macOS and Windows, which Python reads itself
        proxy = urllib.request.getproxies().get(url.scheme)
        straight = proxy is None or bool(
            urllib.request.proxy_bypass(url.netloc.decode("ascii"))
            or _is_exempt(url, stated.get("no", ""))
        )
    if not proxy or straight:
        return None
    return proxy if "://" in proxy else f"http://{proxy.lstrip('/')}"


def login_of(address: str) -> httpcore.Proxy:
    """Where the proxy at `address` is and how to log in.

    Raises httpx.UnsupportedProtocol, and never shows the address: it may hold a password.
    """
    try:
        url = httpx.URL(address.strip())
    except (httpx.InvalidURL, ValueError):
        raise httpx.UnsupportedProtocol(_told("is not a URL")) from None
    if url.scheme != "http":
        kind = url.scheme if re.fullmatch("[a-z0-9+]{1,12}", url.scheme) else "unknown"
        raise httpx.UnsupportedProtocol(_told(f"is a {kind}:// proxy; only http:// is supported"))
    if not url.host or not 0 < (80 if url.port is None else url.port) < 65536:
        raise httpx.UnsupportedProtocol(_told("has no host, or a port that cannot be"))
    return httpcore.Proxy(
        httpcore.URL(scheme=b"http", host=url.raw_host, port=url.port, target=b"/"),
        auth=(url.username.encode(), url.password.encode()) if url.username else None,
    )


def _told(what: str) -> str:
    return (
        f"the proxy in the environment {what} "
        "(set HTTP_PROXY or HTTPS_PROXY to http://HOST:PORT, or NO_PROXY for this host)"
    )


def _is_exempt(url: httpx.URL, no_proxy: str) -> bool:
    """Whether one of the entries of NO_PROXY names the host of `url`."""
    names = {url.host.lower(), url.raw_host.decode("ascii").lower()}  # the second as IDNA writes it
    port = url.port or _PORTS.get(url.scheme, 0)
    entries = re.split(r"[,;|\s]+", no_proxy.lower())
    return any(
        _names(entry.strip("'\""), name.removesuffix("."), port)
        for entry in entries
        for name in names
    )


def _names(entry: str, host: str, port: int) -> bool:
    """Whether `entry` means `host`: a range of addresses, or as `_names_host` reads it."""
    entry = re.sub(r"^[a-z]+://", "", entry)
    if network := _NETWORK.fullmatch(entry):
        of_port = network["port"] is None or int(network["port"]) == port
        return of_port and _holds(network["start"], network["mask"], host)
    return _names_host(entry.partition("/")[0], host, port)


def _names_host(entry: str, host: str, port: int) -> bool:
    """Whether `entry` means `host`: a name with all below it, an address or its start, a pattern,
    or "<local>" for every name without a dot."""
    if entry == "<local>":
        return "." not in host and ":" not in host
    if _START_OF_ADDRESS.fullmatch(entry):
        return _address(host) is not None and host.startswith(entry)
    entry, wanted = _without_port(entry)
    if not entry or wanted not in (None, port):
        return False
    if same := _address(entry):
        return same == _address(host)
    if "*" in entry.removeprefix("*."):
        return fnmatch.fnmatchcase(host, entry)
    name = entry.removeprefix("*").removeprefix(".").removesuffix(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _holds(start: str, mask: str, host: str) -> bool:
    """Whether the network holds `host`; "10/8" means 10.0.0.0/8."""
    address = _address(host)
    if re.fullmatch(r"[\d.]+", start):
        start = ".".join([*start.strip(".").split("."), "0", "0", "0"][:4])
    try:
        return address is not None and address in ipaddress.ip_network(
            f"{start}/{mask}", strict=False
        )
    except ValueError:  # no network
        return False


def _without_port(entry: str) -> tuple[str, int | None]:
    """The host of "host:8080" or "[::1]:8080", and the port where there is one."""
    parts = re.fullmatch(r"\[(?P<v6>[^\]]*)\](:(?P<p6>\d+))?|(?P<host>[^:]*):(?P<port>\d+)", entry)
    if parts is None:
        return entry, None
    port = parts["p6"] or parts["port"]
    host = parts["host"] if parts["v6"] is None else parts["v6"]
    return host, None if port is None else int(port[:6])


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
