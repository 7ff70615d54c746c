"""edge-router doctor: checks that an answer would work, and asks for one with --ask alone."""

from __future__ import annotations

import argparse
import os
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from edge_router.errors import EdgeRouterError
from edge_router.guards.loopback import is_loopback, looks_private
from edge_router.guards.redaction import names_a_variable, redacted_url, without_secrets
from edge_router.settings.budget_config import BudgetConfig
from edge_router.settings.cache_config import CacheConfig
from edge_router.settings.config import Config, configured_limits
from edge_router.settings.expert_config import ExpertConfig
from edge_router.settings.location import Location
from edge_router.settings.privacy_config import PrivacyConfig
from edge_router.settings.setting import help_of
from edge_router.settings.task_config import TaskConfig

from ...options import add_command, config_of
from ...printing import print_json
from ...privacy_words import reading
from ...terminal import visible
from .board_checks import checks_of_machine
from .parts import runtime_parts, version_of

__all__ = ["Check", "add", "examine", "report"]


def add(commands: Any) -> None:
    """Register the command."""
    doctor = add_command(commands, "doctor", _doctor)
    doctor.add_argument(
        "--connect",
        action="store_true",
        help="also connect to servers elsewhere (those on this machine are always tried); nothing "
        "is sent",
    )
    doctor.add_argument(
        "--ask",
        action="store_true",
        help="also ask each expert that a query may reach one short question; a cloud expert may "
        "charge for it",
    )
    doctor.formatter_class = argparse.RawDescriptionHelpFormatter
    doctor.epilog = "\n".join(_settings_help())


def _settings_help() -> Iterator[str]:
    """Lines that list every setting of a file: most have no option."""
    yield "settings of [router], also as EDGE_ROUTER_<SETTING>:"
    yield from (f"  {line}" for line in help_of(Config))
    yield "\nsettings of [experts.NAME]:"
    yield from (f"  {line}" for line in help_of(ExpertConfig))
    yield "\nsettings of [tasks]:"
    yield from (f"  {line}" for line in help_of(TaskConfig))
    yield "\nsettings of [budget], and of [budget.callers.NAME] (* for each other caller):"
    yield from (f"  {line}" for line in help_of(BudgetConfig))
    yield "\nsettings of [privacy]:"
    yield from (f"  {line}" for line in help_of(PrivacyConfig))
    yield "\nsettings of [cache]:"
    yield from (f"  {line}" for line in help_of(CacheConfig))


def _doctor(options: argparse.Namespace) -> int:
    config = config_of(options)
    checks = examine(config, connect=options.connect)
    return report([*checks, *(asked(config) if options.ask else ())], as_json=options.json)


def report(checks: Sequence[Check], *, as_json: bool) -> int:
    """Print checks; returns the exit code."""
    if as_json:
        print_json({"checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            print(visible(f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.detail}"))
    return int(not all(check.ok for check in checks))


