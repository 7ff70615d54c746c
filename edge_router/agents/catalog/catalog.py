"""The catalogue of agents: added, removed, enabled and disabled while requests are routed."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from edge_router.errors import EmptyCatalog, InvalidAgent
from edge_router.routing.arrays import Float32s

from .agent import Agent
from .embedding import Embedder
from .look_alikes import check_names
from .store import AgentStore

__all__ = ["FILE", "AgentCatalog", "CatalogView"]

FILE = "agents.sqlite3"
MAX_AGENTS = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class CatalogView:
    """The enabled agents at one moment, with the embeddings of their texts.

    `spoken` (agents, dim) of name and description, the direction of the mean of `Agent.phrasings`;
    `examples` (examples, dim), `owners` (examples,) the row in `agents` of each. `version` differs
    between any two views that differ.
    """

    version: int
    agents: tuple[Agent, ...]
    spoken: Float32s
    examples: Float32s
    owners: npt.NDArray[np.intp]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(agent.name for agent in self.agents)

    def require_agents(self) -> None:
        """Raise EmptyCatalog where no agent may be chosen."""
        if not self.agents:
            raise EmptyCatalog("no agent is enabled; add one (edge-router agents add)")


class AgentCatalog:
    """Agents by name, with their embeddings. Thread-safe.

    With a `path` they are kept in an SQLite file, and changes by other processes are seen by the
    next `view`. Raises CatalogError for a file that cannot be used.
    """

    def __init__(
        self, embedder: Embedder, agents: Iterable[Agent] = (), *, path: Path | None = None
    ) -> None:
        self.embedder = embedder
        self._lock = threading.RLock()
        self._store = AgentStore(path) if path is not None else None
        self._agents: dict[str, Agent] = {}
        self._vectors: dict[str, Float32s] = {}
        self._version = 0
        self._view: CatalogView | None = None
        if self._store is not None:
            self._agents = {agent.name: agent for agent in self._store.agents()}
        if given := tuple(agents):
            self.add(*given)

    @property
    def path(self) -> Path | None:
        """The file it is kept in, None for none."""
        return None if self._store is None else self._store.path

    def add(self, *agents: Agent, replace_known: bool = False) -> None:
        """Add all of `agents`, or none where one cannot be added.

        Raises InvalidAgent for a name that is known, unless `replace_known`, for a name twice, and
        for names that look alike.
        """
        with self._lock:
            self._refresh()
            check_names((agent.name for agent in agents), self._agents)
            added = {agent.name: agent for agent in agents}
            if not replace_known and (known := [name for name in added if name in self._agents]):
                raise InvalidAgent(
                    f"two agents are called {known[0]!r}; rename one, or replace the known one "
                    "(--replace, replace_known=True)"
                )
            if len(self._agents | added) > MAX_AGENTS:
                raise InvalidAgent(f"a catalogue holds {MAX_AGENTS:,} agents at most")
            self._embed(_texts(added.values()))
            self._change(added)

    def remove(self, name: str) -> None:
        """Forget an agent. Raises InvalidAgent for a name that is unknown."""
        with self._lock:
            self._refresh()
            self._known(name)
            self._change({}, removed=name)

    def enable(self, name: str) -> None:
        """Let an agent be chosen again. Raises InvalidAgent for a name that is unknown."""
        self._set_enabled(name, enabled=True)

    def disable(self, name: str) -> None:
        """Keep an agent from being chosen. Raises InvalidAgent for a name that is unknown."""
        self._set_enabled(name, enabled=False)

    def agents(self) -> tuple[Agent, ...]:
        """All agents, disabled ones too, in the order in which they were added."""
        with self._lock:
            self._refresh()
            return tuple(self._agents.values())

    def get(self, name: str) -> Agent:
        """Raises InvalidAgent for a name that is unknown."""
        with self._lock:
            self._refresh()
            return self._known(name)

    def view(self) -> CatalogView:
        """The enabled agents now. The same object until something changes."""
        with self._lock:
            self._refresh()
            if self._view is None:
                self._view = self._made_view()
            return self._view

    def close(self) -> None:
        with self._lock:
            if self._store is not None:
                self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _set_enabled(self, name: str, *, enabled: bool) -> None:
        with self._lock:
            self._refresh()
            self._change({name: replace(self._known(name), enabled=enabled)})

    def _known(self, name: str) -> Agent:
        if name not in self._agents:
            known = ", ".join(map(repr, self._agents)) or "none yet"
            raise InvalidAgent(f"no agent is called {name!r:.140}; known are {known:.300}")
        return self._agents[name]

    def _change(self, agents: Mapping[str, Agent], *, removed: str | None = None) -> None:
        gone = () if removed is None else (removed,)
        if self._store is not None:
            self._store.write(agents.values(), removed=gone)
        kept = {name: agent for name, agent in self._agents.items() if name != removed}
        self._agents = {**kept, **agents}
        if removed is not None:
            texts = set(_texts(self._agents.values()))
            self._vectors = {text: one for text, one in self._vectors.items() if text in texts}
        self._version += 1
        self._view = None

    def _refresh(self) -> None:
        """Take over what other processes changed in the file."""
        if self._store is None or not self._store.changed():
            return
        self._agents = {agent.name: agent for agent in self._store.agents()}
        self._version += 1
        self._view = None

    def _made_view(self) -> CatalogView:
        agents = tuple(agent for agent in self._agents.values() if agent.enabled)
        self._embed(_texts(agents))
        dim = self.embedder.dim
        examples = [(row, text) for row, one in enumerate(agents) for text in one.examples]
        return CatalogView(
            version=self._version,
            agents=agents,
            spoken=self._spoken(agents, dim),
            examples=self._stacked([text for _, text in examples], dim),
            owners=np.array([row for row, _ in examples], dtype=np.intp),
        )

    def _spoken(self, agents: Sequence[Agent], dim: int) -> Float32s:
        spoken = self._stacked([one.spoken for one in agents], dim)
        for row, agent in enumerate(agents):
            if len(phrasings := agent.phrasings) > 1:
                total = self._stacked(phrasings, dim).sum(0)
                spoken[row] = total / max(float(np.linalg.norm(total)), 1e-9)
        return spoken

    def _stacked(self, texts: Sequence[str], dim: int) -> Float32s:
        stacked = np.zeros((len(texts), dim), dtype=np.float32)
        for row, text in enumerate(texts):
            stacked[row] = self._vectors[text]
        return stacked

    def _embed(self, texts: Sequence[str]) -> None:
        """Have an embedding of each of `texts`: from memory, from the file, or a new one."""
        wanted = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if not wanted:
            return
        name, dim = self.embedder.name, self.embedder.dim
        if self._store is not None:
            self._vectors |= self._store.vectors(name, wanted, dim)
        missing = [text for text in wanted if text not in self._vectors]
        if missing:
            made = dict(zip(missing, self.embedder.embed(missing), strict=True))
            self._vectors |= made
            if self._store is not None:
                self._store.keep_vectors(name, made)


def _texts(agents: Iterable[Agent]) -> list[str]:
    return [text for one in agents for text in (*one.phrasings, *one.examples)]
