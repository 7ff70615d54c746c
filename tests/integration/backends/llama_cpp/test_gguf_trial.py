"""Model files that end the process which loads them, tried in another one first."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edge_router.backends.deadline import Deadline
from edge_router.backends.llama_cpp import gguf_trial
from edge_router.backends.llama_cpp.backend import LlamaCppBackend
from edge_router.backends.llama_cpp.engine import ENGINES, EngineName
from edge_router.chat.completion import ChatRequest
from edge_router.errors import BackendUnavailable
from edge_router.guards.data_folder import default_data_folder
from made_gguf import number, real, remake, text

KNOWN = ("SIGABRT", "SIGSEGV", "SIGFPE", gguf_trial.FINE)


def always() -> bool:
    """The caller still waits."""
    return True


@pytest.fixture
def deadly(tmp_path: Path) -> Path:
    """A header that looks sound, with an epsilon at which llama.cpp aborts."""
    return remake(tmp_path / "deadly.gguf", {"llama.attention.layer_norm_rms_epsilon": real(-1.0)})


def test_a_file_that_aborts_is_unavailable(engine: EngineName, deadly: Path) -> None:
    """This process goes on, and the verdict is kept for the next one."""
    backend = LlamaCppBackend(str(deadly), n_ctx=256, engine=engine)
    for _ in range(2):
        with pytest.raises(BackendUnavailable, match=r"deadly\.gguf.*SIGABRT"):
            backend.complete(ChatRequest.of("Hi"), deadline=Deadline.after(60))
    backend.close()
    assert "SIGABRT" in (default_data_folder() / "tried_models.json").read_text()
    gguf_trial._VERDICTS.clear()
    deadly.rename(deadly.with_name("moved.gguf"))
    with pytest.raises(BackendUnavailable, match=r"moved\.gguf.*SIGABRT"):
        gguf_trial.require_loadable(deadly.with_name("moved.gguf"), ENGINES[engine], never_started)


def never_started() -> bool:
    """Asked only while a child runs."""
    raise AssertionError("a kept verdict needs no child")


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed",
    [
        {"llama.block_count": number(0)},
        {"llama.block_count": number(10**6)},
        {"llama.attention.layer_norm_rms_epsilon": real(float("nan"))},
        {"tokenizer.ggml.model": text("llama"), "tokenizer.ggml.tokens": None},
    ],
    ids=["no layers", "a million layers", "epsilon", "vocabulary"],
)
def test_what_the_header_check_refuses_may_kill(
    engine: EngineName, changed: dict[str, bytes | None], tmp_path: Path
) -> None:
    """The child alone would find it too, or llama.cpp refuses it by itself."""
    path = remake(tmp_path / "x.gguf", changed)
    assert gguf_trial._try_out(path, ENGINES[engine], always) in KNOWN


def test_a_frozen_application_is_not_started_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its executable is no Python; nor is one that embeds Python."""
    assert gguf_trial.can_try()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "uwsgi"))
    assert not gguf_trial.can_try()
    monkeypatch.setattr(sys, "executable", "")
    assert not gguf_trial.can_try()
    monkeypatch.undo()
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert not gguf_trial.can_try()


@pytest.mark.parametrize("kept", ["", "[1, 2]", '{"a": 1}', "[" * 100_000, "\0"])
def test_a_damaged_file_of_verdicts_is_as_none(kept: str) -> None:
    """It only saves time."""
    default_data_folder().mkdir(parents=True)
    (default_data_folder() / "tried_models.json").write_text(kept)
    assert gguf_trial._kept() == {}
    gguf_trial._keep("name", gguf_trial.FINE)
    assert gguf_trial._kept() == {"name": gguf_trial.FINE}


def test_a_folder_that_cannot_be_written_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdict then holds for this process."""
    monkeypatch.setenv("XDG_DATA_HOME", "/dev/null/nowhere")
    gguf_trial._keep("name", gguf_trial.FINE)
    assert gguf_trial._kept() == {}
