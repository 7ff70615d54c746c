"""The pair of experts that an operating point is about: a weak and a strong one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from edge_router.errors import ConfigError
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.experts.expert import Expert
from edge_router.routing.roster import REFERENCE, configured, contestants
from edge_router.settings.expert_config import ExpertConfig

__all__ = ["ExpertSource", "Pair"]

NOWHERE = "http://127.0.0.1:9/v1"  # an address for a known model, which is never asked


class ExpertSource(Protocol):
    """What a pair needs of a `Router`: its artifact, its experts, and the artifact's profiles."""

    artifact: RouterArtifact
    experts: tuple[Expert, ...]
    profiles: dict[str, Expert]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two experts with different profiles. Raises ConfigError where the profiles are the same."""

    weak: Expert
    strong: Expert

    def __post_init__(self) -> None:
        weak, strong = self.weak, self.strong
        if weak.profile == strong.profile:
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
        knows. The weak expert is on the device, or the cheaper one. `folder` is the data folder.
        Raises ConfigError.
        """
        compared = contestants(router.experts, router.profiles[REFERENCE])
        if (weak is None) != (strong is None):
            raise ConfigError("give both --weak and --strong, or neither")
        if weak is not None and strong is not None:
            return cls(*(_expert(router, compared, name, folder) for name in (weak, strong)))
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


def _expert(router: ExpertSource, compared: Sequence[Expert], name: str, folder: Path) -> Expert:
    """The compared expert of this name, else the profile, else the model the artifact knows."""
    known = router.profiles | {expert.name: expert for expert in compared}
    if name in known:
        return known[name]
    if name not in router.artifact.experts["experts"]:
        raise ConfigError(
            f"expert {name!r} is unknown; use one of {', '.join(known)}, or a model listed by "
            "`edge-router models`"
        )
    config = ExpertConfig("openai", name, name, location="cloud", base_url=NOWHERE)
    return configured(name, config, router.artifact, folder)
