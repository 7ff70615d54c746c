"""Which host names are this machine itself."""

from __future__ import annotations

import pytest

from edge_router.guards.loopback import is_loopback, looks_private


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *((host, True) for host in ("localhost", "LOCALHOST", "127.0.0.1", "127.8.8.8", "::1")),
        *((host, True) for host in ("localhost.", "a.localhost", "::ffff:127.0.0.1", "0:0::1")),
        *(
            (host, False)
            for host in ("localhost..", "alocalhost", "::ffff:10.0.0.1", "127.1", "::")
        ),
        *((host, False) for host in ("0.0.0.0", "10.0.0.1", "localhost.evil.example")),
        *((host, False) for host in ("127.0.0.1.evil.example", "")),
    ],
)
def test_only_this_machine_is_loopback(host: str, *, expected: bool) -> None:
    """Names that merely look local are not."""
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *((host, True) for host in ("10.0.0.1", "172.16.3.4", "192.168.1.2", "169.254.0.9")),
        *((host, True) for host in ("fd00::1", "fe80::1", "::ffff:10.0.0.1")),
        *((host, True) for host in ("box.local", "nas.lan.", "a.home.arpa", "db.internal", "box")),
        *((host, False) for host in ("127.0.0.1", "localhost", "::1", "8.8.8.8", "172.32.0.1")),
        *((host, False) for host in ("lan.example", "local.evil.com", "0.0.0.0", "", "2600::1")),
    ],
)
def test_which_hosts_look_private(host: str, *, expected: bool) -> None:
    """A hint for people; nothing is trusted by it."""
    assert looks_private(host) is expected
