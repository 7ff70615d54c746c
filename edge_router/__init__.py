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
    from .chat.completion import ChatChunk, ChatCompletion, ChatRequest, Usage
    from .chat.conversation import Message
    from .client.answer import Answer, AnswerStream
    from .client.sync_client import EdgeRouter
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
    from .routing.artifact.manifest import RouterArtifact
    from .routing.deciding.decision import Decision
    from .routing.deciding.reason import Reason
    from .routing.experts.expert import Estimate, Expert
    from .routing.explaining.explanation import Explanation
    from .routing.record import AnswerRecord
    from .routing.router import Router
    from .settings.config import Config
    from .settings.constraints import Constraints, Placement
    from .settings.expert_config import ExpertConfig

__version__ = "0.1.0"

_HOME = {
    "chat.completion": (
        "ChatChunk",
        "ChatCompletion",
        "ChatRequest",
        "Usage",
    ),
    "chat.conversation": ("Message",),
    "client.answer": (
        "Answer",
        "AnswerStream",
    ),
    "client.sync_client": ("EdgeRouter",),
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
    "routing.artifact.manifest": ("RouterArtifact",),
    "routing.deciding.decision": ("Decision",),
    "routing.deciding.reason": ("Reason",),
    "routing.experts.expert": (
        "Estimate",
        "Expert",
    ),
    "routing.explaining.explanation": ("Explanation",),
    "routing.record": ("AnswerRecord",),
    "routing.router": ("Router",),
    "settings.config": ("Config",),
    "settings.constraints": (
        "Constraints",
        "Placement",
    ),
    "settings.expert_config": ("ExpertConfig",),
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
