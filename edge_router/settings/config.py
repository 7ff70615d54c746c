"""TOML, EDGE_ROUTER_* variables and arguments become one frozen Config; unknown keys are errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from edge_router.errors import ConfigError
from edge_router.guards.checks import (
    Check,
    FrozenDict,
    checked,
    flag,
    member,
    number,
    one_of,
    path,
    refuse_unknown,
    settle,
    shown,
    text,
    unset_allowed,
    whole_number,
)
from edge_router.guards.data_folder import default_data_folder
from edge_router.guards.redaction import shown_url
from edge_router.guards.user_files import user_path

from .constraints import Constraints, Placement
from .expert_config import ExpertConfig, experts_of, warn_of_far_devices
from .file import read_environment, read_file
from .preference import Preference

__all__ = ["SETTINGS", "Config", "DeferralMode", "ExpertConfig"]


DeferralMode = Literal["off", "before", "while"]


def _local_only() -> Mapping[str, ExpertConfig]:
    local = ExpertConfig("llama_cpp", "smollm2-135m", "135m", context_tokens=2048)
    return FrozenDict({"local": local})


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

    However it is made, its values are checked as those of a file: texts become what they mean,
    tables of `experts` become experts, everything else raises ConfigError.
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
        """Raises ConfigError, also for settings that mean nothing without `learn`."""
        settle(self, FIELDS, "the settings")
        object.__setattr__(self, "experts", experts_of(self.experts))
        for key in ("learn_prompts", "exploration"):
            if getattr(self, key) and not self.learn:
                raise ConfigError(f"{key} = {getattr(self, key)!r} does nothing; add learn = true")
        if self.nothing_leaves:
            warn_of_far_devices(self.experts)

    @property
    def nothing_leaves(self) -> bool:
        """Whether the settings promise that no query leaves this device."""
        return self.offline or self.placement == Placement.ONLY_ON_DEVICE

    @classmethod
    def load(cls, path: str | Path | None = None, **overrides: Any) -> Config:
        """Read the file at `path`, else $EDGE_ROUTER_CONFIG, else the user's own, else none.

        Later wins: file, then EDGE_ROUTER_<SETTING> variables, then `overrides`. Raises
        ConfigError naming the key, the value and what would be right.
        """
        tables = read_file(path)
        settings = checked(_table(tables, "router"), SETTINGS, "[router]")
        stated = read_environment(SETTINGS, others=_variables(tables.get("experts")))
        settings |= checked(stated, SETTINGS, "the environment")
        settings |= checked(overrides, SETTINGS, "the arguments")
        if "experts" in tables:
            settings["experts"] = experts_of(_table(tables, "experts"))
        refuse_unknown(tables, {"router", "experts"}, "the file")
        return cls(**settings)

    @property
    def data_folder(self) -> Path:
        """The folder of what this device learns; it may not exist yet."""
        if not self.data_dir:
            return default_data_folder()
        return user_path(self.data_dir, what="data_dir")

    def with_changes(self, **changes: Any) -> Config:
        """The same settings with some replaced, checked like those of a file."""
        return replace(self, **checked(changes, SETTINGS, "the arguments"))

    def to_json(self) -> dict[str, Any]:
        """Every setting by its name; `Config(**found)` makes them again. Of an address, no login
        and no query: either is refused when the expert is opened."""
        found = asdict(self)
        for expert in found["experts"].values():
            expert["base_url"] = expert["base_url"] and shown_url(expert["base_url"])
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


def _preference(value: Any, fault: str) -> str:
    return Preference.parse(text(value, fault)).text


SETTINGS: Mapping[str, Check] = {
    "artifact": path,
    "operating_point": text,
    "min_gain": number(-1.0, 1.0),
    "preference": _preference,
    "placement": member(Placement),
    "offline": flag,
    "max_cost_usd": number(0.0),
    "max_latency_s": number(0.0),
    "budget_usd": number(0.0),
    "deadline_s": number(0.0),
    "data_dir": path,
    "keep_speeds": flag,
    "min_battery": number(0.0, 1.0),
    "deferral": one_of(*get_args(DeferralMode)),
    "deferral_tokens": whole_number,
    "learn": flag,
    "learn_prompts": flag,
    "learn_rows": whole_number,
    "exploration": number(0.0, 0.5),
}

FIELDS = unset_allowed(Config, SETTINGS)


def _table(tables: dict[str, Any], name: str) -> dict[str, Any]:
    found = tables.pop(name, {})
    if not isinstance(found, dict):
        raise ConfigError(f"{name} = {shown(found)} in the file must be a table, [{name}]")
    return found


def configured_limits(config: Config, *, spent_usd: float = 0.0) -> Constraints:
    """The constraints that the settings state, after `spent_usd` of the budget."""
    budget = config.budget_usd
    return Constraints(
        placement=config.placement,
        offline=config.offline,
        max_cost_usd=config.max_cost_usd,
        max_latency_s=config.max_latency_s,
        budget_left_usd=None if budget is None else max(0.0, budget - spent_usd),
    )
