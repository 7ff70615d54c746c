"""The options --engine and --address: where a command runs its independent pieces of work."""

from __future__ import annotations

import argparse

from edge_router.errors import ConfigError

__all__ = ["add_engine", "runs_on_ray"]


def add_engine(command: argparse.ArgumentParser) -> None:
    """Register both."""
    command.add_argument(
        "--engine",
        choices=("process", "ray"),
        default="process",
        help="this process, or workers of a Ray cluster (the extra `ray`)",
    )
    command.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="the cluster of --engine ray (default: one on this machine, while it runs)",
    )


def runs_on_ray(options: argparse.Namespace) -> bool:
    """Whether Ray is to run it. Raises ConfigError for an address without it."""
    if options.engine != "ray" and options.address is not None:
        raise ConfigError(f"--address {options.address} is for --engine ray; state both")
    return bool(options.engine == "ray")
