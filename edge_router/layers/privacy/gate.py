"""The privacy gate: which experts may read a request, at the decision and before each call."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Self

from edge_router.backends.base import Backend
from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatChunk, ChatCompletion
from edge_router.chat.message import ToolCall
from edge_router.chat.private_data import PrivateKind
from edge_router.chat.request import ChatRequest
from edge_router.errors import BackendError, ConsentMissing, PrivacyWithheld
from edge_router.guards.forking import ForkSafeLock
from edge_router.routing.deciding.reason import PRIVATE, Reason
from edge_router.settings.config import Config
from edge_router.settings.location import Location
from edge_router.settings.privacy_config import PrivacyMode

from .detectors import Detectors
from .placeholders import Conversations, StreamRestorer
from .search import Private, Redacted, redacted, search

__all__ = ["Consent", "ConsentQuestion", "PrivacyGate"]


log = logging.getLogger("edge_router")


@dataclass(frozen=True, slots=True)
class ConsentQuestion:
    """May `expert`, at `location`, read these `values`? Each is a kind and the text itself; media
    that is not searched has the text ""."""

    expert: str
    location: Location
    values: tuple[tuple[PrivateKind, str], ...]

    @property
    def kinds(self) -> tuple[PrivateKind, ...]:
        """The kinds, each once."""
        return Private(self.values).kinds


Consent = Callable[[ConsentQuestion], bool]
"""Says whether an expert may read private data; called in the thread of the answer."""


class PrivacyGate:
    """What each expert of an EdgeRouter may read, by the settings. Thread-safe.

    `modes` are those of experts that may not read everything. What `consent` allowed an expert to
    read it is not asked again.
    """

    def __init__(
        self, config: Config, modes: Mapping[str, PrivacyMode], consent: Consent | None
    ) -> None:
        self._places = {name: config.experts[name].place for name in modes}
        self._modes = dict(modes)
        self._consent = consent
        self._media = PrivateKind.MEDIA in config.privacy.detect
        self._detectors = Detectors(config.privacy)
        self._conversations = Conversations()
        self._lock = ForkSafeLock()
        self._allowed: set[tuple[str, PrivateKind, str]] = set()

    @classmethod
    def of(cls, config: Config, consent: Consent | None = None) -> Self | None:
        """None where every expert may read everything."""
        gated = {name: mode for name, mode in config.privacy_modes.items() if mode != "allow"}
        return cls(config, gated, consent) if gated else None

    def finds(self, request: ChatRequest) -> bool:
        """Whether anything in the request is private."""
        return bool(self._search(request))

    def withheld(self, request: ChatRequest) -> Mapping[str, Reason]:
        """The experts that may not be asked with this request, each with the reason: the kind of
        what is private in it, and is to go "never" or cannot be redacted."""
        private = self._search(request)
        if not private:
            return {}
        modes = {*self._modes.values()}
        closed = {"never"} & modes
        if "redact" in modes and self._redacted(request, private) is None:
            closed = {*closed, "redact"}
        reason = PRIVATE[private.kinds[0]]
        return {name: reason for name, mode in self._modes.items() if mode in closed}

    def guarded(self, backend: Backend, name: str) -> Backend:
        """`backend` of the expert called `name`, behind this gate where that is needed."""
        return _Guarded(backend, self, name) if name in self._modes else backend

    def passed(self, request: ChatRequest, name: str, deadline: Deadline) -> Redacted:
        """The request as an expert may read it. The time that consent takes is not the expert's.

        Raises PrivacyWithheld where it may not, ConsentMissing where nobody can be asked.
        """
        private = self._search(request)
        if not private:
            return Redacted(request, {})
        mode = self._modes[name]
        if mode == "redact" and (clean := self._redacted(request, private)) is not None:
            return clean
        if mode == "ask":
            self._require_consent(private, name, deadline)
            return Redacted(request, {})
        raise _withheld(name, private.kinds, "it may not read")

    def needs_consent(self, request: ChatRequest, name: str) -> bool:
        """Whether `passed` would ask for consent now."""
        if self._modes.get(name) != "ask":
            return False
        return bool(self._not_allowed(self._search(request), name))

    def _not_allowed(self, private: Private, name: str) -> tuple[tuple[PrivateKind, str], ...]:
        """The values that consent was not given for yet."""
        with self._lock:
            return tuple(one for one in private.values if (name, *one) not in self._allowed)

    def _require_consent(self, private: Private, name: str, deadline: Deadline) -> None:
        new = self._not_allowed(private, name)
        if not new:
            return
        question = ConsentQuestion(name, self._places[name], new)
        if self._consent is None:
            raise ConsentMissing(
                f"{name} would read {_listed(question.kinds)}, and the settings say to ask first; "
                "ask or chat at a terminal, give EdgeRouter a consent, or set privacy to never, "
                "redact or allow",
                kinds=question.kinds,
            )
        started = time.monotonic()
        given = self._given(question)
        deadline.excuse(time.monotonic() - started)
        if given is not True:
            raise _withheld(name, question.kinds, "it was not allowed to read")
        with self._lock:
            self._allowed.update((name, *one) for one in new)

    def _given(self, question: ConsentQuestion) -> bool:
        """What the program's consent says; one that raises has not been given."""
        assert self._consent is not None
        try:
            return self._consent(question)
        except Exception as error:  # noqa: BLE001 - the program's own code; its text may quote data
            log.warning("consent raised %s; it counts as no", type(error).__name__)
            return False

    def _search(self, request: ChatRequest) -> Private:
        return search(request, self._detectors, media=self._media)

    def _redacted(self, request: ChatRequest, private: Private) -> Redacted | None:
        return redacted(request, private, self._detectors, self._conversations)


