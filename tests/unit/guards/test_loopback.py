"""Which host names are this machine itself."""

from __future__ import annotations

import pytest

from edge_router.guards.loopback import is_loopback


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
