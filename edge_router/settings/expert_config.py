"""ExpertConfig: one expert of the settings, with its backend, address, prices and timeouts."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from edge_router.errors import ConfigError
from edge_router.guards.checks import (
    Check,
    FrozenDict,
    any_text,
    checked,
    number,
    one_of,
    path,
    settle,
    table,
    table_of_texts,
    text,
    unset_allowed,
    whole,
    whole_number,
)
from edge_router.guards.loopback import is_loopback
from edge_router.guards.redaction import quoted, redacted_setting, redacted_url

__all__ = ["EXPERT_SETTINGS", "ExpertConfig", "experts_of", "warn_of_far_devices"]

BackendKind = Literal["llama_cpp", "openai"]
MaxTokensField = Literal["max_tokens", "max_completion_tokens"]
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
SPEED = ("start_s", "input_tokens_per_s", "output_tokens_per_s")

log = logging.getLogger("edge_router")


@dataclass(frozen=True, slots=True, repr=False)
class ExpertConfig:
    """One `[experts.NAME]` table.

    `model` is a GGUF file or "smollm2-135m" (backend llama_cpp), or the model's name at the server
    (backend openai, with `base_url`, and `api_key_env` naming the variable that holds the key).
    `profile` is what the router takes it for: 135m, 1b, 3b, 8b, 70b, frontier, a known model, or
    an expert enrolled on this device.
    `location` is "device" or "cloud"; without it, a server counts as cloud unless its host is
    loopback. Prices in dollars per million tokens; speeds in seconds and tokens per second, and
    speeds that are stated are never corrected by real answers. `usd_per_hour` is what this device
    spends while a local expert answers: energy, wear.

    What a server is sent and how long it is waited for (backend openai): `max_tokens_field` is the
    name it knows that limit by; `temperature = "omit"` never sends one, a number is sent where the
    request states none; `extra_body` is added to the JSON body; `extra_headers_env` maps a header's
    name to the environment variable that holds its value. `connect_timeout_s` bounds finding and
    reaching the host, `first_token_timeout_s` the wait for the first token, `stall_timeout_s` any
    time without a byte; without the last two it is waited for until the deadline, and where another
    expert could step in for half of what is left of it (a cloud expert that is silent: 10 s).
    `system` is the system message that a local model gets where the conversation has none; ""
    for none. Raises ConfigError as for a table of a file.
    """

    backend: BackendKind
    model: str
    profile: str
    location: Literal["device", "cloud"] | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    context_tokens: int | None = None
    input_usd_per_million: float | None = None
    output_usd_per_million: float | None = None
    start_s: float | None = None
    input_tokens_per_s: float | None = None
    output_tokens_per_s: float | None = None
    n_threads: int | None = None
    usd_per_hour: float | None = None
    max_tokens_field: MaxTokensField | None = None
    temperature: float | Literal["omit"] | None = None
    extra_body: Mapping[str, Any] | None = None
    extra_headers_env: Mapping[str, str] | None = None
    connect_timeout_s: float | None = None
    first_token_timeout_s: float | None = None
    stall_timeout_s: float | None = None
    system: str | None = None

    def __post_init__(self) -> None:
        settle(self, EXPERT_FIELDS, "ExpertConfig")
        _check_together({one.name: getattr(self, one.name) for one in fields(self)}, "ExpertConfig")

    def __repr__(self) -> str:
        """What is stated, without what looks like a key or a password."""
        stated = {one.name: getattr(self, one.name) for one in fields(self)}
        listed = [f"{k}={redacted_setting(k, v)}" for k, v in stated.items() if v is not None]
        return f"ExpertConfig({', '.join(listed)})"

    @property
    def stated_speed(self) -> dict[str, float]:
        """Those of the speed settings that are there."""
        speeds = {key: getattr(self, key) for key in SPEED}
        return {key: value for key, value in speeds.items() if value is not None}

    @property
    def needs_network(self) -> bool:
        """Whether asking it leaves this machine."""
        return _needs_network(self.base_url)

    @property
    def on_device(self) -> bool:
        """Whether it counts as on this device."""
        return _on_device(self.location, self.base_url)

    @property
    def leaves_device(self) -> bool:
        """Whether `only_on_device` and `offline` forbid to ask it."""
        return self.needs_network or not self.on_device


def _needs_network(base_url: str | None) -> bool:
    return base_url is not None and not is_loopback(urlsplit(base_url).hostname or "")


def _on_device(location: str | None, base_url: str | None) -> bool:
    return not _needs_network(base_url) if location is None else location == "device"


def _temperature(value: Any, fault: str) -> float | Literal["omit"]:
    if value == "omit":
        return "omit"
    temperature: float = number(0.0, 100.0)(value, f"{fault} must be 'omit', or")
    return temperature


def _variable(value: Any, fault: str) -> str:
    """The name of an environment variable; what is none may be a key, and is not shown."""
    named = text(value, fault)
    if not VARIABLE.fullmatch(named):
        key = fault.partition(" = ")[0]
        raise ConfigError(
            f"{key} must be the name of an environment variable that holds the key, such as "
            "OPENAI_API_KEY, never the key itself (its value is not shown here)"
        )
    return named


def _variables(value: Any, fault: str) -> Mapping[str, str]:
    key = fault.partition(" = ")[0]
    for name, variable in table_of_texts(value, fault).items():
        _variable(variable, f"{key}: {quoted(name)} = ")
    return table_of_texts(value, fault)


EXPERT_SETTINGS: Mapping[str, Check] = {
    "backend": one_of(*get_args(BackendKind)),
    "model": path,
    "profile": text,
    "location": one_of("device", "cloud"),
    "base_url": text,
    "api_key_env": _variable,
    "context_tokens": whole_number,
    "input_usd_per_million": number(0.0),
    "output_usd_per_million": number(0.0),
    "usd_per_hour": number(0.0),
    "start_s": number(0.0),
    "input_tokens_per_s": number(1e-3),
    "output_tokens_per_s": number(1e-3),
    "n_threads": whole(1, 512),
    "max_tokens_field": one_of(*get_args(MaxTokensField)),
    "temperature": _temperature,
    "extra_body": table,
    "extra_headers_env": _variables,
    "connect_timeout_s": number(1e-3),
    "first_token_timeout_s": number(1e-3),
    "stall_timeout_s": number(1e-3),
    "system": any_text,
}
EXPERT_FIELDS = unset_allowed(ExpertConfig, EXPERT_SETTINGS)


def experts_of(stated: Any) -> Mapping[str, ExpertConfig]:
    """Experts by their names, stated as such or as tables. Raises ConfigError."""
    named = table(stated, f"experts = {quoted(stated)} in the settings")
    if not named:
        raise ConfigError("[experts] names no expert; add [experts.NAME] or leave it out")
    if "" in named:
        raise ConfigError("[experts] has an expert without a name")
    if all(type(one) is ExpertConfig for one in named.values()):
        return named
    return FrozenDict({name: _expert(name, table) for name, table in named.items()})


def _expert(name: str, table: Any) -> ExpertConfig:
    where = f"[experts.{name}]"
    if isinstance(table, ExpertConfig):
        return table
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where} must be a table")
    stated = {key: value for key, value in table.items() if value is not None}
    settings = checked(stated, EXPERT_SETTINGS, where)
    if missing := {"backend", "model", "profile"} - settings.keys():
        raise ConfigError(f"{where} lacks {', '.join(sorted(missing))}")
    _check_together(settings, where)
    return ExpertConfig(**settings)


def _check_together(expert: Mapping[str, Any], where: str) -> None:
    """That the settings of one expert go with each other."""
    if expert["backend"] == "openai" or expert.get("base_url") is not None:
        _require_url(expert.get("base_url"), where)
    on_device = _on_device(expert.get("location"), expert.get("base_url"))
    if expert["backend"] == "llama_cpp" and not on_device:
        raise ConfigError(f"{where} runs in this process; its location cannot be 'cloud'")
    usd_per_hour = expert.get("usd_per_hour")
    if usd_per_hour is not None and not on_device:
        raise ConfigError(
            f"usd_per_hour = {usd_per_hour!r} in {where} is for experts on this device; "
            "state a cloud expert's price by the token"
        )
    prices = (expert.get("input_usd_per_million"), expert.get("output_usd_per_million"))
    if prices.count(None) == 1:
        raise ConfigError(
            f"{where} needs both input_usd_per_million and output_usd_per_million, or neither"
        )


def warn_of_far_devices(experts: Mapping[str, ExpertConfig]) -> None:
    """Say of experts that are stated to be on the device what the promise means for them."""
    for name, expert in experts.items():
        if expert.on_device and expert.needs_network:
            _warn(
                f"expert {name!r} counts as on this device, but it is asked over the network "
                f"({urlsplit(expert.base_url or '').hostname}); only_on_device and offline "
                "rule it out"
            )


@cache  # once per process is enough
def _warn(message: str) -> None:
    log.warning("%s", message)


def _require_url(base_url: str | None, where: str) -> None:
    example = "for example http://127.0.0.1:8080/v1"
    if base_url is None:
        raise ConfigError(f"{where} lacks base_url, {example}")
    try:
        parts = urlsplit(base_url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a broken address or port
        fine = False
    if not fine:
        raise ConfigError(
            f"base_url = {redacted_url(base_url)!r} in {where} is not an address, {example}"
        )
