"""edge-router: parse, call the client, print.

Answers go to stdout, everything about them to stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__
from .errors import ConfigError, EdgeRouterError, InvalidRequest, MissingExtra

if TYPE_CHECKING:
    from .client import AnswerStream, EdgeRouter
    from .config import Config
    from .experts import Estimate
    from .policy import Constraints, Decision
    from .router import Router
    from .telemetry import AnswerRecord

__all__ = ["main"]

OVERRIDES = ("artifact", "operating_point", "min_gain", "placement", "max_cost_usd", "deadline_s")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 1 for an error of ours, 2 for wrong usage."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["export"]:
        return _guarded(lambda: _export(arguments[1:]))
    options = _parser().parse_args(arguments)
    return _guarded(lambda: options.run(options), as_json=options.json)


def _guarded(run: Any, *, as_json: bool = False) -> int:
    try:
        return int(run() or 0)
    except EdgeRouterError as error:
        if as_json:
            print(json.dumps(_error_json(error)))
        print(f"edge-router: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader has gone, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-router", description="Decide on the device who answers a query, then ask them."
    )
    parser.add_argument("--version", action="version", version=f"edge-router {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    ask = _command(commands, "ask", _ask, "answer TEXT with the expert that suits it")
    ask.add_argument("text", help="the query, or - to read it from standard input")
    ask.add_argument("--max-tokens", type=int, default=None, help="length limit of the answer")

    chat = _command(commands, "chat", _chat, "talk; the history is kept, each turn is routed")
    chat.add_argument("--max-tokens", type=int, default=None, help="length limit of an answer")

    route = _command(commands, "route", _route, "decide who would answer; nobody is called")
    route.add_argument("text", nargs="?", help="the query, or - to read it from standard input")
    route.add_argument(
        "--batch", metavar="FILE", help="JSON lines with query or messages; needs --json"
    )
    route.add_argument("--threads", type=int, default=1, help="threads for --batch")
    route.add_argument(
        "--profiles", action="store_true", help="estimates for every shipped profile"
    )

    _command(commands, "doctor", _doctor, "check this installation; no expert is called")
    _command(commands, "models", _models, "list routers, profiles and local models")
    commands.add_parser("export", help="make routers from outcome data (edge-router export --help)")
    return parser


def _command(commands: Any, name: str, run: Any, told: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=told, description=told)
    parser.set_defaults(run=run)
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.add_argument("--config", metavar="FILE", help="settings, TOML")
    parser.add_argument("--artifact", help="a shipped router's name or a directory")
    parser.add_argument("--operating-point", help="economy, balanced or quality")
    parser.add_argument("--min-gain", help="least gain in quality worth a dearer expert, 0..1")
    parser.add_argument(
        "--placement",
        help="only_on_device, prefer_on_device, prefer_in_cloud or only_in_cloud",
    )
    parser.add_argument("--offline", action="store_true", help="use no network")
    parser.add_argument("--max-cost-usd", help="dollars one answer may cost")
    parser.add_argument("--deadline-s", help="seconds one answer may take, fallbacks included")
    return parser


def _config(options: argparse.Namespace) -> Config:
    from .config import Config

    stated = {key: getattr(options, key) for key in OVERRIDES}
    changes = {key: value for key, value in stated.items() if value is not None}
    if options.offline:
        changes["offline"] = True
    return Config.load(options.config, **changes)


def _text(given: str) -> str:
    if given != "-":
        return given
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"standard input is not UTF-8: {error}") from None


def _request(text: str, max_tokens: int | None) -> Any:
    from .chat import DEFAULT_MAX_TOKENS, ChatRequest, Message

    limit = DEFAULT_MAX_TOKENS if max_tokens is None else max_tokens
    return ChatRequest((Message("user", text),), max_tokens=limit)


def _ask(options: argparse.Namespace) -> None:
    from .client import EdgeRouter

    request = _request(_text(options.text), options.max_tokens)
    with EdgeRouter(_config(options)) as router:
        if options.json:
            answer = router.complete(request)
            _print_json(
                {"text": answer.text, "finish_reason": answer.finish_reason}
                | _record_json(answer.record)
            )
            return
        _print_stream(router.stream(request))


def _print_stream(stream: AnswerStream) -> str:
    """Print an answer as it comes, then the line about it; returns the answer."""
    pieces = []
    try:
        for chunk in stream:
            print(chunk.delta, end="", flush=True)
            pieces.append(chunk.delta)
    finally:
        stream.close()
        print(flush=True)
    if stream.record is not None:
        _print_dim(_record_line(stream.record))
    return "".join(pieces)


def _chat(options: argparse.Namespace) -> None:
    from .chat import DEFAULT_MAX_TOKENS, ChatRequest, Message
    from .client import EdgeRouter

    limit = options.max_tokens or DEFAULT_MAX_TOKENS
    history: tuple[Message, ...] = ()
    with EdgeRouter(_config(options)) as router:
        for line in _typed_lines():
            turns = (*history, Message("user", line))
            answer = _turn(router, ChatRequest(turns, max_tokens=limit))
            if answer is not None:
                history = (*turns, Message("assistant", answer))


def _turn(router: EdgeRouter, request: Any) -> str | None:
    """One answer; None when it failed or was cancelled, and the history stays as it was."""
    try:
        return _print_stream(router.stream(request))
    except KeyboardInterrupt:
        _print_dim("cancelled")
    except EdgeRouterError as error:
        print(f"edge-router: {error}", file=sys.stderr)
    return None


def _typed_lines() -> Iterator[str]:
    """What the user types, without empty lines, until end of input."""
    while True:
        try:
            line = input("> " if sys.stdin.isatty() else "")
        except EOFError:
            return
        if line.strip():
            yield line


def _route(options: argparse.Namespace) -> int:
    from .client import configured_limits
    from .router import Router

    config = _config(options)
    router = Router.from_config(config)
    constraints = configured_limits(config)
    if options.batch:
        return _route_batch(options, router, constraints)
    if options.text is None:
        raise ConfigError("give a query, - for standard input, or --batch FILE")
    request = _request(_text(options.text), None)
    if options.profiles:
        _print_profiles(router.estimate(request), as_json=options.json)
        return 0
    started = time.perf_counter()
    decision = router.route(request, constraints)
    router_s = time.perf_counter() - started
    if options.json:
        _print_json(_decision_json(decision))
    else:
        print(decision.expert)
        _print_dim(_decision_line(decision, decision.words, router_s))
    return 0


def _route_batch(options: argparse.Namespace, router: Router, constraints: Constraints) -> int:
    """One decision or error a line, in the order of the file; 1 if any line failed."""
    if not options.json:
        raise ConfigError("--batch writes JSON lines; add --json")

    def decide(line: bytes) -> dict[str, Any]:
        try:
            return _decision_json(router.route(_prompt(line), constraints))
        except EdgeRouterError as error:
            return _error_json(error)

    failed = False
    with ThreadPoolExecutor(max(1, options.threads)) as pool:
        for found in pool.map(decide, _lines(options.batch)):
            _print_json(found)
            failed = failed or "error" in found
    return int(failed)


def _lines(path: str) -> Iterable[bytes]:
    try:
        content = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"--batch {path!r} cannot be read: {error.strerror}") from None
    return [line for line in content.split(b"\n") if line.strip()]


def _prompt(line: bytes) -> Any:
    try:
        found = json.loads(line)
    except ValueError as error:  # not JSON, or not UTF-8
        raise InvalidRequest(f"the line is not JSON: {error}") from None
    if isinstance(found, dict):
        for key in ("query", "messages"):
            if key in found:
                return found[key]
    raise InvalidRequest('a line must be {"query": ...} or {"messages": [...]}')


def _print_profiles(estimates: Mapping[str, Estimate], *, as_json: bool) -> None:
    if as_json:
        _print_json({name: _rounded(asdict(found)) for name, found in estimates.items()})
        return
    print(f"{'expert':<16}{'quality':>9}{'cost':>12}{'latency':>10}{'tokens':>8}")
    for name, found in estimates.items():
        cost = "unknown" if found.cost_usd is None else f"${found.cost_usd:.6f}"
        print(
            f"{name:<16}{found.quality:>9.0%}{cost:>12}{found.latency_s:>9.1f}s"
            f"{found.output_tokens:>8.0f}"
        )


def _doctor(options: argparse.Namespace) -> int:
    from .doctor import examine

    checks = examine(_config(options))
    if options.json:
        _print_json({"checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            print(f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.told}")
    return int(not all(check.ok for check in checks))


def _models(options: argparse.Namespace) -> None:
    from .artifact import RouterArtifact, bundled_artifacts
    from .backends.llama_cpp import BUNDLED_MODEL, find_model

    found = {name: RouterArtifact.load(path) for name, path in bundled_artifacts().items()}
    try:
        local = str(find_model(BUNDLED_MODEL))
    except MissingExtra as error:
        local = str(error)
    if options.json:
        routers = {
            name: {
                "path": str(artifact.path),
                "base_model": artifact.manifest.base_model,
                "profiles": list(artifact.experts["profiles"]),
                "operating_points": list(artifact.calibration["operating_points"]),
                "known_models": list(artifact.experts["experts"]),
            }
            for name, artifact in found.items()
        }
        _print_json({"routers": routers, "local_models": {BUNDLED_MODEL: local}})
        return
    for name, artifact in found.items():
        print(f"router {name}: {artifact.manifest.base_model}, {artifact.path}")
        print(f"  profiles: {', '.join(artifact.experts['profiles'])}")
        print(f"  operating points: {', '.join(artifact.calibration['operating_points'])}")
        print(f"  known models: {len(artifact.experts['experts'])} (--json lists them)")
    print(f"local model {BUNDLED_MODEL}: {local}")


def _export(arguments: Sequence[str]) -> int:
    try:
        from edge_router.export.cli import main as export_main
    except ImportError as error:
        raise MissingExtra(f"the export toolchain ({error.name})", "export") from error
    return int(export_main(arguments))


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False))


def _error_json(error: EdgeRouterError) -> dict[str, Any]:
    return {"error": {"type": type(error).__name__, "message": str(error)}}


def _rounded(value: Any) -> Any:
    """The same value with every float to 6 decimals: enough for anybody, stable to compare."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return value


def _decision_json(decision: Decision) -> dict[str, Any]:
    found: dict[str, Any] = _rounded(asdict(decision))
    return found | {"words": decision.words}


def _record_json(record: AnswerRecord) -> dict[str, Any]:
    found: dict[str, Any] = _rounded(asdict(record))
    found["decision"] = _decision_json(record.decision)
    return found | {"reason": record.reason, "words": record.words}


def _record_line(record: AnswerRecord) -> str:
    told = _decision_line(record.decision, record.words, record.router_s)
    return f"{record.answered_by} answered · {record.reason}: {told}"


def _decision_line(decision: Decision, words: str, router_s: float) -> str:
    told = []
    for name, estimate in decision.estimates.items():
        reason = decision.excluded.get(name)
        out = f" ({reason.replace('_', ' ')})" if reason else ""
        told.append(f"{name} {estimate.quality:.0%}{out}")
    quality = ", ".join(told)
    return f"{words} · quality {quality} · router {router_s * 1e3:.1f} ms"


def _print_dim(line: str) -> None:
    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    print(f"\x1b[2m{line}\x1b[0m" if colour else line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
