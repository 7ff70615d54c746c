"""Which experts take part: from the settings, the artifact's profiles, and the measured speeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edge_router.chat.capability import Capability
from edge_router.device.latency import Speed
from edge_router.device.speeds import MeasuredSpeed
from edge_router.settings.expert_config import ExpertConfig

from .artifact.manifest import RouterArtifact
from .artifact.schema import REFERENCE
from .experts.expert import Expert, Location, Pricing, find_head

__all__ = ["REFERENCE", "configured", "contestants", "profile_experts", "stated_pricing"]


def contestants(experts: Sequence[Expert], reference: Expert) -> tuple[Expert, ...]:
    """All experts to compare: `experts`, and `reference` where none of them is in the cloud."""
    if any(expert.location == Location.CLOUD for expert in experts):
        return tuple(experts)
    taken = any(expert.name == reference.name for expert in experts)
    name = f"{reference.name} profile" if taken else reference.name
    return (*experts, replace(reference, name=name))


def profile_experts(artifact: RouterArtifact) -> dict[str, Expert]:
    """The artifact's profiles as experts, with the reference prices and speeds of its card."""
    temperature = artifact.calibration["temperature"]
    experts = {}
    for name, profile in artifact.experts["profiles"].items():
        reference = profile["reference"]
        location = Location(reference["location"])
        experts[name] = Expert(
            name=name,
            profile=name,
            location=location,
            head=find_head(artifact.experts, name, temperature),
            speed=Speed(**reference["speed"]),
            pricing=Pricing(**reference["pricing"]),
            context_tokens=reference.get("context_tokens"),
            needs_network=location == Location.CLOUD,
        )
    return experts


def configured(
    name: str,
    config: ExpertConfig,
    artifact: RouterArtifact,
    folder: Path,
    *,
    measured: MeasuredSpeed | None = None,
) -> Expert:
    """An expert from the settings.

    A profile that the artifact does not have may be one enrolled in the data folder `folder`. What
    the settings do not state of its speed is as measured, else that of its profile; a price that
    they do not state is unknown.
    """
    from .experts.enrolled import head_of

    profile, head = head_of(config.profile, artifact, folder)
    if config.quality_gain:
        head = head.shifted(config.quality_gain)
    return Expert(
        name=name,
        profile=profile,
        location=config.place,
        head=head,
        speed=_speed(config, profile, artifact, measured),
        pricing=_pricing(config),
        context_tokens=config.context_tokens,
        usd_per_hour=config.usd_per_hour or 0.0,
        needs_network=config.needs_network,
        capabilities=_capabilities(config),
        reasoning_effort=config.reasoning_effort,
        thought_tokens=config.thought_tokens or 0.0,
        level_of=config.level_of,
    )


def _capabilities(config: ExpertConfig) -> frozenset[Capability]:
    """What an expert can do: as stated, by its backend, or as the model's file says."""
    known = config.capabilities
    if Capability.TOOLS not in known:
        from edge_router.backends.llama_cpp.answer.tool_format import calls_tools

        known = {**known, Capability.TOOLS: calls_tools(config.model)}
    return frozenset(one for one, can in known.items() if can)


def _speed(
    config: ExpertConfig, profile: str, artifact: RouterArtifact, measured: MeasuredSpeed | None
) -> Speed:
    profiles = artifact.experts["profiles"]
    named = profile if profile in profiles else REFERENCE
    speed = measured.speed if measured else Speed(**profiles[named]["reference"]["speed"])
    return replace(speed, **config.stated_speed)


def stated_pricing(config: ExpertConfig) -> Pricing | None:
    """The prices that the settings state, None where they do not."""
    if config.input_usd_per_million is not None and config.output_usd_per_million is not None:
        return Pricing(config.input_usd_per_million, config.output_usd_per_million)
    return None


def _pricing(config: ExpertConfig) -> Pricing | None:
    free = config.place != Location.CLOUD  # a machine of one's own
    return stated_pricing(config) or (Pricing(0.0, 0.0) if free else None)
