"""systemd's side of a service: the unit that runs it, and the words that it sends while it runs.

A program that systemd started says READY=1 once it serves, WATCHDOG=1 while it is alive and
STOPPING=1 at its end, each a datagram to the socket $NOTIFY_SOCKET (sd_notify(3)).
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

__all__ = ["WATCHDOG_S", "ServiceManager", "user_unit"]

WATCHDOG_S = 60
UNIT = """\
# {description}, for systemd: of one user, without root and without a network.
#   edge-router serve --print-systemd > ~/.config/systemd/user/edge-router.service
#   systemctl --user daemon-reload && systemctl --user enable --now edge-router
#   loginctl enable-linger                 # from boot on, also while nobody is logged in
#   journalctl --user -u edge-router -f    # what it says
[Unit]
Description={description}
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
Restart=on-failure
RestartSec=5
WatchdogSec={watchdog}
TimeoutStartSec=300
TimeoutStopSec={stop}
OOMPolicy=continue
Nice=5
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=default.target
"""


def user_unit(command: Sequence[str], *, description: str, stop_s: float) -> str:
    """The unit of a service that runs `command` and has `stop_s` seconds to end."""
    return UNIT.format(
        description=description,
        command=" ".join(map(_quoted, command)),
        watchdog=WATCHDOG_S,
        stop=round(stop_s),
    )


def _quoted(word: str) -> str:
    """A word of a command line as systemd reads it: specifiers and variables are none in it."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    escaped = escaped.replace("\n", "\\n")
    return f'"{escaped}"' if not word or any(c in " \t;'\"\\\n" for c in word) else escaped


@dataclass(slots=True)
class ServiceManager:
    """Tells systemd how the service is; does nothing where systemd did not start it.

    `alive` may be called often: it is sent twice in each span that systemd waits for it. Not
    thread-safe.
    """

    address: str | None = None
    watchdog_s: float = 0.0
    clock: Callable[[], float] = time.monotonic
    _next: float = field(default=0.0)

    @classmethod
    def of_environment(cls) -> ServiceManager:
        """By the variables that systemd sets for the process that it started."""
        address, microseconds = os.environ.get("NOTIFY_SOCKET"), os.environ.get("WATCHDOG_USEC", "")
        meant = os.environ.get("WATCHDOG_PID", "")
        watched = microseconds.isdecimal() and meant in ("", str(os.getpid()))
        return cls(address, int(microseconds) / 1e6 if watched else 0.0)

    def ready(self) -> None:
        """The service serves."""
        self._send("READY=1")

    def alive(self) -> None:
        """It still runs; systemd restarts a service that does not say so."""
        if self.watchdog_s > 0 and (now := self.clock()) >= self._next:
            self._next = now + self.watchdog_s / 2
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """It takes no more requests."""
        self._send("STOPPING=1")

    def _send(self, state: str) -> None:
        if self.address:
            place = f"\0{self.address[1:]}" if self.address[0] == "@" else self.address
            with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
                out.sendto(state.encode(), place)
