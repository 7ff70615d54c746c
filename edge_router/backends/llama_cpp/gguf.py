"""Read the header of a GGUF file without trusting a byte of it.

llama.cpp ends the whole process on some headers, and reads others for minutes; here each of them is
a ConfigError at once. The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import hashlib
import math
import os
import stat
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from edge_router.errors import ConfigError

__all__ = ["GgufHeader", "read_header", "require_gguf"]

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_PAIRS = 1 << 16
MAX_TENSORS = 200_000
MAX_TEXT_BYTES = 64 << 20
MAX_TEXTS = 4_000_000  # of all arrays; the largest vocabularies have a quarter of a million
MAX_LAYERS = 512  # llama.cpp's LLAMA_MAX_LAYERS, beyond which it aborts
TEXT, ARRAY, BOOL = 8, 9, 7
NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", BOOL: "<?", 10: "<Q"}
NUMBERS |= {11: "<q", 12: "<d"}
FORMS = {kind: struct.Struct(form) for kind, form in NUMBERS.items()}
U32, U64 = FORMS[4], FORMS[10]

# Bytes of a block, and how many weights it holds, of the types that hardly change any more.
BLOCKS = {0: (4, 1), 1: (2, 1), 2: (18, 32), 3: (20, 32), 6: (22, 32), 7: (24, 32), 8: (34, 32)}
BLOCKS |= {10: (84, 256), 11: (110, 256), 12: (144, 256), 13: (176, 256), 14: (210, 256)}
BLOCKS |= {30: (2, 1)}

# What a model of any architecture has at least one of, where it states it.
COUNTS = ("block_count", "context_length", "embedding_length", "feed_forward_length")


class _Broken(Exception):
    """Why a header is refused."""


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """`facts` are the single values, `lengths` the number of entries of each array and `starts`
    where its first one stands; `end` is where the tensors' descriptions end, in bytes."""

    facts: Mapping[str, int | float | bool | str]
    lengths: Mapping[str, int]
    starts: Mapping[str, int]
    end: int

    def number(self, key: str) -> int | None:
        """A whole number of the model's architecture, "context_length" for example."""
        value = self.facts.get(f"{self.facts.get('general.architecture')}.{key}")
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def cache_bytes(self, tokens: int) -> int | None:
        """Bytes that the keys and values of `tokens` tokens take; None for unknown.

        An upper bound for models that compress them, which therefore do not count.
        """
        if self.number("attention.kv_lora_rank") is not None:
            return None
        layers, width = self.number("block_count"), self.number("embedding_length")
        heads = self.number("attention.head_count")
        pairs = self.number("attention.head_count_kv") or heads
        if not layers or not width or not heads or not pairs:
            return None
        key = self.number("attention.key_length") or width // heads
        value = self.number("attention.value_length") or width // heads
        return tokens * layers * pairs * (key + value) * 2  # half precision


def require_gguf(path: Path) -> None:
    """Raise ConfigError for anything but a regular file that begins like GGUF."""
    with _regular(path) as (file, _):
        magic = file.read(len(MAGIC))
    if magic != MAGIC:
        raise ConfigError(f"model file {str(path)!r} is not GGUF: it starts with {magic!r}")


def read_header(path: Path) -> GgufHeader:
    """The header, checked; remembered as long as the file is not changed. Raises ConfigError."""
    with _regular(path) as (file, status):
        key = (str(path), status.st_ino, status.st_size, status.st_mtime_ns)
        if key not in _READ:
            try:
                header = _Reader(file, status.st_size).header()
                _check(header)
            except _Broken as why:
                raise ConfigError(f"model file {str(path)!r} is damaged GGUF: {why}") from None
            except OSError as error:
                raise _unreadable(path, error) from None
            _READ[key] = header
        return _READ[key]


def fingerprint(path: Path, header: GgufHeader) -> str:
    """A name for files with this header and size. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        left = header.end
        while left > 0 and (block := file.read(min(left, 1 << 20))):
            digest.update(block)
            left -= len(block)
        size = os.fstat(file.fileno()).st_size
    return f"{digest.hexdigest()}-{size}"


_READ: dict[tuple[str, int, int, int], GgufHeader] = {}


@contextmanager
def _regular(path: Path) -> Iterator[tuple[BinaryIO, os.stat_result]]:
    """The open file and its status. Never waits: a FIFO or a device is refused instead."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with open(path, "rb", opener=lambda name, _: os.open(name, flags)) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ConfigError(f"model file {str(path)!r} is not a regular file")
            yield file, status
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"model file {str(path)!r} cannot be read: {error.strerror or error}")


