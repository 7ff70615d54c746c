"""The ASGI application: access, routes, and the boundary at which exceptions become replies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from edge_router.errors import EdgeRouterError

from .access import Access
from .exchange import App, Exchange, Gone, Receive, Scope, Send
from .service import CHAT, COMPLETIONS, RESPONSES, Service
from .wire.errors import Refused, refusal_of

__all__ = ["asgi_app"]

log = logging.getLogger("edge_router")

Handle = Callable[[Exchange, bytes, Mapping[str, Any]], Awaitable[None]]

EXCHANGE = "edge_router.exchange"  # of a request that was let in, in its scope
CLIENT_LEFT = 499  # what nginx logs for it; no client sees it
WELCOME = """\
Edge Router: an OpenAI-compatible server that decides for each query who answers.
Base URL for clients: this address with /v1. Models: GET /v1/models ("auto" decides).
POST /v1/chat/completions, /v1/responses, /v1/completions, /v1/embeddings, /v1/systemone
POST /v1/agents/route (with serve --agents): which agent a request is for; nothing is run
GET /v1/loaded, POST /v1/unload, for programs of this machine: edge-router ps, stop
GET /healthz, /readyz, /metrics
"""


def asgi_app(service: Service, access: Access) -> App:
    """The application around a service. Needs the extra `serve`."""
    from starlette.routing import Route, Router

    def post(path: str, handle: Handle) -> Route:
        return Route(path, _Endpoint(service, path, "POST", handle))

    def get(path: str, handle: Handle) -> Route:
        return Route(path, _Endpoint(service, path, "GET", handle))

    routes = [
        post("/v1/chat/completions", lambda e, body, _: service.answer(e, body, CHAT)),
        post("/v1/completions", lambda e, body, _: service.answer(e, body, COMPLETIONS)),
        post("/v1/responses", lambda e, body, _: service.answer(e, body, RESPONSES)),
        post("/v1/embeddings", lambda e, body, _: service.embed(e, body)),
        post("/v1/systemone", lambda e, body, _: service.decide(e, body)),
        post("/v1/agents/route", lambda e, body, _: service.route_agent(e, body)),
        get("/v1/loaded", lambda e, _, __: service.loaded(e)),
        post("/v1/unload", lambda e, body, _: service.unload(e, body)),
        get("/v1/models", lambda e, _, __: e.send_json(service.models.listed())),
        get("/v1/models/{name:path}", lambda e, _, p: e.send_json(service.models.one(p["name"]))),
        get("/metrics", lambda e, _, __: e.send_text(service.metrics.text())),
        get("/healthz", lambda e, _, __: e.send_json({"status": "ok"})),
        get("/readyz", lambda e, _, __: _ready(e, service)),
        get("/", lambda e, _, __: e.send_text(WELCOME)),
    ]
    missing = _Endpoint(service, "other", "", _missing)
    router = Router(routes, redirect_slashes=False, default=missing)
    return _Gate(service, access, router)


async def _ready(exchange: Exchange, service: Service) -> None:
    stopping = service.stop.is_set()
    status = "stopping" if stopping else "ready"
    await exchange.send_json({"status": status}, status=503 if stopping else 200)


async def _missing(_: Exchange, __: bytes, ___: Mapping[str, Any]) -> None:
    raise Refused(404, "nothing is at this path; GET / says what there is", code="not_found")


class _Gate:
    """Lets in what `access` lets in, answers preflights, and puts CORS headers on every reply."""

    def __init__(self, service: Service, access: Access, inner: App) -> None:
        self._service = service
        self._access = access
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        service = self._service
        exchange = Exchange(scope, receive, send, limits=service.limits, budget=service.budget)
        exchange.extra = self._access.cors(exchange.headers)
        try:
            exchange.require_short_head(scope.get("raw_path", b"") + scope.get("query_string", b""))
            exchange.caller = self._access.check(scope["method"], scope["path"], exchange.headers)
        except Refused as refused:
            await exchange.refuse(refused)
            service.metrics.requested("refused", refused.status)
            return
        if scope["method"] == "OPTIONS":
            preflight = self._access.preflight(exchange.headers)
            if preflight is not None:
                await exchange.send_nothing(preflight)
                return
        scope[EXCHANGE] = exchange
        await self._inner(scope, receive, send)


class _Endpoint:
    """One route: the boundary at which every exception becomes a reply."""

    def __init__(self, service: Service, name: str, method: str, handle: Handle) -> None:
        self._service = service
        self._name = name
        self._method = method
        self._handle = handle

    async def __call__(self, scope: Scope, _: Receive, __: Send) -> None:
        exchange: Exchange = scope[EXCHANGE]
        try:
            await self._answered(exchange, scope)
        except Gone:
            exchange.status = exchange.status or CLIENT_LEFT
        except Exception as error:  # noqa: BLE001 - a request may fail, the server may not
            if not isinstance(error, (EdgeRouterError, Refused)):
                log.error("%s failed: %s", self._name, type(error).__name__)
            if exchange.status is None:
                await exchange.refuse(refusal_of(error))
        finally:
            self._service.metrics.requested(self._name, exchange.status or CLIENT_LEFT)

    async def _answered(self, exchange: Exchange, scope: Scope) -> None:
        method, path = scope["method"], scope.get("path_params", {})
        if self._method == "GET" and method == "HEAD":
            method = "GET"
        if self._method not in (method, ""):
            words = f"use {self._method} for {self._name}"
            allow = {"allow": self._method}
            raise Refused(405, words, code="method_not_allowed", headers=allow)
        if self._method != "POST":
            await self._handle(exchange, b"", path)
            return
        body = await exchange.body()
        await _unless_gone(self._handle(exchange, body, path), exchange)


async def _unless_gone(work: Awaitable[None], exchange: Exchange) -> None:
    """Do the work, which is cancelled when the client leaves. Raises Gone then."""
    answer, leaving = asyncio.ensure_future(work), asyncio.ensure_future(exchange.gone())
    try:
        await asyncio.wait({answer, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done() and not exchange.ended:
            raise Gone
        await answer
    finally:
        for task in (answer, leaving):
            task.cancel()
        await asyncio.gather(answer, leaving, return_exceptions=True)
