"""Connects to a Ray cluster, or starts one on this machine, without telemetry or open ports."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edge_router.errors import ConfigError, EdgeRouterError, MissingExtra
from edge_router.guards.redaction import quoted

__all__ = ["ClusterError", "load_ray", "ray_cluster", "room_for"]

CONNECT_S = 5.0
OBJECT_STORE_BYTES = 200_000_000  # rows are small, and travel outside it
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # its own cluster listens on loopback alone
    "RAY_AUTH_MODE": "token",  # and answers no other user of this machine
    "RAY_DEDUP_LOGS": "0",
}


class ClusterError(EdgeRouterError):
    """A Ray cluster cannot be reached, does not fit what runs here, or lost what it needs."""


def load_ray() -> Any:
    """The module, which sends no usage statistics. Raises MissingExtra."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read when it is imported
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingExtra("Ray", "ray") from error
    return ray


@contextmanager
def ray_cluster(address: str | None, *, cpus: int | None = None) -> Iterator[Any]:
    """The module `ray`, connected to the cluster at `address`, HOST:PORT.

    Without an address a cluster starts on this machine, with `cpus` (default: all cores), on
    loopback and with a token of its own; it ends, and its files are removed, with this context.
    Raises MissingExtra, ConfigError, ClusterError.
    """
    if address is None:
        with _own_cluster(cpus) as ray:
            yield ray
        return
    _require_reachable(address)
    ray = load_ray()
    _init(ray, address=address)
    try:
        yield ray
    finally:
        ray.shutdown()


@contextmanager
def _own_cluster(cpus: int | None) -> Iterator[Any]:
    before = {name: os.environ.get(name) for name in (*QUIET, "RAY_AUTH_TOKEN")}
    os.environ.update(QUIET | {"RAY_AUTH_TOKEN": secrets.token_hex(32)})
    folder = tempfile.mkdtemp(prefix="ray-")
    try:
        ray = load_ray()
        _init(
            ray,
            address="local",
            num_cpus=cpus or os.cpu_count(),
            object_store_memory=OBJECT_STORE_BYTES,
            include_dashboard=False,
            _temp_dir=folder,
        )
        try:
            yield ray
        finally:
            ray.shutdown()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _init(ray: Any, **options: Any) -> None:
    where = "a cluster on this machine"
    if options["address"] != "local":
        where = f"the cluster at {options['address']}"
    try:
        ray.init(log_to_driver=False, logging_level="error", **options)
    except (RuntimeError, ConnectionError, OSError, ValueError, ray.exceptions.RayError) as error:
        ray.shutdown()
        said = " ".join(str(error).split())
        if "Version mismatch" in said:
            raise ClusterError(
                f"{where} runs other versions than this machine; install the same Ray and Python "
                f"on every node: {said}"
            ) from error
        raise ClusterError(f"Ray cannot use {where}: {said[:500]}") from error


def _require_reachable(address: str) -> None:
    """Raises ConfigError, or ClusterError where nothing listens: Ray itself would wait long."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not (port.isascii() and port.isdecimal() and len(port) < 6):
        raise ConfigError(
            f"address {quoted(address)} is not HOST:PORT, such as 192.0.2.7:6379 "
            "(what `ray start --head` prints)"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except (OSError, OverflowError, UnicodeError) as error:
        raise ClusterError(
            f"no Ray cluster answers at {address} ({error}); start one there with "
            "`RAY_USAGE_STATS_ENABLED=0 ray start --head --include-dashboard=false`"
        ) from error


def room_for(ray: Any, cpus: float) -> bool:
    """Whether any node that is up has as many CPUs, free or not."""
    return any(node["Resources"].get("CPU", 0.0) >= cpus for node in ray.nodes() if node["Alive"])
