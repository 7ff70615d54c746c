"""Checks of the machine itself: memory for the models here, a board's power, heat and card."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edge_router.device.board import Board
from edge_router.device.machine import LinuxDevice, UnknownDevice, this_device
from edge_router.errors import EdgeRouterError

if TYPE_CHECKING:
    from edge_router.device.board import Swap
    from edge_router.settings.config import Config

__all__ = ["checks_of_machine", "memory_advice", "swap_advice"]

GIB = 2**30
BESIDES_BYTES = 250 << 20  # the router, Python, and what a model computes with
SMALL_BYTES = 9 * GIB  # a board, or an old laptop: on others nothing is said of swap
SIZES = ((0.9, "135m"), (1.8, "1b"), (3.5, "3b"), (7.0, "8b"))  # GiB in all -> fits at 4 bits

Finding = tuple[str, bool, str]
"""The name of a check, whether it went well, and its words."""


def checks_of_machine(
    config: Config,
    *,
    device: LinuxDevice | UnknownDevice | None = None,
    board: Board | None = None,
) -> Iterator[Finding]:
    """What the doctor says of this machine; nothing where the system tells nothing."""
    device, board = device or this_device(), board or Board()
    total, state = device.info().memory_bytes, device.state()
    if total is not None and state.free_memory_bytes is not None:
        yield from _memory(config, total, state.free_memory_bytes)
        if total <= SMALL_BYTES and (swap := board.swap()) is not None:
            yield "swap", True, swap_advice(swap)
    if (trouble := board.trouble()) is not None:
        yield _power(trouble.now, trouble.earlier)
    if board.card_of(_existing(config.data_folder)) == "SD":
        yield (
            "card",
            True,
            (
                f"{str(config.data_folder)!r} lies on an SD card: with learn = true an answer "
                "writes some kilobytes there; a data_dir on a tmpfs forgets at power-off instead"
            ),
        )


def _power(now: tuple[str, ...], earlier: tuple[str, ...]) -> Finding:
    if now:
        fix = "use the board's own supply and a short cable, and cool it; answers are slower"
        return "board", False, f"{', '.join(now)}; {fix}"
    if earlier:
        return "board", True, f"well now; since it was switched on: {', '.join(earlier)}"
    return "board", True, "power and heat are well"


def _memory(config: Config, total: int, free: int) -> Iterator[Finding]:
    needs = {
        name: needed
        for name, one in config.experts.items()
        if one.backend == "llama_cpp" and (needed := _needed(one.model, one.context_tokens or 2048))
    }
    if needs:
        largest = max(needs, key=lambda name: needs[name])
        yield memory_advice(largest, needs[largest], total=total, free=free)


def memory_advice(name: str, needed: int, *, total: int, free: int) -> Finding:
    """Whether the largest model here fits, by the bytes that it needs, and what would."""
    words = f"{name} needs {needed / GIB:.1f} GiB; {free / GIB:.1f} of {total / GIB:.1f} are free"
    if needed <= free:
        return "memory", True, words
    fitting = [size for least, size in SIZES if total / GIB >= least]
    advice = (
        f"a model of {fitting[-1]} at 4 bits fits this machine"
        if fitting
        else "use a remote expert"
    )
    if needed <= total:
        return "memory", True, f"{words}: the system makes room, or swaps; better {advice}"
    return "memory", False, f"{words}: it does not fit; {advice}, or state less context_tokens"


def _needed(model: str, tokens: int) -> int | None:
    """Bytes of a model with its context; None where the file says nothing."""
    from edge_router.backends.llama_cpp.gguf import read_header
    from edge_router.backends.llama_cpp.model_files import find_model

    try:
        path = find_model(model)
        cache = read_header(path).cache_bytes(tokens) or 0
        return path.stat().st_size + cache + BESIDES_BYTES
    except (EdgeRouterError, OSError):  # the expert's own check says so
        return None


def swap_advice(swap: Swap) -> str:
    """Words on the swap of a small machine."""
    if swap.on_disk and not swap.zram_bytes:
        return (
            f"{swap.size_bytes / GIB:.1f} GiB on a card or disk: slow, and it wears a card; zram "
            "compresses in memory instead (apt install systemd-zram-generator)"
        )
    if not swap.size_bytes:
        return (
            "none: a model that does not fit ends the process; zram gives about half of the "
            "memory more (apt install systemd-zram-generator)"
        )
    return f"{swap.zram_bytes / GIB:.1f} GiB of zram"


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next((one for one in (folder, *folder.parents) if one.exists()), folder)
