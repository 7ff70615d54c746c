"""The router of this device's agents, as commands open it and a server routes by it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from edge_router.errors import ConfigError
from edge_router.guards.stored_json import rounded
from edge_router.guards.user_files import user_path

if TYPE_CHECKING:
    from edge_router import EdgeRouter
    from edge_router.agents.catalog.catalog import AgentCatalog
    from edge_router.agents.choosing.chooser import AgentChooser
    from edge_router.agents.router import AgentRouter
    from edge_router.backends.base import Backend
    from edge_router.backends.deadline import Deadline
    from edge_router.routing.router import Router
    from edge_router.server.service import RouteAgent
    from edge_router.server.wire.agents import AgentAsked
    from edge_router.settings.config import Config

__all__ = ["TOO_FEW", "agent_router", "catalog_of", "served_agents"]

log = logging.getLogger("edge_router")

TOO_FEW = "too few examples for a head: two agents with three each are the least"


def catalog_of(config: Config, router: Router) -> AgentCatalog:
    """The agents that are kept in the data folder, embedded by `router`. Raises CatalogError."""
    from edge_router.agents.catalog.catalog import FILE, AgentCatalog
    from edge_router.agents.catalog.embedding import RouterEmbedder

    return AgentCatalog(RouterEmbedder(router), path=config.data_folder / FILE)


def agent_router(
    catalog: AgentCatalog,
    config: Config,
    *,
    fit: bool,
    states: str | None = None,
    chooser: AgentChooser | None = None,
    writer: Backend | None = None,
) -> AgentRouter:
    """A router of the agents in a catalogue, with the `states` in a file and the threshold that
    `agents eval --calibrate` kept. With `fit` a head is fitted to the examples, unless they are
    TOO_FEW. Raises ConfigError.
    """
    from edge_router.agents.router import UNCALIBRATED, AgentRouter
    from edge_router.agents.states.rules import states_from_file
    from edge_router.agents.states.state_machine import StateMachine
    from edge_router.agents.stored_threshold import stored_threshold

    machine = None
    if states:
        defined = states_from_file(user_path(states, what="the file of states"))
        machine = StateMachine(*defined, catalog.embedder)
    router = AgentRouter(catalog, machine=machine, chooser=chooser, writer=writer)
    fitted = router.fit() if fit else False
    kept = stored_threshold(config.data_folder, encoder=catalog.embedder.name, head=fitted)
    router.abstention = kept or UNCALIBRATED
    return router


@contextmanager
def served_agents(
    client: EdgeRouter, *, fit: bool = False, states: str | None = None, expert: str | None = None
) -> Iterator[RouteAgent]:
    """Decides as `EdgeRouter.dispatch` does, and calls nothing. The `expert` chooses among the
    candidates and writes the arguments; what its limits and the budget forbid, it does not.

    Changes of the catalogue by other processes count from the next request on. Raises ConfigError.
    """
    from edge_router.agents.states.state_machine import START, ConversationState
    from edge_router.client.agent_dispatch import Asked
    from edge_router.settings.constraints import Constraints

    chooser, writer = (None, None) if expert is None else _asked(client, expert)
    # A chooser is not for several threads at once.
    alone: Any = nullcontext() if chooser is None else threading.Lock()
    with catalog_of(client.config, client.router) as catalog:
        models: dict[str, Any] = {"chooser": chooser, "writer": writer}
        agents = agent_router(catalog, client.config, fit=fit, states=states, **models)
        if fit and not agents.has_head:
            log.warning(TOO_FEW)

        def decided(asked: AgentAsked, caller: str, deadline: Deadline) -> Mapping[str, Any]:
            state = START if asked.state is None else ConversationState.from_json(asked.state)
            known = Asked(asked.request, state, asked.events, deadline)
            with alone:
                decision = client.agent(known, agents, Constraints(caller=caller))
            return {**rounded(decision.to_json()), "words": decision.words}

        yield decided


def _asked(client: EdgeRouter, expert: str) -> tuple[AgentChooser, Backend]:
    from edge_router.agents.choosing.chooser import MaskedChooser, SchemaChooser
    from edge_router.agents.consulted import ConsultedExpert

    if expert not in client.config.experts:
        known = ", ".join(client.config.experts)
        raise ConfigError(f"no expert is called {expert!r:.80}; known: {known}")
    writer = ConsultedExpert(client, expert)
    masked = client.chooser(expert)
    return (SchemaChooser(writer) if masked is None else MaskedChooser(masked)), writer
