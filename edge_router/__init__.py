"""Edge Router: decides on the device who answers a query, a small local model or a cloud expert.

>>> from edge_router import EdgeRouter
>>> with EdgeRouter() as router:                                          # doctest: +SKIP
...     print(router.complete("What is the capital of France?").text)
The capital of France is Paris.

Importing the package imports nothing heavy; each name below is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .answer import Answer, AnswerStream
    from .artifact import RouterArtifact
    from .chat import ChatChunk, ChatCompletion, ChatRequest, Message, Usage
    from .client import EdgeRouter
    from .config import Config
    from .constraints import Constraints, Placement
    from .decision import Decision, Reason
    from .errors import (
        AllBackendsFailed,
        ArtifactCorrupt,
        ArtifactError,
        ArtifactIncompatible,
        ArtifactNotFound,
        BackendError,
        BackendProtocolError,
        BackendRejected,
        BackendUnavailable,
        CalibrationError,
        ConfigError,
        CostLimitReached,
        EdgeRouterError,
        InvalidRequest,
        InvalidTarget,
        LearningError,
        MissingExtra,
        NoExpertFits,
        OutcomesUnusable,
        RouterClosed,
        RoutingError,
        StaleOperatingPoint,
        TargetsConflict,
        TargetUnsupported,
    )
    from .expert_config import ExpertConfig
    from .experts import Estimate, Expert
    from .explanation import Explanation
    from .router import Router
    from .telemetry import AnswerRecord

__version__ = "0.1.0"

_HOME = {
    "answer": ("Answer", "AnswerStream"),
    "artifact": ("RouterArtifact",),
    "chat": ("ChatChunk", "ChatCompletion", "ChatRequest", "Message", "Usage"),
    "client": ("EdgeRouter",),
    "config": ("Config",),
    "constraints": ("Constraints", "Placement"),
    "decision": ("Decision", "Reason"),
    "errors": (
        "AllBackendsFailed",
        "ArtifactCorrupt",
        "ArtifactError",
        "ArtifactIncompatible",
        "ArtifactNotFound",
        "BackendError",
        "BackendProtocolError",
        "BackendRejected",
        "BackendUnavailable",
        "CalibrationError",
        "ConfigError",
        "CostLimitReached",
        "EdgeRouterError",
        "InvalidRequest",
        "InvalidTarget",
        "LearningError",
        "MissingExtra",
        "NoExpertFits",
        "OutcomesUnusable",
        "RouterClosed",
        "RoutingError",
        "StaleOperatingPoint",
        "TargetsConflict",
        "TargetUnsupported",
    ),
    "expert_config": ("ExpertConfig",),
    "experts": ("Estimate", "Expert"),
    "explanation": ("Explanation",),
    "router": ("Router",),
    "telemetry": ("AnswerRecord",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "AllBackendsFailed",
    "Answer",
    "AnswerRecord",
    "AnswerStream",
    "ArtifactCorrupt",
    "ArtifactError",
    "ArtifactIncompatible",
    "ArtifactNotFound",
    "BackendError",
    "BackendProtocolError",
    "BackendRejected",
    "BackendUnavailable",
    "CalibrationError",
    "ChatChunk",
    "ChatCompletion",
    "ChatRequest",
    "Config",
    "ConfigError",
    "Constraints",
    "CostLimitReached",
    "Decision",
    "EdgeRouter",
    "EdgeRouterError",
    "Estimate",
    "Expert",
    "ExpertConfig",
    "Explanation",
    "InvalidRequest",
    "InvalidTarget",
    "LearningError",
    "Message",
    "MissingExtra",
    "NoExpertFits",
    "OutcomesUnusable",
    "Placement",
    "Reason",
    "Router",
    "RouterArtifact",
    "RouterClosed",
    "RoutingError",
    "StaleOperatingPoint",
    "TargetUnsupported",
    "TargetsConflict",
    "Usage",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
