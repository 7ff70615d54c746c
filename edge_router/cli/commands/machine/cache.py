"""edge-router cache: shows how many answers are kept to be given again, or forgets them."""

from __future__ import annotations

import argparse
from typing import Any

from ...options import add_command, config_of
from ...printing import print_dim, print_json
from ...terminal import visible

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    cache = add_command(commands, "cache", _cache, settings=False)
    cache.add_argument(
        "action", choices=("show", "clear"), help="count the answers and the hits, or forget them"
    )


def _cache(options: argparse.Namespace) -> None:
    from edge_router.layers.cache.store import AnswerStore

    config = config_of(options)
    limits = config.cache
    store = AnswerStore(limits.file_in(config.data_folder), limits)
    if options.action == "clear":
        count = store.clear()
        if options.json:
            print_json({"cleared": count, "path": str(store.path)})
        else:
            print(f"{count} answers are forgotten")
        return
    count, size, hits = store.size()
    if options.json:
        content = {"path": str(store.path), "mode": limits.mode, "answers": count, "bytes": size}
        print_json(content | {"hits": hits, "ttl_s": limits.ttl_s})
        return
    print(f"{count} answers, {size:,} bytes of at most {limits.max_bytes:,}; mode {limits.mode}")
    print(visible(str(store.path)))
    if hits:
        given = ", ".join(f"{number} {visible(kind)}" for kind, number in hits.items())
        print(f"given again: {given}")
    if limits.mode == "off":
        print_dim('nothing is kept or given again; add [cache] with mode = "exact" to the settings')
