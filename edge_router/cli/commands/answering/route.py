"""edge-router route: prints the decision, or its explanation; asks no expert."""

from __future__ import annotations

import argparse
import sys
import time
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from edge_router.errors import ConfigError, EdgeRouterError, InvalidRequest
from edge_router.guards.json_lines import BadJson, json_value
from edge_router.guards.stored_json import rounded
from edge_router.guards.user_files import content_of, encoding_of, user_path

from ...options import add_command, config_of, count_of, request_of, words_of
from ...printing import decision_json, decision_line, error_json, print_dim, print_json

if TYPE_CHECKING:
    from edge_router.routing.deciding.decision import Decision
    from edge_router.routing.experts.expert import Estimate
    from edge_router.routing.explaining.explanation import Considered, Explanation, KnownNeighbour
    from edge_router.routing.router import Router
    from edge_router.settings.config import Config

__all__ = ["add", "lines_of", "print_explanation", "prompt_of"]


MOST_THREADS = 256
LONGEST_BYTES = 1 << 30  # of a batch


def add(commands: Any) -> None:
    """Register the command."""
    route = add_command(commands, "route", _route)
    route.add_argument("text", nargs="*", help="the query: words, or - for standard input")
    route.add_argument(
        "--batch", metavar="FILE", help="JSON lines with query or messages; needs --json"
    )
    route.add_argument("--threads", type=int, default=1, help="threads for --batch")
    route.add_argument(
        "--profiles", action="store_true", help="estimates for every shipped profile"
    )
    route.add_argument(
        "--explain", action="store_true", help="what it rests on, and what would have changed it"
    )


def _route(options: argparse.Namespace) -> int:
    from edge_router.routing.router import Router

    config = config_of(options)
    router = Router.from_config(config)
    decided = _deciding(config, router)
    if options.batch:
        return _route_batch(options, decided)
    request = request_of(words_of(options.text), None)
    if options.profiles:
        _print_profiles(router.estimate(request), as_json=options.json)
        return 0
    started = time.perf_counter()
    decision = decided(request)
    router_s = time.perf_counter() - started
    if options.explain:
        print_explanation(router.explain(decision), as_json=options.json)
    elif options.json:
        print_json(decision_json(decision))
    else:
        print(decision.expert)
        print_dim(decision_line(decision, decision.words, router_s))
    return 0


def _deciding(config: Config, router: Router) -> Callable[[Any], Decision]:
    """Decides as an EdgeRouter of these settings would, by who may read a prompt too."""
    from edge_router.chat.request import ChatRequest
    from edge_router.client.arguments import gate_of
    from edge_router.routing.deciding.decision import Snapshot
    from edge_router.settings.config import configured_limits

    constraints, gate = configured_limits(config), gate_of(config)

    def decided(prompt: Any) -> Decision:
        if gate is None:
            return router.route(prompt, constraints)
        request = ChatRequest.of(prompt)
        return router.route(request, constraints, Snapshot(withheld=gate.withheld(request)))

    return decided


def _route_batch(options: argparse.Namespace, decided: Callable[[Any], Decision]) -> int:
    """Print one decision or error a line, in the order of the file; returns 1 if a line failed."""
    if not options.json:
        raise ConfigError("--batch writes JSON lines; add --json")

    def decide(line: bytes) -> dict[str, Any]:
        try:
            return decision_json(decided(prompt_of(line)))
        except EdgeRouterError as error:
            return error_json(error)

    threads = count_of(options.threads, "--threads", most=MOST_THREADS)
    lines = lines_of(options.batch, "--batch")
    failed = False
    pool = ThreadPoolExecutor(threads)
    try:
        for result in pool.map(decide, lines):
            print_json(result)
            failed = failed or "error" in result
    finally:  # where nobody reads on, or Ctrl-C: the lines that wait are not decided any more
        pool.shutdown(cancel_futures=True)
    return int(failed)


def lines_of(path: str, what: str) -> list[bytes]:
    """The lines of a file that are not blank; "-" is standard input. Raises ConfigError that
    calls the file `what`."""
    try:
        content = _content(path, what)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"{what} {path!r} cannot be read: {why}") from None
    if (encoding := encoding_of(content)) not in (None, "UTF-8"):
        raise ConfigError(f"{what} {path!r} is {encoding}; save it as UTF-8")
    lines = content.removeprefix(BOM_UTF8).split(b"\n")
    return [line for line in lines if line.strip()]


