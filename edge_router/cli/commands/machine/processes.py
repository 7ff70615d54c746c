"""edge-router ps and stop: the models that servers of this user keep loaded, and their memory."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from edge_router.errors import EdgeRouterError, InvalidRequest
from edge_router.guards.redaction import quoted

from ...options import add_command, config_of
from ...printing import print_dim, print_error, print_json
from ...terminal import visible

if TYPE_CHECKING:
    from pathlib import Path

    from edge_router.device.own_servers import RunningServer
    from edge_router.settings.config import Config

__all__ = ["add"]

NOTHING_RUNS = "no edge-router serve of this user is running; ask and chat end with their models"
TIMEOUT_S = 5.0
MODEL: Mapping[str, Any] = {
    "expert": str,
    "model": str,
    "bytes": int | float,
    "loaded": bool,
    "loading": bool,
    "answering": bool,
    "unloads_in_s": int | float | None,
}
"""What a model in the reply to GET /v1/loaded has, and of which type."""


class ServerSilent(EdgeRouterError):
    """A server does not say what it has loaded."""


def add(commands: Any) -> None:
    """Register both commands."""
    add_command(commands, "ps", _ps, settings=False)
    stop = add_command(commands, "stop", _stop, settings=False)
    stop.add_argument("expert", nargs="?", help="the expert whose model it is; all without one")
    stop.epilog = "The servers go on, and load a model again for its next answer."


def _ps(options: argparse.Namespace) -> None:
    listed = []
    for server, said in _each(config_of(options), "GET", "loaded", None):
        listed.append({"process": server.process, "url": server.url, "models": said["data"]})
    if options.json:
        print_json({"servers": listed})
        return
    for one in listed:
        print(visible(f"{one['url']} (process {one['process']})"))
        for model in one["models"]:
            print(visible(f"  {_line(model)}"))
        if not one["models"]:
            print("  no model runs in this server; its experts are elsewhere")
    if not listed:
        print_dim(NOTHING_RUNS)


def _line(model: Mapping[str, Any]) -> str:
    state = "not loaded"
    if model["loading"]:
        state = "is being loaded"
    elif model["answering"]:
        state = "loaded, answering"
    elif model["loaded"]:
        left = model["unloads_in_s"]
        state = "loaded for good" if left is None else f"loaded, unloaded in {left:.0f} s if idle"
    return f"{model['expert']}: {model['model']}, {model['bytes'] / 1e6:.0f} MB, {state}"


def _stop(options: argparse.Namespace) -> int:
    wanted = {} if options.expert is None else {"expert": options.expert}
    replies = [(s.url, r) for s, r in _each(config_of(options), "POST", "unload", wanted)]
    if options.json:
        print_json({"servers": [{"url": url, **reply} for url, reply in replies]})
    elif not replies:
        raise InvalidRequest(NOTHING_RUNS)
    for url, reply in [] if options.json else replies:
        for name in reply["unloaded"]:
            print(visible(f"{name} at {url}: unloaded"))
        for name in reply["answering"]:
            print_dim(f"{name} at {url} is answering; it was left as it is")
        if not (reply["unloaded"] or reply["answering"]):
            print_dim(f"{url}: nothing was loaded")
    return int(any(reply["answering"] for _, reply in replies))


def _each(
    config: Config, verb: str, path: str, body: Mapping[str, Any] | None
) -> Iterator[tuple[RunningServer, Mapping[str, Any]]]:
    """The reply of each server that runs; one that does not give any is a line. Raises
    ServerSilent where all failed."""
    from edge_router.device.own_servers import running_servers

    servers, failures = running_servers(config.data_folder), []
    for server in servers:
        try:
            yield server, _reply(server, config.data_folder, verb, path, body)
        except ServerSilent as error:
            failures.append(error)
    if failures and len(failures) == len(servers):
        raise failures[0]
    for failure in failures:
        print_error(failure)


def _reply(
    server: RunningServer, folder: Path, verb: str, path: str, body: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """What a server says. Raises ServerSilent."""
    import httpx

    headers = {"authorization": f"Bearer {key}"} if (key := _key(server, folder)) else {}
    try:
        with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client:
            said = client.request(verb, f"{_here(server.url)}/{path}", headers=headers, json=body)
        content: Any = said.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise ServerSilent(
            f"{server.url} does not answer: {error or type(error).__name__}"
        ) from None
    if said.status_code != httpx.codes.OK:
        raise ServerSilent(f"{server.url} refused: {_why(content) or said.status_code}")
    if not _is_sound(content, path):
        raise ServerSilent(f"{server.url} answers with what is no reply; is it of another version?")
    reply: Mapping[str, Any] = content
    return reply


def _why(content: Any) -> str:
    """The message of an error, "" for one that is not ours."""
    error = content.get("error") if isinstance(content, dict) else None
    return quoted(error["message"]) if isinstance(error, dict) and "message" in error else ""


def _is_sound(content: Any, path: str) -> bool:
    """Whether a reply has what is printed of it: another program may have the server's port."""
    if not isinstance(content, dict):
        return False
    if path == "unload":
        lists = [content.get("unloaded"), content.get("answering")]
        return all(isinstance(one, list) and {*map(type, one)} <= {str} for one in lists)
    models = content.get("data")
    return isinstance(models, list) and all(map(_is_model, models))


def _is_model(said: Any) -> bool:
    return (
        isinstance(said, dict)
        and MODEL.keys() <= said.keys()
        and all(isinstance(said[name], kind) for name, kind in MODEL.items())
    )


def _here(url: str) -> str:
    """The URL by which a program of this machine reaches it: "every address" cannot be connected
    to."""
    return url.replace("://0.0.0.0:", "://127.0.0.1:").replace("://[::]:", "://[::1]:")


def _key(server: RunningServer, folder: Path) -> str:
    """A key that the server takes, "" for none. Raises ServerSilent."""
    from edge_router.server.api_key import key_in_folder

    if not server.key_place:
        return ""
    if not server.key_place.startswith("$"):
        return key_in_folder(folder)
    names = [name.strip().removeprefix("$") for name in server.key_place.split(",")]
    keys = [key for name in names if (key := os.environ.get(name, "").strip())]
    if not keys:
        raise ServerSilent(
            f"{server.url} needs the key of {server.key_place}, which is not set here"
        )
    return keys[0]
