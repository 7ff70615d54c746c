"""All errors of Edge Router, as one tree.

EdgeRouterError
├── ConfigError                 a setting or a value that cannot be used
│   ├── InvalidAgent            an agent, a rule or a schema that cannot be used; two of one name
│   ├── InvalidTarget           a target with an unknown quantity or unit, or out of range
│   └── StaleOperatingPoint     made for another artifact or for other experts
├── CalibrationError            no operating point can be made
│   ├── OutcomesUnusable        outcome rows that nothing can be calibrated on
│   ├── TargetsConflict         no operating point meets all of the targets
│   └── TargetUnsupported       too few queries to promise it; says how many would do
├── ArtifactError               a router artifact that cannot be used
│   ├── ArtifactNotFound
│   ├── ArtifactCorrupt         its bytes are not what its manifest says
│   └── ArtifactIncompatible    made for another version of Edge Router
├── RoutingError                no decision can be made
│   ├── EmptyCatalog            no agent to choose from
│   ├── InvalidRequest          nothing to route: empty, not text, not UTF-8
│   └── NoExpertFits            the constraints rule out every expert
│       └── BudgetReached       what costs is spent for now; says when it is free again
├── BudgetUnusable              the file of the budget cannot be read or written
├── CacheUnusable               the file of answers cannot be read or cleared
├── CatalogError                the file of agents cannot be read or written
├── BackendError                an expert did not answer
│   ├── BackendUnavailable      another expert may be asked: connect, timeout, 429, 5xx
│   │   ├── ContextExceeded     the request is longer than the expert's context
│   │   ├── CostLimitReached    not asked: the budget or max_cost_usd does not pay for it
│   │   └── PrivacyWithheld     not asked: it may not read private data of the request
│   ├── BackendRejected         no other expert may be asked: wrong key, bad request
│   │   └── ConsentMissing      private data, and nothing to ask whether the expert may read it
│   └── BackendProtocolError    the reply makes no sense, or broke off half-way
├── LearningError               what was learned here cannot be used, or is not enough
│   └── TooFewOutcomes          not enough scored answers; holds how many more are needed
├── RouterClosed                the EdgeRouter was closed, before or during the answer
├── AllBackendsFailed           every expert that was asked failed; holds each failure
└── MissingExtra                its message is the pip line that fixes it

Only BackendUnavailable makes the client ask another expert.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = [
    "AllBackendsFailed",
    "ArtifactCorrupt",
    "ArtifactError",
    "ArtifactIncompatible",
    "ArtifactNotFound",
    "BackendError",
    "BackendProtocolError",
    "BackendRejected",
    "BackendUnavailable",
    "BudgetReached",
    "BudgetUnusable",
    "CacheUnusable",
    "CalibrationError",
    "CatalogError",
    "ConfigError",
    "ConsentMissing",
    "ContextExceeded",
    "CostLimitReached",
    "EdgeRouterError",
    "EmptyCatalog",
    "InvalidAgent",
    "InvalidRequest",
    "InvalidTarget",
    "LearningError",
    "MissingExtra",
    "NoExpertFits",
    "OutcomesUnusable",
    "PrivacyWithheld",
    "RouterClosed",
    "RoutingError",
    "StaleOperatingPoint",
    "TargetUnsupported",
    "TargetsConflict",
    "TooFewOutcomes",
]


class EdgeRouterError(Exception):
    """The root: catch this to catch everything of ours."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (type(self), self.args, self.__dict__)


def _unpickled(
    kind: type[EdgeRouterError], args: tuple[Any, ...], facts: dict[str, Any]
) -> EdgeRouterError:
    """An error that crossed a process boundary, without going through its constructor again."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(facts)
    return error


class ConfigError(EdgeRouterError, ValueError):
    """A setting, or a field of a value, is unknown, malformed or contradicts another; names it and
    the fix."""


class InvalidAgent(ConfigError):
    """An agent, a rule or a schema cannot be used, or two agents have one name."""


class InvalidTarget(ConfigError):
    """A target names an unknown quantity or unit, points the wrong way, or is out of range."""


class StaleOperatingPoint(ConfigError):
    """The point was made for another artifact or other experts; `command` makes it anew."""

    def __init__(self, message: str, *, command: str) -> None:
        super().__init__(f"{message}; renew it: {command}")
        self.command = command


class CalibrationError(EdgeRouterError):
    """No operating point can be made."""


class OutcomesUnusable(CalibrationError):
    """Outcome rows are malformed, or hold nothing of an expert; says where."""


class TargetsConflict(CalibrationError):
    """No operating point meets all of the targets, by what they say or by what the data show."""


class TargetUnsupported(CalibrationError):
    """The evidence is too thin for a promise.

    `needed` is how many queries would support it if they are like those at hand, None where no
    number would. `best` maps each target to the nearest one that these queries do support, None
    where none does; both as texts.
    """

    def __init__(self, message: str, *, needed: int | None, best: Mapping[str, str | None]) -> None:
        super().__init__(message)
        self.needed = needed
        self.best = dict(best)


class ArtifactError(EdgeRouterError):
    """A router artifact cannot be used."""


class ArtifactNotFound(ArtifactError):
    """No artifact directory or manifest at the path given."""


class ArtifactCorrupt(ArtifactError):
    """A file's size, hash or content is not what the manifest promises."""


