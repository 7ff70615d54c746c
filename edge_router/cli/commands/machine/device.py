"""edge-router device: prints hardware and state, and measures the local experts' speed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from edge_router.errors import ConfigError

from ...options import add_command, config_of
from ...printing import print_dim, print_json

if TYPE_CHECKING:
    from edge_router.device.machine import DeviceInfo, DeviceState
    from edge_router.device.measurement import Measurement
    from edge_router.device.speeds import MeasuredSpeed
    from edge_router.settings.config import Config
    from edge_router.settings.expert_config import ExpertConfig

__all__ = ["add"]

BAR = 30  # characters
GIB = 2**30
READ, WRITTEN = 256, 64  # tokens of the answer whose speeds are shown


def add(commands: Any) -> None:
    """Register the commands."""
    actions = commands.choices["device"].add_subparsers(required=True, metavar="ACTION")
    measure = add_command(
        actions, "measure", _measure, "measure how fast local experts read and write; keep it"
    )
    measure.add_argument("--expert", action="append", help="only this one (may be repeated)")
    add_command(actions, "show", _show, "what is known of this machine", settings=False)


def _measure(options: argparse.Namespace) -> None:
    from edge_router.device.speeds import MeasuredSpeed, now_as_text, write_speeds
    from edge_router.guards.data_folder import writing_to

    config = config_of(options)
    chosen = _chosen(config, options.expert)
    timed = {name: _measured(name, expert) for name, expert in chosen.items()}
    now = now_as_text()
    speeds = {
        name: MeasuredSpeed(e.model, e.n_threads, now, timed[name].speed, timed[name].pace)
        for name, e in chosen.items()
    }
    with writing_to(config.data_folder):
        path = write_speeds(config, speeds)
    if options.json:
        print_json({"file": str(path), "speeds": _speeds_json(speeds, timed)})
        return
    for name, speed in speeds.items():
        fit = f"{len(timed[name].samples)} prompts, error {timed[name].relative_error:.0%}"
        print(f"{name}: {_speed_words(speed)}; {fit} at the median")
    print_dim(f"kept in {path}")


def _chosen(config: Config, names: list[str] | None) -> dict[str, ExpertConfig]:
    """The experts to measure. Raises ConfigError for an unknown or remote expert."""
    local = {name: expert for name, expert in config.experts.items() if expert.on_device}
    for name in names or ():
        if name not in config.experts:
            raise ConfigError(f"no expert {name!r}; configured are {', '.join(config.experts)}")
        if name not in local:
            where = "in the cloud" if config.experts[name].place == "cloud" else "on your network"
            raise ConfigError(
                f"expert {name!r} is {where}; its speed is learned from its real answers"
            )
        if config.forbids(local[name]):
            raise ConfigError(
                f"expert {name!r} is asked over the network, and nothing may leave this device "
                f"(offline = {config.offline}, placement = {config.placement})"
            )
    local = {name: expert for name, expert in local.items() if not config.forbids(expert)}
    if not local:
        raise ConfigError("no expert on this device is configured; add one under [experts.NAME]")
    return {name: local[name] for name in names or local}


def _measured(name: str, expert: ExpertConfig) -> Measurement:
    from edge_router.device.measurement import measure_speed
    from edge_router.routing.opening import open_backend

    if expert.stated_speed:
        stated = ", ".join(expert.stated_speed)
        print_dim(f"{name}: the settings state {stated}; that wins over what is measured")
    backend = open_backend(expert)
    try:
        return measure_speed(
            backend,
            context_tokens=expert.context_tokens,
            progress=lambda share: _print_bar(name, share),
        )
    finally:
        backend.close()


def _print_bar(name: str, share: float) -> None:
    """Print a progress line on standard error, if that is a terminal."""
    if sys.stderr.isatty():
        filled = round(share * BAR)
        bar = "#" * filled + "." * (BAR - filled)
        end = "\n" if share >= 1 else ""
        print(f"\r{name} [{bar}] {share:4.0%}", end=end, file=sys.stderr, flush=True)


def _show(options: argparse.Namespace) -> None:
    from edge_router.device.machine import this_device
    from edge_router.device.speeds import read_speeds

    config, device = config_of(options), this_device()
    info, state, speeds = device.info(), device.state(), read_speeds(config)
    if options.json:
        print_json(
            {"device": asdict(info), "state": asdict(state), "speeds": _speeds_json(speeds, {})}
        )
        return
    print(f"processor: {info.processor}, {info.cores} cores")
    print(f"memory: {_memory_words(info, state)}")
    print(f"clock: {_clock_words(info, state)}")
    for when, words in _trouble_words():
        print(f"{when}: {words}")
    print(f"battery: {_battery_words(state)}")
    print(f"network: {_network_words(state)}")
    for name, expert in config.experts.items():
        if name in speeds:
            print(f"expert {name}: {_speed_words(speeds[name])}, {_age_words(speeds[name])}")
        elif expert.on_device:
            print(f"expert {name}: not measured; run `edge-router device measure`")


def _speeds_json(
    speeds: Mapping[str, MeasuredSpeed], timed: Mapping[str, Measurement]
) -> dict[str, Any]:
    return {
        name: asdict(speed)
        | ({"relative_error": timed[name].relative_error} if name in timed else {})
        for name, speed in speeds.items()
    }


def _speed_words(measured: MeasuredSpeed) -> str:
    """Speeds at a usual length: a fit may put all time of reading into its growth with length."""
    from edge_router.device.latency import Work

    speed, work = measured.speed, Work(READ, WRITTEN)
    read_s = max(1e-9, speed.first_token_s(work) - speed.start_s)
    written_s = max(1e-9, speed.rest_s(work))
    words = (
        f"reads {READ / read_s:.0f} tokens/s, writes {WRITTEN / written_s:.0f} tokens/s "
        f"({READ} read, {WRITTEN} written), starts to read after {speed.start_s:.2f} s"
    )
    return words + (f", loads in {speed.cold_s:.1f} s" if speed.cold_s else "")


def _age_words(measured: MeasuredSpeed) -> str:
    days = measured.age(datetime.now(UTC)).days
    return f"measured {measured.measured} ({days} days ago)"


def _memory_words(info: DeviceInfo, state: DeviceState) -> str:
    if info.memory_bytes is None or state.free_memory_bytes is None:
        return "unknown"
    return f"{state.free_memory_bytes / GIB:.1f} of {info.memory_bytes / GIB:.1f} GiB free"


def _clock_words(info: DeviceInfo, state: DeviceState) -> str:
    governor = f"governor {info.governor}" if info.governor else "governor unknown"
    if state.clock_share is None:
        return f"throttling unknown, {governor}"
    throttled = "not throttled" if state.clock_share >= 1 else "throttled"
    return f"{throttled}, {state.clock_share:.0%} of the highest is allowed, {governor}"


def _trouble_words() -> Iterator[tuple[str, str]]:
    """What a board's firmware complains of."""
    from edge_router.device.board import Board

    trouble = Board().trouble()
    if trouble is not None:
        yield "power and heat", ", ".join(trouble.now) or "well"
        if trouble.earlier:
            yield "since it was switched on", ", ".join(trouble.earlier)


def _battery_words(state: DeviceState) -> str:
    if state.battery is None:
        return "none, or unknown"
    return f"{state.battery:.0%}, {'discharging' if state.discharging else 'on the mains'}"


def _network_words(state: DeviceState) -> str:
    words = {None: "unknown", True: "a route leads out", False: "no route leads out"}
    return words[state.connected]
