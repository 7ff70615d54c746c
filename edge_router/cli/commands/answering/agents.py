"""edge-router agents: the catalogue of agents on this device, and which one a request is for."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_router.errors import ConfigError, InvalidAgent
from edge_router.guards.stored_json import rounded
from edge_router.guards.user_files import user_path

from ...options import add_command, config_of, words_of
from ...printing import print_dim, print_json
from .agent_router import TOO_FEW, agent_router, catalog_of, require_expert

if TYPE_CHECKING:
    from edge_router.agents.catalog.catalog import AgentCatalog
    from edge_router.agents.conversation import RoutedTurn
    from edge_router.agents.decision import AgentDecision
    from edge_router.agents.router import AgentRouter
    from edge_router.backends.base import Backend
    from edge_router.settings.config import Config

__all__ = ["add"]

LISTED = 60  # characters of a description


def add(commands: Any) -> None:
    """Register the commands."""
    actions = commands.choices["agents"].add_subparsers(required=True, metavar="ACTION")
    new = add_command(
        actions, "add", _add, "add agents from a file or an MCP server", settings=["artifact"]
    )
    new.add_argument("file", nargs="?", help="TOML or JSON: ours, MCP's tools/list, OpenAI's tools")
    new.add_argument(
        "--mcp", metavar="SERVER",
        help="list the tools of an MCP server: a command that starts it, or its http(s):// URL",
    )  # fmt: skip
    new.add_argument(
        "--api-key-env", metavar="NAME", help="the variable that holds the key for the URL of --mcp"
    )
    new.add_argument("--replace", action="store_true", help="in place of agents of the same names")
    add_command(actions, "list", _list, "all agents, disabled ones too", settings=["artifact"])
    for verb in ("remove", "enable", "disable"):
        one = add_command(actions, verb, _change, f"{verb} an agent", settings=["artifact"])
        one.set_defaults(verb=verb)
        one.add_argument("name", help="as `agents list` has it")
    route = add_command(actions, "route", _route, "which agent a request is for; nothing is run")
    route.add_argument("text", nargs="*", help="the request: words, or - for standard input")
    route.add_argument(
        "--conversation", metavar="FILE",
        help="instead of a text, messages as JSON: each turn of the user is routed in the state "
        "that the one before left",
    )  # fmt: skip
    route.add_argument("--states", metavar="FILE", help="states and rules of conversations, TOML")
    route.add_argument(
        "--event", action="append", default=[], help="such as path_uploaded, in the last turn"
    )
    route.add_argument("--expert", help="a configured expert chooses and writes the arguments")
    measure = add_command(actions, "eval", _eval, "accuracy on labelled requests")
    measure.add_argument("file", help='JSON lines with "query" and "agent" (null: out of scope)')
    measure.add_argument("--calibrate", action="store_true", help="keep the threshold they give")
    for command in (route, measure):
        command.add_argument("--fit", action="store_true", help="fit a head to the examples first")


def _catalog(config: Config) -> AgentCatalog:
    from edge_router.routing.router import Router

    return catalog_of(config, Router.from_config(config))


def _add(options: argparse.Namespace) -> None:
    from edge_router.agents.catalog.mcp import listed_tools
    from edge_router.agents.catalog.sources import agents_from_file, agents_of

    if bool(options.file) == bool(options.mcp):
        raise ConfigError("give a FILE, or --mcp SERVER")
    if options.api_key_env and not options.mcp:
        raise ConfigError("--api-key-env is for the URL of --mcp")
    config = config_of(options)
    if options.mcp:
        agents = agents_of(listed_tools(options.mcp, config, api_key_env=options.api_key_env))
    else:
        agents = agents_from_file(user_path(options.file, what="the file of agents"))
    with _catalog(config) as catalog:
        catalog.add(*agents, replace_known=options.replace)
    names = [agent.name for agent in agents]
    if options.json:
        print_json({"added": names})
    else:
        agents_are = "agent" if len(names) == 1 else "agents"
        print(f"{len(names)} {agents_are} added: {', '.join(names)}")


def _list(options: argparse.Namespace) -> None:
    with _catalog(config_of(options)) as catalog:
        agents = catalog.agents()
        if not agents:
            print_dim("no agents yet: edge-router agents add FILE")
        for agent in agents:
            if options.json:
                print_json(agent.to_json())
            else:
                off = "" if agent.enabled else " (disabled)"
                told = " ".join(agent.description.split())[:LISTED]
                print(f"{agent.name}{off}: {told} · {len(agent.examples)} examples")


def _change(options: argparse.Namespace) -> None:
    with _catalog(config_of(options)) as catalog:
        getattr(catalog, options.verb)(options.name)
    done = f"{options.verb.rstrip('e')}ed"
    if options.json:
        print_json({done: options.name})
    else:
        print(f"{options.name} {done}")


def _route(options: argparse.Namespace) -> None:
    from edge_router.agents.conversation import read_conversation, routed_turns

    if bool(options.text) == (options.conversation is not None):
        raise ConfigError("give a TEXT, or --conversation FILE")
    if options.event and not options.states:
        raise ConfigError("--event needs --states FILE, whose rules say what an event means")
    config = config_of(options)
    expert = _expert(config, options.expert) if options.expert else None
    try:
        with _catalog(config) as catalog:
            router = _router(catalog, config, fit=options.fit, states=options.states, expert=expert)
            if options.conversation:
                path = user_path(options.conversation, what="the conversation")
                for turn in routed_turns(router, read_conversation(path), events=options.event):
                    _print_turn(turn, as_json=options.json)
                return
            decision = router.route(words_of(options.text), events=options.event)
    finally:
        if expert is not None:
            expert.close()
    if options.json:
        print_json(rounded(decision.to_json()))
    else:
        _print(decision)


def _print_turn(turn: RoutedTurn, *, as_json: bool) -> None:
    if as_json:
        print_json(rounded(turn.to_json()))
        return
    _print(turn.decision)
    if turn.signals.calls:
        print_dim(f"calls of tools: {turn.signals.words}")


def _expert(config: Config, name: str) -> Backend:
    from edge_router.routing.opening import open_backend

    require_expert(config, name)
    expert = config.experts[name]
    if config.forbids(expert):
        raise ConfigError(
            f"expert {name!r} may not be asked (offline = {config.offline}, placement = "
            f"{config.placement}); name one on this device"
        )
    if not expert.leaves_device:
        return open_backend(expert)
    from edge_router.agents.consulted import ConsultedExpert
    from edge_router.client.sync_client import EdgeRouter

    alone = replace(config, experts={name: expert})
    return ConsultedExpert(EdgeRouter(alone), name)


def _router(
    catalog: AgentCatalog,
    config: Config,
    *,
    fit: bool,
    states: str | None = None,
    expert: Backend | None = None,
) -> AgentRouter:
    from edge_router.agents.choosing.chooser import MaskedChooser, SchemaChooser
    from edge_router.backends.masked_choice import ChoosesNames

    chooser: Any = None
    if expert is not None:
        masked = isinstance(expert, ChoosesNames) and expert.can_choose
        chooser = (MaskedChooser if masked else SchemaChooser)(expert)  # type: ignore[arg-type]
    router = agent_router(catalog, config, fit=fit, states=states, chooser=chooser, writer=expert)
    if fit and not router.has_head:
        print_dim(TOO_FEW)
    return router


def _print(decision: AgentDecision) -> None:
    print(decision.agent or "none")
    if decision.arguments:
        print_dim(f"arguments {dict(decision.arguments)}")
    for fault in decision.faults:
        print_dim(f"no arguments: {fault}")
    near = ", ".join(f"{one.name} {one.similarity:.2f}" for one in decision.candidates)
    sure = "" if decision.in_scope is None else f" · in scope {decision.in_scope:.0%}"
    print_dim(f"{decision.words} · state {decision.state_words}{sure}")
    print_dim(f"candidates by similarity: {near or 'none'}")


def _eval(options: argparse.Namespace) -> None:
    from edge_router.agents.evaluation import evaluated
    from edge_router.agents.stored_threshold import keep_threshold

    config = config_of(options)
    rows = _labelled(user_path(options.file, what="the file of requests"))
    with _catalog(config) as catalog:
        router = _router(catalog, config, fit=options.fit)
        result = evaluated(router, rows, calibrate=options.calibrate)
        if options.calibrate:
            name, head = catalog.embedder.name, router.has_head
            path = keep_threshold(config.data_folder, router.abstention, encoder=name, head=head)
            print_dim(f"threshold {router.abstention.threshold:.3f} kept in {path}")
    if options.json:
        print_json(rounded(result))
    else:
        print("\n".join(f"{key.replace('_', ' ')}: {_shown(key, result[key])}" for key in result))


def _shown(key: str, value: Any) -> str:
    if value is None or value == []:
        return "-"
    if isinstance(value, list):
        return f"{', '.join(value):.300}"
    is_share = isinstance(value, float) and key != "milliseconds_each"
    return f"{value:.1%}" if is_share else str(value)


def _labelled(path: Path) -> Sequence[tuple[str, str | None]]:
    """Requests with the names of their agents. Raises InvalidAgent."""
    from edge_router.guards.json_lines import json_lines

    rows = []
    for where, row in json_lines(path, InvalidAgent):
        query, agent = (row.get("query"), row.get("agent")) if isinstance(row, dict) else (None, 0)
        if not isinstance(query, str) or not query.strip() or not isinstance(agent, str | None):
            raise InvalidAgent(f'{where} must have a text "query" and "agent", a name or null')
        rows.append((query, agent))
    if not rows:
        raise InvalidAgent(f"{path} holds no requests")
    return rows
