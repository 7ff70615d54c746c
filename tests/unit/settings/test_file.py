"""The settings file and the variables, as people and platforms write them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edge_router.errors import ConfigError
from edge_router.settings import file
from edge_router.settings.config import Config
from edge_router.settings.file import default_config_path, settings_file
from made_settings import load

CLUSTER = (
    "EDGE_ROUTER_SERVICE_HOST",
    "EDGE_ROUTER_SERVICE_PORT",
    "EDGE_ROUTER_SERVICE_PORT_HTTP",
    "EDGE_ROUTER_PORT",
    "EDGE_ROUTER_PORT_8080_TCP",
    "EDGE_ROUTER_PORT_8080_TCP_ADDR",
    "EDGE_ROUTER_WEB_SERVICE_HOST",
    "EDGE_ROUTER_WEB_PORT_53_UDP_PROTO",
    "EDGE_ROUTER_NAME",
    "EDGE_ROUTER_1_NAME",
    "EDGE_ROUTER_ENV_PATH",
)


@pytest.mark.parametrize("name", CLUSTER)
def test_a_platforms_variables_are_no_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes and Docker set them for a service that is called edge-router."""
    monkeypatch.setenv(name, "tcp://10.0.0.1:80")
    assert Config.load() == Config()


@pytest.mark.parametrize("name", ["PLACMENT", "MAX_COST", "SERVICE", "PORTS", "NAMES"])
def test_a_misspelt_variable_is_still_an_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a limit."""
    monkeypatch.setenv(f"EDGE_ROUTER_{name}", "1")
    message = f"unknown key '{name.lower()}' in the environment; 'EDGE_ROUTER_{name}' is set"
    with pytest.raises(ConfigError, match=message):
        Config.load()


@pytest.mark.parametrize(
    "name", ["VERSION", "LOG_LEVEL", "IMAGE", "IMAGE_TAG", "TAG", "HOST", "URL", "API_KEY", "ENV",
             "DEBUG"]
)  # fmt: skip
def test_what_describes_an_installation_is_ignored(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With a line in the log."""
    caplog.set_level("INFO")
    monkeypatch.setenv(f"EDGE_ROUTER_{name}", "1")
    assert Config.load() == Config()
    assert [one.getMessage() for one in caplog.records] == [
        f"the environment variable EDGE_ROUTER_{name} is no setting of edge-router; it is ignored"
    ]


