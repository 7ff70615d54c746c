"""edge-router serve: an OpenAI-compatible server on this machine."""

from __future__ import annotations

import argparse
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edge_router.errors import ConfigError
from edge_router.guards.user_files import user_path

from ...options import add_command, config_of
from ...printing import print_json
from ...terminal import print_line

if TYPE_CHECKING:
    from edge_router.client.answer import AnswerStream
    from edge_router.client.sync_client import EdgeRouter
    from edge_router.routing.record import Hook
    from edge_router.server.models import Target
    from edge_router.server.run import ServerOptions
    from edge_router.server.service import RouteAgent
    from edge_router.server.wire.body import Asked
    from edge_router.server.wire.systemone import Facts
    from edge_router.settings.config import Config
    from edge_router.settings.expert_config import ExpertConfig

__all__ = ["add", "serve_router", "with_own_processes"]

WARM_UP = "What is the capital of France?"
FILES = ("config", "agent_states")  # options that name one


def add(commands: Any) -> None:
    """Register the command."""
    from edge_router.server.run import ServerOptions

    usual = ServerOptions()
    limits = usual.limits
    serve = add_command(commands, "serve", _serve)
    serve.add_argument("--host", default=usual.host, help="address; others need a key")
    serve.add_argument("--port", type=int, default=usual.port, help="0 for any that is free")
    serve.add_argument(
        "--api-key-env",
        metavar="[CALLER=]NAME",
        action="append",
        default=[],
        help="the environment variable that holds the key which clients must send; without it an "
        "address other than loopback gets one in the data folder; may be repeated: "
        "[budget.callers.CALLER] limits whoever sends this key (without CALLER= it is NAME; "
        "without a key 'serve')",
    )
    serve.add_argument(
        "--allow-host", metavar="NAME", action="append", default=[],
        help="a further name that clients call this server by; may be repeated",
    )  # fmt: skip
    serve.add_argument(
        "--cors-origin", metavar="ORIGIN", action="append", default=[],
        help="a web page's origin that may ask, such as http://localhost:3000; may be repeated",
    )  # fmt: skip
    serve.add_argument(
        "--answers", type=int, default=limits.answers, help="how many may run at once"
    )
    serve.add_argument("--queue", type=int, default=limits.queue, help="how many may wait for that")
    serve.add_argument(
        "--max-tokens",
        type=int,
        default=limits.max_tokens,
        help="length of an answer where a client states none",
    )
    serve.add_argument(
        "--log-decisions", action="store_true",
        help="one JSON line a decision on standard error, without texts; report and replay read it",
    )  # fmt: skip
    serve.add_argument(
        "--spans", action="store_true", help="OpenTelemetry spans of every answer (extra otel)"
    )
    serve.add_argument(
        "--agents", action="store_true",
        help="route requests to the agents of this device, at /v1/agents/route",
    )  # fmt: skip
    serve.add_argument("--agent-states", metavar="FILE", help="states of conversations, TOML")
    serve.add_argument(
        "--agent-expert", metavar="EXPERT",
        help="this expert chooses among the nearest agents and writes the arguments",
    )  # fmt: skip
    serve.add_argument(
        "--agent-fit", action="store_true", help="fit a head to the agents' examples"
    )
    serve.set_defaults(of_serve=serve)
    serve.add_argument(
        "--print-systemd", action="store_true",
        help="print a unit for systemd's user manager that serves with these options, and end",
    )  # fmt: skip


def _serve(options: argparse.Namespace) -> None:
    from edge_router.backends.llama_cpp.memory import share_heap
    from edge_router.client.sync_client import EdgeRouter
    from edge_router.server.limits import Limits
    from edge_router.server.run import ServerOptions, require_extra

    def started(url: str, key_place: str | None) -> None:
        if options.json:
            print_json({"url": url, "key": key_place})
            sys.stdout.flush()  # who reads it from a pipe waits for it
            return
        key = "" if key_place is None else f", key in {key_place}"
        print_line(f"serving at {url}{key}; Ctrl-C ends it")

    wants_agents = _wants_agents(options)
    if options.print_systemd:
        print(_unit(options), end="")
        return
    require_extra()
    share_heap()
    limits = Limits(answers=options.answers, queue=options.queue, max_tokens=options.max_tokens)
    stated = ServerOptions(
        options.host, options.port, tuple(options.api_key_env),
        tuple(options.allow_host), tuple(options.cors_origin), limits,
    )  # fmt: skip
    config = with_own_processes(config_of(options))
    with ExitStack() as opened:
        router = opened.enter_context(EdgeRouter(config, hooks=_hooks(options, config)))
        agents = opened.enter_context(_agents(options, router)) if wants_agents else None
        serve_router(router, stated, started=started, agents=agents)


def _wants_agents(options: argparse.Namespace) -> bool:
    """Raises ConfigError for an option of agents that is empty, or whose agents nobody asks for."""
    of_agents = {
        "--agent-states": options.agent_states,
        "--agent-expert": options.agent_expert,
        "--agent-fit": options.agent_fit,
    }
    given = {name: value for name, value in of_agents.items() if value not in (None, False)}
    for name, value in given.items():
        if value == "":
            raise ConfigError(f"{name} is empty; give it a value, or leave it out")
        if not options.agents:
            raise ConfigError(f"{name} needs --agents, without which no agent is asked for")
    return bool(options.agents)


def _agents(options: argparse.Namespace, router: EdgeRouter) -> AbstractContextManager[RouteAgent]:
    from ..answering.agent_router import served_agents

    return served_agents(
        router, fit=options.agent_fit, states=options.agent_states, expert=options.agent_expert
    )


