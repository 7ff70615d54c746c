"""Words for the local models that are being loaded, for the line while an answer waits."""

from __future__ import annotations

from collections.abc import Callable

from edge_router.client.local_models import RunsModels, local_models

__all__ = ["loading_words"]


def loading_words(router: RunsModels) -> Callable[[], str]:
    """Says which models of `router` are being loaded now, "" for none."""

    def words() -> str:
        loading = [one for one in local_models(router) if one.loading]
        return ", ".join(f"loading {one.file} ({one.bytes / 1e6:.0f} MB)" for one in loading)

    return words
