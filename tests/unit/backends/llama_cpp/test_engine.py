"""Which engine runs a GGUF file."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import get_args

import pytest

from edge_router.backends.llama_cpp.engine import ENGINES, EngineName, engine_for
from edge_router.errors import BackendUnavailable, ConfigError, MissingExtra
from edge_router.settings.expert_config import EngineKind, ExpertConfig


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The modules that seem to be installed."""
    modules = {"jinja2"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name in modules else None)
    return modules


def test_the_first_installed_one_is_used(installed: set[str]) -> None:
    """llama-cpp-python before xllamacpp, a stated one in any case."""
    installed.add("xllamacpp")
    assert engine_for(None).name == "xllamacpp"
    installed.add("llama_cpp")
    assert engine_for(None).name == "llama_cpp_python"
    assert engine_for("xllamacpp").name == "xllamacpp"


def test_a_missing_one_says_how_to_get_it(installed: set[str]) -> None:
    """The quick one, where any will do."""
    with pytest.raises(MissingExtra, match=r"edge-router\[quick\]"):
        engine_for(None)
    with pytest.raises(MissingExtra, match=r"llama-cpp-python is not.*edge-router\[local\]"):
        engine_for("llama_cpp_python")
    installed |= {"xllamacpp"}
    installed -= {"jinja2"}  # pip install xllamacpp alone
    with pytest.raises(MissingExtra, match=r"edge-router\[quick\]"):
        engine_for("xllamacpp")


def test_one_that_this_machine_cannot_load_says_what_it_lacks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is installed, so installing it again would mend nothing."""
    lacks = "libgomp.so.1: cannot open shared object file: No such file or directory"
    (tmp_path / "xllamacpp.py").write_text(f"raise ImportError({lacks!r})")
    odd = "Failed to load '/x/libllama.so': libvulkan.so.1: cannot open shared object file"
    (tmp_path / "llama_cpp.py").write_text(f"raise RuntimeError({odd!r})")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    for module in ("xllamacpp", "llama_cpp"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(BackendUnavailable, match=r"cannot be imported: .*apt install libgomp1"):
        ENGINES["xllamacpp"].imported()
    with pytest.raises(BackendUnavailable, match=r"apt install the package with libvulkan\.so\.1"):
        ENGINES["llama_cpp_python"].imported()


@pytest.mark.parametrize("stated", ["ollama", "", ["xllamacpp"], True])
def test_another_name_is_refused(stated: object) -> None:
    """By whoever asks for it, not only by the settings."""
    with pytest.raises(ConfigError, match="must be one of llama_cpp_python, xllamacpp"):
        engine_for(stated)  # type: ignore[arg-type]


def test_the_settings_know_every_engine() -> None:
    """And refuse one for an expert that is no model file."""
    assert get_args(EngineKind) == get_args(EngineName) == tuple(ENGINES)
    with pytest.raises(ConfigError, match=r"engine in .* is for backend = 'llama_cpp'"):
        ExpertConfig("openai", "m", "8b", base_url="http://127.0.0.1:1/v1", engine="xllamacpp")
    with pytest.raises(ConfigError, match="engine = 'ollama'"):
        ExpertConfig("llama_cpp", "m", "8b", engine="ollama")  # type: ignore[arg-type]
