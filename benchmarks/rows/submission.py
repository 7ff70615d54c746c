"""One file to share: the rows, without anything that identifies the machine's owner."""

from __future__ import annotations

import getpass
import json
import os
import platform
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edge_router.errors import EdgeRouterError
from edge_router.guards.user_files import home_folder

from .row import Row
from .schema import check_row

__all__ = ["Private", "submission"]

HIDDEN = "(hidden)"
PATH = re.compile(r"(?<![\w.:/])(?:file:/)?(?:[A-Za-z]:\\|~/|/(?=[^\s/]+/))[^\s'\",;)\]]*")
SHORTEST_NAME = 3  # a user called "s" cannot be looked for in a text


class Private(EdgeRouterError):
    """A row still holds a name or a path of this machine; nothing was written."""


def submission(rows: Sequence[Row]) -> str:
    """JSON lines of the rows, paths, user and host names hidden, checked against the schema.

    Raises Private if a name of this machine remains.
    """
    own = [name for name in _own_names() if len(name) >= SHORTEST_NAME]
    lines = []
    for row in rows:
        shared = _hidden(row.to_json(), own)
        check_row(shared)
        lines.append(json.dumps(shared, ensure_ascii=False))
    text = "".join(f"{line}\n" for line in lines)
    left = [name for name in own if re.search(_whole(name), text)]
    if left:
        raise Private(f"the rows still hold {', '.join(map(repr, left))}; please report this")
    return text


def _own_names() -> Iterator[str]:
    """Names of this user and this host, and the user's folders."""
    if (home := home_folder()) is not None:
        yield str(home)
    yield str(Path.cwd())
    yield platform.node()
    yield platform.node().partition(".")[0]
    try:
        yield getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        yield os.environ.get("USER", "")


def _whole(name: str) -> str:
    """A pattern for the name as a whole word: "pi" is not in "pip"."""
    return rf"(?<!\w){re.escape(name)}(?!\w)"


def _hidden(value: Any, own: Sequence[str]) -> Any:
    if isinstance(value, str):
        text = PATH.sub(HIDDEN, value)
        for name in own:
            text = re.sub(_whole(name), HIDDEN, text)
        return text
    if isinstance(value, dict):
        return {name: _hidden(item, own) for name, item in value.items()}
    if isinstance(value, list):
        return [_hidden(item, own) for item in value]
    return value