def _check(header: GgufHeader) -> None:
    """Refuse values at which llama.cpp aborts."""
    architecture = header.facts.get("general.architecture")
    if not isinstance(architecture, str) or not architecture:
        raise _Broken("it names no architecture")
    for key, value in header.facts.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise _Broken(f"{key} is {value}")
    for key in COUNTS:
        if (count := header.number(key)) is not None and count < 1:
            raise _Broken(f"{architecture}.{key} is {count}")
    if (layers := header.number("block_count") or 1) > MAX_LAYERS:
        raise _Broken(f"{architecture}.block_count is {layers}, more than {MAX_LAYERS}")
    kind = header.facts.get("tokenizer.ggml.model", "none")
    if kind not in ("none", "no_vocab") and not header.lengths.get("tokenizer.ggml.tokens"):
        raise _Broken(f"its tokenizer ({kind!r}) has no vocabulary")


@dataclass(slots=True)
class _Reader:
    """Reads the header in order: never beyond `size`, never more at once than the file has."""

    file: BinaryIO
    size: int
    at: int = 0
    texts: int = 0
    facts: dict[str, int | float | bool | str] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)

    def header(self) -> GgufHeader:
        if self._take(4) != MAGIC:
            raise _Broken("it does not begin with GGUF")
        if (version := self._number(U32)) not in VERSIONS:
            raise _Broken(f"its version is {version}; known are {VERSIONS}")
        tensors = self._at_most(self._number(U64), MAX_TENSORS, "tensors")
        pairs = self._at_most(self._number(U64), MAX_PAIRS, "settings")
        for _ in range(pairs):
            self._pair()
        ends = [self._tensor() for _ in range(tensors)]
        alignment = self.facts.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1:
            raise _Broken(f"general.alignment is {alignment}")
        start = -(-self.at // alignment) * alignment
        if ends and start + max(ends) > self.size:
            raise _Broken(
                f"it is cut off: {self.size} bytes, and its weights go to {start + max(ends)}"
            )
        return GgufHeader(self.facts, self.lengths, self.starts, self.at)

    def _pair(self) -> None:
        key = self._text()
        kind = self._number(U32)
        if kind == ARRAY:
            self._skip_array(key)
        elif kind == TEXT:
            self.facts[key] = self._text()
        else:
            self.facts[key] = self._number(self._form(kind))

    def _skip_array(self, key: str) -> None:
        kind = self._number(U32)
        count = self.lengths[key] = self._number(U64)
        self.starts[key] = self.at
        if kind == TEXT:
            self._skip_texts(count)
        elif kind == ARRAY:
            raise _Broken("it has arrays of arrays")
        else:
            self._skip(count * self._form(kind).size)

    def _skip_texts(self, count: int) -> None:
        self.texts += self._at_most(count, MAX_TEXTS - self.texts, "texts in arrays")
        for _ in range(count):
            self._skip(self._number(U64))

    def _tensor(self) -> int:
        """Where its weights end, counted from the first weight of all."""
        self._text()
        dimensions = self._at_most(self._number(U32), 8, "dimensions")
        weights = math.prod(self._number(U64) for _ in range(dimensions))
        block, holds = BLOCKS.get(self._number(U32), (0, 1))
        offset: int = self._number(U64)
        return offset + weights // holds * block

    def _text(self) -> str:
        length = self._at_most(self._number(U64), MAX_TEXT_BYTES, "bytes of text")
        return self._take(length).decode("utf-8", errors="replace")

    def _form(self, kind: int) -> struct.Struct:
        if kind not in FORMS:
            raise _Broken(f"it has a value of the unknown type {kind}")
        return FORMS[kind]

    def _number(self, form: struct.Struct) -> int:  # or float or bool, by the form
        number: int = form.unpack(self._take(form.size))[0]
        return number

    def _at_most(self, count: int, most: int, what: str) -> int:
        if count > most:
            raise _Broken(f"it claims {count} {what}")
        return count

    def _take(self, count: int) -> bytes:
        self._advance(count)
        if len(data := self.file.read(count)) < count:
            raise _Broken("it was cut off while it was read")
        return data

    def _skip(self, count: int) -> None:
        self._advance(count)
        self.file.seek(count, os.SEEK_CUR)

    def _advance(self, count: int) -> None:
        self.at += count
        if self.at > self.size:
            raise _Broken(f"its header goes on after its end, at {self.size} bytes")
