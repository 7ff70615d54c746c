"""Hardware and current state of this machine, read from /proc and /sys: memory, clock, battery.

Importing reads nothing, nothing is sent anywhere, and a reading the system lacks is None.
"""

from __future__ import annotations

import contextlib
import math
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

__all__ = [
    "DeviceCounters",
    "DeviceInfo",
    "DeviceSource",
    "DeviceState",
    "Hardware",
    "LinuxDevice",
    "UnknownDevice",
    "firmware_bits",
    "system_text",
    "this_device",
]

LONGEST = 1 << 20  # characters of one file of the system
ARM_CORES = {"0xd03": "Cortex-A53", "0xd08": "Cortex-A72", "0xd0b": "Cortex-A76"}
PI_THROTTLED = 0b1111  # now: voltage too low, frequency capped, throttled, too hot
VOLTAGE = 1  # the first of the four


@dataclass(frozen=True, slots=True)
class DeviceState:
    """Current state of the device; None for what the system does not report.

    `clock_share` is the allowed clock over the highest possible, 0..1: below 1 the processor is
    throttled. `undervoltage` says that a board's supply is too weak now, which throttles it.
    `battery` is its charge, 0..1. `connected` is False when no route leads off this machine; True
    does not promise a reachable server.
    """

    free_memory_bytes: int | None = None
    clock_share: float | None = None
    battery: float | None = None
    discharging: bool | None = None
    connected: bool | None = None
    undervoltage: bool | None = None


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What the device is: its processor, the cores this process may use, memory in bytes, the
    governor of its clock (None where unknown)."""

    processor: str
    cores: int
    memory_bytes: int | None = None
    governor: str | None = None


@dataclass(frozen=True, slots=True)
class Hardware:
    """More about the device: the design of an ARM core, the model of a single-board computer,
    and the processor's features as the kernel names them (empty where it does not)."""

    core: str | None = None
    board: str | None = None
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DeviceCounters:
    """Counters read before and after a benchmark; None for what the system does not report.

    `busy_s` and `steal_s` are CPU seconds since boot: of all processes, and taken by the
    hypervisor. The clock is that of the first core, at this moment.
    """

    busy_s: float | None = None
    steal_s: float | None = None
    frequency_mhz: float | None = None
    temperature_c: float | None = None


class DeviceSource(Protocol):
    """The interface through which the state of the device is read; tests supply their own."""

    def state(self) -> DeviceState:
        """The state now. Cheap: a few small files, no network. Thread-safe."""
        ...


def this_device() -> LinuxDevice | UnknownDevice:
    """The source for the current machine."""
    return LinuxDevice() if sys.platform == "linux" else UnknownDevice()


class UnknownDevice:
    """An unsupported system: every reading is None and rules no expert out."""

    def state(self) -> DeviceState:
        return DeviceState()

    def info(self) -> DeviceInfo:
        return DeviceInfo(platform.processor() or platform.machine(), os.cpu_count() or 1)

    def hardware(self) -> Hardware:
        return Hardware()

    def counters(self) -> DeviceCounters:
        return DeviceCounters()


