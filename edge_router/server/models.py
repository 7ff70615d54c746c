"""The names that a client may give as `model`: how to choose, or the one expert to ask.

`auto` decides as the settings say. `performance` and `cost` are preferences, an operating point is
its price; both replace the settings' rule, also for queries that need live data, and keep every
limit. An expert's name asks that expert alone; of one that has levels of thinking, NAME-LEVEL asks
that level, and NAME whichever of them is chosen. Where an expert has the name of a rule,
`expert/NAME` asks it. The router's own name is the model of embeddings, and is not listed among
those that chat.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from edge_router.guards.redaction import quoted
from edge_router.routing.deciding.decision import Rule

from .wire.errors import Refused

__all__ = ["Models", "Target"]

AUTO, PREFIX = "auto", "expert/"
TYPED = "Typed questions: the router's own, others by a local model if there is one."
Kind = Literal["auto", "rule", "expert", "embedding"]


@dataclass(frozen=True, slots=True)
class Target:
    """Who answers: the choice of `rule` (None: that of the settings), or `expert` alone."""

    kind: Kind
    rule: Rule | None = None
    expert: str | None = None


class Models:
    """The models of a server, in the order in which they are listed: `rules` by name, `experts`,
    and the one that gives embeddings."""

    def __init__(
        self, experts: Iterable[str], rules: Mapping[str, Rule], *, embedding: str
    ) -> None:
        self.embedding = embedding
        self._created = int(time.time())
        self._experts = {name: Target("expert", expert=name) for name in experts}
        self._targets: dict[str, Target] = {AUTO: Target("auto")}
        for name, rule in rules.items():
            self._targets.setdefault(name, Target("rule", rule))
        for name, target in self._experts.items():
            self._targets[f"{PREFIX}{name}" if name in self._targets else name] = target

    def target(self, stated: Any) -> Target:
        """What a request's `model` means; without one it is "auto". Raises Refused (404)."""
        if stated is None:
            return self._targets[AUTO]
        if isinstance(stated, str):
            if stated in self._targets:
                return self._targets[stated]
            if stated.startswith(PREFIX) and stated.removeprefix(PREFIX) in self._experts:
                return self._experts[stated.removeprefix(PREFIX)]
        raise self._unknown(stated, list(self._targets))

    def require_embedding(self, stated: Any) -> None:
        """Raise Refused (404) for a model that gives no embeddings."""
        if stated not in (None, AUTO, self.embedding):
            raise self._unknown(stated, [self.embedding])

    def listed(self) -> dict[str, Any]:
        """OpenAI's list of models, and beside it what /v1/systemone's protocol wants here."""
        data = [self._object(name, target) for name, target in self._targets.items()]
        day = time.strftime("%Y-%m-%d", time.gmtime(self._created))
        typed = {"name": self.embedding, "description": TYPED, "release_date": day}
        return {"object": "list", "data": data, "models": [typed]}

    def one(self, name: str) -> dict[str, Any]:
        """OpenAI's model of that name. Raises Refused (404)."""
        if name == self.embedding and name not in self._targets:
            return self._object(name, Target("embedding"))
        return self._object(name, self.target(name))

    def _object(self, name: str, target: Target) -> dict[str, Any]:
        fields = {"object": "model", "created": self._created, "owned_by": "edge-router"}
        return {"id": name, **fields, "edge_router": {"kind": target.kind}}

    def _unknown(self, stated: Any, known: list[str]) -> Refused:
        words = f"the model {quoted(stated)} does not exist; use one of {', '.join(known)}"
        return Refused(404, words, code="model_not_found", param="model")