def with_own_processes(config: Config) -> Config:
    """The settings with each local model in a process of its own, where they do not say and one can
    be started: deciding then waits neither for llama.cpp's Python nor for its threads."""
    from edge_router.backends.llama_cpp.gguf_trial import can_try

    def placed(expert: ExpertConfig) -> ExpertConfig:
        unsaid = expert.backend == "llama_cpp" and expert.own_process is None
        return replace(expert, own_process=can_try()) if unsaid else expert

    experts = {name: placed(one) for name, one in config.experts.items()}
    return replace(config, experts=experts)


def _hooks(options: argparse.Namespace, config: Config) -> tuple[Hook, ...]:
    """What the options ask to be told of each answer. Raises MissingExtra."""
    hooks: list[Hook] = []
    if options.log_decisions:
        from edge_router.client.decision_lines import LOGGER, log_decision

        logger = logging.getLogger(LOGGER)
        logger.addHandler(logging.StreamHandler())
        logger.setLevel(logging.INFO)
        logger.propagate = False
        hooks.append(log_decision)
    if options.spans:
        from edge_router.client.spans import SpanHook

        hooks.append(SpanHook(config))
    return tuple(hooks)


def _unit(options: argparse.Namespace) -> str:
    """The unit for these options; the settings, the port and the options of agents are checked
    first. Raises ConfigError."""
    from edge_router.device.service_manager import user_unit
    from edge_router.server.run import GRACE_S, ServerOptions

    config = config_of(options)
    ServerOptions(options.host, options.port)
    if options.port == 0:
        raise ConfigError("--port 0 is another port at each start; give the unit a port")
    _require_agents(options, config)
    if options.api_key_env:
        print_line(
            "the unit needs the keys that variables hold: systemctl --user edit edge-router, and "
            "EnvironmentFile= with a file of yours"
        )
    command = [sys.executable, "-m", "edge_router.cli", "serve", *_stated(options)]
    stop_s = config.deadline_s + GRACE_S + 5
    return user_unit(command, description="Edge Router", stop_s=stop_s)


def _require_agents(options: argparse.Namespace, config: Config) -> None:
    """Raises ConfigError for an expert that there is not, and for states that cannot be read."""
    from edge_router.agents.states.rules import states_from_file

    from ..answering.agent_router import require_expert

    if options.agent_expert is not None:
        require_expert(config, options.agent_expert, option="--agent-expert")
    if options.agent_states is not None:
        states_from_file(user_path(options.agent_states, what="--agent-states"))


def _stated(options: argparse.Namespace) -> Iterator[str]:
    """The options that were given, as words of a command line; of a file or an
    artifact's folder the whole path, since a service begins in another folder."""
    from edge_router.routing.artifact.manifest import bundled_artifacts

    shipped = bundled_artifacts()
    for action in options.of_serve._actions:  # noqa: SLF001 - argparse has no other way
        value = getattr(options, action.dest, None)
        if action.dest in ("help", "json", "print_systemd") or value == action.default:
            continue
        flag = action.option_strings[-1]
        if action.dest in FILES or (action.dest == "artifact" and value not in shipped):
            value = user_path(str(value), what=flag).absolute()
        for one in value if isinstance(value, list) else [value]:
            yield from (flag,) if one is True else (flag, str(one))


def serve_router(
    router: EdgeRouter,
    options: ServerOptions,
    *,
    started: Callable[[str, str | None], None],
    stop: threading.Event | None = None,
    agents: RouteAgent | None = None,
) -> None:
    """Serve the experts of `router`, and the `agents`, until a signal comes or `stop` is set.

    `started` is called with the URL for clients and the place of the key, None where none is
    needed. Raises ConfigError and MissingExtra.
    """
    from edge_router.client.local_models import local_models, unload
    from edge_router.device.own_servers import registered
    from edge_router.server.app import asgi_app
    from edge_router.server.facts import facts_of
    from edge_router.server.models import Models
    from edge_router.server.rules import named_rules
    from edge_router.server.run import access_of, serve
    from edge_router.server.service import Service
    from edge_router.server.typed_questions import TypedQuestions
    from edge_router.server.wire.loaded import ModelsInMemory
    from edge_router.settings.constraints import Constraints

    stop = threading.Event() if stop is None else stop
    inner, config = router.router, router.config
    manifest = inner.artifact.manifest
    inner.embed(WARM_UP)  # loads the encoder, so that no client waits for it

    def answers(asked: Asked, target: Target, caller: str) -> AnswerStream:
        limits, whole = Constraints(caller=caller), not asked.stream
        return router.answer(asked.request, limits, target.rule, whole=whole, alone=target.expert)

    def knows(state: str) -> Facts:
        return facts_of(inner.route(state, router.constraints()), manifest.task_kinds)

    access, key_place = access_of(options, config.data_folder)
    rules = named_rules(config, inner.artifact)
    with_levels = {one.level_of: None for one in config.experts.values() if one.level_of}
    models = Models([*config.experts, *with_levels], rules, embedding=manifest.name)
    chooser, typed = router.chooser(), None
    if chooser is not None:
        typed = TypedQuestions.of(chooser, within_s=config.deadline_s)
    service = Service(
        answers=answers,
        embeds=inner.embed,
        knows=knows,
        dim=manifest.embedding_dim,
        models=models,
        limits=options.limits,
        stop=stop,
        typed=typed,
        memory=ModelsInMemory(lambda: local_models(router), lambda name: unload(router, name)),
        within_s=config.deadline_s,
        agents=agents,
    )
    with ExitStack() as until_the_end:

        def listening(url: str) -> None:
            until_the_end.enter_context(registered(config.data_folder, url, key_place))
            started(url, key_place)

        app = asgi_app(service, access)
        serve(app, options, drain_s=config.deadline_s, stop=stop, started=listening)
