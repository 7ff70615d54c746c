"""The router of this device's agents, as commands open it and a server routes by it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edge_router.backends.base import asks_network
from edge_router.errors import (
    BackendUnavailable,
    CatalogError,
    ConfigError,
    ConsentMissing,
    EmptyCatalog,
    InvalidAgent,
    NoExpertFits,
)
from edge_router.guards.stored_json import rounded
from edge_router.guards.user_files import user_path

if TYPE_CHECKING:
    from edge_router import EdgeRouter
    from edge_router.agents.catalog.catalog import AgentCatalog
    from edge_router.agents.choosing.chooser import AgentChooser
    from edge_router.agents.router import AgentRouter
    from edge_router.agents.states.state_machine import ConversationState
    from edge_router.backends.base import Backend
    from edge_router.backends.deadline import Deadline
    from edge_router.routing.router import Router
    from edge_router.server.service import RouteAgent
    from edge_router.server.wire.agents import AgentAsked
    from edge_router.settings.config import Config

__all__ = ["TOO_FEW", "agent_router", "catalog_of", "require_expert", "served_agents"]

log = logging.getLogger("edge_router")

TOO_FEW = "too few examples for a head: two agents with three each are the least"


def require_expert(config: Config, name: str, *, option: str = "") -> None:
    """Raise ConfigError, which names the `option`, for an expert that is not configured."""
    if name not in config.experts:
        known = ", ".join(config.experts)
        where = f"{option}: " if option else ""
        raise ConfigError(f"{where}no expert is called {name!r:.80}; known: {known}")


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
    if states is not None:
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
    candidates and writes the arguments; where it may not be asked, or does not answer, the nearest
    agent is taken and `faults` says why.

    Changes of the catalogue by other processes count from the next request on. Raises ConfigError.
    """
    from edge_router.client.agent_dispatch import Asked
    from edge_router.settings.constraints import Constraints, Placement

    chooser, writer = (None, None) if expert is None else _asked(client, expert)
    with catalog_of(client.config, client.router) as catalog:
        agents = agent_router(
            catalog, client.config, fit=fit, states=states, chooser=chooser, writer=writer
        )
        if fit and not agents.has_head:
            log.warning(TOO_FEW)
        with suppress(EmptyCatalog):
            agents.rank("warm up")  # so that no client waits for what is computed once

        def decided(asked: AgentAsked, caller: str, deadline: Deadline) -> Mapping[str, Any]:
            known = Asked(asked.request, _state(asked.state), asked.events, deadline)
            limits, faults = Constraints(caller=caller), tuple[str, ...]()
            try:
                decision = client.agent(known, agents, limits)
            except (NoExpertFits, BackendUnavailable, ConsentMissing) as error:
                deadline.check("the choice of an agent")
                if not asks_network(writer):
                    raise
                near = replace(limits, placement=Placement.ONLY_ON_DEVICE)
                decision, faults = client.agent(known, agents, near), (str(error),)
            except CatalogError as error:
                log.error("%s", error)
                raise
            said = replace(decision, faults=(*faults, *decision.faults))
            return {**rounded(said.to_json()), "words": said.words}

        yield decided


def _state(stated: Mapping[str, Any] | None) -> ConversationState:
    """The state that a client gives back. Raises Refused."""
    from edge_router.agents.states.state_machine import START, ConversationState
    from edge_router.server.wire.errors import Refused

    try:
        return START if stated is None else ConversationState.from_json(stated)
    except InvalidAgent as error:
        words = f"{error}. Without a state a conversation begins"
        raise Refused(400, words, code="invalid_value", param="state") from None


def _asked(client: EdgeRouter, expert: str) -> tuple[AgentChooser, Backend]:
    from edge_router.agents.choosing.chooser import MaskedChooser, SchemaChooser
    from edge_router.agents.consulted import ConsultedExpert

    require_expert(client.config, expert)
    writer = ConsultedExpert(client, expert)
    masked = client.chooser(expert)
    return (SchemaChooser(writer) if masked is None else MaskedChooser(masked)), writer
