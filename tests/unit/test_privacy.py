"""Under `only_on_device` or `offline`, however it is said, no connection is attempted at all."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_router import (
    ChatRequest,
    Config,
    ConfigError,
    Constraints,
    EdgeRouter,
    EdgeRouterError,
    Placement,
    Reason,
)
from edge_router.cli.commands.machine.device import _chosen
from edge_router.errors import (
    BackendError,
    BackendProtocolError,
    BackendRejected,
    BackendUnavailable,
)
from edge_router.settings.expert_config import ExpertConfig
from edge_router.testing import FakeBackend

PRIVATE = "My diagnosis is confidential: prove the four colour theorem in full detail."
LOCAL = ExpertConfig("llama_cpp", "smollm2-135m", "135m", context_tokens=2048)
ONLY: Any = "only_on_device"
FAILURES: tuple[BackendError | None, ...] = (
    None,
    BackendUnavailable("x"),
    BackendRejected("x"),
    BackendProtocolError("x"),
)
Asked = tuple[Config, Constraints | None]


@contextmanager
def listening() -> Iterator[tuple[str, list[Any]]]:
    """An address on loopback, and all peers that connected to it."""
    came: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    peer, who = server.accept()
                    came.append(who)
                    peer.close()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1", came
        server.shutdown(socket.SHUT_RDWR)


def _toml(base: Config, folder: Path, url: str) -> Config:
    file = folder / "config.toml"
    file.write_text(
        f'''[router]
placement = "only_on_device"
min_gain = -1
[experts.local]
backend = "llama_cpp"
model = "smollm2-135m"
profile = "135m"
[experts.cloud]
backend = "openai"
model = "big"
profile = "frontier"
location = "cloud"
base_url = "{url}"
'''
    )
    return Config.load(file)


def _ways(base: Config, folder: Path, url: str) -> Mapping[str, Callable[[], Asked]]:
    """Every way in which the promise may be asked for."""
    settings: dict[str, Any] = {"experts": base.experts, "min_gain": -1.0}
    cloud: Any = "prefer_in_cloud"
    return {
        "Config, text": lambda: (Config(placement=ONLY, **settings), None),
        "Config, enum": lambda: (Config(placement=Placement.ONLY_ON_DEVICE, **settings), None),
        "Config, offline": lambda: (Config(offline=True, **settings), None),
        "Config, offline in words": lambda: (Config(offline="yes", **settings), None),  # type: ignore[arg-type]
        "replace, text": lambda: (replace(base, placement=ONLY), None),
        "replace, offline": lambda: (replace(base, offline="1"), None),  # type: ignore[arg-type]
        "with_changes": lambda: (base.with_changes(placement="only_on_device"), None),
        "with_changes, offline": lambda: (base.with_changes(offline="true"), None),
        "JSON": lambda: (Config(**(base.to_json() | {"placement": "only_on_device"})), None),
        "TOML": lambda: (_toml(base, folder, url), None),
        "Constraints, text": lambda: (base, Constraints(placement=ONLY)),
        "Constraints, enum": lambda: (base, Constraints(Placement.ONLY_ON_DEVICE)),
        "Constraints, offline": lambda: (base, Constraints(offline=True)),
        "Constraints, offline in words": lambda: (base, Constraints(offline="on")),  # type: ignore[arg-type]
        "Constraints, replaced": lambda: (base, replace(Constraints(), placement=ONLY)),
        "tightened": lambda: (base, Constraints().tightened(Constraints(placement=ONLY))),
        "tightened, the other way": lambda: (
            base,
            Constraints(placement=ONLY).tightened(Constraints(placement=cloud)),
        ),
        "a looser wish for this query": lambda: (
            replace(base, placement=ONLY),
            Constraints(placement=cloud),
        ),
        "the cloud only, and offline": lambda: (
            replace(base, placement="only_in_cloud"),  # type: ignore[arg-type]
            Constraints(offline=True),
        ),
        "a dict": lambda: (base, {"placement": "only_on_device"}),  # type: ignore[return-value, dict-item]
        "a bare text": lambda: (base, ONLY),
        "another word": lambda: (Config(placement="only-on-device", **settings), None),  # type: ignore[arg-type]
        "another word for this query": lambda: (base, Constraints(placement="device")),  # type: ignore[arg-type]
    }


def _ask(config: Config, constraints: Constraints | None, failure: BackendError | None) -> None:
    local: Any = FakeBackend() if failure is None else FakeBackend(error=failure)
    with EdgeRouter(config, backends={"local": local}) as router:
        for stream in (False, True):
            with suppress(EdgeRouterError):
                if stream:
                    list(router.stream(PRIVATE, constraints=constraints))
                else:
                    router.complete(PRIVATE, constraints=constraints)


def test_no_connection_is_attempted_however_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the cloud expert that every query would go to, whatever happens to the local one."""
    with listening() as (url, came):
        cloud = ExpertConfig("openai", "big", "frontier", location="cloud", base_url=url, retries=0)
        base = Config(experts={"local": LOCAL, "cloud": cloud}, min_gain=-1.0)
        ways = _ways(base, tmp_path, url)
        for number, (way, failure) in enumerate(itertools.product(ways, FAILURES)):
            if number % len(FAILURES) and way not in ("Constraints, text", "Constraints, offline"):
                continue  # how it was said and what fails are independent: not all pairs
            with suppress(EdgeRouterError, ValueError, TypeError):
                _ask(*ways[way](), failure)
            assert came == [], way
        for variable, value in (("PLACEMENT", "only_on_device"), ("OFFLINE", "yes")):
            monkeypatch.setenv(f"EDGE_ROUTER_{variable}", value)
            result = Config.load()
            _ask(
                replace(base, placement=result.placement, offline=result.offline), None, FAILURES[1]
            )
            monkeypatch.delenv(f"EDGE_ROUTER_{variable}")
            assert came == [], variable
        _ask(base, None, FAILURES[1])
        assert came != []  # the server would have seen it


