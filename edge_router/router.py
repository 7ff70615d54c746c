"""Router: a request in, a decision out. No network, no files, no expert is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from .artifact import RouterArtifact
from .calibration import OperatingPoint
from .candidates import Candidates
from .chat import ChatRequest, Prompt
from .config import Config, ExpertConfig
from .context_room import ContextRoom
from .encoder import Encoder, OnnxEncoder, Representation
from .errors import ArtifactIncompatible, ConfigError
from .experts import (
    CHARACTERS_PER_TOKEN,
    Estimate,
    Expert,
    Location,
    Pricing,
    Speed,
    find_head,
)
from .grounds import RoutedQuery
from .panel import Panel
from .policy import Constraints, Decision, GainRule, Reason, Rule, decide, require_constraints
from .preference import Preference
from .script import script_of
from .snapshot import Snapshot
from .speeds import MeasuredSpeed, read_speeds
from .text import TEMPLATE, router_input

__all__ = ["Router"]

REFERENCE = "frontier"
UNLIMITED, NOTHING_KNOWN = Constraints(), Snapshot()


class Router:
    """Decides which expert should answer. Thread-safe; the encoder loads on first use.

    Where no cloud expert is among `experts`, the artifact's profile "frontier" takes its place in
    the comparison, so that a decision can say when a cloud expert was wanted. A `preference`
    decides instead of the operating `point`.
    """

    def __init__(
        self,
        artifact: RouterArtifact,
        experts: Sequence[Expert],
        *,
        point: OperatingPoint,
        preference: Preference | None = None,
        encoder: Encoder | None = None,
    ) -> None:
        if artifact.manifest.input_template != TEMPLATE:
            raise ArtifactIncompatible(
                f"the artifact reads the template {artifact.manifest.input_template!r}, this Edge "
                f"Router writes {TEMPLATE!r}; export it again"
            )
        self.artifact = artifact
        self.experts = tuple(experts)
        self.profiles = profile_experts(artifact)
        self.point = point
        self.rule: Rule = preference or GainRule(point)
        everyone = contestants(self.experts, self.profiles[REFERENCE])
        self._panel = Panel.of(everyone, configured=len(self.experts))
        self._room = ContextRoom.of(self.experts)
        self._encoder = encoder or OnnxEncoder(artifact)

    @classmethod
    def bundled(cls, name: str = "router-small") -> Self:
        """A shipped artifact with its six profiles as the experts; needs no configuration."""
        artifact = RouterArtifact.load(name)
        point = operating_point(artifact, Config())
        return cls(artifact, tuple(profile_experts(artifact).values()), point=point)

    @classmethod
    def from_config(
        cls, config: Config, *, measured: Mapping[str, MeasuredSpeed] | None = None
    ) -> Self:
        """The artifact and the experts that `config` names, with the speeds `measured` of them.

        Without those, what `edge-router device measure` has stored. Estimates are corrected where
        the operating point is one from the log. Raises ConfigError, ArtifactError.
        """
        artifact = RouterArtifact.load(config.artifact)
        speeds = read_speeds(config) if measured is None else measured
        folder = config.data_folder
        experts = [
            configured(name, expert, artifact, folder, measured=speeds.get(name))
            for name, expert in config.experts.items()
        ]
        point = operating_point(artifact, config)
        preference = Preference.parse(config.preference) if config.preference else None
        corrected = [point.corrected(expert) for expert in experts]
        return cls(artifact, corrected, point=point, preference=preference)

    def route(
        self,
        prompt: Prompt,
        constraints: Constraints | None = None,
        snapshot: Snapshot | None = None,
    ) -> Decision:
        """Decide who answers, from what `snapshot` tells of the experts at this moment.

        The same arguments give the same decision. Raises InvalidRequest, NoExpertFits.
        """
        limits = UNLIMITED if constraints is None else constraints
        require_constraints(limits)
        request = ChatRequest.of(prompt)
        text = router_input(request, self.artifact.manifest.max_chars)
        query = self._encoder.represent(text)
        now = snapshot or NOTHING_KNOWN
        input_tokens, doubtful = self._room.tokens(request)
        return decide(
            _estimated(self._panel, request, query, now),
            constraints=limits,
            rule=self.rule,
            input_tokens=input_tokens,
            doubts=_doubts(now, doubtful),
            tokens=now.tokens,
            query=RoutedQuery(
                self.artifact, query, len(request.messages[-1].content), script_of(text)
            ),
        )

    def estimate(self, prompt: Prompt) -> Mapping[str, Estimate]:
        """Quality, cost and latency to expect of every expert and of every shipped profile.

        A configured expert goes before a profile of the same name.
        """
        request = ChatRequest.of(prompt)
        query = self.represent(request)
        everyone = self.profiles | {expert.name: expert for expert in self.experts}
        panel = Panel.of(tuple(everyone.values()))
        return dict(_estimated(panel, request, query, NOTHING_KNOWN).estimates)

    def represent(self, request: ChatRequest) -> Representation:
        """What the encoder says of the request."""
        return self._encoder.represent(router_input(request, self.artifact.manifest.max_chars))


def _estimated(
    panel: Panel, request: ChatRequest, query: Representation, now: Snapshot
) -> Candidates:
    return panel.estimate(
        query,
        input_tokens=_tokens(request.characters),
        max_tokens=request.max_tokens,
        states=now.states,
    )


def contestants(experts: Sequence[Expert], reference: Expert) -> tuple[Expert, ...]:
    """Everyone who is compared: `experts`, and `reference` where none of them is in the cloud."""
    if any(expert.location == Location.CLOUD for expert in experts):
        return tuple(experts)
    taken = any(expert.name == reference.name for expert in experts)
    name = f"{reference.name} profile" if taken else reference.name
    return (*experts, replace(reference, name=name))


def _tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)


def _doubts(now: Snapshot, doubtful: Sequence[str]) -> Mapping[str, Reason]:
    """Those of the device, and of the experts whose own tokenizer did not count whether the query
    fits their context."""
    uncounted = {name: Reason.CONTEXT_LENGTH for name in doubtful if name not in now.tokens}
    return {**now.doubts, **uncounted} if uncounted else now.doubts


def profile_experts(artifact: RouterArtifact) -> dict[str, Expert]:
    """The artifact's profiles as experts, with the reference prices and speeds of its card."""
    temperature = artifact.calibration["temperature"]
    found = {}
    for name, profile in artifact.experts["profiles"].items():
        reference = profile["reference"]
        location = Location(reference["location"])
        found[name] = Expert(
            name=name,
            profile=name,
            location=location,
            head=find_head(artifact.experts, name, temperature),
            speed=Speed(**reference["speed"]),
            pricing=Pricing(**reference["pricing"]),
            context_tokens=reference.get("context_tokens"),
            needs_network=location == Location.CLOUD,
        )
    return found


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
    from .enrolled import head_of

    profile, head = head_of(config.profile, artifact, folder)
    return Expert(
        name=name,
        profile=profile,
        location=Location.DEVICE if config.on_device else Location.CLOUD,
        head=head,
        speed=_speed(config, profile, artifact, measured),
        pricing=_pricing(config),
        context_tokens=config.context_tokens,
        usd_per_hour=config.usd_per_hour or 0.0,
        needs_network=config.needs_network,
    )


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
    return stated_pricing(config) or (Pricing(0.0, 0.0) if config.on_device else None)


def operating_point(artifact: RouterArtifact, config: Config) -> OperatingPoint:
    """The one that `config` names or states: the artifact's own, or one calibrated here.

    Raises ConfigError for an unknown name, StaleOperatingPoint for one that was made for another
    artifact or other experts.
    """
    if config.min_gain is not None:
        return OperatingPoint.of_gain(config.min_gain)
    name, points = config.operating_point, artifact.calibration["operating_points"]
    if name in points:
        return OperatingPoint.from_json(name, points[name])
    from .operating_points import StoredPoint, stored_names

    here = stored_names(config.data_folder)
    if name in here:
        return StoredPoint.load(config.data_folder, name).for_use(artifact, config)
    raise ConfigError(
        f"operating point {name!r} is unknown; use one of {', '.join([*points, *here])}, make it "
        "with edge-router calibrate, or set min_gain"
    )
