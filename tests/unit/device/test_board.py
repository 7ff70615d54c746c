"""A board's power and heat, swap and card, from a tree of files like that of Linux."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_router.device.board import Board, BoardTrouble, Swap
from edge_router.device.machine import LinuxDevice

FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
HEAD = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
VOLTAGE, CAPPED = "the supply's voltage is too low", "the clock is capped"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


@pytest.mark.parametrize(
    ("bits", "trouble"),
    [
        ("0", BoardTrouble()),
        ("50005\n", BoardTrouble((VOLTAGE, "it is throttled"), (VOLTAGE, "it is throttled"))),
        ("30000", BoardTrouble((), (VOLTAGE, CAPPED))),
        ("no number", BoardTrouble()),
    ],
)
def test_the_firmware_complains_in_words(bits: str, trouble: BoardTrouble, tmp_path: Path) -> None:
    """Of now and of earlier."""
    assert Board(write(tmp_path, {FIRMWARE: bits})).trouble() == trouble


def test_a_newer_kernel_tells_the_voltage_elsewhere(tmp_path: Path) -> None:
    """And other sensors are none of it."""
    at = "sys/class/hwmon/hwmon"
    sensors = {f"{at}0/name": "cpu", f"{at}1/name": "rpi_volt", f"{at}1/in0_lcrit_alarm": "1"}
    root = write(tmp_path, sensors)
    assert Board(root).trouble() == BoardTrouble((VOLTAGE,))
    assert LinuxDevice(root).state().undervoltage is True


def test_a_weak_supply_is_part_of_the_state(tmp_path: Path) -> None:
    """It slows local answers down by the clock that it leaves; unknown on other machines."""
    clock = "sys/devices/system/cpu/cpufreq/policy0"
    files = {f"{clock}/{name}": "2400" for name in ("cpuinfo_max_freq", "scaling_max_freq")}
    root = write(tmp_path, files | {f"{clock}/scaling_cur_freq": "600"})
    state = LinuxDevice(root).state()
    assert (state.undervoltage, state.clock_share) == (None, 1.0)
    state = LinuxDevice(write(root, {FIRMWARE: "1"})).state()
    assert (state.undervoltage, state.clock_share) == (True, 0.25)


@pytest.mark.parametrize(
    ("rows", "swap"),
    [
        ("", Swap(0, 0, on_disk=False)),
        ("/var/swap file\t\t102396\t\t0\t\t-2\n", Swap(102396 * 1024, 0, on_disk=True)),
        ("/dev/zram0 partition 2048 0 100\n", Swap(2048 * 1024, 2048 * 1024, on_disk=False)),
        (
            "/dev/zram0 partition 10 0 100\n/dev/sda2 partition 20 0 -2\nodd\n",
            Swap(30 * 1024, 10 * 1024, on_disk=True),
        ),
    ],
)
def test_swap_in_memory_and_on_a_card_are_told_apart(rows: str, swap: Swap, tmp_path: Path) -> None:
    """By the devices' names."""
    assert Board(write(tmp_path, {"proc/swaps": HEAD + rows})).swap() == swap


def test_without_files_nothing_is_known(tmp_path: Path) -> None:
    """Of any other system."""
    board = Board(tmp_path)
    assert (board.trouble(), board.swap(), board.card_of(tmp_path)) == (None, None, None)


def test_a_card_is_known_by_its_partition(tmp_path: Path) -> None:
    """/sys/dev/block has the partition, its device is the card."""
    device = tmp_path.stat().st_dev
    card = tmp_path / "sys/devices/mmc/block/mmcblk0"
    write(tmp_path, {"sys/devices/mmc/block/mmcblk0/device/type": "SD\n"})
    (card / "mmcblk0p2").mkdir()
    link = tmp_path / f"sys/dev/block/{os.major(device)}:{os.minor(device)}"
    link.parent.mkdir(parents=True)
    link.symlink_to(card / "mmcblk0p2")
    assert Board(tmp_path).card_of(tmp_path) == "SD"
    assert Board(tmp_path).card_of(tmp_path / "nothing") is None
