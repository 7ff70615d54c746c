"""TOML, EDGE_ROUTER_* variables and arguments become one frozen Config; unknown keys are errors."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from .backends.base import is_loopback
from .data_folder import default_data_folder
from .errors import ConfigError
from .policy import Placement
from .preference import Preference

__all__ = ["Config", "DeferralMode", "ExpertConfig", "default_config_path"]

BackendKind = Literal["llama_cpp", "openai"]
DeferralMode = Literal["off", "before", "while"]
PREFIX = "EDGE_ROUTER_"
RANGES = {"min_gain": (-1.0, 1.0), "min_battery": (0.0, 1.0)}
SPEED = ("start_s", "input_tokens_per_s", "output_tokens_per_s")


@dataclass(frozen=True, slots=True)
class ExpertConfig:
    """One `[experts.NAME]` table.

    `model` is a GGUF file or "smollm2-135m" (backend llama_cpp), or the model's name at the server
    (backend openai, with `base_url`, and `api_key_env` naming the variable that holds the key).
    `profile` is what the router takes it for: 135m, 1b, 3b, 8b, 70b, frontier or a known model.
    `location` is "device" or "cloud"; without it, a server counts as cloud unless its host is
    loopback. Prices in dollars per million tokens; speeds in seconds and tokens per second, and
    speeds that are stated are never corrected by real answers. `usd_per_hour` is what this device
    spends while a local expert answers: energy, wear.
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

    `operating_point` is a name in the artifact's calibration; `min_gain` (-1..1) overrides it, and
    `preference` (see `Preference.parse`) replaces both by another rule.
    `deadline_s` bounds a whole answer, fallbacks included. `budget_usd` bounds what one
    EdgeRouter spends in its life. `data_dir` is where this device keeps what it learns;
    `keep_speeds` writes there, on closing, how fast experts really answered. `min_battery` (0..1)
    is the charge below which local experts are spared. `deferral` hands a local answer over to the
    cloud when its first `deferral_tokens` tokens look bad: "before" any is shown, or looking
    "while" they are held back and showing them once they look good. It needs the gate that
    `edge-router export deferral --gate` fits.
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
    experts: Mapping[str, ExpertConfig] = field(default_factory=_local_only)

    @classmethod
    def load(cls, path: str | Path | None = None, **overrides: Any) -> Config:
        """Read the file at `path`, else $EDGE_ROUTER_CONFIG, else the user's own, else none.

        Later wins: file, then EDGE_ROUTER_<SETTING> variables, then `overrides`. Raises
        ConfigError naming the key, the value and what would be right.
        """
        tables = _read(path)
        settings = _router_settings(_table(tables, "router"), "[router]")
        settings |= _router_settings(_environment(), "the environment")
        settings |= _router_settings(overrides, "the arguments")
        if "experts" in tables:
            settings["experts"] = _experts(_table(tables, "experts"))
        _refuse_unknown(tables, {"router", "experts"}, "the file")
        return cls(**settings)

    @property
    def data_folder(self) -> Path:
        """The folder of what this device learns; it may not exist yet."""
        return Path(self.data_dir).expanduser() if self.data_dir else default_data_folder()

    def with_changes(self, **changes: Any) -> Config:
        """The same settings with some replaced, checked like those of a file."""
        return replace(self, **_router_settings(changes, "the arguments"))


def default_config_path() -> Path:
    """Where a user's own settings lie; $XDG_CONFIG_HOME is honoured."""
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(home).expanduser() / "edge-router" / "config.toml"


def _read(path: str | Path | None) -> dict[str, Any]:
    named = path or os.environ.get(f"{PREFIX}CONFIG") or None
    if named is None and not default_config_path().is_file():
        return {}
    file = Path(named or default_config_path()).expanduser()
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"config file {str(file)!r} cannot be read: {error.strerror}") from None
    except ValueError as error:  # not TOML, not UTF-8, or a name that no file can have
        raise ConfigError(f"config file {str(file)!r} is not TOML: {error}") from None


