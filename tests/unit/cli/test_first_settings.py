"""The first settings file: what it says is read back, whatever a name holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.cli.first_settings import BUNDLED, Choice, settings_text
from edge_router.device.surroundings import CLOUDS, Cloud, LocalModel
from edge_router.settings.config import Config
from edge_router.settings.constraints import Placement
from edge_router.settings.experts.aliases import OLLAMA_URL

UNKNOWN = Cloud("ZED_API_KEY")


def read(choice: Choice, folder: Path) -> Config:
    """The settings of the file."""
    (folder / "config.toml").write_text(settings_text(choice), encoding="utf-8")
    return Config.load(folder / "config.toml")


@pytest.mark.parametrize("may_leave", [False, True])
def test_a_cloud_is_asked_only_where_it_was_allowed(may_leave: bool, tmp_path: Path) -> None:
    """Else it stands there, and nothing leaves."""
    choice = Choice(BUNDLED, CLOUDS[0], may_leave, [CLOUDS[1], UNKNOWN])
    config = read(choice, tmp_path)
    assert list(config.experts) == ["local", "cloud"]
    allowed = Placement.PREFER_ON_DEVICE if may_leave else Placement.ONLY_ON_DEVICE
    assert config.placement == allowed
    assert config.experts["cloud"].api_key_env == "OPENAI_API_KEY"


def test_what_is_only_noted_can_be_switched_on(tmp_path: Path) -> None:
    """By taking the marks of a comment away."""
    text = settings_text(Choice(BUNDLED, None, False, [CLOUDS[1], UNKNOWN]))
    assert list(read(Choice(BUNDLED, None, False, [CLOUDS[1]]), tmp_path).experts) == ["local"]
    on = "\n".join(line.removeprefix("# ") for line in text.splitlines() if "_usd" not in line)
    (tmp_path / "on.toml").write_text(on.split("\n", 1)[1].replace("Guessed", "# Guessed"))
    config = Config.load(tmp_path / "on.toml")
    assert list(config.experts) == ["local", "anthropic", "zed"]
    assert config.experts["zed"].base_url == "https://HOST/v1"


def test_ollama_is_called_by_its_name(tmp_path: Path) -> None:
    """On its own port; it means an OpenAI-compatible server."""
    ollama = LocalModel("Ollama, port 11434", "llama3.2:3b", OLLAMA_URL, "3b")
    choice = Choice(ollama, None, may_leave=False)
    assert 'backend = "ollama"' in settings_text(choice)
    expert = read(choice, tmp_path).experts["local"]
    assert (expert.backend, expert.base_url, expert.on_device) == ("openai", OLLAMA_URL, True)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_any_name_of_a_model_survives(name: str) -> None:
    """Also with quotes and backslashes: none begins a line or a table of its own."""
    import tomllib

    model = LocalModel("x", name, "http://127.0.0.1:1234/v1", "3b")
    table = tomllib.loads(settings_text(Choice(model, None, may_leave=False)))
    assert table["experts"] == {"local": table["experts"]["local"]}
    assert table["experts"]["local"]["model"] == name
