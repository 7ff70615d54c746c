"""The server's key: from a variable, or made in the data folder."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge_router.errors import ConfigError
from edge_router.server.api_key import (
    KEY_FILE,
    key_from_variable,
    key_in_folder,
    keys_from_variables,
)


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    """The second call reads what the first one made."""
    folder = tmp_path / "new"
    key = key_in_folder(folder)
    assert len(key) >= 40
    assert key_in_folder(folder) == key
    assert (folder / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_a_key_is_there_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill in the middle leaves no empty file in its place; without links it is renamed."""

    def killed(_: int) -> None:
        assert not (tmp_path / KEY_FILE).exists()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            key_in_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []

    def no_links(_: Path, __: Path) -> None:
        raise PermissionError("this file system has no links")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    assert len(key_in_folder(tmp_path)) >= 40
    assert [one.name for one in tmp_path.iterdir()] == [KEY_FILE]


def test_many_servers_that_begin_at_once_have_one_key(tmp_path: Path) -> None:
    """The one that was there first."""
    with ThreadPoolExecutor(8) as pool:
        keys = {*pool.map(lambda _: key_in_folder(tmp_path), range(32))}
    assert len(keys) == 1
    assert [one.name for one in tmp_path.iterdir()] == [KEY_FILE]


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """With the command that mends it."""
    key_in_folder(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        key_in_folder(tmp_path)


@pytest.mark.parametrize("content", ["", "short", "a key with blanks in it", "ä" * 20, "x" * 600])
def test_a_file_without_a_usable_key_is_refused(tmp_path: Path, content: str) -> None:
    """The message does not show it."""
    path = tmp_path / KEY_FILE
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="no usable key") as caught:
        key_in_folder(tmp_path)
    assert not content or content not in str(caught.value)


def test_a_link_and_a_folder_are_no_key(tmp_path: Path) -> None:
    """A link could lead to anything."""
    (tmp_path / "other").write_text("x" * 40)
    (tmp_path / KEY_FILE).symlink_to(tmp_path / "other")
    with pytest.raises(ConfigError):
        key_in_folder(tmp_path)
    (tmp_path / KEY_FILE).unlink()
    os.mkfifo(tmp_path / KEY_FILE, 0o600)
    with pytest.raises(ConfigError, match="not a regular file"):
        key_in_folder(tmp_path)


def test_a_folder_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    """It names the folder."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        key_in_folder(tmp_path / "file")


def test_a_key_from_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset, too short, or a key in place of a name: each is refused with the fix."""
    monkeypatch.setenv("MY_KEY", " a-key-of-sixteen-or-more\n")
    assert key_from_variable("MY_KEY") == "a-key-of-sixteen-or-more"
    monkeypatch.setenv("MY_KEY", "short")
    with pytest.raises(ConfigError, match="no usable key"):
        key_from_variable("MY_KEY")
    with pytest.raises(ConfigError, match="is not set"):
        key_from_variable("NO_SUCH_VARIABLE")
    with pytest.raises(ConfigError, match="name of an environment variable") as caught:
        key_from_variable("sk-1234567890abcdef")
    assert "1234567890" not in str(caught.value)


def test_each_key_has_a_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stated name, or that of the variable; one caller may have two keys."""
    for name in ("OLD_KEY", "NEW_KEY", "BOB_KEY"):
        monkeypatch.setenv(name, f"{name}-of-sixteen-or-more")
    keys = keys_from_variables(["alice=OLD_KEY", "alice=NEW_KEY", "BOB_KEY"])
    assert [one.caller for one in keys] == ["alice", "alice", "BOB_KEY"]
    assert "sixteen" not in repr(keys)


@pytest.mark.parametrize(
    ("stated", "words"),
    [(["=A_KEY"], "no caller before"), (["alice="], "name of an environment variable"),
     ([f"{'x' * 201}=A_KEY"], "200 characters"), (["alice=A_KEY", "bob=A_KEY"], "the same key")],
)  # fmt: skip
def test_a_caller_that_cannot_be_told_is_refused(
    monkeypatch: pytest.MonkeyPatch, stated: list[str], words: str
) -> None:
    """No name, a name that is too long, or one key of two callers."""
    monkeypatch.setenv("A_KEY", "a-key-of-sixteen-or-more")
    with pytest.raises(ConfigError, match=words):
        keys_from_variables(stated)
