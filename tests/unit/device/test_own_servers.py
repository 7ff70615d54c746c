"""The servers of this user that run: files that only a living process holds."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from edge_router.device.own_servers import RunningServer, registered, running_servers

URL = "http://127.0.0.1:11435/v1"


def test_a_server_is_known_while_it_runs(tmp_path: Path) -> None:
    """By a file that only its owner may read, and that is gone with it."""
    assert running_servers(tmp_path) == []
    with registered(tmp_path, URL, None):
        (server,) = running_servers(tmp_path)
        assert (server.url, server.key_place) == (URL, "")
        (file,) = (tmp_path / "servers").iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert running_servers(tmp_path) == []
    assert not file.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")
def test_what_a_killed_server_left_is_no_server(tmp_path: Path) -> None:
    """Whoever has its port by now must be sent no key; the file is removed."""
    left = tmp_path / "servers" / "1.json"
    left.parent.mkdir()
    left.write_text(json.dumps({"process": 1, "url": URL, "key_place": "$KEY"}))
    assert running_servers(tmp_path) == []
    assert not left.exists()


def test_a_damaged_file_is_left_out(tmp_path: Path) -> None:
    """Also one that a running server holds."""
    with registered(tmp_path, URL, "$KEY"):
        assert running_servers(tmp_path)[0].key_place == "$KEY"
        (file,) = (tmp_path / "servers").iterdir()
        file.write_text("{")
        assert running_servers(tmp_path) == []


def test_a_folder_that_cannot_be_written_keeps_no_server_from_running(tmp_path: Path) -> None:
    """It is merely not listed."""
    (tmp_path / "servers").write_text("a file")
    with registered(tmp_path, URL, None):
        assert running_servers(tmp_path) == []
    assert RunningServer(1, URL, "").url == URL


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """It may never begin."""
    (tmp_path / "servers").mkdir()
    os.mkfifo(tmp_path / "servers" / "1.json")
    assert running_servers(tmp_path) == []
