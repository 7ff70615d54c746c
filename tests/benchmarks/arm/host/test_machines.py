"""What the emulated boards say of themselves, and the folder in which they are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_router.benchmarks.arm.host.cache import default_cache, made_once
from edge_router.benchmarks.arm.host.machines import MACHINES, PI_4, PI_5


def test_cpuinfo_names_the_part_and_the_features() -> None:
    """Four cores each; only the Pi 5 has the dot product."""
    four, five = PI_4.files()["proc/cpuinfo"], PI_5.files()["proc/cpuinfo"]
    assert four.count("CPU part\t: 0xd08\n") == five.count("CPU part\t: 0xd0b\n") == 4
    assert "Features\t: fp asimd evtstrm crc32 cpuid\n" in four
    assert "asimddp" not in four
    assert "asimddp" in five


def test_the_main_id_register_is_the_boards_own() -> None:
    """As `midr_el1` reads on both boards: Cortex-A72 r0p3 and Cortex-A76 r4p1."""
    path = "sys/devices/system/cpu/cpu3/regs/identification/midr_el1"
    assert PI_4.files()[path] == "0x00000000410fd083\n"
    assert PI_5.files()[path] == "0x00000000414fd0b1\n"


def test_boards_are_arm_and_the_rest_is_x86() -> None:
    """A machine with a board runs in the emulator for ARM."""
    for machine in MACHINES.values():
        expected = "qemu-aarch64" if machine.board else "qemu-x86_64"
        assert machine.emulator == expected


def test_the_cache_follows_the_users_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """$XDG_CACHE_HOME, else ~/.cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "edge-router" / "arm"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert default_cache() == Path.home() / ".cache" / "edge-router" / "arm"


def test_a_part_is_made_once(tmp_path: Path) -> None:
    """The second call finds it."""
    calls: list[Path] = []
    assert made_once(tmp_path / "part", calls.append) == tmp_path / "part"
    made_once(tmp_path / "part", calls.append)
    assert len(calls) == 1


def test_what_was_cut_off_is_not_taken_for_whole(tmp_path: Path) -> None:
    """A failed part has no folder, and its leftovers do not reach the next try."""

    def broken(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("cut off")

    with pytest.raises(OSError, match="cut off"):
        made_once(tmp_path / "part", broken)
    assert not (tmp_path / "part").exists()
    made_once(tmp_path / "part", lambda folder: (folder / "whole").touch())
    assert [file.name for file in (tmp_path / "part").iterdir()] == ["whole"]
