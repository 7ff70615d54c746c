"""TOML, EDGE_ROUTER_* variables and arguments become one frozen Config; unknown keys are errors."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from .backends.base import is_loopback
from .checks import (
    Check,
    any_text,
    flag,
    number,
    one_of,
    table,
    table_of_texts,
    text,
    whole_number,
)
from .data_folder import default_data_folder
from .errors import ConfigError
from .policy import Placement
from .preference import Preference
from .redaction import shown, shown_setting, shown_url
from .settings_file import default_config_path, read_environment, read_file
from .user_files import user_path

__all__ = ["Config", "DeferralMode", "ExpertConfig", "default_config_path"]

BackendKind = Literal["llama_cpp", "openai"]
MaxTokensField = Literal["max_tokens", "max_completion_tokens"]
DeferralMode = Literal["off", "before", "while"]
SPEED = ("start_s", "input_tokens_per_s", "output_tokens_per_s")


@dataclass(frozen=True, slots=True)
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
    for none.
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

    def __repr__(self) -> str:
        """Without what looks like a key or a password."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        told = ", ".join(f"{name}={shown_setting(name, value)}" for name, value in found.items())
        return f"ExpertConfig({told})"

    @property
    def stated_speed(self) -> dict[str, float]:
        """Those of the speed settings that are there."""
        found = {key: getattr(self, key) for key in SPEED}
        return {key: value for key, value in found.items() if value is not None}

    @property
    def needs_network(self) -> bool:
        """Whether asking it leaves this machine."""
        return self.base_url is not None and not is_loopback(urlsplit(self.base_url).hostname or "")

    @property
    def on_device(self) -> bool:
        """Whether asking it keeps the query on this machine."""
        if self.location is not None:
            return self.location == "device"
        return not self.needs_network


