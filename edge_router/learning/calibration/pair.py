"""The pair of experts that an operating point is about: a weak and a strong one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, Self

from edge_router.errors import ConfigError
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.deciding.operating_point import fingerprint
from edge_router.routing.experts.enrolled import enrolled_names
from edge_router.routing.experts.expert import Expert
from edge_router.routing.roster import REFERENCE, configured, contestants
from edge_router.settings.expert_config import ExpertConfig

__all__ = ["ExpertSource", "Pair"]

Place = Literal["device", "cloud"]
NOWHERE = "http://127.0.0.1:9/v1"  # an address for a known model, which is never asked


class ExpertSource(Protocol):
    """What a pair needs of a `Router`: its artifact, its experts, and the artifact's profiles."""

    artifact: RouterArtifact
    experts: tuple[Expert, ...]
    profiles: dict[str, Expert]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two experts of which the router expects different things. Raises ConfigError where both have
    the same head: that of one profile, unless they were enrolled."""

    weak: Expert
    strong: Expert

    def __post_init__(self) -> None:
        weak, strong = self.weak, self.strong
        if fingerprint(weak.head) == fingerprint(strong.head):
            raise ConfigError(
                f"{weak.name} and {strong.name} have the same profile, {weak.profile}; the router "
                "cannot tell them apart"
            )

    @classmethod
    def of(
        cls, router: ExpertSource, folder: Path, *, weak: str | None, strong: str | None
    ) -> Self:
        """The experts of these names, or, without names, the two that the router compares.

        A name is that of a compared expert, else of a profile, else of a model that the artifact
        knows or that was enrolled in the data folder `folder`: such a weak expert is taken to be
        free on this device, a strong one to be in the cloud. Without names the weak expert is on
        the device, or the cheaper one. Raises ConfigError.
        """
        compared = contestants(router.experts, router.profiles[REFERENCE])
        if (weak is None) != (strong is None):
            raise ConfigError("give both --weak and --strong, or neither")
        if weak is not None and strong is not None:
            return cls(
                _expert(router, compared, weak, "device", folder),
                _expert(router, compared, strong, "cloud", folder),
            )
        if len(compared) != 2:
            raise ConfigError(
                f"a promise is about two experts, not {_names(compared, router)}; give --weak, "
                "--strong"
            )
        return cls(*sorted(compared, key=_by_location_and_price))

    @property
    def profiles(self) -> dict[str, str]:
        """The profile of each by its name, the weak one first."""
        return {expert.name: expert.profile for expert in (self.weak, self.strong)}


def _names(compared: Sequence[Expert], router: ExpertSource) -> str:
    """The experts' names, noting the profile that stands in for a missing cloud expert."""
    names = ", ".join(expert.name for expert in compared)
    added = [expert.name for expert in compared if expert not in router.experts]
    why = f" ({added[0]} stands for the cloud expert that no settings name)" if added else ""
    return names + why


def _by_location_and_price(expert: Expert) -> tuple[bool, bool, float]:
    price = expert.pricing
    return (
        expert.location == "cloud",
        price is None,
        price.output_usd_per_million if price else 0.0,
    )


def _expert(
    router: ExpertSource, compared: Sequence[Expert], name: str, place: Place, folder: Path
) -> Expert:
    """The compared expert of this name, else the profile, else the known or enrolled model, which
    then is at `place`."""
    named = router.profiles | {expert.name: expert for expert in compared}
    if name in named:
        return named[name]
    enrolled = enrolled_names(folder)
    if name not in router.artifact.experts["experts"] and name not in enrolled:
        raise ConfigError(
            f"expert {name!r} is unknown; use one of {', '.join([*named, *enrolled])}, a model "
            "listed by `edge-router models`, or make it known by `edge-router enroll`"
        )
    config = ExpertConfig("openai", name, name, location=place, base_url=NOWHERE)
    return configured(name, config, router.artifact, folder)
