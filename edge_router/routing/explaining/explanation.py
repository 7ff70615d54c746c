"""Why a decision is as it is, in detail, for people and as JSON with a published schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any, Self

import numpy as np

from edge_router.chat.capability import ReasoningEffort
from edge_router.errors import RoutingError

from ..artifact.known_queries import KnownQueries
from ..artifact.manifest import RouterArtifact
from ..artifact.novelty import Familiar, Unfamiliar, nearest
from ..artifact.representation import RoutedQuery
from ..deciding.decision import Decision, Grounds, Rule
from ..deciding.price_rule import CheapestRule, PriceRule
from ..deciding.reason import Reason
from ..experts.expert import Location
from ..experts.panel import Candidate, Candidates
from .change import Change
from .kind_words import kind_words
from .turning import Turn, turns

__all__ = ["Considered", "Explanation", "KnownNeighbour", "TaskKind"]

SCHEMA_VERSION = 2  # 2: price, expenses, turns and needs_tools
NEIGHBOURS = 3
KINDS, LEAST_PROBABILITY = 5, 0.01  # at most so many, each at least so probable


@dataclass(frozen=True, slots=True)
class Considered:
    """An expert that was considered: what to expect of it, and what ruled it out, if anything.

    `expense` is how dear it is beside the dearest one, 0..1, None where a preference decided; one
    whose price is not known counts as the dearest. `reasoning_effort` is that of a level of
    thinking, None for an expert without levels.
    """

    name: str
    location: Location
    quality: float
    cost_usd: float | None
    latency_s: float
    output_tokens: float
    expense: float | None
    excluded: Reason | None
    reasoning_effort: ReasoningEffort | None = None


@dataclass(frozen=True, slots=True)
class TaskKind:
    """A kind of task that the query may be of, with its probability 0..1."""

    name: str
    probability: float

    @property
    def words(self) -> str:
        """The name as a user understands it: "instructions" for "everyday/howto"."""
        return kind_words(self.name)


@dataclass(frozen=True, slots=True)
class KnownNeighbour:
    """A known query that the router sees as similar.

    `distance` is 1 - cosine of the representations (0..2). `text` is None where it is not ours to
    tell. `scores` are known mean scores 0..1, by expert, of the models that stand for its profile.
    """

    kind: str
    table: str
    language: str
    distance: float
    text: str | None
    scores: Mapping[str, float]

    @property
    def words(self) -> str:
        """Its kind as a user understands it."""
        return kind_words(self.kind)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a decision is as it is.

    `expert` to `gain`, `min_gain`, `least_quality`, `needs_tools` and `propensity` are the
    decision's; `margin` is gain less least gain, so it is 0 or more where the dearer expert was
    worth it. `promise` is what the operating point asks for, or what was measured of it, "" where a
    preference decided; `price` is then None and `turns` empty. Else these say who would be chosen
    at which price (nobody where the query needs tools: the price does not count). `kinds` are the
    most probable first, `neighbours` the nearest first (empty where the artifact knows no queries),
    `unfamiliar` says in what ways the query is outside of what the artifact knows. Each of
    `changes` was tried.
    """

    expert: str
    location: Location
    reason: Reason
    words: str
    wanted: str
    experts: tuple[Considered, ...]
    operating_point: str
    preference: str | None
    promise: str
    gain: float
    min_gain: float
    margin: float
    price: float | None
    least_quality: float
    turns: tuple[Turn, ...]
    needs_tools: float | None
    propensity: float
    kinds: tuple[TaskKind, ...]
    neighbours: tuple[KnownNeighbour, ...]
    unfamiliar: tuple[Unfamiliar, ...]
    changes: tuple[Change, ...]

    @classmethod
    def of(
        cls,
        decision: Decision,
        artifact: RouterArtifact,
        changes: Callable[[Grounds], tuple[Change, ...]],
    ) -> Self:
        """Explain a decision of a router with this artifact, whose known queries it reads.

        `changes` finds what would change the decision.

        Raises RoutingError for any other decision, ArtifactCorrupt.
        """
        grounds = decision.grounds
        if grounds is None or grounds.query is None or grounds.query.artifact != artifact.hash:
            raise RoutingError(
                "only a decision that Router.route made can be explained, in the process that made "
                "it: what it was made from does not go along when it is pickled"
            )
        rule = _price_rule(grounds.rule)
        known = artifact.known_queries()
        familiar = known and Familiar.of_known(known, kinds=len(artifact.manifest.task_kinds))
        return cls(
            expert=decision.expert,
            location=decision.location,
            reason=decision.reason,
            words=decision.words,
            wanted=decision.wanted,
            experts=_considered(decision, grounds, rule),
            operating_point=decision.operating_point,
            preference=decision.preference,
            promise=rule.point.promise if rule else "",
            gain=decision.gain,
            min_gain=decision.min_gain,
            margin=decision.gain - decision.min_gain,
            price=rule.point.price if rule else None,
            least_quality=decision.least_quality,
            turns=turns(decision, rule) if rule and rule is grounds.rule else (),
            needs_tools=decision.needs_tools,
            propensity=decision.propensity,
            kinds=_kinds(grounds.query, artifact.manifest.task_kinds),
            neighbours=_neighbours(known, familiar, grounds, artifact)
            if known and familiar
            else (),
            unfamiliar=familiar.flags(grounds.query) if familiar else (),
            changes=changes(grounds),
        )

    @property
    def length_words(self) -> str:
        """How long an answer to expect, in two digits."""
        (tokens,) = [one.output_tokens for one in self.experts if one.name == self.expert]
        return f"expected answer about {float(f'{tokens:.2g}'):.0f} tokens"

    def to_json(self) -> dict[str, Any]:
        """As `schema()` describes it."""
        content: dict[str, Any] = {"schema_version": SCHEMA_VERSION} | asdict(self)
        content["changes"] = [change.to_json() for change in self.changes]
        plain: dict[str, Any] = json.loads(json.dumps(content))
        return plain

    @staticmethod
    def schema() -> dict[str, Any]:
        """The JSON schema (draft 2020-12) of `to_json`, which ships as explanation.schema.json."""
        text = (
            files("edge_router.routing.explaining")
            .joinpath("explanation.schema.json")
            .read_text(encoding="utf-8")
        )
        schema: dict[str, Any] = json.loads(text)
        return schema


