"""Edge Router: decides on the device who answers a query, a small local model or a cloud expert.

>>> from edge_router import EdgeRouter
>>> with EdgeRouter() as router:                                          # doctest: +SKIP
...     print(router.complete("What is the capital city of Japan?").text)
The capital city of Japan is Tokyo.

Importing the package imports nothing heavy; each name below is loaded on first use. Errors not
listed here are in `edge_router.errors`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # `X as X` marks a public name for type checkers
    # isort: off
    from .chat.message import Message as Message
    from .chat.request import ChatRequest as ChatRequest
    from .client.answer import Answer as Answer, AnswerStream as AnswerStream
    from .client.async_client import AsyncEdgeRouter as AsyncEdgeRouter
    from .client.sync_client import EdgeRouter as EdgeRouter
    from .errors import (
        AllBackendsFailed as AllBackendsFailed,
        BackendError as BackendError,
        ConfigError as ConfigError,
        EdgeRouterError as EdgeRouterError,
        RoutingError as RoutingError,
    )
    from .routing.deciding.decision import Decision as Decision
    from .routing.deciding.reason import Reason as Reason
    from .routing.experts.expert import Estimate as Estimate
    from .routing.record import AnswerRecord as AnswerRecord
    from .routing.router import Router as Router
    from .settings.config import Config as Config
    from .settings.constraints import Constraints as Constraints, Placement as Placement
    from .settings.expert_config import ExpertConfig as ExpertConfig
    # isort: on

__version__ = "0.1.0"

_HOME = {
    "AllBackendsFailed": "errors",
    "Answer": "client.answer",
    "AnswerRecord": "routing.record",
    "AnswerStream": "client.answer",
    "AsyncEdgeRouter": "client.async_client",
    "BackendError": "errors",
    "ChatRequest": "chat.request",
    "Config": "settings.config",
    "ConfigError": "errors",
    "Constraints": "settings.constraints",
    "Decision": "routing.deciding.decision",
    "EdgeRouter": "client.sync_client",
    "EdgeRouterError": "errors",
    "Estimate": "routing.experts.expert",
    "ExpertConfig": "settings.expert_config",
    "Message": "chat.message",
    "Placement": "settings.constraints",
    "Reason": "routing.deciding.reason",
    "Router": "routing.router",
    "RoutingError": "errors",
}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
