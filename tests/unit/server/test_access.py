"""Who may ask: keys, Host headers and origins of web pages."""

from __future__ import annotations

import pytest

from edge_router.errors import ConfigError
from edge_router.server.access import Access, Headers, checked_hosts, checked_origins
from edge_router.server.api_key import ApiKey
from edge_router.server.wire.errors import Refused

HERE = ("host", "127.0.0.1:11435")
KEY = "a-key-of-sixteen-or-more"
LOCKED = (ApiKey(KEY),)


def status_of(access: Access, *headers: tuple[str, str], path: str = "/v1/models") -> int:
    """200 for a request that is let in, else the status of the refusal."""
    try:
        access.check("POST", path, headers)
    except Refused as refused:
        return refused.status
    return 200


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:1", "localhost:80", "LOCALHOST.", "[::1]:9", "me.localhost"]
)
def test_names_of_this_machine_are_let_in(host: str) -> None:
    """With any port, as browsers and clients write them."""
    assert status_of(Access(), ("host", host)) == 200


@pytest.mark.parametrize(
    "host",
    ["evil.com", "127.0.0.1.evil.com", "evil.com:11435", "localhost@evil.com", "user@localhost",
     "", "localhost/x", "local host", "[::1", "127.0.0.1:port", "0.0.0.0", "localhost#x"],
)  # fmt: skip
def test_other_names_are_refused(host: str) -> None:
    """A page whose own name was pointed at 127.0.0.1 gets nothing."""
    assert status_of(Access(), ("host", host)) == 403


def test_a_host_must_be_there_once() -> None:
    """Two of them mean two things to two readers."""
    assert status_of(Access()) == 403
    assert status_of(Access(), HERE, HERE) == 403


def test_further_hosts_may_be_named() -> None:
    """And at another address without names, with a key, any is taken."""
    assert status_of(Access(hosts=frozenset({"pi.lan"})), ("host", "PI.lan:11435")) == 200
    assert status_of(Access(hosts=frozenset({"pi.lan"})), ("host", "pi.lan.evil.com")) == 403
    assert status_of(Access(any_host=True), ("host", "pi.lan")) == 200
    assert status_of(Access(any_host=True), ("host", "")) == 403


@pytest.mark.parametrize(
    ("stated", "status"),
    [(f"Bearer {KEY}", 200), (f"bearer  {KEY} ", 200), (f"Bearer {KEY}x", 401), ("Bearer", 401),
     (f"Basic {KEY}", 401), (KEY, 401), ("Bearer é", 401), ("", 401)],
)  # fmt: skip
def test_a_key_is_compared(stated: str, status: int) -> None:
    """As OpenAI's clients send it, and not in any other way."""
    assert status_of(Access(LOCKED), HERE, ("authorization", stated)) == status


def test_a_key_says_who_asks() -> None:
    """Without a key all are one caller."""
    access = Access((ApiKey(KEY, "alice"), ApiKey(f"{KEY}-2", "bob")))
    for secret, caller in ((KEY, "alice"), (f"{KEY}-2", "bob")):
        assert access.check("POST", "/v1", [HERE, ("authorization", f"Bearer {secret}")]) == caller
    assert Access().check("POST", "/v1", [HERE]) == "serve"


def test_a_key_is_asked_for_once_and_not_for_health() -> None:
    """Two keys are none; what tells nothing needs none."""
    right = ("authorization", f"Bearer {KEY}")
    assert status_of(Access(LOCKED), HERE) == 401
    assert status_of(Access(LOCKED), HERE, right, right) == 401
    for path, status in (("/healthz", 200), ("/readyz", 200), ("/", 200), ("/metrics", 401)):
        assert status_of(Access(LOCKED), HERE, path=path) == status
    assert status_of(Access(), HERE, right) == 200, "clients always send one"


def test_a_page_is_let_in_if_its_origin_is_listed() -> None:
    """Whatever browsers send as the origin of others."""
    access = Access(origins=("http://localhost:3000",))
    assert status_of(access, HERE, ("origin", "http://localhost:3000")) == 200
    for origin in ("http://localhost:3001", "null", "https://localhost:3000", "file://", ""):
        assert status_of(access, HERE, ("origin", origin)) == 403
    assert status_of(Access(), HERE, ("origin", "http://127.0.0.1:11435")) == 403


def test_cors_headers_are_for_listed_origins_alone_and_never_allow_credentials() -> None:
    """Also with "*", which needs a key."""
    asked: Headers = [HERE, ("origin", "https://a.example")]
    assert Access().cors(asked) == {}
    assert Access(origins=("https://a.example",)).cors([HERE]) == {}
    assert Access(origins=("https://b.example",)).cors(asked) == {}
    for origins, allowed in ((("https://a.example",), "https://a.example"), (("*",), "*")):
        headers = Access(LOCKED, origins=origins).cors(asked)
        assert headers["access-control-allow-origin"] == allowed
        assert "access-control-allow-credentials" not in headers
        assert "x-edge-router-expert" in headers["access-control-expose-headers"]


def test_a_preflight_names_what_is_allowed() -> None:
    """Also the SDK's own headers; anything else is no preflight."""
    access = Access(origins=("https://a.example",))
    asked = [HERE, ("origin", "https://a.example"), ("access-control-request-method", "POST")]
    wanted = ("access-control-request-headers", "x-stainless-os, X-Evil")
    allowed = access.preflight([*asked, wanted])
    assert allowed is not None
    assert allowed["access-control-allow-headers"] == "authorization, content-type, x-stainless-os"
    assert access.preflight(asked[:2]) is None
    assert access.preflight([HERE]) is None


@pytest.mark.parametrize(
    "origin", ["a.example", "http://a/", "http://a/b", "ftp", "", "http://a?b"]
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    """At the start, with the form that is meant."""
    with pytest.raises(ConfigError, match="is no origin"):
        checked_origins([origin], has_key=True)


def test_every_origin_needs_a_key() -> None:
    """Else every page could spend the user's money."""
    assert checked_origins(["*", "http://localhost:1"], has_key=True) == ("*", "http://localhost:1")
    with pytest.raises(ConfigError, match="lets every web page ask"):
        checked_origins(["*"], has_key=False)


@pytest.mark.parametrize("host", ["http://x", "x:8080", "", "a b", "x/y", "me@x", "[::1]", 7])
def test_what_is_no_name_of_a_host_is_refused(host: object) -> None:
    """It could never be that of a request."""
    with pytest.raises(ConfigError, match=r"--allow-host .* is no name of a host"):
        checked_hosts([host])  # type: ignore[list-item]


def test_names_and_addresses_are_hosts() -> None:
    """In small letters, as they are compared."""
    assert checked_hosts(["Box.local", "192.168.1.5", "fd00::1"]) == {
        "box.local", "192.168.1.5", "fd00::1",
    }  # fmt: skip
