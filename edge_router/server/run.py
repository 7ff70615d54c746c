"""Run the server: its socket, its key, its signals, and its end.

The first SIGTERM or Ctrl-C stops accepting and lets the answers under way come to their end, as
long as their deadline lasts; a second one ends them at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib.util
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from edge_router.device.service_manager import ServiceManager
from edge_router.errors import ConfigError, MissingExtra
from edge_router.guards.loopback import is_loopback
from edge_router.guards.redaction import quoted

from .access import Access, checked_hosts, checked_origins
from .api_key import KEY_FILE, ApiKey, key_in_folder, keys_from_variables
from .connection import Leaving, guarded_protocol
from .exchange import App
from .limits import Limits

if TYPE_CHECKING:
    from uvicorn import Server

__all__ = ["ServerOptions", "access_of", "require_extra", "serve"]

DEFAULT_PORT = 11435  # next to Ollama's
BACKLOG = 128
SWITCH_S = 0.0005  # between threads: an answer's thread must not hold up a decision for 5 ms
TICK_S = 0.05
BODY_GRACE_S = 0.5  # after the end was asked for, until when a body must have arrived
GRACE_S = 1.0  # beyond the deadline of an answer, for its last bytes


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where to listen and whom to let in.

    An address that is not loopback needs a key: one in the variables `api_key_envs`, each named as
    NAME or CALLER=NAME, or the one in the data folder, which is made if there is none. `hosts` are
    further names that a request's Host may have, `origins` those of web pages that may ask.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    api_key_envs: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        """Raises ConfigError."""
        if type(self.port) is not int or not 0 <= self.port <= 65_535:
            raise ConfigError(f"port {quoted(self.port)} must be a whole number from 0 to 65535")
        if not self.host:
            raise ConfigError("host is empty; use 127.0.0.1, or 0.0.0.0 for every address")


def require_extra() -> None:
    """Raise MissingExtra where the extra `serve` is not installed."""
    for part in ("starlette", "uvicorn"):
        if importlib.util.find_spec(part) is None:
            raise MissingExtra(f"{part}, which the server runs on,", "serve")


def serve(
    app: App,
    options: ServerOptions,
    *,
    drain_s: float,
    stop: threading.Event,
    started: Callable[[str], None],
) -> None:
    """Serve until a signal or, where signals do not reach this thread, until `stop` is set.

    `started` is called with the URL for clients once it listens. Answers under way at the end have
    `drain_s` seconds. Raises ConfigError for an address that cannot be used, and MissingExtra.
    """
    require_extra()
    with contextlib.closing(_listening(options)) as listener:
        server = _server(app, options, drain_s)
        host, port = listener.getsockname()[:2]
        started(f"http://{f'[{host}]' if ':' in host else host}:{port}/v1")
        with _quick_switches(), _kept_objects(), _signals(server, stop):
            asyncio.run(_run(server, listener, stop))


async def _run(server: Server, listener: socket.socket, stop: threading.Event) -> None:
    running = asyncio.ensure_future(server._serve([listener]))  # noqa: SLF001 - signals are ours
    systemd = ServiceManager.of_environment()
    systemd.ready()
    while not stop.is_set() and not running.done():
        systemd.alive()
        await asyncio.sleep(TICK_S)
    systemd.stopping()
    server.should_exit = True
    await asyncio.wait({running}, timeout=BODY_GRACE_S)
    for connection in list(server.server_state.connections):
        if isinstance(connection, Leaving):
            connection.leave()
    await running


def access_of(options: ServerOptions, data_folder: Path) -> tuple[Access, str | None]:
    """What lets a request in, and where its key is. Raises ConfigError."""
    local = is_loopback(options.host)
    keys = keys_from_variables(options.api_key_envs)
    place = ", ".join(f"${one.rpartition('=')[2]}" for one in options.api_key_envs) or None
    if not keys and not local:
        keys = (ApiKey(key_in_folder(data_folder)),)
        place = str(data_folder / KEY_FILE)
    origins = checked_origins(options.origins, has_key=bool(keys))
    hosts = checked_hosts(options.hosts)
    return Access(keys, hosts, not local and not hosts, origins), place


def _listening(options: ServerOptions) -> socket.socket:
    """A socket that listens at the address. Raises ConfigError."""
    place = f"{options.host}:{options.port}"
    try:
        found = socket.getaddrinfo(
            options.host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )  # of "localhost" the address that clients try first or that works everywhere: IPv4
        family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f"--host {quoted(options.host)} is no address of this machine: {error}"
        ) from None
    try:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        words = error.strerror or error
        raise ConfigError(f"cannot listen at {place}: {words}; choose another --port") from None
    return listener


def _server(app: App, options: ServerOptions, drain_s: float) -> Server:
    import uvicorn

    limits = options.limits
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # a bad request is no news; we log ours
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=guarded_protocol(limits),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=max(1, round(limits.keep_alive_s)),
        timeout_graceful_shutdown=round(drain_s + GRACE_S),
        h11_max_incomplete_event_size=limits.head_bytes,
    )
    return uvicorn.Server(config)


@contextlib.contextmanager
def _quick_switches() -> Iterator[None]:
    """Switch between threads more often while the server runs."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextlib.contextmanager
def _kept_objects() -> Iterator[None]:
    """What is loaded by now is kept as long as the server runs, so no collection walks it again: a
    full one takes 30 ms of CPU, in which no thread runs."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextlib.contextmanager
def _signals(server: Server, stop: threading.Event) -> Iterator[None]:
    """The first signal asks the server to end, a second one insists."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def asked(_number: int, _frame: FrameType | None) -> None:
        server.force_exit = stop.is_set()
        stop.set()

    before = {one: signal.signal(one, asked) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