def _environment() -> dict[str, Any]:
    """EDGE_ROUTER_MAX_COST_USD=0.01 and so on; empty means unset."""
    return {
        name.removeprefix(PREFIX).lower(): value
        for name, value in os.environ.items()
        if name.startswith(PREFIX) and name != f"{PREFIX}CONFIG" and value
    }


def _router_settings(found: Mapping[str, Any], where: str) -> dict[str, Any]:
    known = {f.name for f in fields(Config)} - {"experts"}
    _refuse_unknown(found, known, where)
    return {key: _setting(key, value, where) for key, value in found.items()}


def _setting(key: str, value: Any, where: str) -> Any:
    fault = f"{key} = {value!r} in {where}"
    if key in ("artifact", "operating_point", "data_dir"):
        return _text(value, fault)
    if key == "preference":
        return Preference.parse(_text(value, fault)).text
    if key == "placement":
        return _one_of(value, tuple(Placement), fault, Placement)
    if key in ("offline", "keep_speeds"):
        return _one_of(value, (True, False, "true", "false", "1", "0"), fault, _truth)
    if key == "deferral":
        return _one_of(value, get_args(DeferralMode), fault, str)
    if key == "deferral_tokens":
        return _whole_number(value, fault)
    low, high = RANGES.get(key, (0.0, float("inf")))
    return _number(value, fault, low=low, high=high)


def _table(tables: dict[str, Any], name: str) -> dict[str, Any]:
    found = tables.pop(name, {})
    if not isinstance(found, dict):
        raise ConfigError(f"{name} = {found!r} in the file must be a table, [{name}]")
    return found


def _experts(tables: dict[str, Any]) -> Mapping[str, ExpertConfig]:
    if not tables:
        raise ConfigError("[experts] names no expert; add [experts.NAME] or leave it out")
    return MappingProxyType({name: _expert(name, table) for name, table in tables.items()})


def _expert(name: str, table: Any) -> ExpertConfig:
    where = f"[experts.{name}]"
    if not isinstance(table, dict):
        raise ConfigError(f"{where} must be a table")
    known = {f.name for f in fields(ExpertConfig)}
    _refuse_unknown(table, known, where)
    if missing := {"backend", "model", "profile"} - table.keys():
        raise ConfigError(f"{where} lacks {', '.join(sorted(missing))}")
    settings = {key: _expert_setting(key, value, where) for key, value in table.items()}
    expert = ExpertConfig(**settings)
    _check_expert(expert, where)
    return expert


def _expert_setting(key: str, value: Any, where: str) -> Any:
    fault = f"{key} = {value!r} in {where}"
    if key == "backend":
        return _one_of(value, get_args(BackendKind), fault, str)
    if key == "location":
        return _one_of(value, ("device", "cloud"), fault, str)
    if key in ("context_tokens", "n_threads"):
        return _whole_number(value, fault)
    if key.endswith("_per_million") or key in ("start_s", "usd_per_hour"):
        return _number(value, fault, low=0.0)
    if key.endswith("_per_s"):
        return _number(value, fault, low=1e-3)
    return _text(value, fault)


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
        raise ConfigError(f"base_url = {base_url!r} in {where} is not an address, {example}")


def _refuse_unknown(found: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in found:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
            raise ConfigError(f"unknown key {key!r} in {where}; {hint}")


def _text(value: Any, fault: str) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{fault} must be a text")
    return value


def _number(value: Any, fault: str, *, low: float, high: float = float("inf")) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if isinstance(value, bool) or not low <= number <= high or number == float("inf"):
        raise ConfigError(f"{fault} must be a number from {low:g} to {high:g}")
    return number


def _whole_number(value: Any, fault: str) -> int:
    number = _number(value, fault, low=1, high=2**31)
    if number != int(number):
        raise ConfigError(f"{fault} must be a whole number")
    return int(number)


def _one_of(value: Any, allowed: tuple[Any, ...], fault: str, convert: Any) -> Any:
    if value not in allowed:
        raise ConfigError(f"{fault} must be one of {', '.join(str(a) for a in allowed)}")
    return convert(value)


def _truth(value: Any) -> bool:
    return value in (True, "true", "1")
