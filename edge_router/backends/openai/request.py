"""Requests to an OpenAI-compatible server: headers, and bodies without what it refused before."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import httpx

from edge_router.chat.capability import ReasoningEffort
from edge_router.chat.request import ChatRequest
from edge_router.chat.tools import NamedTool
from edge_router.errors import BackendRejected, ConfigError
from edge_router.guards.forking import ForkSafeLock
from edge_router.guards.redaction import names_a_variable

from .settings import (
    BOUNDS,
    OUR_FIELDS,
    SHORTEST_SECRET,
    checked_extra,
    checked_temperature,
    require_access,
    secrets_in,
)

__all__ = ["Access", "Dialect", "variable"]

log = logging.getLogger("edge_router")

AS_STATED = (
    "top_p", "presence_penalty", "frequency_penalty", "top_logprobs", "user",
)  # fmt: skip
BINDING = ("tools", "tool_choice", "response_format", "logprobs", "top_logprobs")
_BEARER = "Bearer "
_HEADERS = {
    "User-Agent": "edge-router",
    "Content-Type": "application/json",
    "Accept-Encoding": "identity",  # compression holds back the tokens of a stream
}


class Access:
    """The headers of requests to `url`, with the key of `api_key_env` and the values of
    `headers_env` (name to variable), both read from the environment at each call and kept nowhere.
    Messages call the first `key_setting`.

    Raises ConfigError for a setting that cannot work or would expose a secret.
    """

    def __init__(
        self,
        api_key_env: str | None,
        headers_env: Mapping[str, str],
        *,
        url: httpx.URL,
        key_setting: str = "api_key_env",
    ) -> None:
        self.api_key_env = api_key_env
        self._key_setting = key_setting
        self._headers_env = dict(headers_env)
        require_access(api_key_env, self._headers_env, url, key_setting=key_setting)

    def headers(self, *, stream: bool, who: str) -> dict[str, str]:
        """All headers of a request. Raises BackendRejected for a variable that is missing."""
        headers = {**_HEADERS, "Accept": "text/event-stream" if stream else "application/json"}
        if self.api_key_env is not None:
            headers["Authorization"] = f"{_BEARER}{self._key(self.api_key_env, who=who)}"
        for header, name in self._headers_env.items():
            headers[header] = _header_value(header, name, who=who)
        return headers

    def _key(self, name: str, *, who: str) -> str:
        key, named = _read(name), variable(name, self._key_setting)
        if not key:
            raise BackendRejected(f"{who}: {named} is not set, or blank")
        if not re.fullmatch(r"[!-~]+", key):  # else h11 would put the whole key into its error
            raise BackendRejected(
                f"{who}: the key in {named} holds a blank or a character outside ASCII; "
                "copy it again"
            )
        return key

    def secrets(self, headers: Mapping[str, str]) -> tuple[str, ...]:
        """The values in `headers`, as sent, that no message may show."""
        key = headers.get("Authorization", "").removeprefix(_BEARER)
        values = (headers.get(name, "") for name in self._headers_env)
        return tuple(filter(None, [key, *(v for v in values if len(v) >= SHORTEST_SECRET)]))


class Dialect:
    """Writes bodies the way one server takes them, and learns from what it refuses.

    `max_tokens_field` is its name for the limit of an answer. `temperature` is sent where a
    request states none, never with "omit"; `reasoning_effort` is too, and then never left out: it
    is what makes the expert another one. `extra_body` is added to each request; `secrets` are its
    values that no message may show. Thread-safe.
    Raises ConfigError for an `extra_body` that is not JSON or replaces a field of ours.
    """

    def __init__(
        self,
        *,
        max_tokens_field: str | None = None,
        temperature: float | Literal["omit"] | None = None,
        reasoning_effort: ReasoningEffort | None = None,
        extra_body: Mapping[str, Any] | None = None,
    ) -> None:
        if max_tokens_field not in (None, *BOUNDS):
            raise ConfigError(f"max_tokens_field must be one of {', '.join(BOUNDS)}")
        self._bound = max_tokens_field or BOUNDS[0]
        self._refused_bounds: set[str] = set()
        self._temperature = checked_temperature(temperature)
        self._effort = reasoning_effort
        self._extra = checked_extra(extra_body or {})
        self.secrets = tuple(secrets_in(self._extra))
        self._lock = ForkSafeLock()
        self._learned: dict[str, str] = {}

    @property
    def adaptations(self) -> Mapping[str, str]:
        """The fields that the server refused, each with what is done since."""
        with self._lock:
            return MappingProxyType(dict(self._learned))

    def body(self, model: str, request: ChatRequest, *, stream: bool) -> dict[str, Any]:
        """The JSON body of a request."""
        with self._lock:
            bound, left_out = self._bound, set(self._learned)
        body: dict[str, Any] = {
            "model": model,
            "messages": [message.to_json() for message in request.messages],
            bound: request.max_tokens,
            "stream": stream,
        }
        body |= {
            name: value
            for name, value in self._wishes(request, stream=stream).items()
            if value is not None and name not in left_out
        }
        return {**body, **request.extra, **self._extra}

    def droppable(self, body: Mapping[str, Any], request: ChatRequest) -> set[str]:
        """The fields of `body` that can be left out or renamed: without the others the answer would
        be one to another request."""
        kept = {*OUR_FIELDS, *BINDING, *self._extra, *request.extra}
        if request.parallel_tool_calls is False:
            kept.add("parallel_tool_calls")
        if self._effort is not None:
            kept.add("reasoning_effort")
        return body.keys() - kept | (body.keys() & set(BOUNDS))

    def adapt(self, refused: str, *, who: str) -> bool:
        """Send the field `refused` no more, or by its other name.

        False if both names of the length limit are refused: an answer must be bounded.
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
            **_beyond_text(request),
            "reasoning_effort": request.reasoning_effort or self._effort,
            "stream_options": {"include_usage": True} if stream else None,
        }


def _beyond_text(request: ChatRequest) -> dict[str, Any]:
    """The fields that are sent only where a request states them."""
    choice, form = request.tool_choice, request.response_format
    fields = {name: getattr(request, name) for name in AS_STATED}
    fields["response_format"] = None if form is None else form.to_json()
    fields["logprobs"] = request.logprobs or None
    fields["metadata"] = dict(request.metadata) or None
    if request.tools:
        fields["tools"] = [tool.to_json() for tool in request.tools]
        fields["tool_choice"] = choice.to_json() if isinstance(choice, NamedTool) else choice
        fields["parallel_tool_calls"] = request.parallel_tool_calls
    return fields


def variable(name: str, setting: str = "api_key_env") -> str:
    """How a message names the variable `name`: not by a name that may be the key itself."""
    plain = names_a_variable(name) and len(name) <= 40
    return f"${name}" if plain else f"the variable named by {setting}"


def _read(name: str) -> str:
    return os.environ.get(name, "").strip()


def _header_value(header: str, name: str, *, who: str) -> str:
    value, named = _read(name), variable(name, "extra_headers_env")
    if not value:
        raise BackendRejected(f"{who}: {named}, for the header {header}, is not set, or blank")
    if not re.fullmatch(r"[ -~]+", value):
        raise BackendRejected(
            f"{who}: {named}, for the header {header}, holds a character that no header may hold"
        )
    return value
