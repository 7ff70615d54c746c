"""More about a small board: its power and heat, its swap, and the card that its files lie on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .machine import firmware_bits, system_text

__all__ = ["Board", "BoardTrouble", "Swap"]

WORDS = ("the supply's voltage is too low", "the clock is capped", "it is throttled", "it is hot")
SINCE_START = 16  # the first of four bits: the same, at some time since it was switched on


@dataclass(frozen=True, slots=True)
class BoardTrouble:
    """What a Raspberry Pi's firmware complains of, in words: now, and at some time since it was
    switched on."""

    now: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Swap:
    """Where memory goes that does not fit: bytes of swap in all, of them compressed in memory
    (zram), and whether any lies on a card or disk."""

    size_bytes: int
    zram_bytes: int
    on_disk: bool


class Board:
    """Reads /proc and /sys below `root`; every reading is None where the system lacks it."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._proc = root / "proc"
        self._sys = root / "sys"

    def trouble(self) -> BoardTrouble | None:
        """The firmware's complaints; None for a machine without such a firmware."""
        bits = firmware_bits(self._sys)
        if bits is None:
            return None
        now, earlier = (
            tuple(words for at, words in enumerate(WORDS) if bits >> first & 1 << at)
            for first in (0, SINCE_START)
        )
        return BoardTrouble(now, earlier)

    def swap(self) -> Swap | None:
        """All swap areas (proc(5): name, type, size in KiB, ...)."""
        listed = system_text(self._proc / "swaps")
        if listed is None:
            return None
        rows = [line.split() for line in listed.splitlines()[1:]]
        sizes = [
            (row[0].startswith("/dev/zram"), int(row[2]) * 1024)
            for row in rows
            if len(row) >= 3 and row[2].isdecimal()
        ]
        zram = sum(size for is_zram, size in sizes if is_zram)
        return Swap(sum(size for _, size in sizes), zram, any(not one for one, _ in sizes))

    def card_of(self, path: Path) -> str | None:
        """The kind of card that a file or folder lies on, "SD" or "MMC" (eMMC); None for others."""
        try:
            device = path.stat().st_dev
            place = self._sys / f"dev/block/{os.major(device)}:{os.minor(device)}"
            folders = (place / "device", place.resolve().parent / "device")
        except (OSError, AttributeError):  # Windows has no such numbers
            return None
        kinds = (system_text(folder / "type") for folder in folders)
        return next((kind for kind in kinds if kind in ("SD", "MMC")), None)
