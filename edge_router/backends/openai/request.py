"""What one OpenAI-compatible server is sent: its settings, and what it refused so far."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal

from edge_router.chat.completion import ChatRequest
from edge_router.errors import ConfigError
from edge_router.guards.forking import ForkSafeLock
from edge_router.guards.redaction import names_a_secret

__all__ = ["BOUNDS", "Dialect"]

log = logging.getLogger("edge_router")

BOUNDS = ("max_tokens", "max_completion_tokens")
"""The names by which servers know the limit of an answer's length."""

_OURS = ("model", "messages", "stream", "n", *BOUNDS)
_SHORTEST_SECRET = 4


class Dialect:
    """Writes requests the way one server takes them, and learns from what it refuses.

    `max_tokens_field` is its name for the limit of an answer. `temperature` is sent where a
    request states none, never with "omit". `extra_body` is added to each request; `secrets` are
    its values that no message may show. Thread-safe.
    Raises ConfigError for an `extra_body` that is not JSON or replaces what is asked.
    """

    def __init__(
        self,
        *,
        max_tokens_field: str | None = None,
        temperature: float | Literal["omit"] | None = None,
        extra_body: Mapping[str, Any] | None = None,
    ) -> None:
        if max_tokens_field not in (None, *BOUNDS):
            raise ConfigError(f"max_tokens_field must be one of {', '.join(BOUNDS)}")
        self._bound = max_tokens_field or BOUNDS[0]
        self._refused_bounds: set[str] = set()
        self._temperature = _checked_temperature(temperature)
        self._extra = _checked_extra(extra_body or {})
        self.secrets = tuple(_secrets_in(self._extra))
        self._lock = ForkSafeLock()
        self._learned: dict[str, str] = {}

    @property
    def adaptations(self) -> Mapping[str, str]:
        """What the server refused, and what is done about it since."""
        with self._lock:
            return MappingProxyType(dict(self._learned))

    def body(self, model: str, request: ChatRequest, *, stream: bool) -> dict[str, Any]:
        """The JSON body of a question."""
        with self._lock:
            bound, left_out = self._bound, set(self._learned)
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": m.role, "content": m.content} for m in request.messages],
            bound: request.max_tokens,
            "stream": stream,
        }
        body |= {
            name: value
            for name, value in self._wishes(request, stream=stream).items()
            if value is not None and name not in left_out
        }
        return body | self._extra

    def droppable(self, body: Mapping[str, Any]) -> set[str]:
        """The fields of `body` that can be left out or renamed."""
        return body.keys() - set(_OURS) - self._extra.keys() | (body.keys() & set(BOUNDS))

    def adapt(self, refused: str, *, who: str) -> bool:
        """Send the field `refused` no more, or by its other name.

        False where nothing can be done: an answer must be bounded.
        """
        with self._lock:
            if refused not in BOUNDS:
                change = "left out"
            else:
                self._refused_bounds.add(refused)
                other = next((name for name in BOUNDS if name not in self._refused_bounds), None)
                if other is None:
                    return False
                self._bound, change = other, f"sent as {other}"
            is_new = self._learned.get(refused) != change
            self._learned[refused] = change
        if is_new:
            log.info("%s does not take %s; it is %s from now on", who, refused, change)
        return True

    def _wishes(self, request: ChatRequest, *, stream: bool) -> dict[str, Any]:
        temperature = None
        if self._temperature != "omit":
            temperature = self._temperature if request.temperature is None else request.temperature
        return {
            "temperature": temperature,
            "stop": list(request.stop) or None,
            "seed": request.seed,
            "stream_options": {"include_usage": True} if stream else None,
        }


def _checked_temperature(
    temperature: float | Literal["omit"] | None,
) -> float | Literal["omit"] | None:
    if temperature is None or temperature == "omit":
        return temperature
    fits = isinstance(temperature, int | float) and not isinstance(temperature, bool)
    if not (fits and 0 <= temperature < float("inf")):
        raise ConfigError(f"temperature = {temperature!r} must be 'omit', or a number from 0")
    return temperature


def _checked_extra(extra: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of its own. Values are not shown: they may be secret."""
    if not isinstance(extra, Mapping):
        raise ConfigError("extra_body must be a table")
    for name in _OURS:
        if name in extra:
            raise ConfigError(
                f"extra_body must not hold {name!r}; "
                + ("one answer is read" if name == "n" else "each request states it")
                + (", see max_tokens_field" if name in BOUNDS else "")
            )
    try:
        copy = json.loads(json.dumps(dict(extra), allow_nan=False))
        json.dumps(copy, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError):
        raise ConfigError(
            f"extra_body holds something that JSON cannot write (in {', '.join(map(str, extra))})"
        ) from None
    return dict(copy)


def _secrets_in(value: Any, hidden: bool = False) -> Iterator[str]:
    """The texts in a JSON value that stand under names such as "api_key"."""
    if isinstance(value, str) and hidden and len(value) >= _SHORTEST_SECRET:
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _secrets_in(part, hidden or names_a_secret(name))
    elif isinstance(value, list):
        for part in value:
            yield from _secrets_in(part, hidden)