@pytest.mark.parametrize("written", ["ONLY_ON_DEVICE", "only-on-device", "Only on device"])
def test_a_misspelt_placement_gets_the_right_spelling(
    written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a promise, so it is not guessed."""
    monkeypatch.setenv("EDGE_ROUTER_PLACEMENT", written)
    with pytest.raises(ConfigError, match="did you mean 'only_on_device'"):
        Config.load()


def test_a_variable_that_the_settings_name_is_theirs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An expert's key may be called EDGE_ROUTER_API_KEY."""
    monkeypatch.setenv("EDGE_ROUTER_API_KEY", "k")
    monkeypatch.setenv("EDGE_ROUTER_ORG", "o")
    (tmp_path / "c.toml").write_text(
        '[experts.c]\nbackend = "openai"\nmodel = "m"\nprofile = "8b"\nbase_url = "https://h/v1"\n'
        'api_key_env = "EDGE_ROUTER_API_KEY"\nextra_headers_env = {Org = "EDGE_ROUTER_ORG"}\n'
    )
    assert Config.load(tmp_path / "c.toml").experts["c"].api_key_env == "EDGE_ROUTER_API_KEY"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("yes", True), ("On", True), ("TRUE", True), (" 1 ", True), ("no", False), ("off", False),
     ("False", False), ("0", False), ("  ", False)],
)  # fmt: skip
def test_a_switch_as_people_write_it(
    value: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a variable and in the file."""
    monkeypatch.setenv("EDGE_ROUTER_OFFLINE", value)
    assert Config.load().offline is expected


@pytest.mark.parametrize(("value", "expected"), [(" 5 ", 5.0), ("1e-3", 0.001), (".5", 0.5)])
def test_a_number_as_people_write_it(
    value: str, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With blanks and exponents."""
    monkeypatch.setenv("EDGE_ROUTER_MAX_COST_USD", value)
    assert Config.load().max_cost_usd == expected


@pytest.mark.parametrize("value", ["0,01", "$0.01", "0.01 USD", "1.000,00"])
def test_a_number_with_a_comma_or_a_currency_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program does not guess which it is."""
    monkeypatch.setenv("EDGE_ROUTER_MAX_COST_USD", value)
    with pytest.raises(ConfigError, match=r"must be a number from 0 to inf, written like 0\.01"):
        Config.load()


@pytest.mark.parametrize(
    ("line", "fix"),
    [
        (r'data_dir = "C:\models\x"', r"single quotes, 'C:\\models\\x\.gguf', or with slashes"),
        (r'data_dir = "C:\Users\x"', "single quotes"),
        (r'data_dir = "C:\temp\new"', "holds a control character"),
        (r'artifact = "D:\router\big"', "holds a control character|single quotes"),
        ("offline = yes", "yes is no value in TOML, write true or false"),
        ("offline = True  # always", "True is no value in TOML"),
    ],
)
def test_the_error_says_what_was_meant(line: str, fix: str, tmp_path: Path) -> None:
    """A path of Windows, and words that other languages know."""
    (tmp_path / "c.toml").write_text(f"[router]\n{line}\n")
    with pytest.raises(ConfigError, match=fix):
        Config.load(tmp_path / "c.toml")


def test_a_path_of_windows_in_single_quotes_is_right(tmp_path: Path) -> None:
    """So is one with slashes."""
    (tmp_path / "c.toml").write_text("[router]\ndata_dir = 'C:\\temp\\new'\nartifact = \"C:/x\"\n")
    result = Config.load(tmp_path / "c.toml")
    assert (result.data_dir, result.artifact) == ("C:\\temp\\new", "C:/x")


@pytest.mark.parametrize("content", ["a = " + "[" * 100_000, "x" * 2_000_000, "a = " + "9" * 9_999])
def test_a_monstrous_file_is_an_error_of_ours(content: str, tmp_path: Path) -> None:
    """Deep, long, or a number of ten thousand digits."""
    (tmp_path / "c.toml").write_text(content)
    with pytest.raises(ConfigError):
        Config.load(tmp_path / "c.toml")


def test_the_users_own_file_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Under $XDG_CONFIG_HOME, or ~/.config where that is not set or empty."""
    default_config_path().parent.mkdir(parents=True)
    default_config_path().write_text("[router]\ndeadline_s = 7")
    assert Config.load().deadline_s == 7
    monkeypatch.setenv("XDG_CONFIG_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_config_path() == tmp_path / ".config" / "edge-router" / "config.toml"


def test_each_system_has_its_own_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On macOS too; a file in the place of before is still read, and that is said."""
    monkeypatch.setenv("XDG_CONFIG_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "darwin")
    folder = tmp_path / "Library" / "Application Support" / "edge-router"
    assert settings_file() == default_config_path() == folder / "config.toml"
    old = tmp_path / ".config" / "edge-router" / "config.toml"
    old.parent.mkdir(parents=True)
    old.write_text("[router]\ndeadline_s = 7")
    said: list[str] = []
    monkeypatch.setattr(file.log, "warning", lambda form, *values: said.append(form % values))
    file._warn_of_old_place.cache_clear()
    assert Config.load().deadline_s == 7
    (words,) = said
    assert words.startswith(f"settings are read from {old}; on this system their place is {folder}")
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("[router]\ndeadline_s = 8")
    assert Config.load().deadline_s == 8


def test_the_variable_goes_before_the_users_own_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """$EDGE_ROUTER_CONFIG names another file, and an argument names yet another."""
    default_config_path().parent.mkdir(parents=True)
    default_config_path().write_text("[router]\ndeadline_s = 7")
    (tmp_path / "other.toml").write_text("[router]\ndeadline_s = 8")
    monkeypatch.setenv("EDGE_ROUTER_CONFIG", str(tmp_path / "other.toml"))
    assert Config.load().deadline_s == 8
    assert load(tmp_path, "[router]\ndeadline_s = 9").deadline_s == 9


def test_an_empty_variable_names_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty means unset for EDGE_ROUTER_CONFIG as for all the others."""
    monkeypatch.setenv("EDGE_ROUTER_CONFIG", "")
    assert Config.load() == Config()


def test_a_file_that_is_named_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an argument or as a variable; the message has the path and the system's reason."""
    missing = str(tmp_path / "nowhere.toml")
    message = f"config file {missing!r} cannot be read: No such file"
    with pytest.raises(ConfigError, match=message):
        Config.load(missing)
    monkeypatch.setenv("EDGE_ROUTER_CONFIG", missing)
    with pytest.raises(ConfigError, match=message):
        Config.load()


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """What cannot be read is an error of ours."""
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        Config.load(tmp_path)


@pytest.mark.parametrize("content", [b"{}", b"[router", b"a = 1\na = 2", b"\xff\xfe[router]"])
def test_a_file_that_is_not_toml_is_an_error(content: bytes, tmp_path: Path) -> None:
    """Another format, half a line, a key twice and another encoding: the message has the path."""
    file = tmp_path / "config.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"config\.toml' is not TOML"):
        Config.load(file)