def _price_rule(rule: Rule) -> PriceRule | None:
    """The rule of the operating point, None where a preference decides."""
    usual = rule.usual if isinstance(rule, CheapestRule) else rule
    return usual if isinstance(usual, PriceRule) else None


def _considered(
    decision: Decision, grounds: Grounds, rule: PriceRule | None
) -> tuple[Considered, ...]:
    candidates = Candidates.of(grounds.candidates)
    expenses: list[float | None] = [None] * len(candidates)
    if rule:
        expenses = rule.expenses(candidates).tolist()
    return tuple(
        _one_considered(candidate, expense, decision)
        for candidate, expense in zip(candidates, expenses, strict=True)
    )


def _one_considered(candidate: Candidate, expense: float | None, decision: Decision) -> Considered:
    estimate = candidate.estimate
    return Considered(
        name=estimate.name,
        location=candidate.expert.location,
        quality=estimate.quality,
        cost_usd=estimate.cost_usd,
        latency_s=estimate.latency_s,
        output_tokens=estimate.output_tokens,
        expense=expense,
        excluded=decision.excluded.get(estimate.name),
        reasoning_effort=candidate.expert.reasoning_effort,
    )


def _kinds(query: RoutedQuery, names: Sequence[str]) -> tuple[TaskKind, ...]:
    posterior = query.representation.vector[-len(names) :]
    ranked = np.argsort(-posterior, kind="stable")[:KINDS]
    kinds = (TaskKind(names[n], min(1.0, float(posterior[n]))) for n in ranked)
    return tuple(kind for kind in kinds if kind.probability >= LEAST_PROBABILITY)


def _neighbours(
    known: KnownQueries, familiar: Familiar, grounds: Grounds, artifact: RouterArtifact
) -> tuple[KnownNeighbour, ...]:
    assert grounds.query is not None
    vector = grounds.query.representation.vector
    rows, distances = nearest(familiar.directions, vector, NEIGHBOURS)
    means = {
        candidate.expert.name: known.mean_score(artifact.models(candidate.expert.profile))
        for candidate in grounds.candidates
    }
    return tuple(
        KnownNeighbour(
            kind=str(known.kinds[row]),
            table=str(known.tables[row]),
            language=str(known.langs[row]),
            distance=max(0.0, float(distance)),
            text=str(known.texts[row]) or None,
            scores={n: float(mean[row]) for n, mean in means.items() if not np.isnan(mean[row])},
        )
        for row, distance in zip(rows, distances, strict=True)
    )
