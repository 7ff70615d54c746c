"""Read files of unknown origin within bounds.

Only regular files and standard input are read: a device may never end, a pipe may never begin.
"""

from __future__ import annotations

import codecs
import errno
import gzip
import os
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from edge_router.errors import EdgeRouterError

__all__ = [
    "MAX_BYTES",
    "MAX_LINES",
    "MAX_LINE_BYTES",
    "MAX_WHOLE_BYTES",
    "STANDARD_INPUT",
    "decoded",
    "numbered_lines",
    "open_regular",
    "read_bytes",
    "read_text",
    "refuse_missing",
    "require_regular",
    "without_mark",
]

MAX_BYTES = 2**30  # of one file that is read line by line, unpacked
MAX_WHOLE_BYTES = 2**28  # of one that is read as a whole
MAX_LINE_BYTES = 2**24
MAX_LINES = 1_000_000
MAX_RATIO = 200  # unpacked bytes for each packed one; outcome rows reach about 60
FREE_BYTES = 2**24  # unpacked bytes for which the ratio does not count
CHUNK = 2**20
STANDARD_INPUT = Path("-")

MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
UNMARKED = (  # which of the first four bytes are zero, of ASCII letters without a mark
    ([False, True, False, True], "UTF-16"),
    ([True, False, True, False], "UTF-16"),
    ([False, True, True, True], "UTF-32"),
    ([True, True, True, False], "UTF-32"),
)

BINARY = (  # how files begin that are given by mistake for a text
    (b"PK\x03\x04", "a zip archive or an Excel file"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel or Word file"),
    (b"PAR1\x15", "a Parquet file"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"%PDF-", "a PDF"),
    (b"GGUF\x03\0\0\0", "a GGUF model"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd"),
    (b"\xfd7zXZ\0", "packed by xz"),
)


class _TooMuch(ValueError):
    """A bound is exceeded; the message completes "FILE cannot be read: "."""


def numbered_lines(
    path: Path, refusal: type[EdgeRouterError], *, cut: bool = False
) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers from 1 and without a byte-order mark.

    `path` is a plain or gzipped file, or STANDARD_INPUT. With `cut`, a line that is too long comes
    in pieces, each with a number: that does to look at how a file begins. Raises `refusal` for a
    file that is no regular one, cannot be read or unpacked, is UTF-16 or UTF-32, or exceeds
    MAX_LINE_BYTES, MAX_LINES, MAX_BYTES or MAX_RATIO.
    """
    with _refusing(path, refusal), _opened(path) as (packed, file):
        number = total = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number, total = number + 1, total + len(line)
            if len(line) > MAX_LINE_BYTES and not cut:
                raise _TooMuch(f"line {number} is longer than {MAX_LINE_BYTES:,} bytes")
            if number > MAX_LINES:
                raise _TooMuch(f"it has more than {MAX_LINES:,} lines; give a part of it")
            _check_total(total, packed)
            line = without_mark(line) if number == 1 else line
            if line.strip():
                yield number, line


def read_bytes(path: Path, refusal: type[EdgeRouterError], *, most: int = MAX_WHOLE_BYTES) -> bytes:
    """The whole of a plain or gzipped file, or of STANDARD_INPUT, of at most `most` bytes.

    Raises `refusal` as `numbered_lines` does.
    """
    with _refusing(path, refusal), _opened(path) as (packed, file):
        return _whole(packed, file, most)


def read_text(path: Path, refusal: type[EdgeRouterError], *, most: int = MAX_WHOLE_BYTES) -> str:
    """`read_bytes` as text, without a byte-order mark."""
    data = read_bytes(path, refusal, most=most)
    with _refusing(path, refusal):
        return decoded(without_mark(data))


def open_regular(path: Path) -> BinaryIO:
    """A file opened for reading. Raises OSError, also for a folder, a device and a pipe."""
    require_regular(path.stat().st_mode)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)  # does not wait if a pipe has taken its place
    try:
        require_regular(os.fstat(descriptor).st_mode)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def require_regular(mode: int) -> None:
    """Raise OSError for the mode of a folder, a device, a pipe or a socket."""
    if stat.S_ISREG(mode):
        return
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    kind = next((name for test, name in kinds if test(mode)), "a device")
    raise OSError(errno.EINVAL, f"it is {kind}, not a regular file")


def refuse_missing(path: Path) -> None:
    """Raise FileNotFoundError for a missing file; any other fault is left to the reader."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"there is no {path}") from None
    except (OSError, ValueError):
        return


def without_mark(start: bytes) -> bytes:
    """Bytes that begin a text, without the byte-order mark of UTF-8.

    Raises ValueError that names the encoding, for UTF-16 and UTF-32, or the kind of a file that is
    no text.
    """
    if kind := next((kind for mark, kind in BINARY if start.startswith(mark)), None):
        raise ValueError(f"it is {kind}; save what is in it as text (CSV or JSON lines, UTF-8)")
    known = next((name for mark, name in MARKS if start.startswith(mark)), None)
    known = known or next(
        (name for zeros, name in UNMARKED if zeros == [byte == 0 for byte in start[:4]]), None
    )
    if known:
        raise ValueError(f"it is {known}; save it as UTF-8")
    return start.removeprefix(codecs.BOM_UTF8)


def decoded(data: bytes, *, number: int = 1) -> str:
    """The text of UTF-8 bytes, whose first line has this `number`.

    Raises ValueError that names the line and its byte that is not UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = number + data.count(b"\n", 0, error.start)
        place = error.start - data.rfind(b"\n", 0, error.start)
        raise ValueError(f"line {line} is not UTF-8 at byte {place}; save it as UTF-8") from None


@contextmanager
def _refusing(path: Path, refusal: type[EdgeRouterError]) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise refusal(
            f"{_name(path)} cannot be read: it is not a whole gzip file ({error})"
        ) from None
    except (OSError, ValueError, MemoryError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise refusal(f"{_name(path)} cannot be read: {why}") from None


def _name(path: Path) -> str:
    return "standard input" if path == STANDARD_INPUT else str(path)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes] | None, IO[bytes]]]:
    """The packed file, None where nothing is packed, and what is to be read."""
    if path == STANDARD_INPUT:
        if sys.stdin is None:
            raise OSError(errno.EBADF, "there is none")
        yield None, sys.stdin.buffer
        return
    with open_regular(path) as file:
        packed = path.suffix == ".gz" or cast("IO[bytes]", file).read(2) == b"\x1f\x8b"
        file.seek(0)
        if not packed:
            yield None, file
            return
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield file, cast("IO[bytes]", unpacked)


def _whole(packed: IO[bytes] | None, file: IO[bytes], most: int) -> bytes:
    parts: list[bytes] = []
    total = 0
    while part := file.read(min(CHUNK, most - total + 1)):
        parts.append(part)
        total += len(part)
        if total > most:
            raise _TooMuch(f"it is longer than {most:,} bytes")
        _check_total(total, packed)
    return b"".join(parts)


def _check_total(total: int, packed: IO[bytes] | None) -> None:
    if total > MAX_BYTES:
        raise _TooMuch(f"it is longer than {MAX_BYTES:,} bytes; give a part of it")
    if packed is not None and total > FREE_BYTES and total > MAX_RATIO * packed.tell():
        raise _TooMuch(
            f"it unpacks to more than {MAX_RATIO} times its size; unpack it first if you trust it"
        )
