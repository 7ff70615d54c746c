"""This device's name in a fleet: drawn at random, so that nothing about the device is in it."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from edge_router.errors import LearningError
from edge_router.guards.data_folder import write_atomically, writing_to
from edge_router.guards.stored_json import FAULTS, number, read_object, text

__all__ = ["FILE", "ExportIdentity", "next_export"]

FILE = "fleet-device.json"  # device.json is that of measured speeds
DEVICE_BYTES = 16
MOST_EXPORTS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ExportIdentity:
    """`device` is 32 random hexadecimal digits; `export` counts this device's exports from 1, and
    says which of two copies of a row is the later one, whatever the clock does."""

    device: str
    export: int


def next_export(data_folder: Path) -> ExportIdentity:
    """The identity of one more export, kept in the data folder; a new device is named there.

    Whoever deletes the file gets a new name, and its rows count as those of another device. Raises
    LearningError for a damaged file, ConfigError where it cannot be written.
    """
    path = data_folder / FILE
    before = _stored(path)
    now = ExportIdentity(before.device, before.export + 1)
    with writing_to(data_folder):
        content = json.dumps({"device": now.device, "exports": now.export}) + "\n"
        write_atomically(path, content, mode=0o600)
    return now


def _stored(path: Path) -> ExportIdentity:
    try:
        content = read_object(path)
        device = text(content["device"], "device")
        exports = number(content["exports"], "exports", 0, MOST_EXPORTS - 1)
        if len(device) != 2 * DEVICE_BYTES or not set(device) <= set("0123456789abcdef"):
            raise ValueError(f"device is {device!r:.40}, not {2 * DEVICE_BYTES} hexadecimal digits")
    except FileNotFoundError:
        return ExportIdentity(secrets.token_hex(DEVICE_BYTES), 0)
    except FAULTS as error:
        raise LearningError(
            f"{path} does not say what this device is called ({error}); delete it to get a new "
            "name, under which rows count as those of another device"
        ) from None
    return ExportIdentity(device, int(exports))
