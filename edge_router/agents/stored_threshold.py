"""The threshold of abstention that `edge-router agents eval --calibrate` keeps on this device."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from edge_router.errors import CatalogError
from edge_router.guards.data_folder import write_atomically, writing_to
from edge_router.guards.stored_json import FAULTS, read_object

from .ranking.abstention import Abstention

__all__ = ["keep_threshold", "stored_threshold"]

log = logging.getLogger("edge_router")

FILE = "agents-abstention.json"
AGAIN = "calibrate again: edge-router agents eval FILE --calibrate"


def keep_threshold(folder: Path, abstention: Abstention, *, encoder: str, head: bool) -> Path:
    """Keep it for this encoder, with or without a fitted head. Raises ConfigError."""
    path = folder / FILE
    content = {"encoder": encoder, "head": head, **abstention.to_json()}
    with writing_to(folder):
        write_atomically(path, json.dumps(content, indent=1) + "\n")
    return path


def stored_threshold(folder: Path, *, encoder: str, head: bool) -> Abstention | None:
    """The one kept for this encoder and this kind of score; None where there is none, and, with a
    warning, where another encoder's is kept.

    Raises CatalogError for a file that cannot be read.
    """
    path = folder / FILE
    try:
        content = read_object(path)
        if content["encoder"] != encoder:
            log.warning("the threshold in %s is another router's and not used; %s", path, AGAIN)
            return None
        if content["head"] is not head:
            return None
        return Abstention.from_json(content)
    except FileNotFoundError:
        return None
    except FAULTS as error:
        raise CatalogError(f"{path} cannot be used ({error}); {AGAIN}") from None