def _local_only() -> Mapping[str, ExpertConfig]:
    local = ExpertConfig("llama_cpp", "smollm2-135m", "135m", context_tokens=2048)
    return MappingProxyType({"local": local})


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. Without a file: the bundled router and SmolLM2-135M on this device.

    `operating_point` is a name in the artifact's calibration, or one that `edge-router calibrate`
    made; `min_gain` (-1..1) overrides it, and `preference` (see `Preference.parse`) replaces both
    by another rule, on the estimates that a point from the log corrects.
    `deadline_s` bounds a whole answer, fallbacks included. `budget_usd` bounds what one
    EdgeRouter spends in its life. `data_dir` is where this device keeps what it learns;
    `keep_speeds` writes there, on closing, how fast experts really answered. `min_battery` (0..1)
    is the charge below which local experts are spared. `deferral` hands a local answer over to the
    cloud when its first `deferral_tokens` tokens look bad: "before" any is shown, or looking
    "while" they are held back and showing them once they look good. It needs the gate that
    `edge-router export deferral --gate` fits. With `learn` the outcomes of the last `learn_rows`
    answers are kept, with `learn_prompts` their texts too; with probability `exploration` (0..0.5)
    the other expert answers; and a warning says once if queries are not like the artifact's.
    """

    artifact: str = "router-small"
    operating_point: str = "balanced"
    min_gain: float | None = None
    preference: str | None = None
    placement: Placement = Placement.PREFER_ON_DEVICE
    offline: bool = False
    max_cost_usd: float | None = None
    max_latency_s: float | None = None
    budget_usd: float | None = None
    deadline_s: float = 120.0
    data_dir: str | None = None
    keep_speeds: bool = False
    min_battery: float | None = None
    deferral: DeferralMode = "off"
    deferral_tokens: int = 16
    learn: bool = False
    learn_prompts: bool = False
    learn_rows: int = 10_000
    exploration: float = 0.0
    experts: Mapping[str, ExpertConfig] = field(default_factory=_local_only)

    def __post_init__(self) -> None:
        """Raises ConfigError for settings that mean nothing without `learn`."""
        for key in ("learn_prompts", "exploration"):
            if getattr(self, key) and not self.learn:
                raise ConfigError(f"{key} = {getattr(self, key)!r} does nothing; add learn = true")

    @classmethod
    def load(cls, path: str | Path | None = None, **overrides: Any) -> Config:
        """Read the file at `path`, else $EDGE_ROUTER_CONFIG, else the user's own, else none.

        Later wins: file, then EDGE_ROUTER_<SETTING> variables, then `overrides`. Raises
        ConfigError naming the key, the value and what would be right.
        """
        tables = read_file(path)
        settings = _checked(_table(tables, "router"), SETTINGS, "[router]")
        stated = read_environment(SETTINGS, others=_variables(tables.get("experts")))
        settings |= _checked(stated, SETTINGS, "the environment")
        settings |= _checked(overrides, SETTINGS, "the arguments")
        if "experts" in tables:
            settings["experts"] = _experts(_table(tables, "experts"))
        _refuse_unknown(tables, {"router", "experts"}, "the file")
        return cls(**settings)

    @property
    def data_folder(self) -> Path:
        """The folder of what this device learns; it may not exist yet."""
        if not self.data_dir:
            return default_data_folder()
        return user_path(self.data_dir, what="data_dir")

    def with_changes(self, **changes: Any) -> Config:
        """The same settings with some replaced, checked like those of a file."""
        return replace(self, **_checked(changes, SETTINGS, "the arguments"))


def _preference(value: Any, fault: str) -> str:
    return Preference.parse(text(value, fault)).text


def _temperature(value: Any, fault: str) -> float | Literal["omit"]:
    if value == "omit":
        return "omit"
    found: float = number(0.0, 100.0)(value, f"{fault} must be 'omit', or")
    return found


SETTINGS: Mapping[str, Check] = {
    "artifact": text,
    "operating_point": text,
    "min_gain": number(-1.0, 1.0),
    "preference": _preference,
    "placement": one_of(*Placement, convert=Placement),
    "offline": flag,
    "max_cost_usd": number(0.0),
    "max_latency_s": number(0.0),
    "budget_usd": number(0.0),
    "deadline_s": number(0.0),
    "data_dir": text,
    "keep_speeds": flag,
    "min_battery": number(0.0, 1.0),
    "deferral": one_of(*get_args(DeferralMode)),
    "deferral_tokens": whole_number,
    "learn": flag,
    "learn_prompts": flag,
    "learn_rows": whole_number,
    "exploration": number(0.0, 0.5),
}
EXPERT_SETTINGS: Mapping[str, Check] = {
    "backend": one_of(*get_args(BackendKind)),
    "model": text,
    "profile": text,
    "location": one_of("device", "cloud"),
    "base_url": text,
    "api_key_env": text,
    "context_tokens": whole_number,
    "input_usd_per_million": number(0.0),
    "output_usd_per_million": number(0.0),
    "usd_per_hour": number(0.0),
    "start_s": number(0.0),
    "input_tokens_per_s": number(1e-3),
    "output_tokens_per_s": number(1e-3),
    "n_threads": whole_number,
    "max_tokens_field": one_of(*get_args(MaxTokensField)),
    "temperature": _temperature,
    "extra_body": table,
    "extra_headers_env": table_of_texts,
    "connect_timeout_s": number(1e-3),
    "first_token_timeout_s": number(1e-3),
    "stall_timeout_s": number(1e-3),
    "system": any_text,
}


def _checked(found: Mapping[str, Any], checks: Mapping[str, Check], where: str) -> dict[str, Any]:
    _refuse_unknown(found, checks.keys(), where)
    return {
        key: checks[key](value, f"{key} = {shown_setting(key, value)} in {where}")
        for key, value in found.items()
    }


def _table(tables: dict[str, Any], name: str) -> dict[str, Any]:
    found = tables.pop(name, {})
    if not isinstance(found, dict):
        raise ConfigError(f"{name} = {shown(found)} in the file must be a table, [{name}]")
    return found


def _variables(experts: Any) -> set[str]:
    """The environment variables that the tables of experts name, whatever is in them."""
    found: set[str] = set()
    for expert in experts.values() if isinstance(experts, dict) else ():
        if isinstance(expert, dict):
            headers = expert.get("extra_headers_env")
            named = [expert.get("api_key_env")]
            named += headers.values() if isinstance(headers, dict) else ()
            found.update(name for name in named if isinstance(name, str))
    return found


def _experts(tables: dict[str, Any]) -> Mapping[str, ExpertConfig]:
    if not tables:
        raise ConfigError("[experts] names no expert; add [experts.NAME] or leave it out")
    return MappingProxyType({name: _expert(name, table) for name, table in tables.items()})


def _expert(name: str, table: Any) -> ExpertConfig:
    where = f"[experts.{name}]"
    if not isinstance(table, dict):
        raise ConfigError(f"{where} must be a table")
    settings = _checked(table, EXPERT_SETTINGS, where)
    if missing := {"backend", "model", "profile"} - settings.keys():
        raise ConfigError(f"{where} lacks {', '.join(sorted(missing))}")
    expert = ExpertConfig(**settings)
    _check_expert(expert, where)
    return expert


def _check_expert(expert: ExpertConfig, where: str) -> None:
    if expert.backend == "openai":
        _require_url(expert.base_url, where)
    if expert.backend == "llama_cpp" and not expert.on_device:
        raise ConfigError(f"{where} runs in this process; its location cannot be 'cloud'")
    if expert.usd_per_hour is not None and not expert.on_device:
        raise ConfigError(
            f"usd_per_hour = {expert.usd_per_hour!r} in {where} is for experts on this device; "
            "state a cloud expert's price by the token"
        )
    if (expert.input_usd_per_million is None) != (expert.output_usd_per_million is None):
        raise ConfigError(
            f"{where} needs both input_usd_per_million and output_usd_per_million, or neither"
        )


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
            f"base_url = {shown_url(base_url)!r} in {where} is not an address, {example}"
        )


def _refuse_unknown(found: Mapping[str, Any], known: Collection[str], where: str) -> None:
    for key in found:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
            raise ConfigError(f"unknown key {shown(key)} in {where}; {hint}")
