"""Where a server listens: what is no address and no port."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from edge_router.errors import ConfigError
from edge_router.server.run import ServerOptions, _kept_objects


@pytest.mark.parametrize("port", [-1, 65_536, True, "80", 80.0, None])
def test_what_is_no_port_is_refused(port: Any) -> None:
    """Truth is no port either, though Python counts it as 1."""
    with pytest.raises(ConfigError, match="must be a whole number from 0 to 65535"):
        ServerOptions(port=port)


def test_an_empty_host_is_refused() -> None:
    """It would mean every address, without anybody having said so."""
    with pytest.raises(ConfigError, match="host is empty"):
        ServerOptions(host="")


def test_what_is_loaded_at_the_start_is_collected_again_after_the_end() -> None:
    """While the server runs no collection walks it; a program that serves in a thread goes on."""
    before = gc.get_freeze_count()
    with _kept_objects():
        assert gc.get_freeze_count() > before + 1_000
    assert gc.get_freeze_count() <= before
