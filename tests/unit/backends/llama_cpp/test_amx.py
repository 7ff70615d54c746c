"""llama.cpp's AMX kernels are off where the CPU has AMX, and only while a model loads."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edge_router.backends.llama_cpp.llama_cpp_python.library import without_amx
from edge_router.backends.llama_cpp.model_files import has_amx


def bindings() -> Any:
    """What llama_cpp looks like from here."""
    defaults = lambda: SimpleNamespace(use_extra_bufts=True)  # noqa: E731
    return SimpleNamespace(llama_cpp=SimpleNamespace(llama_model_default_params=defaults))


def load_something_broken(llama_cpp: Any) -> None:
    """Looks at the defaults, then fails."""
    with without_amx(llama_cpp, needed=True):
        assert not llama_cpp.llama_cpp.llama_model_default_params().use_extra_bufts
        raise ValueError("broken")


def test_models_load_without_amx_where_it_is_needed() -> None:
    """The defaults are as before afterwards, also when loading failed."""
    llama_cpp = bindings()
    before = llama_cpp.llama_cpp.llama_model_default_params
    with pytest.raises(ValueError, match="broken"):
        load_something_broken(llama_cpp)
    assert llama_cpp.llama_cpp.llama_model_default_params is before
    with without_amx(llama_cpp, needed=False):
        assert llama_cpp.llama_cpp.llama_model_default_params().use_extra_bufts


def test_amx_is_what_the_system_reports(tmp_path: Path) -> None:
    """By its flag; a system without that file has none."""
    told = tmp_path / "cpuinfo"
    told.write_text("flags\t: fpu amx_tile amx_int8\n")
    assert has_amx(told)
    (tmp_path / "other").write_text("flags\t: fpu avx2\n")
    assert not has_amx(tmp_path / "other")
    assert not has_amx(tmp_path / "none")