KNOCK_S = 0.5  # on this machine
FAR_KNOCK_S = 5.0
LEAST_CONTEXT = 32  # a chat template, a system message and a few words take as many tokens
QUESTION, ANSWER_TOKENS, ANSWER_S = "What is the capital city of Greece?", 64, 60.0
PLACES = {
    Location.DEVICE: "on this device",
    Location.LAN: "on your own network",
    Location.CLOUD: "in the cloud",
}
SAMPLE = "How many days are there in a week?"


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check."""

    name: str
    ok: bool
    detail: str


def examine(config: Config, *, connect: bool = False) -> list[Check]:
    """All checks for these settings, in the order in which a query needs them.

    Connects to servers on this machine, to others only with `connect`; sends nothing.
    """
    return [
        _looked_at("runtime", _runtime),
        _looked_at("router", lambda: _router(config)),
        *(
            _looked_at(f"expert {name}", partial(_expert, expert, connect=connect))
            for name, expert in config.experts.items()
        ),
        _placement(config),
        *_privacy(config),
        *(Check(*finding) for finding in checks_of_machine(config)),
    ]


def asked(config: Config) -> Iterator[Check]:
    """Ask each expert one short question, but those that the settings keep queries from."""
    for name, expert in config.experts.items():
        if config.forbids(expert):
            kept = "device" if config.nothing_leaves else "network"
            yield Check(f"answer of {name}", True, f"not asked: nothing may leave this {kept}")
        else:
            yield _looked_at(f"answer of {name}", partial(_answer, expert))


def _answer(expert: ExpertConfig) -> str:
    from edge_router.backends.deadline import Deadline
    from edge_router.chat.completion import ChatRequest, Message
    from edge_router.routing.opening import open_backend

    backend = open_backend(expert)
    start = time.perf_counter()
    try:
        question = ChatRequest((Message("user", QUESTION),), max_tokens=ANSWER_TOKENS)
        answer = backend.complete(question, deadline=Deadline.after(ANSWER_S))
    finally:
        backend.close()
    elapsed = time.perf_counter() - start
    if not answer.text and answer.finish_reason == "length" and expert.reasoning_effort is not None:
        return f"thinks for more than {ANSWER_TOKENS} tokens, after {elapsed:.1f} s"
    if not (answer.text or answer.reasoning_content):
        raise _Fault(f"an empty answer after {elapsed:.1f} s")
    return f"{answer.text.strip()[:60]!r} after {elapsed:.1f} s"


class _Fault(Exception):
    """A failed check; its message says why."""


def _looked_at(name: str, look: Callable[[], str]) -> Check:
    """Run one check; any exception is its result."""
    try:
        return Check(name, True, without_secrets(look()))
    except (_Fault, EdgeRouterError) as fault:
        return Check(name, False, without_secrets(str(fault)))
    except Exception as error:  # noqa: BLE001 - a broken installation breaks in any way
        return Check(name, False, without_secrets(f"{type(error).__name__}: {error}"))


def _runtime() -> str:
    said, is_sound = runtime_parts()
    if not is_sound:
        raise _Fault(said)
    return said


def _router(config: Config) -> str:
    """Load the router and decide once: all that `ask` does before it calls an expert."""
    from edge_router.client.asking.holdback import Watch
    from edge_router.routing.router import Router

    router = Router.from_config(config)
    router.estimate("warm up")
    start = time.perf_counter()
    router.estimate(SAMPLE)
    elapsed = time.perf_counter() - start
    if config.deadline_s == 0:
        raise _Fault("deadline_s = 0 leaves no time for an answer")
    Watch.from_config(config, router.artifact)
    router.route(SAMPLE, configured_limits(config))
    name, took = router.artifact.manifest.name, f"{elapsed * 1e3:.1f} ms in {router.runtime}"
    return f"{name} verified, one estimate takes {took}"


def _expert(expert: ExpertConfig, *, connect: bool) -> str:
    faults = _model_faults(expert) if expert.backend == "llama_cpp" else _server_faults(expert)
    if message := "; ".join(faults):
        raise _Fault(message)
    where = PLACES[expert.place] + _assumed(expert)
    if expert.base_url is None:
        return f"{expert.model}, {where}{_run_by(expert)}"
    reached = _reached(expert.base_url, connect=connect)
    return f"{redacted_url(expert.base_url)}, {where}{reached}"


def _run_by(expert: ExpertConfig) -> str:
    if expert.backend != "llama_cpp":
        return ""
    from edge_router.backends.llama_cpp.engine import engine_for

    engine = engine_for(expert.engine)
    return f", run by {engine.package} {version_of(engine.package)}"


def _assumed(expert: ExpertConfig) -> str:
    """What was assumed of the expert's place, or speaks against what is stated; "" for nothing."""
    host = urlsplit(expert.base_url or "").hostname or ""
    if expert.location is None:
        if not looks_private(host):
            return ""
        return ' (assumed; if this is a machine of your own, state location = "lan")'
    if expert.place == Location.LAN and not looks_private(host) and not is_loopback(host):
        return " (as stated, though its address does not look private)"
    return " (as stated)"


