"""The server's models in memory: GET /v1/loaded lists them, POST /v1/unload frees them.

For programs of this machine alone, `edge-router ps` and `stop` among them: who asks from elsewhere
has no say in what this machine keeps in memory, whatever key they have. A proxy of this machine
that adds no header to say so looks like one of its programs; SECURITY.md says what to do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_router.client.local_models import LocalModel
from edge_router.guards.loopback import is_loopback

from .errors import Refused

__all__ = ["NO_MODELS", "ModelsInMemory", "loaded_object", "require_here"]


@dataclass(frozen=True, slots=True)
class ModelsInMemory:
    """`listed` says what there is; `unload` gives back the memory of one expert's model, or of all,
    and returns the experts whose model was unloaded."""

    listed: Callable[[], Sequence[LocalModel]]
    unload: Callable[[str | None], Sequence[str]]

    def list_object(self) -> Mapping[str, Any]:
        """The reply to GET /v1/loaded."""
        return {"object": "list", "data": [*map(loaded_object, self.listed())]}

    def released(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Unload what the body of POST /v1/unload names; returns the reply. Raises Refused, and
        ConfigError for an expert without a model in this process."""
        expert = body.get("expert")
        if expert is not None and not isinstance(expert, str):
            raise Refused(400, "expert must be a name", code="invalid_value", param="expert")
        unloaded = self.unload(expert)
        answering = [
            one.expert for one in self.listed() if one.busy and expert in (None, one.expert)
        ]
        return {"unloaded": [*unloaded], "answering": answering}


def loaded_object(model: LocalModel) -> Mapping[str, Any]:
    """A model as the reply has it; `unloads_in_s` is null for never, and while it is not idle."""
    state = {"loaded": model.loaded, "loading": model.loading, "answering": model.busy}
    left = round(max(0.0, model.left_s), 1) if math.isfinite(model.left_s) else None
    return {
        "expert": model.expert,
        "model": model.file,
        "bytes": model.bytes,
        **state,
        "unloads_in_s": left,
    }


FORWARDED = frozenset(("forwarded", "via", "x-forwarded-for", "x-real-ip"))


def require_here(peer: str, own: str, headers: Collection[str] = ()) -> None:
    """Raise Refused unless `peer` is a program of this machine, whose address is `own`, and none
    that forwards what others ask, as `headers` (their names in small letters) may tell."""
    here = bool(peer) and (is_loopback(peer) or peer == own)
    if not here or not FORWARDED.isdisjoint(headers):
        words = "only programs on the server's own machine may see or change what it keeps loaded"
        raise Refused(403, words, code="not_this_machine", kind="permission_error")


NO_MODELS = ModelsInMemory(list, lambda _: ())
