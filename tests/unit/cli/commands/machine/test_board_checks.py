"""The doctor's words on the machine: memory by the size of a model, swap, power, the card."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_router.cli.commands.machine.board_checks import (
    checks_of_machine,
    memory_advice,
    swap_advice,
)
from edge_router.device.board import Board, Swap
from edge_router.device.machine import LinuxDevice
from edge_router.settings.config import Config

GIB = 2**30
FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"


def pi(root: Path, bits: str, *, free_kb: int = 3_000_000) -> dict[str, tuple[bool, str]]:
    """The checks of a Raspberry Pi with 4 GB whose firmware says `bits`."""
    files = {
        "proc/meminfo": f"MemTotal: 3900000 kB\nMemAvailable: {free_kb} kB\n",
        "proc/swaps": "Filename Type Size Used Priority\n/var/swap file 102396 0 -2\n",
        FIRMWARE: bits,
    }
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    checks = checks_of_machine(Config(), device=LinuxDevice(root), board=Board(root))
    return {name: (ok, words) for name, ok, words in checks}


def test_a_weak_supply_fails_the_check(tmp_path: Path) -> None:
    """Now; what has passed is only told."""
    ok, words = pi(tmp_path, "50005")["board"]
    assert (ok, "voltage is too low" in words, "own supply" in words) == (False, True, True)
    ok, words = pi(tmp_path, "50000")["board"]
    assert (ok, words.startswith("well now; since it was switched on")) == (True, True)
    assert pi(tmp_path, "0")["board"] == (True, "power and heat are well")


def test_swap_on_a_card_gets_advice(tmp_path: Path) -> None:
    """zram instead."""
    ok, words = pi(tmp_path, "0")["swap"]
    assert (ok, "wears a card" in words, "zram" in words) == (True, True, True)
    assert swap_advice(Swap(0, 0, on_disk=False)).startswith("none: a model that does not fit")
    assert swap_advice(Swap(2 * GIB, 2 * GIB, on_disk=False)) == "2.0 GiB of zram"


@pytest.mark.parametrize(
    ("needed", "total", "free", "ok", "words"),
    [
        (1.0, 4.0, 3.0, True, "local needs 1.0 GiB; 3.0 of 4.0 are free"),
        (3.5, 4.0, 3.0, True, "better a model of 3b at 4 bits fits this machine"),
        (6.0, 4.0, 3.0, False, "it does not fit; a model of 3b at 4 bits"),
        (6.0, 8.0, 3.0, True, "a model of 8b"),
        (0.6, 0.5, 0.2, False, "use a remote expert"),
    ],
)
def test_memory_is_set_against_the_model(
    needed: float, total: float, free: float, ok: bool, words: str
) -> None:
    """With a size that would fit."""
    sizes = {"total": round(total * GIB), "free": round(free * GIB)}
    name, got, said = memory_advice("local", round(needed * GIB), **sizes)
    assert (name, got) == ("memory", ok)
    assert words in said


def test_a_machine_that_says_nothing_is_told_nothing(tmp_path: Path) -> None:
    """No check, no failure."""
    device, board = LinuxDevice(tmp_path), Board(tmp_path)
    assert list(checks_of_machine(Config(), device=device, board=board)) == []
