"""Errors of emulated machines and of their output.

EdgeRouterError
├── EmulationError              no emulated machine can be had
│   ├── HostUnsuitable          another system than Linux on x86, or a tool is missing
│   ├── DownloadFailed          Debian's or Python's packages did not come
│   └── GuestFailed             the program in the emulated machine broke off
└── BaselineUnusable            the file of kept counts cannot be read
"""

from __future__ import annotations

from edge_router.errors import EdgeRouterError

__all__ = [
    "BaselineUnusable",
    "DownloadFailed",
    "EmulationError",
    "GuestFailed",
    "HostUnsuitable",
]


class EmulationError(EdgeRouterError):
    """An emulated machine cannot be set up or used here."""


class HostUnsuitable(EmulationError):
    """This machine lacks what the emulation needs; the message says how to get it."""


class DownloadFailed(EmulationError):
    """A download failed; finished downloads are kept and the next run resumes."""


class GuestFailed(EmulationError):
    """The program in the emulated machine ended with an error, or took too long."""


class BaselineUnusable(EdgeRouterError):
    """The file of kept instruction counts is missing or malformed."""
