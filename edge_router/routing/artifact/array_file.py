"""An npz file that anybody may have made: no pickles, nothing but what is expected of it, and no
more memory than it says."""

from __future__ import annotations

import io
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_router.errors import ArtifactCorrupt

__all__ = ["read_arrays"]

MAX_UNPACKED = 128 * 2**20  # bytes, all arrays together
HEADER = re.compile(  # https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
    rb"\x93NUMPY\x01\x00..\{'descr': '(?P<dtype>[<|][fiuU]\d{1,6})', 'fortran_order': "
    rb"(?P<fortran>True|False), 'shape': \((?P<shape>\d{1,12},(?: \d{1,12})?)\), \} *\n",
    re.DOTALL,
)


def read_arrays(
    content: bytes, where: str, kinds: Mapping[str, tuple[str, int]]
) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an npz file, by name: `kinds` maps each to its numpy kind and dimensions.

    `where` names the file in errors. Raises ArtifactCorrupt.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = _members(archive, where, kinds)
            return {
                name: _array(_unpacked(archive, member), f"{where}: {name}", *kinds[name])
                for name, member in members.items()
            }
    except (
        zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, TypeError,
        KeyError, IndexError, RuntimeError,
    ) as error:  # fmt: skip  # zipfile raises many kinds
        raise ArtifactCorrupt(f"{where} cannot be read: {error or type(error).__name__}") from None


def _members(
    archive: zipfile.ZipFile, where: str, kinds: Mapping[str, Any]
) -> dict[str, zipfile.ZipInfo]:
    """What the archive holds, which must be one member per name, packed in a way that is cheap."""
    members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
    if members.keys() != kinds.keys() or len(archive.infolist()) != len(kinds):
        raise ArtifactCorrupt(f"{where} cannot be read: it must hold {', '.join(kinds)} once each")
    size = sum(member.file_size for member in members.values())
    if size > MAX_UNPACKED:
        raise ArtifactCorrupt(f"{where} cannot be read: unpacked it has {size} bytes")
    for member in members.values():
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ArtifactCorrupt(f"{where} cannot be read: {member.filename} is packed oddly")
    return {name: members[name] for name in kinds}


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Asking for a number of bytes bounds what is unpacked; asking for all would not."""
    with archive.open(member) as file:
        content = file.read(member.file_size + 1)
    if len(content) != member.file_size:
        raise ValueError(f"{member.filename} has not the size that it says")
    return content


def _array(content: bytes, where: str, kind: str, dimensions: int) -> npt.NDArray[Any]:
    header = HEADER.match(content)
    if header is None:
        raise ValueError(f"{where} has no header that numpy writes")
    dtype, at = np.dtype(header["dtype"].decode()), header.end()
    shape = tuple(int(size) for size in header["shape"].split(b",") if size)
    if dtype.kind != kind or len(shape) != dimensions:
        raise ValueError(f"{where} is {dtype} {shape}, not {kind!r} in {dimensions} dimensions")
    if not dtype.itemsize or math.prod(shape) * dtype.itemsize != len(content) - at:
        raise ValueError(f"{where} has {len(content) - at} bytes for {dtype} {shape}")
    if kind == "U":
        _check_text(np.frombuffer(content, np.uint32, offset=at), where)
    flat = np.frombuffer(content, dtype, offset=at)
    return flat.reshape(shape, order="F" if header["fortran"] == b"True" else "C")


def _check_text(points: npt.NDArray[np.uint32], where: str) -> None:
    if (points > 0x10FFFF).any() or (points - np.uint32(0xD800) < 0x800).any():
        raise ValueError(f"{where} holds what is no text")
