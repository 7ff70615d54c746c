"""The emulated machines, and their processors as Linux describes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["MACHINES", "Board", "Machine"]

CORES = 4


@dataclass(frozen=True, slots=True)
class Board:
    """An ARM board as its /proc and /sys describe it (arm64 Linux, read by cpuinfo libraries).

    `part`, `variant` and `revision` are fields of the main ID register, MIDR_EL1; `khz` is the
    highest frequency.
    """

    model: str
    features: str
    part: int
    variant: int
    revision: int
    khz: int

    def files(self) -> Mapping[str, str]:
        """Contents by path, without the leading slash."""
        cpu = "sys/devices/system/cpu"
        tree = {"proc/cpuinfo": self._cpuinfo(), f"{cpu}/kernel_max": "255\n"}
        tree |= {f"{cpu}/{name}": f"0-{CORES - 1}\n" for name in ("possible", "present", "online")}
        for core in range(CORES):
            tree |= {f"{cpu}/cpu{core}/{path}": text for path, text in self._core(core).items()}
        return tree

    def _cpuinfo(self) -> str:
        fields = (
            ("BogoMIPS\t", "108.00"),
            ("Features\t", self.features),
            ("CPU implementer\t", "0x41"),
            ("CPU architecture", "8"),
            ("CPU variant\t", f"{self.variant:#x}"),
            ("CPU part\t", f"{self.part:#x}"),
            ("CPU revision\t", str(self.revision)),
        )
        block = "\n".join(f"{name}: {value}" for name, value in fields)
        cores = "".join(f"processor\t: {core}\n{block}\n\n" for core in range(CORES))
        return f"{cores}Model\t\t: {self.model}\n"

    def _core(self, core: int) -> Mapping[str, str]:
        """MIDR_EL1: implementer (Arm), variant, architecture (by ID registers), part, revision."""
        midr = 0x41 << 24 | self.variant << 20 | 0xF << 16 | self.part << 4 | self.revision
        return {
            "regs/identification/midr_el1": f"{midr:#018x}\n",
            "cpufreq/cpuinfo_max_freq": f"{self.khz}\n",
            "topology/physical_package_id": "0\n",
            "topology/core_id": f"{core}\n",
            "topology/core_siblings_list": f"0-{CORES - 1}\n",
            "topology/thread_siblings_list": f"{core}\n",
        }


@dataclass(frozen=True, slots=True)
class Machine:
    """A processor that qemu emulates; `cpu` is qemu's name for it.

    `board` is None for x86: there the host's own Python and wheels run.
    """

    name: str
    description: str
    emulator: Literal["qemu-aarch64", "qemu-x86_64"]
    cpu: str
    board: Board | None = None


PI_4 = Board(
    model="Raspberry Pi 4 Model B Rev 1.2",
    features="fp asimd evtstrm crc32 cpuid",
    part=0xD08,
    variant=0x0,
    revision=3,
    khz=1_500_000,
)
PI_5 = Board(
    model="Raspberry Pi 5 Model B Rev 1.0",
    features="fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm "
    "lrcpc dcpop asimddp",
    part=0xD0B,
    variant=0x4,
    revision=1,
    khz=2_400_000,
)
ALL = (
    Machine("cortex-a72", "Raspberry Pi 4", "qemu-aarch64", "cortex-a72", PI_4),
    Machine("cortex-a76", "Raspberry Pi 5, dot product", "qemu-aarch64", "cortex-a76", PI_5),
    Machine("haswell", "x86 with AVX2, without VNNI", "qemu-x86_64", "Haswell"),
    Machine("nehalem", "x86 without AVX", "qemu-x86_64", "Nehalem"),
)
MACHINES: Mapping[str, Machine] = {machine.name: machine for machine in ALL}
