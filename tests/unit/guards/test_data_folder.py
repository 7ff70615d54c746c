"""The folder of what the device learned."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge_router.errors import ConfigError
from edge_router.guards import data_folder
from edge_router.guards.data_folder import (
    default_data_folder,
    require_writable,
    write_atomically,
    writing_to,
)
from edge_router.settings.config import Config


def test_the_folder_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XDG_DATA_HOME moves it, a setting wins over that, and asking for it makes nothing."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_data_folder() == tmp_path / "edge-router"
    assert Config().data_folder == tmp_path / "edge-router"
    assert Config(data_dir="~/x").data_folder == Path.home() / "x"
    assert not list(tmp_path.iterdir())
    monkeypatch.delenv("XDG_DATA_HOME")
    assert default_data_folder().name == "edge-router"


def test_what_a_disk_does_not_take_is_an_error_with_the_fix(tmp_path: Path) -> None:
    """A file where the folder should be, or no room."""
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigError, match=r"file' cannot be written \(.+\); .* set data_dir"),
        writing_to(tmp_path / "file"),
    ):
        write_atomically(tmp_path / "file" / "x.json", "")
    with pytest.raises(ConfigError, match="No space left on device"), writing_to(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_place_for_results_is_tried_before_the_work(tmp_path: Path) -> None:
    """Its folders are made, nothing else stays behind, and a file that is there stays as it is."""
    require_writable(tmp_path / "new" / "rows.json")
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").write_text("mine")
    require_writable(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"
    for place in (tmp_path, tmp_path / "file" / "rows.json", Path("a\0b")):
        with pytest.raises(ConfigError, match=r"--plots .* cannot be written: .+; name another"):
            require_writable(place, what="--plots")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """A failure leaves what was there, and nothing beside it."""
    path = tmp_path / "new" / "x.json"
    write_atomically(path, "ä")
    assert path.read_text(encoding="utf-8") == "ä"
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "half \ud800")
    assert path.read_text(encoding="utf-8") == "ä"
    assert [file.name for file in path.parent.iterdir()] == ["x.json"]


def test_two_writers_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    """Threads of one process too."""
    path = tmp_path / "x.json"
    texts = [str(number) * 10_000 for number in range(8)]

    def write(text: str) -> None:
        for _ in range(20):
            write_atomically(path, text)
            assert path.read_text(encoding="utf-8") in texts

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, texts))
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]


def test_what_a_killed_writer_left_behind_goes_with_time(tmp_path: Path) -> None:
    """Not what another one may be writing now, nor what is of other files."""
    names = ("x.json.12.new", "x.json.34.new", "y.json.12.new")
    for name in names:
        (tmp_path / name).touch()
    os.utime(tmp_path / names[0], (0, 0))
    os.utime(tmp_path / names[2], (0, 0))
    write_atomically(tmp_path / "x.json", "{}")
    assert {file.name for file in tmp_path.iterdir()} == {"x.json", *names[1:]}


@pytest.mark.parametrize(
    ("platform", "name", "place"),
    [
        ("linux", "posix", "home/.local/share/edge-router"),
        ("darwin", "posix", "home/Library/Application Support/edge-router"),
        ("win32", "nt", "local/edge-router"),
    ],
)
def test_each_system_has_its_own_place(
    platform: str, name: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the home folder, or by the variable that Windows sets; $XDG_DATA_HOME goes before."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    monkeypatch.setenv("XDG_DATA_HOME", "")
    monkeypatch.setattr(data_folder.sys, "platform", platform)
    monkeypatch.setattr(data_folder, "os", SimpleNamespace(name=name, environ=os.environ))
    assert default_data_folder() == tmp_path / place
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert default_data_folder() == tmp_path / "data" / "edge-router"