class LinuxDevice:
    """Reads /proc and /sys below `root`."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._proc = root / "proc"
        self._sys = root / "sys"

    def state(self) -> DeviceState:
        battery, firmware = next(self._batteries(), None), firmware_bits(self._sys)
        return DeviceState(
            free_memory_bytes=self._memory("MemAvailable"),
            clock_share=self._clock_share(firmware or 0),
            battery=_share(battery / "capacity", 100) if battery else None,
            discharging=system_text(battery / "status") == "Discharging" if battery else None,
            connected=self._connected(),
            undervoltage=None if firmware is None else bool(firmware & VOLTAGE),
        )

    def info(self) -> DeviceInfo:
        return DeviceInfo(
            processor=self._processor() or platform.machine(),
            cores=_cores(),
            memory_bytes=self._memory("MemTotal"),
            governor=next((system_text(p / "scaling_governor") for p in self._clocks()), None),
        )

    def hardware(self) -> Hardware:
        first = (system_text(self._proc / "cpuinfo") or "").split("\n\n")[0].splitlines()
        pairs = (line.partition(":") for line in first if ":" in line)
        fields = {name.strip(): value.strip() for name, _, value in pairs}
        part = None if "model name" in fields else fields.get("CPU part")
        return Hardware(
            core=ARM_CORES.get(part, f"ARM part {part}") if part else None,
            board=system_text(self._proc / "device-tree" / "model"),
            flags=frozenset((fields.get("flags") or fields.get("Features") or "").split()),
        )

    def counters(self) -> DeviceCounters:
        busy, steal = self._cpu_seconds()
        clock = self._sys / "devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"
        return DeviceCounters(
            busy,
            steal,
            _thousandths(clock),
            _thousandths(self._sys / "class/thermal/thermal_zone0/temp"),
        )

    def _cpu_seconds(self) -> tuple[float | None, float | None]:
        """Busy and stolen, since boot (proc(5): user nice system idle iowait irq ...)."""
        fields = (system_text(self._proc / "stat") or "").partition("\n")[0].split()
        if len(fields) < 9 or fields[0] != "cpu":
            return None, None
        user, nice, system, _, _, irq, softirq, steal = (int(ticks) for ticks in fields[1:9])
        tick = os.sysconf("SC_CLK_TCK")
        return (user + nice + system + irq + softirq) / tick, steal / tick

    def _memory(self, field: str) -> int | None:
        for line in (system_text(self._proc / "meminfo") or "").splitlines():
            name, _, rest = line.partition(":")
            if name == field:
                kibibytes = _whole(rest.removesuffix("kB"))
                return None if kibibytes is None else kibibytes * 1024
        return None

    def _processor(self) -> str | None:
        """The processor's name; on an ARM board, the board's."""
        for line in (system_text(self._proc / "cpuinfo") or "").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Model"):
                return value.strip()
        return system_text(self._proc / "device-tree" / "model")

    def _clocks(self) -> list[Path]:
        return _below(self._sys / "devices/system/cpu/cpufreq", "policy*")

    def _clock_share(self, firmware: int) -> float | None:
        """Share of the most throttled core. A Raspberry Pi throttles without cpufreq knowing."""
        allowed = "scaling_cur_freq" if firmware & PI_THROTTLED else "scaling_max_freq"
        shares = [
            share
            for clock in self._clocks()
            if (most := _number(clock / "cpuinfo_max_freq"))
            and most > 0
            and (share := _share(clock / allowed, most)) is not None
        ]
        return min(shares, default=None)

    def _batteries(self) -> Iterator[Path]:
        """Batteries of the device itself, not of a mouse."""
        for supply in _below(self._sys / "class/power_supply", "*"):
            if (
                system_text(supply / "type") == "Battery"
                and system_text(supply / "scope") != "Device"
            ):
                yield supply

    def _connected(self) -> bool | None:
        """Whether any route leaves this machine, by the tables of both protocols."""
        old, new = (system_text(self._proc / "net" / name) for name in ("route", "ipv6_route"))
        if old is None and new is None:
            return None
        rows = [line.split() for line in (old or "").splitlines()[1:]]
        if any(row and row[0] != "lo" for row in rows):
            return True
        rows = [line.split() for line in (new or "").splitlines()]
        return any(row and row[-1] != "lo" and row[0][:2] not in ("fe", "ff") for row in rows)


def system_text(path: Path) -> str | None:
    """Stripped content of a small file of /proc or /sys; None if it cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(LONGEST).strip("\0\n ")
    except OSError:
        return None


def firmware_bits(sys_folder: Path) -> int | None:
    """The bits of a Raspberry Pi's firmware (`vcgencmd get_throttled`); None elsewhere."""
    bits = system_text(sys_folder / "devices/platform/soc/soc:firmware/get_throttled")
    if bits is not None:
        return _hex(bits)
    alarm = next(iter(_below(sys_folder / "class/hwmon", "*/in0_lcrit_alarm")), None)
    if alarm is None or system_text(alarm.with_name("name")) != "rpi_volt":
        return None
    return VOLTAGE if system_text(alarm) == "1" else 0  # its other bits are not told there


def _below(folder: Path, pattern: str) -> list[Path]:
    """Entries of a folder; none if it cannot be read."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def _cores() -> int:
    """Cores that this process may use."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _whole(text: str) -> int | None:
    try:
        return max(0, int(text))
    except ValueError:
        return None


def _number(path: Path) -> float | None:
    try:
        value = float(system_text(path) or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _thousandths(path: Path) -> float | None:
    """A number that the kernel writes in thousandths; None if absent."""
    stated = system_text(path)
    return int(stated) / 1000 if stated and stated.lstrip("-").isdigit() else None


def _share(path: Path, whole: float) -> float | None:
    number = _number(path)
    return None if number is None else max(0.0, min(1.0, number / whole))


def _hex(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0
