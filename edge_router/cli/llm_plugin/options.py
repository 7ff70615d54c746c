"""What `llm -o NAME VALUE` may state: the choice of an expert, limits, length and sampling."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

import llm
from pydantic import Field, model_validator

from edge_router.errors import ConfigError
from edge_router.settings.constraints import Constraints

__all__ = ["ExpertOptions", "RouterOptions", "choice_of", "constraints_of", "sampling_of"]

LIMITS = ("placement", "offline", "max_cost_usd", "max_latency_s", "caller")
CHOICE = ("operating_point", "min_gain", "preference")


def _optional(description: str) -> Any:
    return Field(default=None, description=description)


class ExpertOptions(llm.Options):
    """Options of an expert asked by its name. Limits tighten those of the settings."""

    placement: str | None = _optional(
        "only_on_device, only_on_lan, prefer_on_device, prefer_in_cloud or only_in_cloud"
    )
    offline: bool | None = _optional("use no network")
    max_cost_usd: float | None = _optional("dollars that this answer may cost")
    max_latency_s: float | None = _optional("seconds that the whole answer may take, as expected")
    caller: str | None = _optional("whose budget pays, a name under [budget.callers]")
    max_tokens: int | None = _optional("length limit of the answer, 512 if not stated")
    temperature: float | None = _optional("0 or more; higher is more random")
    top_p: float | None = _optional("share of probability that tokens are drawn from, 0..1")
    presence_penalty: float | None = _optional("-2..2, on tokens that have appeared")
    frequency_penalty: float | None = _optional("-2..2, on tokens by how often they appeared")
    stop: str | None = _optional("a text at which the answer ends")
    seed: int | None = _optional("makes sampling repeatable where the expert can")
    reasoning_effort: str | None = _optional("none, minimal, low, medium, high or xhigh")

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, stated: Any) -> Any:
        """Name the option that was meant: llm shows these words alone."""
        for name in stated if isinstance(stated, dict) else ():
            if name not in cls.model_fields:
                near = difflib.get_close_matches(name, cls.model_fields, n=1)
                known = f"did you mean {near[0]}?" if near else f"use {', '.join(cls.model_fields)}"
                raise ValueError(f"there is no option {name!r:.40}; {known}")
        return stated


class RouterOptions(ExpertOptions):
    """Options of the router; the first three replace the settings' choice, one at a time."""

    operating_point: str | None = _optional(
        "economy, balanced, quality, or one made by edge-router calibrate"
    )
    min_gain: float | None = _optional("least gain in quality worth the dearest expert, 0..1")
    preference: str | None = _optional(
        "performance, cost, cost<=USD, auto, or quality=W,cost=W,latency=W"
    )


def constraints_of(options: ExpertOptions) -> Constraints:
    """The limits among the options. Raises ConfigError."""
    return Constraints(**_stated(options, LIMITS))


def sampling_of(options: ExpertOptions) -> dict[str, Any]:
    """The fields of a request among the options."""
    names = [name for name in ExpertOptions.model_fields if name not in LIMITS]
    return _stated(options, names)


def choice_of(options: ExpertOptions) -> dict[str, Any]:
    """The settings that choose an expert, among the options. Raises ConfigError for two at once."""
    stated = _stated(options, CHOICE)
    if len(stated) > 1:
        raise ConfigError(f"{' and '.join(stated)} are two ways to choose an expert; state one")
    return stated


def _stated(options: Any, names: Iterable[str]) -> dict[str, Any]:
    values = {name: getattr(options, name, None) for name in names}
    return {name: value for name, value in values.items() if value is not None}