class ArtifactIncompatible(ArtifactError):
    """The artifact was made for another schema version."""


class RoutingError(EdgeRouterError):
    """No routing decision can be made."""


class EmptyCatalog(RoutingError):
    """The catalogue holds no agent that may be chosen."""


class InvalidRequest(RoutingError, ValueError):
    """The request holds nothing that can be routed."""


class NoExpertFits(RoutingError):
    """Every expert is ruled out; `excluded` maps each one to the reason code."""

    def __init__(self, message: str, *, excluded: Mapping[str, str]) -> None:
        super().__init__(message)
        self.excluded = dict(excluded)


class BudgetReached(NoExpertFits):
    """What costs is ruled out by a budget, and nothing else may answer. In `retry_after_s` seconds
    the budget that is spent begins anew."""

    def __init__(self, message: str, *, excluded: Mapping[str, str], retry_after_s: float) -> None:
        super().__init__(message, excluded=excluded)
        self.retry_after_s = retry_after_s


class BudgetUnusable(EdgeRouterError):
    """The file that a budget is kept in is corrupt, in use, or cannot be written."""


class CacheUnusable(EdgeRouterError):
    """The file that answers are kept in is corrupt, in use, or no such file."""


class CatalogError(EdgeRouterError):
    """The file that agents are kept in cannot be read or written."""


class BackendError(EdgeRouterError):
    """An expert did not answer. `retry_after_s` is what the server asked for, in seconds."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class BackendUnavailable(BackendError):
    """Could not connect, out of time, 429 or 5xx, a model that will not load."""


class ContextExceeded(BackendUnavailable):
    """The request is longer than the context of the expert, which found it only when asked: an
    expert with more room may be. `limit` is the reason code, "context_length"."""

    limit = "context_length"


class CostLimitReached(BackendUnavailable):
    """The expert was not asked: its worst case costs more than a limit leaves. `limit` is the
    reason code, "max_cost", "budget", "token_budget", "budget_unknown" or "price_unknown";
    `retry_after_s` says when the limit begins anew, if it does."""

    def __init__(self, message: str, *, limit: str, retry_after_s: float | None = None) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.limit = limit


class PrivacyWithheld(BackendUnavailable):
    """The expert was not asked: it may not read private data of these `kinds` (see
    `chat.private_data`), by the settings or because consent was not given."""

    def __init__(self, message: str, *, kinds: tuple[str, ...]) -> None:
        super().__init__(message)
        self.kinds = kinds


class BackendRejected(BackendError):
    """The expert refuses this request or this key; another expert must not be asked silently."""


class ConsentMissing(BackendRejected):
    """The settings say that consent is asked for before an expert reads private data of these
    `kinds`, and the EdgeRouter was made without a `consent` to ask."""

    def __init__(self, message: str, *, kinds: tuple[str, ...]) -> None:
        super().__init__(message)
        self.kinds = kinds


class BackendProtocolError(BackendError):
    """The reply is not what the protocol allows, or the stream broke off."""


class LearningError(EdgeRouterError):
    """What this device has learned cannot be read, or is not enough for what was asked."""


class TooFewOutcomes(LearningError):
    """Too few scored answers to fit to; about `needed` more like those at hand would do."""

    def __init__(self, message: str, *, needed: int) -> None:
        super().__init__(message)
        self.needed = needed


class RouterClosed(EdgeRouterError):
    """The EdgeRouter was closed: nothing more is asked, and answers under way ended."""


class AllBackendsFailed(EdgeRouterError):
    """Every expert that might answer failed; `failures` maps each name to its error, in order."""

    def __init__(self, failures: Mapping[str, BackendError]) -> None:
        self.failures = dict(failures)
        listed = "; ".join(f"{name}: {error}" for name, error in self.failures.items())
        super().__init__(
            f"no expert answered ({listed}); `edge-router doctor --ask` tries each of them"
        )


class MissingExtra(EdgeRouterError, ImportError):
    """An optional part is not installed."""

    def __init__(self, part: str, extra: str, *, instead: str = "") -> None:
        super().__init__(f"{part} is not installed: pip install 'edge-router[{extra}]'{instead}")
        self.extra = extra
