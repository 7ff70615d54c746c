"""The state of the device, from a tree of files like that of Linux."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.device.machine import (
    DeviceCounters,
    DeviceState,
    Hardware,
    LinuxDevice,
    UnknownDevice,
    this_device,
)

MEMINFO = "MemTotal:        8000 kB\nMemFree:  10 kB\nMemAvailable:    2000 kB\n"
ROUTES = "Iface\tDestination\tGateway\n"
LOOPBACK_6 = "00000000000000000000000000000001 80 0 00 0 0 0 0 0       lo\n"
LINK_LOCAL_6 = "fe800000000000000000000000000000 40 0 00 0 0 0 0 0     eth0\n"


def tree(root: Path, files: dict[str, str]) -> LinuxDevice:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return LinuxDevice(root)


def clock(
    core: int, *, most: str = "2000", allowed: str = "2000", now: str = "600"
) -> dict[str, str]:
    at = f"sys/devices/system/cpu/cpufreq/policy{core}"
    return {
        f"{at}/cpuinfo_max_freq": most,
        f"{at}/scaling_max_freq": allowed,
        f"{at}/scaling_cur_freq": now,
        f"{at}/scaling_governor": "schedutil\n",
    }


def battery(charge: str, status: str, **more: str) -> dict[str, str]:
    at = "sys/class/power_supply/BAT0"
    files = {"type": "Battery\n", "capacity": charge, "status": status, **more}
    return {f"{at}/{name}": content for name, content in files.items()}


def test_without_files_nothing_is_known(tmp_path: Path) -> None:
    """No file is there, or none makes sense: quietly None."""
    assert LinuxDevice(tmp_path).state() == DeviceState()
    assert UnknownDevice().state() == DeviceState()
    strange = {"proc/meminfo": "Mem", **clock(0, most="fast"), **battery("full", "")}
    result = tree(tmp_path, strange).state()
    assert (result.free_memory_bytes, result.clock_share, result.battery) == (None, None, None)


def test_free_memory_is_what_a_new_model_could_have(tmp_path: Path) -> None:
    """MemAvailable, in bytes; MemTotal is what there is."""
    device = tree(tmp_path, {"proc/meminfo": MEMINFO, "proc/cpuinfo": "model name\t: Quick 9\n"})
    assert device.state().free_memory_bytes == 2000 * 1024
    assert (device.info().memory_bytes, device.info().processor) == (8000 * 1024, "Quick 9")


def test_the_hardware_of_a_small_board(tmp_path: Path) -> None:
    """The core by the name of its design, the board, the features of the first core."""
    files = {
        "proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd\nCPU part\t: 0xd0b\n\nModel\t: Pi\n",
        "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
    }
    assert tree(tmp_path, files).hardware() == Hardware(
        "Cortex-A76", "Raspberry Pi 5 Model B Rev 1.0", frozenset({"fp", "asimd"})
    )
    named = {"proc/cpuinfo": "model name\t: Quick 9\nflags\t: avx2\nCPU part\t: 0x1\n"}
    assert tree(tmp_path / "pc", named).hardware() == Hardware(flags=frozenset({"avx2"}))


def test_the_counters_of_a_machine(tmp_path: Path) -> None:
    """Busy without idle and waiting, in seconds; None where the kernel does not count."""
    files = {
        "proc/stat": "cpu  100 20 30 9999 8888 4 6 50 0 0\ncpu0 1 1 1 1 1 1 1 1\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000\n",
        "sys/class/thermal/thermal_zone0/temp": "48312\n",
    }
    tick = os.sysconf("SC_CLK_TCK")
    expected = DeviceCounters(160 / tick, 50 / tick, 1500.0, 48.312)
    assert tree(tmp_path, files).counters() == expected
    strange = tree(tmp_path / "odd", {"proc/stat": "cpu 1 2 3\n"})
    assert strange.counters() == UnknownDevice().counters() == DeviceCounters()


def test_the_most_throttled_core_counts(tmp_path: Path) -> None:
    """The clock that is allowed over the highest; an idle core's low clock is no throttling."""
    device = tree(tmp_path, clock(0) | clock(4, most="3000", allowed="1500"))
    assert device.state().clock_share == 0.5
    assert device.info().governor == "schedutil"
    assert tree(tmp_path / "idle", clock(0)).state().clock_share == 1.0


@pytest.mark.parametrize(("message", "share"), [("0x0", 1.0), ("0x50000", 1.0), ("50004", 0.3)])
def test_a_raspberry_pi_reports_throttling_in_its_own_way(
    tmp_path: Path, message: str, share: float
) -> None:
    """Only the bits of this moment count; those above say that it once happened."""
    firmware = {"sys/devices/platform/soc/soc:firmware/get_throttled": message}
    assert tree(tmp_path, clock(0) | firmware).state().clock_share == share


def test_the_battery_is_the_device_s_own(tmp_path: Path) -> None:
    """That of a mouse is not."""
    result = tree(tmp_path, battery("42\n", "Discharging\n")).state()
    assert (result.battery, result.discharging) == (0.42, True)
    result = tree(tmp_path, battery("42\n", "Charging\n")).state()
    assert (result.battery, result.discharging) == (0.42, False)
    assert tree(tmp_path, battery("5", "Discharging", scope="Device")).state().battery is None


@pytest.mark.parametrize(
    ("old", "new", "connected"),
    [
        (ROUTES, "", False),
        (ROUTES, LOOPBACK_6 + LINK_LOCAL_6, False),
        (ROUTES + "lo\t0000007F\t0\n", LOOPBACK_6, False),
        (ROUTES + "eth0\t00000000\t0102\n", "", True),
        (ROUTES, LOOPBACK_6 + LINK_LOCAL_6.replace("fe80", "2001"), True),
    ],
)
def test_a_route_that_leaves_means_connected(
    tmp_path: Path, old: str, new: str, connected: bool
) -> None:
    """Loopback and link-local ones lead nowhere; nothing is sent."""
    device = tree(tmp_path, {"proc/net/route": old, "proc/net/ipv6_route": new})
    assert device.state().connected is connected


def test_this_machine_can_be_read() -> None:
    """Whatever it is, reading it raises nothing."""
    device = this_device()
    assert device.info().cores >= 1
    share = device.state().clock_share
    assert share is None or 0 <= share <= 1


ODD = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"MemAvailable:", b"MemAvailable: x kB", b"nan", b"inf", b"-5", b"0", b"\0"]),
)


@given(contents=st.lists(ODD, min_size=9, max_size=9))
def test_whatever_the_system_writes_there_nothing_is_raised(contents: list[bytes]) -> None:
    """Emulators and sandboxes write anything; what cannot be read is not known."""
    names = (
        "proc/meminfo", "proc/cpuinfo", "proc/net/route", "proc/net/ipv6_route",
        "sys/devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq",
        "sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq",
        "sys/class/power_supply/BAT0/capacity", "sys/class/power_supply/BAT0/status",
        "sys/devices/platform/soc/soc:firmware/get_throttled",
    )  # fmt: skip
    with TemporaryDirectory() as folder:
        for name, content in zip(names, contents, strict=True):
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        Path(folder, "sys/class/power_supply/BAT0/type").write_text("Battery")
        device = LinuxDevice(Path(folder))
        state, info = device.state(), device.info()
    assert state.battery is None or 0 <= state.battery <= 1
    assert state.clock_share is None or 0 <= state.clock_share <= 1
    assert info.memory_bytes is None or info.memory_bytes >= 0
