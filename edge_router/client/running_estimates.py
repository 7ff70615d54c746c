"""Running estimates from real answers: each expert's pace, answer length, cache and outages.

With the state of this machine, read once a second, they are the snapshot that decides a query.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Self

from edge_router.backends.base import Backend, Loadable
from edge_router.chat.completion import CHARACTERS_PER_TOKEN, ChatRequest, Message, estimated_tokens
from edge_router.device.latency import AS_STATED, ExpertState, Pace, Timing
from edge_router.device.machine import DeviceSource, DeviceState, this_device
from edge_router.device.speeds import MeasuredSpeed, now_as_text, write_speeds
from edge_router.errors import BackendError
from edge_router.guards.forking import ForkSafeLock
from edge_router.routing.deciding.decision import Snapshot
from edge_router.routing.deciding.reason import Reason
from edge_router.routing.experts.context_room import counted_tokens
from edge_router.routing.experts.expert import Expert, Location
from edge_router.routing.record import AnswerRecord
from edge_router.settings.config import Config

from .outage import LONGEST_UNREACHABLE_S, NOT_DOWN, PROBE_S, UNREACHABLE_S, Outage

if TYPE_CHECKING:
    from .affinity import Affinity

__all__ = ["Experience", "RecentDevice"]

KEPT_OPEN_S = 30.0  # how long the transport keeps an idle connection
LENGTH_RATE = 0.1  # answers differ in length far more than machines in speed
LENGTH_PRIOR = 3  # how many answers the encoder's own estimate counts for
LARGEST_SHIFT = 3.0
ENDS = 64  # first and last characters that identify a message

log = logging.getLogger("edge_router")

Fingerprint = tuple[str, int, str, str]


@dataclass(frozen=True, slots=True)
class Lengths:
    """A running mean of log(real tokens / expected tokens)."""

    log_length: float = 0.0
    answers: int = 0

    def after(self, step: float) -> Lengths:
        rate = max(LENGTH_RATE, 1 / (self.answers + 1 + LENGTH_PRIOR))
        moved = self.log_length + rate * step
        bounded = max(-LARGEST_SHIFT, min(LARGEST_SHIFT, moved))
        return Lengths(bounded, self.answers + 1)


UNSEEN = Lengths()


class RecentDevice:
    """A cache of the state of this machine, which is read again after `max_age_s` seconds."""

    def __init__(
        self,
        source: DeviceSource,
        *,
        max_age_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._max_age_s = max_age_s
        self._clock = clock
        self._lock = ForkSafeLock()
        self._read: tuple[float, DeviceState] | None = None

    def state(self) -> DeviceState:
        with self._lock:
            now = self._clock()
            if self._read is None or not 0 <= now - self._read[0] < self._max_age_s:
                self._read = now, self._source.state()
            return self._read[1]


class Experience:
    """Running estimates of `experts`, in memory. Thread-safe.

    `remote` are the experts that need a network, `served` those behind a server, on this machine or
    not: after a failure they are avoided for a while, and the next query is the probe. `stated` are
    those whose speed the settings state; it is never corrected. Below `min_battery` (0..1), and off
    the mains, local experts are avoided. `clock` gives seconds and may jump.
    """

    def __init__(
        self,
        experts: Sequence[Expert],
        *,
        device: DeviceSource,
        remote: Collection[str] = (),
        served: Collection[str] = (),
        stated: Collection[str] = (),
        paces: Mapping[str, Pace] | None = None,
        min_battery: float | None = None,
        affinity: Affinity | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._affinity = affinity
        self._experts = {expert.name: expert for expert in experts}
        self._device = device
        self._remote = frozenset(remote)
        self._served = self._remote | frozenset(served)
        self._stated = frozenset(stated)
        self._min_battery = min_battery
        self._clock = clock
        self._lock = ForkSafeLock()
        self._paces = dict(paces or {})
        self._lengths: dict[str, Lengths] = {}
        self._read: dict[str, tuple[Fingerprint, ...]] = {}
        self._answered_at: dict[str, float] = {}
        self._unreachable: dict[str, Outage] = {}

    @classmethod
    def of(
        cls,
        config: Config,
        experts: Sequence[Expert],
        *,
        measured: Mapping[str, MeasuredSpeed],
        device: DeviceSource | None = None,
    ) -> Self:
        """For the experts of `config`, starting from their `measured` speeds; `device` is this
        machine unless given."""
        stated = {name for name, expert in config.experts.items() if expert.stated_speed}
        return cls(
            experts,
            device=RecentDevice(this_device()) if device is None else device,
            remote={name for name, expert in config.experts.items() if expert.needs_network},
            served={name for name, expert in config.experts.items() if expert.base_url},
            stated=stated,
            paces={name: known.pace for name, known in measured.items() if name not in stated},
            min_battery=config.min_battery,
            affinity=_affinity(config, experts) if config.affinity else None,
        )

    def keep(self, config: Config) -> None:
        """Write the paces into the data folder. A full disk is logged, not raised."""
        now, kept = now_as_text(), {}
        for name, pace in self.paces.items():
            known, speed = config.experts[name], self._experts[name].speed
            kept[name] = MeasuredSpeed(known.model, known.n_threads, now, speed, pace)
        try:
            write_speeds(config, kept)
        except OSError as error:
            log.warning("speeds could not be kept in %s: %s", config.data_folder, error)

    def snapshot(self, request: ChatRequest, backends: Mapping[str, Backend]) -> Snapshot:
        """The state of every expert for this request; `backends` are the open ones."""
        device = self._device.state()
        with self._lock:
            states = {
                name: self._state(name, request, backends.get(name), device)
                for name in self._experts
            }
            doubts = {
                name: doubt
                for name in self._experts
                if (doubt := self._doubt(name, backends.get(name), device)) is not None
            }
        stay = None if self._affinity is None else self._affinity.stay(request, self.paces)
        return Snapshot(states, doubts, counted_tokens(request, self._experts, backends), stay=stay)

    def answered(self, record: AnswerRecord, request: ChatRequest, snapshot: Snapshot) -> None:
        """Learn from an answer that was decided on `snapshot`.

        The times of an answer after failures of others are not used: they include the wait for
        those. An answer that was cancelled or broke off teaches no length; one without any text
        teaches nothing.
        """
        name = record.answered_by
        if record.ended != "complete" and record.empty:
            return
        if self._affinity is not None:
            self._affinity.answered(request, name)
        with self._lock:
            self._answered_at[name] = self._clock()
            self._unreachable.pop(name, None)
            dropped = record.usage is not None and record.usage.dropped_messages > 0
            self._read[name] = () if dropped else _fingerprints(request.messages)
            if record.usage is None or record.usage.completion_tokens < 1 or dropped:
                return
            if record.ended == "complete":
                self._learn_length(record, record.max_tokens or request.max_tokens)
            if not record.failures and name not in self._stated:
                self._learn_pace(record, request, snapshot.state(name))

    def asking(self, name: str) -> bool:
        """Note that an expert is asked now. After a failure that is the probe.

        False while another query probes it.
        """
        with self._lock:
            outage, now = self._unreachable.get(name), self._clock()
            if outage is None:
                return True
            if outage.probed and outage.holds(now):
                return False
            self._unreachable[name] = Outage(now, PROBE_S, probed=True)
            return True

    def failed(self, name: str, error: BackendError) -> None:
        """Note that an expert could not be reached, unless the error says that it was not asked, or
        that it is well."""
        if name in self._served and not isinstance(error, NOT_DOWN):
            avoided_s = UNREACHABLE_S if error.retry_after_s is None else error.retry_after_s
            with self._lock:
                seconds = min(avoided_s, LONGEST_UNREACHABLE_S)
                self._unreachable[name] = Outage(self._clock(), seconds)

    @property
    def paces(self) -> dict[str, Pace]:
        """The pace of each expert that has answered."""
        with self._lock:
            return dict(self._paces)

    def _learn_length(self, record: AnswerRecord, max_tokens: int) -> None:
        name, usage = record.answered_by, record.usage
        assert usage is not None
        written = usage.completion_tokens
        step = math.log(written / record.decision.estimates[name].output_tokens)
        if written >= max_tokens:  # cut off: it would have been at least this long
            step = max(0.0, step)
        self._lengths[name] = self._lengths.get(name, UNSEEN).after(step)

    def _learn_pace(self, record: AnswerRecord, request: ChatRequest, state: ExpertState) -> None:
        name, usage = record.answered_by, record.usage
        assert usage is not None
        expert, pace = self._experts[name], self._paces.get(name, Pace())
        read = expert.read_tokens(estimated_tokens(request.characters))
        work = state.work(read, usage.completion_tokens)
        waited = record.router_s
        timing = Timing(record.first_token_s - waited, record.total_s - waited)
        self._paces[name] = pace.after(expert.speed, work, timing)

    def _state(
        self, name: str, request: ChatRequest, backend: Backend | None, device: DeviceState
    ) -> ExpertState:
        pace = self._paces.get(name, AS_STATED.pace)
        log_length = self._lengths.get(name, UNSEEN).log_length
        if self._experts[name].location != Location.DEVICE:
            return ExpertState(pace, log_length, cold=not self._is_connected(name))
        return ExpertState(
            pace,
            log_length,
            cached_tokens=self._cached_characters(name, request) // CHARACTERS_PER_TOKEN,
            cold=isinstance(backend, Loadable) and not backend.loaded,
            slowdown=1 / max(0.1, device.clock_share or 1.0),
        )

    def _is_connected(self, name: str) -> bool:
        at = self._answered_at.get(name)
        return at is not None and 0 <= self._clock() - at < KEPT_OPEN_S

    def _cached_characters(self, name: str, request: ChatRequest) -> int:
        """Characters of the request that a local expert has read or written already."""
        read, messages = self._read.get(name, ()), request.messages
        pairs = zip(read, _fingerprints(messages), strict=False)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        if 0 < same == len(read) < len(messages) and messages[same].role == "assistant":
            same += 1  # its own answer
        return sum(message.characters for message in messages[:same])

    def _doubt(self, name: str, backend: Backend | None, device: DeviceState) -> Reason | None:
        if name in self._served and (doubt := self._doubt_of_server(name, device)) is not None:
            return doubt
        if name in self._remote or self._experts[name].location != Location.DEVICE:
            return None
        memory = device.free_memory_bytes
        if (
            memory is not None
            and isinstance(backend, Loadable)
            and not backend.loaded
            and backend.model_bytes > memory
        ):
            return Reason.MEMORY
        return Reason.LOW_BATTERY if self._is_low(device) else None

    def _doubt_of_server(self, name: str, device: DeviceState) -> Reason | None:
        if name in self._remote and device.connected is False:
            return Reason.OFFLINE
        outage = self._unreachable.get(name)
        return Reason.UNREACHABLE if outage and outage.holds(self._clock()) else None

    def _is_low(self, device: DeviceState) -> bool:
        return (
            self._min_battery is not None
            and device.discharging is True
            and device.battery is not None
            and device.battery < self._min_battery
        )


def _affinity(config: Config, experts: Sequence[Expert]) -> Affinity:
    from .affinity import Affinity  # loaded only where the setting asks for it

    return Affinity.from_config(config, experts)


def _fingerprints(messages: Sequence[Message]) -> tuple[Fingerprint, ...]:
    """Each message's identity, at a cost that does not grow with its length."""
    return tuple((m.role, m.characters, *_ends(m.texts)) for m in messages)


def _ends(texts: Sequence[str]) -> tuple[str, str]:
    """The beginning of the first text and the end of the last; those of an image are not read."""
    return (texts[0][:ENDS], texts[-1][-ENDS:]) if texts else ("", "")
