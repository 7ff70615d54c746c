"""How long an answer takes: load or connect, read, write; corrected by real answers' times."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from edge_router.guards.checks import MOST, amount, flag, instance, number, optional, settle

if TYPE_CHECKING:  # this file loads no numpy
    import numpy as np
    import numpy.typing as npt

__all__ = ["AS_STATED", "ExpertState", "Pace", "Speed", "Timing", "Work", "reading_s", "writing_s"]

Number = TypeVar("Number", float, "npt.NDArray[np.float64]")  # of one expert, or of each (experts,)

RATE = 0.25  # of a running estimate: after 10 answers 94 % of a change is followed
COLD_RATE = 0.5  # loads and connections are rare
LARGEST_STEP = math.log(8)  # one answer that stalled must not turn the estimate over
READ_TOKENS = 32  # as many to read as make an answer half a proof of how fast reading is
WRITTEN_TOKENS = 8  # the same for writing
LARGEST_PACE = 100.0  # of a logarithm: no real expert is off by so much
UNSPLIT = 0.01  # share of the whole time; an answer that takes less after its start came at once


@dataclass(frozen=True, slots=True)
class Work:
    """The work of one answer: tokens to read and write, and the state of the expert.

    `cached_tokens` of the `input_tokens` were already read for the previous answer. `cold`: the
    model is not loaded, or no connection is open. `slowdown` is 1 at full speed of the device and
    2 at half of it.
    """

    input_tokens: float
    output_tokens: float
    cached_tokens: float = 0.0
    cold: bool = False
    slowdown: float = 1.0

    @property
    def new_tokens(self) -> float:
        """Tokens still to be read, 0 or more."""
        return max(0.0, self.input_tokens - self.cached_tokens)


@dataclass(frozen=True, slots=True)
class Speed:
    """Speed of an expert: seconds before it starts, tokens per second read and written.

    Each token attends to all before it, so a token also costs `input_growth_s` (when read) or
    `output_growth_s` (when written) seconds for every token before it. `cold_s` is what loading
    the model, or connecting, takes.
    """

    start_s: float
    input_tokens_per_s: float
    output_tokens_per_s: float
    cold_s: float = 0.0
    input_growth_s: float = 0.0
    output_growth_s: float = 0.0

    def __post_init__(self) -> None:
        """Raises ConfigError for NaN, infinity, a negative number and any other type."""
        settle(self, SPEED_CHECKS, "Speed")

    def first_token_s(self, work: Work) -> float:
        """Seconds until the first token, with the model loaded."""
        return self.start_s + reading_s(
            work.new_tokens, work.input_tokens, 1 / self.input_tokens_per_s, self.input_growth_s
        )

    def rest_s(self, work: Work) -> float:
        """Seconds from then on until the answer is complete."""
        return writing_s(
            work.output_tokens,
            work.input_tokens,
            1 / self.output_tokens_per_s,
            self.output_growth_s,
        )

    def latency(self, input_tokens: float, output_tokens: float) -> float:
        """Seconds until the answer is complete, with the model loaded."""
        work = Work(input_tokens, output_tokens)
        return self.first_token_s(work) + self.rest_s(work)


def reading_s(new: Number, read: Number, s_per_token: Number, growth_s: Number) -> Number:
    """Seconds to read the last `new` of `read` tokens.

    `growth_s` is the extra time of a token per token before it.
    """
    return new * s_per_token + growth_s * new * (read - new / 2)


def writing_s(written: Number, read: Number, s_per_token: Number, growth_s: Number) -> Number:
    """Seconds to write `written` tokens after `read` ones; `growth_s` as in `reading_s`."""
    return written * s_per_token + growth_s * written * (read + written / 2)


SPEED_CHECKS = {
    "start_s": amount,
    "input_tokens_per_s": number(1e-9),
    "output_tokens_per_s": number(1e-9),
    "cold_s": amount,
    "input_growth_s": amount,
    "output_growth_s": amount,
}


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds from asking an expert to its first token, and to the end of its answer."""

    first_token_s: float
    total_s: float

    @property
    def sound(self) -> bool:
        """Whether a clock that only runs forward can have shown these times."""
        return 0 < self.first_token_s <= self.total_s < math.inf