EVERY_FIELD: tuple[Any, ...] = (
    {"tools": [{"type": "function", "function": {"name": "f", "description": PRIVATE}}]},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}},
    {"logprobs": True},
    {"reasoning_effort": "high"},
    {"user": PRIVATE, "metadata": {"x": PRIVATE[:60]}, "extra": {"x": PRIVATE}},
    {"parts": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
    {"parts": [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]},
    {"parts": [{"type": "file", "file": {"file_id": "f"}}]},
    {"result": PRIVATE},
)


@pytest.mark.parametrize("limits", [Constraints(placement=ONLY), Constraints(offline=True)])
@pytest.mark.parametrize("stated", EVERY_FIELD, ids=lambda stated: next(iter(stated)))
def test_what_only_the_cloud_can_do_stays_here_all_the_same(
    stated: dict[str, Any], limits: Constraints
) -> None:
    """An expert here that cannot do it is ruled out, and nobody else is asked instead."""
    settings = dict(stated)
    turns: list[Any] = [{"role": "user", "content": [*settings.pop("parts", ()), {
        "type": "text", "text": PRIVATE}]}]  # fmt: skip
    if (result := settings.pop("result", None)) is not None:
        call = {"id": "1", "function": {"name": "f", "arguments": PRIVATE}}
        turns += [{"role": "assistant", "tool_calls": [call]}]
        turns += [{"role": "tool", "tool_call_id": "1", "content": result}]
    with listening() as (url, came):
        able: dict[str, Any] = {"vision": True, "audio": True, "files": True, "retries": 0}
        cloud = ExpertConfig("openai", "big", "frontier", location="cloud", base_url=url, **able)
        config = Config(experts={"local": LOCAL, "cloud": cloud}, min_gain=-1.0)
        failing: Any = FakeBackend(error=BackendUnavailable("x"))
        with EdgeRouter(config, backends={"local": failing}) as router:
            request = ChatRequest(tuple(turns), **settings)
            for _ in range(2):
                with suppress(EdgeRouterError):
                    router.complete(request, constraints=limits)
            assert came == []
            with suppress(EdgeRouterError):
                router.complete(request)
        assert came != []  # the server would have seen it


@pytest.mark.parametrize("limits", [Constraints(placement=ONLY), Constraints(offline=True)])
def test_a_far_server_that_counts_as_here_gets_no_query(limits: Constraints) -> None:
    """What counts is whether a network is needed, not what the settings call it."""
    far = ExpertConfig("openai", "m", "8b", location="device", base_url="http://192.0.2.1/v1")
    config = Config(experts={"local": LOCAL, "nas": far}, min_gain=-1.0)
    with EdgeRouter(config, backends={"local": FakeBackend()}) as router:
        decision = router.router.route(PRIVATE, limits)
        assert (decision.expert, decision.order) == ("local", ("local",))
        assert decision.excluded["nas"] in (Reason.ONLY_ON_DEVICE, Reason.OFFLINE)
        assert "nas" not in router.router.route(PRIVATE).excluded


def test_nor_is_it_measured_then() -> None:
    """`device measure` asks every expert here, and none that is asked over the network."""
    far = ExpertConfig("openai", "m", "8b", location="device", base_url="http://192.0.2.1/v1")
    free = Config(experts={"local": LOCAL, "nas": far})
    assert list(_chosen(free, None)) == ["local", "nas"]
    bound = replace(free, offline=True)
    assert list(_chosen(bound, None)) == ["local"]
    with pytest.raises(ConfigError, match="'nas' is asked over the network, and nothing may leave"):
        _chosen(bound, ["nas"])