def _content(path: str, what: str) -> bytes:
    if path == "-":
        content: bytes = sys.stdin.buffer.read(LONGEST_BYTES + 1)
        if len(content) > LONGEST_BYTES:
            raise OSError(None, f"it is longer than {LONGEST_BYTES:,} bytes")
        return content
    return content_of(user_path(path, what=what), limit=LONGEST_BYTES)


def prompt_of(line: bytes) -> Any:
    """The query or the messages of a JSON line. Raises InvalidRequest."""
    try:
        value = json_value(line.decode())
    except BadJson as error:
        raise InvalidRequest(f"the line {error}") from None
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"the line is not UTF-8: {error}") from None
    if isinstance(value, dict):
        for key in ("query", "messages"):
            if key in value:
                return value[key]
    raise InvalidRequest('a line must be {"query": ...} or {"messages": [...]}')


def _print_profiles(estimates: Mapping[str, Estimate], *, as_json: bool) -> None:
    if as_json:
        print_json({name: rounded(asdict(estimate)) for name, estimate in estimates.items()})
        return
    from edge_router.settings.dollars import dollars

    print(f"{'expert':<16}{'quality':>9}{'cost':>12}{'latency':>10}{'tokens':>8}")
    for name, estimate in estimates.items():
        cost = "unknown" if estimate.cost_usd is None else dollars(estimate.cost_usd)
        print(
            f"{name:<16}{estimate.quality:>9.0%}{cost:>12}{estimate.latency_s:>9.1f}s"
            f"{estimate.output_tokens:>8.0f}"
        )


def print_explanation(explanation: Explanation, *, as_json: bool) -> None:
    """Print an explanation on standard output, where it is the result."""
    if as_json:
        print_json(explanation.to_json())
        return
    for line in _lines(explanation):
        print(line)


def _lines(explanation: Explanation) -> Iterator[str]:
    from edge_router.routing.explaining.turning import price_words, turns_words

    yield f"{explanation.expert} ({explanation.reason}): {explanation.words}"
    yield "experts"
    yield from (f"  {_expert(expert)}" for expert in explanation.experts)
    if explanation.preference is None:
        yield f"operating point {explanation.operating_point}: {explanation.promise}"
    else:
        yield f"preference {explanation.preference}"
    gain, least = f"gain {explanation.gain:+.3f}", f"least gain {explanation.min_gain:+.3f}"
    yield f"  {gain}, {least}, margin {explanation.margin:+.3f}"
    if explanation.price is not None and explanation.turns:
        yield f"  price {price_words(explanation.price)}: {turns_words(explanation.turns)}"
    yield explanation.length_words
    if explanation.needs_tools is not None:
        yield f"needs live data or a device: {explanation.needs_tools:.0%}"
    yield "kind of task"
    yield from (f"  {kind.probability:>4.0%} {kind.words}" for kind in explanation.kinds)
    if explanation.neighbours:
        yield "nearest known queries"
        yield from (f"  {_neighbour(known)}" for known in explanation.neighbours)
    yield from (f"unfamiliar: {flag.words} ({flag})" for flag in explanation.unfamiliar)
    if explanation.changes:
        yield "what would have changed it"
        yield from (f"  {change.words}" for change in explanation.changes)


def _expert(expert: Considered) -> str:
    from edge_router.settings.dollars import dollars

    cost = "price unknown" if expert.cost_usd is None else dollars(expert.cost_usd)
    expense = "" if expert.expense is None else f", expense {expert.expense:.2f}"
    if expert.expense is not None and expert.cost_usd is None:
        expense += " (an unknown price counts as the dearest)"
    out = f", ruled out: {expert.excluded}" if expert.excluded else ""
    return (
        f"{expert.name} ({expert.location}): quality {expert.quality:.0%}, {cost}, "
        f"{expert.latency_s:.1f} s, {expert.output_tokens:.0f} tokens{expense}{out}"
    )


def _neighbour(neighbour: KnownNeighbour) -> str:
    scores = ", ".join(f"{name} {score:.0%}" for name, score in neighbour.scores.items())
    words = f"{neighbour.distance:.3f} {neighbour.words} ({neighbour.table}, {neighbour.language})"
    return (
        words
        + (f": {scores}" if scores else "")
        + (f" {neighbour.text!r}" if neighbour.text else "")
    )