@dataclass(frozen=True, slots=True)
class Pace:
    """How an expert's real answers compare with its Speed: running estimates.

    `first` and `rest` are natural logarithms of real over expected seconds, until the first token
    and after it. `cold_s` replaces the Speed's own once measured. `first_seen` and `rest_seen`
    count the answers behind them; one with little to read or write counts for less than one. With
    few answers the estimate is a mean, later an exponentially weighted one.
    """

    first: float = 0.0
    rest: float = 0.0
    cold_s: float | None = None
    first_seen: float = 0.0
    rest_seen: float = 0.0

    def __post_init__(self) -> None:
        """Raises ConfigError for numbers that cannot come from answers."""
        if not (
            type(self.first) is type(self.rest) is float
            and -LARGEST_PACE <= self.first <= LARGEST_PACE
            and -LARGEST_PACE <= self.rest <= LARGEST_PACE
            and type(self.first_seen) is type(self.rest_seen) is float
            and 0.0 <= self.first_seen < math.inf
            and 0.0 <= self.rest_seen < math.inf
            and self.cold_s is None
        ):
            settle(self, PACE_CHECKS, "Pace")

    def latency(self, speed: Speed, work: Work) -> float:
        """Seconds until the answer is complete."""
        return self._cold_s(speed, work) + self._first_s(speed, work) + self._rest_s(speed, work)

    def load_s(self, speed: Speed) -> float:
        """Seconds that loading the model, or connecting, takes."""
        return speed.cold_s if self.cold_s is None else self.cold_s

    def after(self, speed: Speed, work: Work, timing: Timing) -> Pace:
        """The estimates after one more answer; an unsound timing is ignored."""
        if not timing.sound:
            return self
        if work.cold:
            return self._after_cold(speed, work, timing)
        first, rest = self._first_s(speed, work), self._rest_s(speed, work)
        if work.output_tokens > 1 and timing.total_s - timing.first_token_s <= (
            UNSPLIT * timing.total_s
        ):
            step = _step(timing.total_s, first + rest)
            return self._stepped(work, step, step)
        return self._stepped(
            work,
            _step(timing.first_token_s, first),
            _step(timing.total_s - timing.first_token_s, rest),
        )

    def _stepped(self, work: Work, first: float, rest: float) -> Pace:
        read = work.new_tokens / (work.new_tokens + READ_TOKENS)
        written = work.output_tokens / (work.output_tokens + WRITTEN_TOKENS)
        return replace(
            self,
            first=_bounded(self.first + read * first * max(RATE, 1 / (1 + self.first_seen))),
            rest=_bounded(self.rest + written * rest * max(RATE, 1 / (1 + self.rest_seen))),
            first_seen=self.first_seen + read,
            rest_seen=self.rest_seen + written,
        )

    def _after_cold(self, speed: Speed, work: Work, timing: Timing) -> Pace:
        """Estimate load or connection time as the first token's time beyond the expected."""
        usual = self._first_s(speed, work)
        if timing.total_s - timing.first_token_s <= UNSPLIT * timing.total_s:
            usual += self._rest_s(speed, work)
        seen = max(0.0, timing.first_token_s - usual)
        known = seen if self.cold_s is None else self.cold_s
        return replace(self, cold_s=known + COLD_RATE * (seen - known))

    def _cold_s(self, speed: Speed, work: Work) -> float:
        return self.load_s(speed) if work.cold else 0.0

    def _first_s(self, speed: Speed, work: Work) -> float:
        return work.slowdown * math.exp(self.first) * speed.first_token_s(work)

    def _rest_s(self, speed: Speed, work: Work) -> float:
        return work.slowdown * math.exp(self.rest) * speed.rest_s(work)


PACE_CHECKS = {
    "first": number(-LARGEST_PACE, LARGEST_PACE),
    "rest": number(-LARGEST_PACE, LARGEST_PACE),
    "cold_s": optional(amount),
    "first_seen": number(0.0),
    "rest_seen": number(0.0),
}


def _bounded(pace: float) -> float:
    return max(-LARGEST_PACE, min(LARGEST_PACE, pace))


def _step(real_s: float, expected_s: float) -> float:
    """Logarithm of real over expected seconds, bounded; 0 unless both are positive."""
    if real_s <= 0 or expected_s <= 0:
        return 0.0
    return max(-LARGEST_STEP, min(LARGEST_STEP, math.log(real_s / expected_s)))


@dataclass(frozen=True, slots=True)
class ExpertState:
    """State of one expert at the moment of a query.

    `log_length` is added to the natural logarithm of its expected answer length in tokens.
    `cached_tokens`, `cold` and `slowdown` are those of `Work`.
    """

    pace: Pace = Pace()
    log_length: float = 0.0
    cached_tokens: float = 0.0
    cold: bool = False
    slowdown: float = 1.0

    def __post_init__(self) -> None:
        """Raises ConfigError for an impossible state."""
        if type(self.cached_tokens) is int and 0 <= self.cached_tokens <= 2**53:
            object.__setattr__(self, "cached_tokens", float(self.cached_tokens))
        if not (
            type(self.pace) is Pace
            and type(self.log_length) is float
            and -math.inf < self.log_length < math.inf
            and type(self.cached_tokens) is float
            and 0.0 <= self.cached_tokens < math.inf
            and type(self.cold) is bool
            and type(self.slowdown) is float
            and 1e-9 <= self.slowdown <= MOST
        ):
            settle(self, STATE_CHECKS, "ExpertState")

    def work(self, input_tokens: float, output_tokens: float) -> Work:
        """The work of an answer of `output_tokens` to `input_tokens` in this state."""
        cached = min(self.cached_tokens, input_tokens)
        return Work(input_tokens, output_tokens, cached, self.cold, self.slowdown)


STATE_CHECKS = {
    "pace": instance(Pace),
    "log_length": number(-math.inf),
    "cached_tokens": number(0.0),
    "cold": flag,
    "slowdown": number(1e-9, MOST),
}
AS_STATED = ExpertState()  # an expert of which no more is known than its settings say
