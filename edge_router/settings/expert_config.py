"""ExpertConfig: one expert of the settings, with its backend, address, prices and timeouts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from edge_router.chat.capability import Capability, ReasoningEffort
from edge_router.errors import ConfigError
from edge_router.guards.checks import (
    FrozenDict,
    amount,
    any_text,
    checked,
    flag,
    number,
    one_of,
    path,
    settle,
    table,
    text,
    unset_allowed,
    whole,
    whole_number,
)
from edge_router.guards.redaction import quoted, redacted_setting

from .experts.aliases import meant
from .experts.checks import check_together, keep_alive, temperature, variable, variables
from .experts.thinking import check_level_of, levels, thinking_levels
from .location import Location, location_of, needs_network
from .setting import checks_of, required_of, setting

__all__ = ["EXPERT_SETTINGS", "ExpertConfig", "experts_of"]

BackendKind = Literal["llama_cpp", "openai"]
EngineKind = Literal["llama_cpp_python", "xllamacpp"]
MaxTokensField = Literal["max_tokens", "max_completion_tokens"]
SPEED = ("start_s", "input_tokens_per_s", "output_tokens_per_s")


@dataclass(frozen=True, slots=True, repr=False)
class ExpertConfig:
    """One `[experts.NAME]` table of the settings; None means unset.

    A server counts as cloud unless its host is loopback or `location` says otherwise; a machine of
    one's own network is "lan" where that is stated (see `settings.location`). Stated speeds
    are never corrected by real answers. Without `first_token_timeout_s` or
    `stall_timeout_s` a server may take until the deadline, or half of the time left where another
    expert can take over (a silent cloud expert: 10 s).

    The constructor raises ConfigError as a table of a file does.
    """

    backend: BackendKind = field(
        metadata=setting(one_of(*get_args(BackendKind)), "llama_cpp (in process), openai, ollama")
    )
    model: str = field(
        metadata=setting(path, "a GGUF file or smollm2-135m (llama_cpp), or its name at the server")
    )
    profile: str = field(
        metadata=setting(
            text,
            "its size or model to the router: 135m, 1b, 3b, 8b, 70b, frontier, or an enrolled one",
        )
    )
    location: Literal["device", "lan", "cloud"] | None = field(
        default=None,
        metadata=setting(
            one_of(*Location),
            "device, lan or cloud; unset: a loopback address is device, else cloud",
        ),
    )
    base_url: str | None = field(
        default=None, metadata=setting(text, "the server's address, http://HOST:PORT/v1")
    )
    api_key_env: str | None = field(
        default=None, metadata=setting(variable, "the environment variable that holds the key")
    )
    context_tokens: int | None = field(
        default=None,
        metadata=setting(whole_number, "most tokens of a request and its answer together"),
    )
    input_usd_per_million: float | None = field(
        default=None, metadata=setting(amount, "dollars for a million tokens of a request")
    )
    cached_input_usd_per_million: float | None = field(
        default=None,
        metadata=setting(amount, "the same for tokens in the server's cache (affinity)"),
    )
    output_usd_per_million: float | None = field(
        default=None, metadata=setting(amount, "dollars for a million tokens of an answer")
    )
    start_s: float | None = field(
        default=None, metadata=setting(amount, "seconds before it begins to read")
    )
    input_tokens_per_s: float | None = field(
        default=None, metadata=setting(number(1e-3), "tokens of a request read per second")
    )
    output_tokens_per_s: float | None = field(
        default=None, metadata=setting(number(1e-3), "tokens of an answer written per second")
    )
    engine: EngineKind | None = field(
        default=None, metadata=setting(one_of(*get_args(EngineKind)), "llama_cpp_python, xllamacpp")
    )
    keep_alive: float | Literal["forever"] | None = field(
        default=None,
        metadata=setting(
            keep_alive, "seconds a local model stays in memory when idle; or forever; unset: 300"
        ),
    )
    own_process: bool | None = field(
        default=None,
        metadata=setting(
            flag, "run a local model in a process of its own; unset: no, but yes in `serve`"
        ),
    )
    n_threads: int | None = field(
        default=None, metadata=setting(whole(1, 512), "threads of a local model (llama_cpp)")
    )
    usd_per_hour: float | None = field(
        default=None,
        metadata=setting(amount, "dollars an hour of a local answer costs: energy, wear"),
    )
    max_tokens_field: MaxTokensField | None = field(
        default=None,
        metadata=setting(
            one_of(*get_args(MaxTokensField)),
            "the server's name for the limit: max_tokens or max_completion_tokens",
        ),
    )
    temperature: float | Literal["omit"] | None = field(
        default=None,
        metadata=setting(temperature, "sent where the request states none; omit: never sent"),
    )
    extra_body: Mapping[str, Any] | None = field(
        default=None, metadata=setting(table, "a table added to the JSON body (openai)")
    )
    extra_headers_env: Mapping[str, str] | None = field(
        default=None,
        metadata=setting(variables, "header -> environment variable that holds its value"),
    )
    connect_timeout_s: float | None = field(
        default=None, metadata=setting(number(1e-3), "seconds to find and reach the host")
    )
    first_token_timeout_s: float | None = field(
        default=None, metadata=setting(number(1e-3), "seconds until the first token")
    )
    stall_timeout_s: float | None = field(
        default=None, metadata=setting(number(1e-3), "seconds without a byte, or a piece")
    )
    retries: int | None = field(
        default=None,
        metadata=setting(whole(0, 10), "tries after a failed one (cloud experts); unset: 2"),
    )
    requests_per_minute: float | None = field(
        default=None,
        metadata=setting(number(1e-3), "most requests a minute of `export collect` to a server"),
    )
    system: str | None = field(
        default=None,
        metadata=setting(
            any_text, 'a local model\'s system message where the conversation has none; "": none'
        ),
    )

    tools: bool | None = field(
        default=None,
        metadata=setting(
            flag, "can call tools; unset: a server can, a GGUF file where its template says how"
        ),
    )
    json_schema: bool | None = field(
        default=None, metadata=setting(flag, "can keep to a JSON schema; unset: yes")
    )
    vision: bool | None = field(
        default=None,
        metadata=setting(flag, "can see images; unset: a cloud expert of the profile frontier can"),
    )
    audio: bool | None = field(default=None, metadata=setting(flag, "can hear sound; unset: no"))
    files: bool | None = field(
        default=None, metadata=setting(flag, "can read files such as a PDF; unset: no")
    )
    reasoning: bool | None = field(
        default=None,
        metadata=setting(flag, "takes a reasoning_effort; unset: a cloud expert does"),
    )
    logprobs: bool | None = field(
        default=None, metadata=setting(flag, "gives log-probabilities; unset: a server does")
    )
    thinking: Mapping[str, Any] | None = field(
        default=None,
        metadata=setting(
            thinking_levels, "[experts.NAME.thinking.LEVEL]: off, low, medium, full, each asked for"
        ),
    )
    reasoning_effort: ReasoningEffort | None = field(
        default=None,
        metadata=setting(
            one_of(*get_args(ReasoningEffort)), "sent where the request states none (openai)"
        ),
    )
    thought_tokens: float | None = field(
        default=None, metadata=setting(amount, "tokens that it thinks before an answer, on average")
    )
    quality_gain: float | None = field(
        default=None,
        metadata=setting(
            number(-0.45, 0.45), "share of good answers added where its profile's is a half"
        ),
    )
    level_of: str | None = field(
        default=None, metadata=setting(text, "the expert whose level of thinking it is")
    )

    def __post_init__(self) -> None:
        settle(self, EXPERT_FIELDS, "ExpertConfig")
        check_together({one.name: getattr(self, one.name) for one in fields(self)}, "ExpertConfig")

    def __repr__(self) -> str:
        """The settings that are set, without what looks like a key or a password."""
        stated = {one.name: getattr(self, one.name) for one in fields(self)}
        listed = [f"{k}={redacted_setting(k, v)}" for k, v in stated.items() if v is not None]
        return f"ExpertConfig({', '.join(listed)})"

    @property
    def stated_speed(self) -> dict[str, float]:
        """The speed settings that are set, by name."""
        speeds = {key: getattr(self, key) for key in SPEED}
        return {key: value for key, value in speeds.items() if value is not None}

    @property
    def capabilities(self) -> Mapping[Capability, bool]:
        """Which capabilities are stated, or follow from its backend and its place; whether a GGUF
        file calls tools stands in the file, so that is left out where it is not stated."""
        served, in_cloud = self.backend == "openai", self.place == Location.CLOUD
        assumed = {
            Capability.JSON_SCHEMA: True,
            Capability.VISION: served and in_cloud and self.profile == "frontier",
            Capability.AUDIO: False,
            Capability.FILES: False,
            Capability.REASONING: served and (in_cloud or self.reasoning_effort is not None),
            Capability.LOGPROBS: served,
        } | ({Capability.TOOLS: True} if served else {})
        stated = {one: getattr(self, one.value) for one in Capability}
        return assumed | {one: value for one, value in stated.items() if value is not None}

    @property
    def needs_network(self) -> bool:
        """Whether a request to it leaves this machine."""
        return needs_network(self.base_url)

    @property
    def place(self) -> Location:
        """Where it counts as running: as stated, else by its address."""
        return location_of(self.location, self.base_url)

    @property
    def on_device(self) -> bool:
        """Whether the expert counts as on this device."""
        return self.place == Location.DEVICE

    @property
    def leaves_device(self) -> bool:
        """Whether `only_on_device` and `offline` exclude it."""
        return self.needs_network or not self.on_device


EXPERT_SETTINGS = checks_of(ExpertConfig)
EXPERT_FIELDS = unset_allowed(ExpertConfig, EXPERT_SETTINGS)
REQUIRED = required_of(ExpertConfig)


def experts_of(stated: Any) -> Mapping[str, ExpertConfig]:
    """Experts by name, from values that are ExpertConfig or tables. Raises ConfigError.

    One with levels of `thinking` becomes an expert for each, called NAME-LEVEL.
    """
    named = table(stated, f"experts = {quoted(stated)} in the settings")
    if not named:
        raise ConfigError("[experts] names no expert; add [experts.NAME] or leave it out")
    if "" in named:
        raise ConfigError("[experts] has an expert without a name")
    if not all(type(one) is ExpertConfig for one in named.values()):
        named = FrozenDict({name: _expert(name, table) for name, table in named.items()})
    check_level_of(named)
    if all(one.thinking is None for one in named.values()):
        return named
    return _with_levels(named)


def _expert(name: str, table: Any) -> ExpertConfig:
    where = f"[experts.{name}]"
    if isinstance(table, ExpertConfig):
        return table
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where} must be a table")
    stated = meant({key: value for key, value in table.items() if value is not None})
    settings = checked(stated, EXPERT_SETTINGS, where)
    if missing := REQUIRED - settings.keys():
        raise ConfigError(f"{where} lacks {', '.join(sorted(missing))}")
    check_together(settings, where)
    return ExpertConfig(**settings)


def _with_levels(experts: Mapping[str, ExpertConfig]) -> Mapping[str, ExpertConfig]:
    """The experts, and in the place of one with levels its levels."""
    result: dict[str, ExpertConfig] = {}
    for name, one in experts.items():
        if one.thinking is None:
            result[name] = one
            continue
        stated = {field.name: getattr(one, field.name) for field in fields(one)}
        for own, where, settings in levels(name, stated, EXPERT_SETTINGS, taken=experts):
            check_together(settings, where)
            result[own] = ExpertConfig(**settings)
    return FrozenDict(result)