def _withheld(name: str, kinds: tuple[PrivateKind, ...], why: str) -> PrivacyWithheld:
    return PrivacyWithheld(f"{name} was not asked: {why} {_listed(kinds)}", kinds=kinds)


def _listed(kinds: tuple[PrivateKind, ...]) -> str:
    return " or ".join(kind.words for kind in kinds)


class _Guarded:
    """A backend that asks `inner` with what the gate lets pass, and puts values back in what it
    answers. It is the outermost layer: retries, fallbacks and handovers all come through it."""

    def __init__(self, inner: Backend, gate: PrivacyGate, name: str) -> None:
        self.inner = inner
        self._gate = gate
        self._name = name

    def complete(self, request: ChatRequest, *, deadline: Deadline) -> ChatCompletion:
        passed = self._gate.passed(request, self._name, deadline)
        completion = self.inner.complete(passed.request, deadline=deadline)
        return _restored(completion, passed) if passed.values else completion

    def stream(
        self, request: ChatRequest, *, deadline: Deadline
    ) -> Generator[ChatChunk, None, None]:
        passed = self._gate.passed(request, self._name, deadline)
        with closing(self.inner.stream(passed.request, deadline=deadline)) as chunks:
            if passed.values:
                yield from _restoring(chunks, passed)
            else:
                yield from chunks

    def close(self) -> None:
        self.inner.close()


def _restoring(
    chunks: Generator[ChatChunk, None, None], passed: Redacted
) -> Generator[ChatChunk, None, None]:
    restorer, last = _restorer(passed), None
    try:
        for chunk in chunks:
            last = chunk
            if (shown := restorer.take(chunk)) is not None:
                yield shown
    except BackendError:
        if last is not None and (rest := restorer.rest(last)) is not None:
            yield rest
        raise


def _restorer(passed: Redacted) -> StreamRestorer:
    """What puts the values back; into a text that is JSON, as JSON writes them."""
    form = passed.request.response_format
    return StreamRestorer(passed.values, as_json=form is not None and form.type != "text")


def _restored(completion: ChatCompletion, passed: Redacted) -> ChatCompletion:
    restorer = _restorer(passed)
    calls = tuple(
        ToolCall(call.id, call.name, restorer.arguments(call.arguments))
        for call in completion.tool_calls
    )
    return replace(
        completion,
        text=(restorer.plain if completion.refusal else restorer.text)(completion.text),
        reasoning_content=restorer.plain(completion.reasoning_content),
        refusal=restorer.plain(completion.refusal),
        tool_calls=calls,
    )
