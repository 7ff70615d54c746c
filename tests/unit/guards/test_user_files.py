"""Paths and files as users give them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_router.backends.llama_cpp.model_files import find_model
from edge_router.errors import ArtifactNotFound, ConfigError
from edge_router.guards.data_folder import default_data_folder, write_atomically, writing_to
from edge_router.guards.user_files import (
    NO_HOME,
    content_of,
    home_folder,
    text_of_bytes,
    user_path,
    xdg_folder,
)
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.router import Router
from edge_router.settings.config import Config

NOBODY = "~nobody-at-all/x"


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process whose home folder is unknown."""
    monkeypatch.setenv("HOME", "")
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_folder_the_router_routes() -> None:
    """No settings of the user's own, nothing learned."""
    assert home_folder() is None
    config = Config.load()
    assert config == Config()
    assert config.data_folder.is_relative_to(NO_HOME)
    assert Router.from_config(config).route("What is rain?").expert == "local"


@pytest.mark.usefixtures("homeless")
def test_without_a_home_folder_what_cannot_be_kept_says_so() -> None:
    """And nothing is made anywhere."""
    folder = default_data_folder()
    with (
        pytest.raises(ConfigError, match="set HOME, XDG_DATA_HOME or data_dir"),
        writing_to(folder),
    ):
        write_atomically(folder / "x.json", "{}")


@pytest.mark.usefixtures("homeless")
def test_a_path_below_an_unknown_home_is_refused() -> None:
    """With the fix."""
    for path in ("~", "~/x"):
        with pytest.raises(ConfigError, match=f"model '{path}' .*set HOME or give a path without"):
            user_path(path, what="model")
    with pytest.raises(ConfigError):
        _ = Config(data_dir="~/x").data_folder


def test_a_home_of_nobody_is_refused_everywhere() -> None:
    """As a setting, a model, an artifact and a file of settings."""
    for asked in (
        lambda: Config(data_dir=NOBODY).data_folder,
        lambda: find_model(NOBODY),
        lambda: Config.load(NOBODY),
    ):
        with pytest.raises(ConfigError, match="home folder of 'nobody-at-all' is not known"):
            asked()
    with pytest.raises(ArtifactNotFound, match="nobody-at-all"):
        RouterArtifact.load(NOBODY)


def test_a_tilde_is_the_home_folder_unless_a_file_is_called_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is there literally is meant literally."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert user_path("~/x") == tmp_path / "home" / "x"
    Path("~odd").touch()
    assert user_path("~odd") == Path("~odd")


@pytest.mark.parametrize("value", ["", "here", "~nobody-at-all/x"])
def test_a_folder_of_xdg_that_is_not_absolute_is_ignored(
    value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As the specification wants."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", value)
    assert xdg_folder("XDG_DATA_HOME", Path("d")) == tmp_path / "d"
    monkeypatch.setenv("XDG_DATA_HOME", "~/mine")
    assert xdg_folder("XDG_DATA_HOME", Path("d")) == tmp_path / "mine"


def test_only_files_are_read_and_only_so_far(tmp_path: Path) -> None:
    """A device and a pipe would never end; /dev/null is an empty file."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "long").write_bytes(b"12345")
    for path in (Path("/dev/zero"), tmp_path / "pipe"):
        with pytest.raises(OSError, match="not a regular file"):
            content_of(path, limit=4)
    with pytest.raises(OSError, match="longer than 4 bytes"):
        content_of(tmp_path / "long", limit=4)
    assert content_of(tmp_path / "long", limit=5) == b"12345"
    assert content_of(Path(os.devnull), limit=4) == b""
    with pytest.raises(ConfigError, match="it is not a regular file"):
        Config.load(tmp_path / "pipe")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_encoding_is_named(encoding: str, tmp_path: Path) -> None:
    """With its mark or without; UTF-8's own mark is no part of the text."""
    content = "[router]\noffline = true\n".encode(encoding)
    with pytest.raises(ValueError, match=r"it is UTF-(16|32).*; save it as UTF-8"):
        text_of_bytes(content)
    (tmp_path / "c.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"is not TOML: it is UTF-"):
        Config.load(tmp_path / "c.toml")
    assert text_of_bytes("é".encode("utf-8-sig")) == "é"
    (tmp_path / "c.toml").write_bytes(b"\xef\xbb\xbf[router]\r\noffline = true\r\n")
    assert Config.load(tmp_path / "c.toml").offline


def test_text_of_no_encoding_says_where(tmp_path: Path) -> None:
    """The byte."""
    with pytest.raises(ValueError, match="byte 3 is not UTF-8"):
        text_of_bytes(b"caf\xe9")