def _model_faults(expert: ExpertConfig) -> Iterator[str]:
    from edge_router.backends.llama_cpp.engine import engine_for
    from edge_router.backends.llama_cpp.model_files import find_model

    if expert.context_tokens is not None and expert.context_tokens < LEAST_CONTEXT:
        yield (
            f"context_tokens = {expert.context_tokens} has no room for a prompt; state at least "
            f"{LEAST_CONTEXT}, better 2048"
        )
    try:
        find_model(expert.model)
    except EdgeRouterError as error:
        yield str(error)
    try:
        engine_for(expert.engine).imported()
    except EdgeRouterError as error:
        yield str(error)


def _server_faults(expert: ExpertConfig) -> Iterator[str]:
    """What the backend would refuse in these settings, then missing keys; makes no call."""
    from edge_router.routing.opening import open_backend

    try:
        open_backend(expert).close()
    except EdgeRouterError as error:
        yield str(error)
        return
    if fault := _route_fault(expert.base_url or ""):
        yield fault
    if expert.api_key_env is not None and (fault := _key_fault(expert.api_key_env, "[!-~]+")):
        yield fault
    for name in (expert.extra_headers_env or {}).values():
        if fault := _key_fault(name, "[ -~]+"):
            yield fault


def _route_fault(base_url: str) -> str | None:
    """What is wrong with the environment's proxy or certificates; None if nothing is."""
    import httpx

    from edge_router.backends.http.certificates import trusting_context
    from edge_router.backends.http.proxies import login_of, proxy_for

    url = httpx.URL(base_url)
    try:
        if proxy := proxy_for(url):
            login_of(proxy)
        if url.scheme == "https":
            trusting_context()
    except httpx.TransportError as error:
        return str(error)
    return None


def _key_fault(name: str, allowed: str) -> str | None:
    """What is wrong with the key in a variable, which may have only `allowed` characters."""
    shown = name if names_a_variable(name) else "that the settings name for a key"
    key = os.environ.get(name, "").strip()
    if not key:
        return f"the environment variable {shown} holds no key"
    if not re.fullmatch(allowed, key):
        return f"the environment variable {shown} holds a character that no key has; copy it again"
    return None


def _reached(base_url: str, *, connect: bool) -> str:
    """Connect to the server; returns words for the result. Raises _Fault for a closed port."""
    parts = urlsplit(base_url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    here = is_loopback(host)
    if not here and not connect:
        return ""
    try:
        socket.create_connection((host, port), KNOCK_S if here else FAR_KNOCK_S).close()
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        fix = "start the server, or correct base_url" if here else "see host, port and network"
        raise _Fault(f"{redacted_url(base_url)} is not reachable ({why}); {fix}") from None
    return ", reachable"


def _placement(config: Config) -> Check:
    far = [name for name, expert in config.experts.items() if expert.leaves_device]
    if not far:
        return Check("network", True, "no cloud expert is configured; nothing leaves this device")
    if config.nothing_leaves:
        return Check("network", True, f"{', '.join(far)} configured, but nothing may leave")
    reached = [name for name in far if not config.forbids(config.experts[name])]
    allowed = f"queries may go to {', '.join(reached)}" if reached else "no query may leave"
    return Check("network", True, f"{allowed} ({config.placement})")


def _privacy(config: Config) -> Iterator[Check]:
    """Which experts elsewhere read private data, and what is looked for; nothing where all is
    here."""
    if not any(expert.leaves_device for expert in config.experts.values()):
        return
    if config.privacy.is_open:
        far = ", ".join(name for name, one in config.experts.items() if one.leaves_device)
        advice = 'the default; [privacy] cloud = "never", ask or redact changes that'
        yield Check("privacy", True, f"{far}: read private data as it is ({advice})")
        return
    ids = ", ".join(f"national_id {country}" for country in config.privacy.national_ids)
    own = ", ".join(f"pattern {name}" for name in config.privacy.patterns)
    sought = ", ".join(filter(None, [*config.privacy.detect, ids, own])) or "nothing"
    yield Check("privacy", True, f"{'; '.join(reading(config))}; looked for: {sought}")
