"""Config: all settings, from TOML, the environment and arguments; unknown keys are errors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from edge_router.errors import ConfigError
from edge_router.guards.checks import (
    FrozenDict,
    amount,
    checked,
    flag,
    member,
    number,
    one_of,
    path,
    refuse_unknown,
    settle,
    text,
    unset_allowed,
    whole_number,
)
from edge_router.guards.data_folder import default_data_folder
from edge_router.guards.redaction import quoted, redacted_url
from edge_router.guards.user_files import user_path

from .budget_config import BudgetConfig, budget_config_of
from .cache_config import CacheConfig, cache_config_of
from .constraints import Constraints, Placement
from .expert_config import ExpertConfig, experts_of
from .file import read_environment, read_file
from .location import Location
from .preference import Preference
from .privacy_config import PrivacyConfig, PrivacyMode, privacy_config_of
from .setting import checks_of, paths_of, setting
from .task_config import TaskConfig, task_config_of

__all__ = ["SETTINGS", "Config", "DeferralMode", "ExpertConfig", "ToolsMode"]


log = logging.getLogger("edge_router")

DeferralMode = Literal["off", "before", "while"]
ToolsMode = Literal["cheapest", "as_usual"]


def _preference(value: Any, fault: str) -> str:
    return Preference.parse(text(value, fault)).text


def _local_only() -> Mapping[str, ExpertConfig]:
    local = ExpertConfig("llama_cpp", "smollm2-135m", "135m", context_tokens=2048)
    return FrozenDict({"local": local})


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. Without a file: the bundled router and SmolLM2-135M on this device.

    `min_gain` overrides `operating_point`: it is the price by which experts are compared, each at
    its dollars and, at `usd_per_second`, its seconds, beside those of the dearest one. `preference`
    (see `Preference.parse`) replaces both by another rule, on the estimates that a point from the
    log corrects. `deferral` needs the gate that `edge-router export deferral --gate` fits: "before"
    hands a local answer over before any of it is shown, "while" holds its first tokens back and
    shows them once they look good. With `learn`, a warning says once if queries are not like the
    artifact's.

    The constructor checks values as a file's are checked: texts are converted ("0.01", "true"),
    tables of `experts` become experts, anything else raises ConfigError.
    """

    artifact: str = field(
        default="router-small",
        metadata=setting(path, "a shipped router's name or a directory", option=True),
    )
    operating_point: str = field(
        default="balanced",
        metadata=setting(text, "economy, balanced, quality, or one made by calibrate", option=True),
    )
    min_gain: float | None = field(
        default=None,
        metadata=setting(
            number(-1.0, 1.0),
            "least gain in quality worth the dearest expert, 0..1",
            option=True,
        ),
    )
    preference: str | None = field(
        default=None,
        metadata=setting(
            _preference,
            "performance, cost, cost<=USD, auto, or quality=W,cost=W,latency=W",
            option=True,
            metavar="RULE",
        ),
    )
    usd_per_second: float = field(
        default=0.0,
        metadata=setting(amount, "dollars that a second of waiting is worth to you"),
    )
    needs_tools: ToolsMode = field(
        default="cheapest",
        metadata=setting(
            one_of(*get_args(ToolsMode)),
            "who answers what needs live data or a device: cheapest, or as_usual",
        ),
    )
    placement: Placement = field(
        default=Placement.PREFER_ON_DEVICE,
        metadata=setting(
            member(Placement),
            "only_on_device, only_on_lan, prefer_on_device, prefer_in_cloud, only_in_cloud",
            option=True,
        ),
    )
    offline: bool = field(default=False, metadata=setting(flag, "use no network", option=True))
    max_cost_usd: float | None = field(
        default=None, metadata=setting(number(0.0), "dollars one answer may cost", option=True)
    )
    max_latency_s: float | None = field(
        default=None, metadata=setting(number(0.0), "seconds one answer should take")
    )
    budget_usd: float | None = field(
        default=None,
        metadata=setting(number(0.0), "dollars that one EdgeRouter may spend in its life"),
    )
    deadline_s: float = field(
        default=120.0,
        metadata=setting(
            number(0.0), "seconds one answer may take, fallbacks included", option=True
        ),
    )
    hedge_after_s: float | None = field(
        default=None,
        metadata=setting(
            number(0.0), "seconds without a token before a second remote expert is asked too"
        ),
    )
    affinity: bool = field(
        default=False,
        metadata=setting(flag, "a conversation stays with its expert while switching gains less"),
    )
    data_dir: str | None = field(
        default=None, metadata=setting(path, "where this device keeps what it learns")
    )
    keep_speeds: bool = field(
        default=False,
        metadata=setting(flag, "on closing, keep how fast experts really answered"),
    )
    min_battery: float | None = field(
        default=None,
        metadata=setting(number(0.0, 1.0), "charge below which local experts are spared, 0..1"),
    )
    deferral: DeferralMode = field(
        default="off",
        metadata=setting(
            one_of(*get_args(DeferralMode)),
            "off, or hand a local answer that looks bad over to the cloud: before, while",
        ),
    )
    deferral_tokens: int = field(
        default=16, metadata=setting(whole_number, "how many first tokens decide on a deferral")
    )
    learn: bool = field(
        default=False, metadata=setting(flag, "keep outcomes of answers on this device")
    )
    learn_prompts: bool = field(
        default=False, metadata=setting(flag, "keep the texts of queries too; needs learn")
    )
    learn_rows: int = field(
        default=10_000, metadata=setting(whole_number, "how many outcomes are kept, the last ones")
    )
    learn_batch: int = field(
        default=1,
        metadata=setting(
            whole_number, "outcomes written at once: more wear a card less, a crash loses them"
        ),
    )
    exploration: float = field(
        default=0.0,
        metadata=setting(
            number(0.0, 0.5), "probability that the other expert answers, 0..0.5; needs learn"
        ),
    )
    keep_conversation: bool = field(
        default=True,
        metadata=setting(flag, "keep the last conversation for --continue, and chat's typed lines"),
    )
    shadow: str | None = field(
        default=None,
        metadata=setting(text, "a second operating point, whose choice is only kept; needs learn"),
    )
    experts: Mapping[str, ExpertConfig] = field(default_factory=_local_only)
    tasks: TaskConfig = field(default_factory=TaskConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    privacy: PrivacyConfig = field(default_factory=PrivacyConfig)
    cache: CacheConfig = field(default_factory=CacheConfig)

    def __post_init__(self) -> None:
        """Raises ConfigError, also for settings that have no effect without `learn`."""
        settle(self, FIELDS, "the settings")
        for name, settled in TABLES.items():
            object.__setattr__(self, name, settled(getattr(self, name)))
        for key in ("learn_prompts", "exploration", "shadow"):
            if getattr(self, key) and not self.learn:
                raise ConfigError(f"{key} = {getattr(self, key)!r} does nothing; add learn = true")
        if self.nothing_leaves:
            _warn_of_far_devices(self.experts)

    @property
    def nothing_leaves(self) -> bool:
        """Whether the settings promise that no query leaves this device."""
        return self.offline or self.placement == Placement.ONLY_ON_DEVICE

    def forbids(self, expert: ExpertConfig) -> bool:
        """Whether these settings rule an expert out by its place, whatever the query."""
        lan_only = self.placement == Placement.ONLY_ON_LAN and expert.place == Location.CLOUD
        return lan_only or (self.nothing_leaves and expert.leaves_device)

    @property
    def privacy_modes(self) -> dict[str, PrivacyMode]:
        """How private data goes to each expert, by its name."""
        return {
            name: self.privacy.mode_of(one.place, leaves_device=one.leaves_device)
            for name, one in self.experts.items()
        }

    @classmethod
    def load(cls, path: str | Path | None = None, **overrides: Any) -> Config:
        """Read the file at `path`, else $EDGE_ROUTER_CONFIG, else the user's own, else none.

        A later source wins: file, then EDGE_ROUTER_<SETTING> variables, then `overrides`. Raises
        ConfigError naming the key, the value and what would be right.
        """
        tables = read_file(path, paths=PATHS)
        settings = checked(_table(tables, "router"), SETTINGS, "[router]")
        stated = read_environment(SETTINGS, others=_variables(tables.get("experts")))
        settings |= checked(stated, SETTINGS, "the environment")
        settings |= checked(overrides, SETTINGS, "the arguments")
        for name, settled in TABLES.items():
            if name in tables:
                settings[name] = settled(_table(tables, name))
        refuse_unknown(tables, {"router", *TABLES}, "the file")
        return cls(**settings)

    @property
    def data_folder(self) -> Path:
        """The folder that holds what this device learns; it may not exist yet."""
        if not self.data_dir:
            return default_data_folder()
        return user_path(self.data_dir, what="data_dir")

    def with_changes(self, **changes: Any) -> Config:
        """The same settings with some replaced, checked like those of a file."""
        return replace(self, **checked(changes, SETTINGS, "the arguments"))

    def to_json(self) -> dict[str, Any]:
        """Every setting by its name; `Config(**settings)` restores them. Addresses lose login and
        query, which are refused anyway when the expert is opened."""
        settings = asdict(self)
        for expert in settings["experts"].values():
            expert["base_url"] = expert["base_url"] and redacted_url(expert["base_url"])
        return settings


def _variables(experts: Any) -> set[str]:
    """Names of environment variables in the tables of experts, which are not checked yet."""
    variables: set[str] = set()
    for expert in experts.values() if isinstance(experts, dict) else ():
        if isinstance(expert, dict):
            headers = expert.get("extra_headers_env")
            named = [expert.get("api_key_env")]
            named += headers.values() if isinstance(headers, dict) else ()
            variables.update(name for name in named if isinstance(name, str))
    return variables


SETTINGS = checks_of(Config)
FIELDS = unset_allowed(Config, SETTINGS)
TABLES: Mapping[str, Callable[[Any], Any]] = {
    "experts": experts_of,
    "tasks": task_config_of,
    "budget": budget_config_of,
    "privacy": privacy_config_of,
    "cache": cache_config_of,
}
PATHS = paths_of(Config) | paths_of(ExpertConfig) | paths_of(CacheConfig)


def _table(tables: dict[str, Any], name: str) -> dict[str, Any]:
    table = tables.pop(name, {})
    if not isinstance(table, dict):
        raise ConfigError(f"{name} = {quoted(table)} in the file must be a table, [{name}]")
    return table


def configured_limits(config: Config) -> Constraints:
    """The constraints of the settings."""
    return Constraints(
        placement=config.placement,
        offline=config.offline,
        max_cost_usd=config.max_cost_usd,
        max_latency_s=config.max_latency_s,
        budget_left_usd=config.budget_usd,
    )


def _warn_of_far_devices(experts: Mapping[str, ExpertConfig]) -> None:
    """Warn that limits rule out an expert that counts as on the device but needs the network."""
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
