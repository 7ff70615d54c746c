"""Which proxy is used: HTTP_PROXY and NO_PROXY as curl, Go and company images write them."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from edge_router.backends.deadline import Deadline
from edge_router.backends.http.proxies import login_of, proxy_for
from edge_router.backends.http.transport import DeadlineTransport
from fault_server import FaultServer, Peer, answer

PROXY = "http://proxy.example:8080"
DEADLINE_S = 0.5
ENDED_BY_S = 4.0  # the proxy would stall for longer


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name == "REQUEST_METHOD":
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("no_proxy", "url", "straight"),
    [
        ("", "http://192.0.2.7/", False),
        ("192.0.2.7", "http://192.0.2.7/", True),
        ("192.0.2.0/24", "http://192.0.2.7:8080/", True),
        ("10.0.0.0/8, 192.168.0.0/16,*.lan", "http://192.168.7.7/", True),
        ("10.0.0.0/8,192.168.0.0/16", "http://192.0.2.7/", False),
        ("192.0.2.9/24", "http://192.0.2.7/", True),
        ("192.0.2.0/99", "http://192.0.2.7/", False),
        ("192.0.2.0/24", "http://nas.lan/", False),
        ("192.0.2.*", "http://192.0.2.7/", True),
        ("2001:db8::/32", "http://[2001:db8::7]/", True),
        ("[2001:db8::]/32", "http://[2001:db8::7]/", True),
        ("2001:DB8:0::7", "http://[2001:db8::7]/", True),
        ("[2001:db8::7]:8080", "http://[2001:db8::7]:8080/", True),
        ("[2001:db8::7]:8080", "http://[2001:db8::7]:81/", False),
        ("[2001:db8::7]", "http://[2001:db8::7]:81/", True),
        *(
            (entry, "http://nas.lan/", True)
            for entry in ("lan", ".lan", "*.lan", "LAN", "nas.lan.")
        ),
        *((entry, "http://NAS.lan./", True) for entry in ("lan", "*.LAN", "nas.lan")),
        ("lan", "http://lan/", True),
        ("lan", "http://wlan/", False),
        ("*.lan", "http://lan.example/", False),
        ("as.lan", "http://nas.lan/", False),
        ("nas.lan:8080", "http://nas.lan:8080/", True),
        ("nas.lan:8080", "http://nas.lan/", False),
        ("nas.lan:80", "http://nas.lan/", True),
        ("nas.lan:443", "https://nas.lan/", True),
        ("http://nas.lan", "http://nas.lan/", True),
        ("localhost nas.lan", "http://nas.lan/", True),
        ("localhost;  nas.lan ,", "http://nas.lan/", True),
        ("*", "https://far.example/", True),
        ("a, *", "https://far.example/", True),
        *(
            (entry, "http://far.example/", False)
            for entry in (",", ".", ":", "/", "[", "[]", ":x", "*.")
        ),
        ("192.0.", "http://192.0.2.7/", True),
        ("192.0.", "http://192.0.example/", False),
        ("10/8", "http://10.1.2.3/", True),
        ("10.0.0.0/8:8080", "http://10.1.2.3:8080/", True),
        ("10.0.0.0/8:8080", "http://10.1.2.3/", False),
        ("'*.lan'", "http://nas.lan/", True),
        ('"nas.lan", x', "http://nas.lan/", True),
        ("<local>", "http://nas/", True),
        ("<local>", "http://nas.lan/", False),
        ("http://nas.lan/", "http://nas.lan/", True),
        ("https://nas.lan:443/x", "https://nas.lan/", True),
        ("x|nas.lan", "http://nas.lan/", True),
        ("xn--bcher-kva.lan", "http://b\u00fccher.lan/", True),
        ("far.example:" + "9" * 5000, "http://far.example/", False),
    ],
)
def test_no_proxy_is_read_as_everybody_writes_it(
    no_proxy: str, url: str, *, straight: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ranges, suffixes, patterns, ports and addresses, in any spelling; rubbish exempts no host."""
    monkeypatch.setenv("ALL_PROXY", PROXY)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, no_proxy)
        assert proxy_for(httpx.URL(url)) == (None if straight else PROXY)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "127.9.9.9", "x.localhost", "[::ffff:127.0.0.1]"]
)
def test_loopback_never_has_a_proxy(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local server's prompts stay on this machine."""
    monkeypatch.setenv("HTTP_PROXY", PROXY)
    assert proxy_for(httpx.URL(f"http://{host}:8080/")) is None


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": PROXY}, PROXY),
        ({"https_proxy": "http://low:1", "HTTPS_PROXY": PROXY}, "http://low:1"),
        ({"HTTP_PROXY": PROXY}, None),
        ({"ALL_PROXY": PROXY, "HTTPS_PROXY": ""}, PROXY),
        ({"HTTPS_PROXY": "proxy.example:8080"}, PROXY),
        ({"HTTPS_PROXY": "//proxy.example:8080"}, PROXY),
    ],
)
def test_the_proxy_of_the_scheme_wins(
    variables: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lower case before upper case, the scheme's own before ALL_PROXY, with or without http://."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(httpx.URL("https://far.example/")) == expected


@pytest.mark.parametrize(
    "address",
    [
        *("http://", "http://[::1", "http://me:hunter2@h:x", "http://me:hunter2@h:99999", "://"),
        *(
            "http://me:hunter2@",
            "socks5://me:hunter2@h:1",
            "hunter2://h",
            "http://:8080",
            "http://h:0",
        ),
    ],
)
def test_a_proxy_that_cannot_be_used_is_refused_without_showing_it(address: str) -> None:
    """The message says what to set; the address may hold a password."""
    with pytest.raises(httpx.UnsupportedProtocol, match="HTTPS_PROXY") as caught:
        login_of(address)
    assert "hunter2@" not in str(caught.value)
    assert ":hunter2" not in str(caught.value)


def test_a_login_may_hold_any_character() -> None:
    """It is written as UTF-8, percent signs undone."""
    auth = login_of("http://m%C3%A9:p%40ss@h:8080").auth
    assert auth == ("m\u00e9".encode(), b"p@ss")


def _hello(peer: Peer) -> None:
    while peer.request():
        peer.send(answer("hello"))


@contextlib.contextmanager
def _client(**options: Any) -> Iterator[httpx.Client]:
    with httpx.Client(transport=DeadlineTransport(**options), timeout=60) as client:
        yield client


def test_http_goes_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy gets the whole URL and the login from its own URL."""
    seen: list[str] = []

    def proxy(peer: Peer) -> None:
        seen.append(peer.request())
        peer.send(answer("from the proxy"))

    with FaultServer(proxy) as server, _client() as client:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:p%40ss@127.0.0.1:{server.port}")
        assert client.get("http://far.example/v1").text == "from the proxy"
    assert seen[0].startswith("GET http://far.example/v1 HTTP/1.1\r\n")
    assert "proxy-authorization: basic bwu6cebzcw==" in seen[0].lower()


def test_https_tunnels_through_the_proxy_on_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy sees CONNECT only, and a proxy that stalls ends at the deadline."""
    seen: list[str] = []

    def proxy(peer: Peer) -> None:
        seen.append(peer.request())
        peer.pause()

    with FaultServer(proxy) as server, _client() as client:
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{server.port}")
        extensions = {"deadline": Deadline.after(DEADLINE_S)}
        start = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            client.get("https://far.example/v1", extensions=extensions)
        assert DEADLINE_S * 0.9 <= time.monotonic() - start < ENDED_BY_S
    assert seen[0].startswith("CONNECT far.example:443 HTTP/1.1\r\n")


def test_no_proxy_is_obeyed_and_loopback_is_never_proxied(monkeypatch: pytest.MonkeyPatch) -> None:
    """A local server stays local, with the key that is meant for it."""
    with FaultServer(_hello) as server:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", "near.example")

        def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
            assert host in ("near.example", "127.0.0.1")
            return [(2, 1, 6, "", ("127.0.0.1", server.port))]

        with _client(resolve=resolve) as client:
            assert client.get(server.url).text == "hello"
            assert client.get("http://near.example/").text == "hello"


@pytest.mark.parametrize("proxy", ["socks5://me:secret@10.0.0.1:1080", "https://me:secret@p:1"])
def test_other_proxies_are_refused_without_showing_the_password(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what is supported."""
    monkeypatch.setenv("ALL_PROXY", proxy)
    with _client() as client, pytest.raises(httpx.UnsupportedProtocol, match="http://") as caught:
        client.get("http://far.example/")
    assert "secret" not in str(caught.value)
