"""Connects to a Ray cluster, or starts one on this machine, without telemetry or open ports."""

from __future__ import annotations

import os
import platform
import secrets
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from ipaddress import ip_address
from typing import Any

import edge_router
from edge_router.errors import ConfigError, EdgeRouterError, MissingExtra
from edge_router.guards.redaction import quoted

__all__ = ["ClusterError", "load_ray", "ray_cluster", "require_version", "room_for"]

CONNECT_S = 5.0
OBJECT_STORE_BYTES = 200_000_000  # rows are small, and travel outside it
INIT_S = 90.0  # Ray itself tries for many minutes
ON_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # else Ray listens on every interface
NO_TELEMETRY = {"RAY_USAGE_STATS_ENABLED": "0"}


class ClusterError(EdgeRouterError):
    """A Ray cluster cannot be reached, does not fit what runs here, or lost what it needs."""


def load_ray() -> Any:
    """The module, which sends no usage statistics. Raises MissingExtra."""
    os.environ.update(NO_TELEMETRY)  # read when it is imported
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
    folder = tempfile.mkdtemp(prefix="ray-")
    try:
        if address is None:
            variables = ON_LOOPBACK | _own_token()
            options = {
                "address": "local",
                "num_cpus": cpus or os.cpu_count(),
                "object_store_memory": OBJECT_STORE_BYTES,
                "include_dashboard": False,
                "_temp_dir": folder,
            }
        else:
            variables = ON_LOOPBACK if _require_reachable(address) else {}
            options = {"address": address}
        with _environment(variables):
            ray = load_ray()
            if ON_LOOPBACK.items() <= variables.items():  # Ray may have been imported before
                ray._private.ray_constants.ENABLE_RAY_CLUSTER = False  # noqa: SLF001
            try:
                _init(ray, options)
                if address is None:
                    _require_loopback(ray)
                yield ray
            finally:
                ray.shutdown()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@cache  # Ray keeps the first token that it reads
def _own_token() -> dict[str, str]:
    """So that the cluster answers no other user of this machine. Ray reads it when it is imported;
    where it was imported before, it takes one from the user's home itself."""
    if "ray" in sys.modules:
        return {}
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _init(ray: Any, options: Mapping[str, Any]) -> None:
    """`ray.init`. Raises ClusterError."""
    failures: list[Exception] = []

    def connect() -> None:
        try:
            ray.init(log_to_driver=False, logging_level="error", **options)
        except Exception as error:  # noqa: BLE001 - raised below, in the thread that waits
            failures.append(error)

    if options["address"] == "local":
        where = "a cluster on this machine"
        connect()  # here: the system ends its processes with the thread that started them
    else:
        where = f"the cluster at {options['address']}"
        thread = threading.Thread(target=connect, daemon=True)
        thread.start()
        thread.join(INIT_S)
        if thread.is_alive():  # it is left behind
            raise ClusterError(
                f"{where} did not take this process in for {INIT_S:g} s; is it one of Ray, and is "
                "this machine a node of it (`ray start --address`)?"
            )
    if failures:
        said = " ".join(str(failures[0]).split())
        fix = ""
        if "Version mismatch" in said:
            fix = "; install the same Ray and Python on every node"
        raise ClusterError(f"Ray cannot use {where}: {said[:600]}{fix}") from failures[0]


def _require_loopback(ray: Any) -> None:
    """Raises ClusterError where other machines could reach a cluster that is this one's alone."""
    ip = ray.util.get_node_ip_address()
    if not ip_address(ip).is_loopback:
        variable = next(iter(ON_LOOPBACK))
        raise ClusterError(
            f"Ray was imported before it could be kept to loopback, and listens on {ip}; set "
            f"{variable}=0 before this program starts"
        )


def _require_reachable(address: str) -> bool:
    """Whether it is on loopback. Raises ConfigError, or ClusterError where nothing listens: Ray
    itself would wait long."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not (port.isascii() and port.isdecimal() and len(port) < 6):
        raise ConfigError(
            f"address {quoted(address)} is not HOST:PORT, such as 192.0.2.7:6379 "
            "(what `ray start --head` prints)"
        )
    try:
        with socket.create_connection((host.strip("[]"), int(port)), CONNECT_S) as connection:
            return ip_address(connection.getpeername()[0]).is_loopback
    except (OSError, OverflowError, UnicodeError) as error:
        raise ClusterError(
            f"no Ray cluster answers at {address} ({error}); start one there with "
            "`RAY_USAGE_STATS_ENABLED=0 ray start --head --include-dashboard=false`"
        ) from error


def room_for(ray: Any, cpus: float) -> bool:
    """Whether any node that is up has as many CPUs, free or not."""
    return any(node["Resources"].get("CPU", 0.0) >= cpus for node in ray.nodes() if node["Alive"])


def require_version(version: str) -> None:
    """On a node: raises ClusterError where its Edge Router is not that of the driver."""
    here = edge_router.__version__
    if here != version:
        raise ClusterError(
            f"node {platform.node()} has edge-router {here}, and the run was started by {version}; "
            f"install {version} there"
        )
