"""Router: a request in, a decision out. No network, no files, no expert is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import numpy as np

from edge_router.chat.completion import ChatRequest, Prompt, estimated_tokens
from edge_router.device.speeds import MeasuredSpeed, read_speeds
from edge_router.errors import ArtifactIncompatible, ConfigError
from edge_router.guards.checks import checked
from edge_router.settings.config import SETTINGS, Config, ToolsMode
from edge_router.settings.constraints import Constraints, require_constraints
from edge_router.settings.preference import Preference

from .arrays import Float32s
from .artifact.encoder import OnnxEncoder, Runtime
from .artifact.manifest import RouterArtifact
from .artifact.representation import Encoder, Representation, RoutedQuery
from .artifact.text import TEMPLATE, cut, router_input, script_of
from .deciding.decision import NO_NEEDS, Decision, Needs, Rule, Snapshot, Stay
from .deciding.operating_point import OperatingPoint
from .deciding.policy import decide
from .deciding.price_rule import CheapestRule, PriceRule
from .deciding.reason import Reason
from .deciding.topsis import PreferenceRule
from .experts.context_room import ContextRoom
from .experts.expert import Estimate, Expert, tools_head
from .experts.panel import Candidates, Panel
from .roster import REFERENCE, configured, contestants, profile_experts

if TYPE_CHECKING:
    from .deciding.other_point import OtherPoint
    from .deciding.thinking import ThinkingLevels
    from .explaining.explanation import Explanation

__all__ = ["Router"]


LIKELY = 0.5  # from this probability on a query is taken to need tools
UNLIMITED, NOTHING_KNOWN = Constraints(), Snapshot()


class Router:
    """Decides which expert should answer. Thread-safe; the encoder loads on first use.

    Where no cloud expert is among `experts`, the artifact's profile "frontier" takes its place in
    the comparison, so that a decision can say when a cloud expert was wanted. A `preference`
    decides instead of the operating `point`. `usd_per_second` and `needs_tools` as in `Config`;
    raises ConfigError for what that refuses.
    """

    def __init__(
        self,
        artifact: RouterArtifact,
        experts: Sequence[Expert],
        *,
        point: OperatingPoint,
        preference: Preference | None = None,
        usd_per_second: float = 0.0,
        needs_tools: ToolsMode = "cheapest",
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
        stated = {"usd_per_second": usd_per_second, "needs_tools": needs_tools}
        worth, mode = checked(stated, SETTINGS, "the router").values()
        self.usd_per_second: float = worth
        self.rule: Rule = PreferenceRule(preference) if preference else PriceRule(point, worth)
        self.needs_tools: ToolsMode = mode
        self._tools = tools_head(artifact.experts)
        self._rule_for_tools: Rule = self.rule
        if mode == "cheapest":
            self._rule_for_tools = CheapestRule(self.rule, worth)
        everyone = contestants(self.experts, self.profiles[REFERENCE])
        self._panel = Panel.of(everyone, configured=len(self.experts))
        self._room = ContextRoom.of(self.experts)
        self._levels = _levels(self.experts)
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
        return cls(
            artifact,
            corrected,
            point=point,
            preference=preference,
            usd_per_second=config.usd_per_second,
            needs_tools=config.needs_tools,
            encoder=OnnxEncoder(artifact, embeds=config.cache.mode == "semantic"),
        )

    def route(
        self,
        prompt: Prompt,
        constraints: Constraints | None = None,
        snapshot: Snapshot | None = None,
        *,
        rule: Rule | None = None,
    ) -> Decision:
        """Decide who answers, from what `snapshot` tells of the experts at this moment.

        A `rule` chooses for this query instead of the router's own; limits hold all the same. It
        reads what users say: the length of a system prompt or of the results of tools pushes no
        query to a dearer expert, as long as all fits the context. A query that needs live data or a
        device is decided as any other where the request brings tools. The same arguments give the
        same decision. Raises InvalidRequest, ConfigError, NoExpertFits.
        """
        limits = UNLIMITED if constraints is None else constraints
        if type(limits) is not Constraints:
            require_constraints(limits)
        if rule is not None and not hasattr(rule, "weigh"):
            raise ConfigError(f"rule is {rule!r:.80}; give a Rule, for example RankedRule(('a',))")
        request = ChatRequest.of(prompt)
        text = router_input(request, self.artifact.manifest.max_chars)
        query = self._encoder.represent(text)
        now = snapshot or NOTHING_KNOWN
        if self._levels is not None:
            now = _thinking(self._levels, request, now)
        input_tokens, doubtful = self._room.tokens(request)
        tools = self._needs_tools(query)
        usual = self.rule if request.tools else self._rule_of(tools)
        return decide(
            _estimated(self._panel, request, query, now),
            constraints=limits,
            rule=rule or (usual if now.stay is None else _staying(usual, now.stay)),
            input_tokens=input_tokens,
            doubts=_doubts(now, doubtful),
            tokens=now.tokens,
            query=RoutedQuery(
                self.artifact.hash, query, len(request.question), script_of(text), tools
            ),
            needs=_needs(request, now),
        )

    def shadow(self, config: Config) -> OtherPoint | None:
        """The second operating point that the setting `shadow` names, None without one; its choice
        is only kept. Raises ConfigError, StaleOperatingPoint."""
        if config.shadow is None:
            return None
        from .deciding.other_point import OtherPoint

        second = replace(config, operating_point=config.shadow, min_gain=None)
        point = operating_point(self.artifact, second)
        return OtherPoint(point, self.point, self.usd_per_second)

    @property
    def panel(self) -> Panel:
        """The experts, prepared to be estimated."""
        return self._panel

    def represent_input(self, text: str) -> Representation:
        """What the encoder says of a text that `router_input` made before."""
        return self._encoder.represent(text)

    def rule_for(self, *, needs_tools: bool) -> Rule:
        """The rule for a query; one that needs tools may have a rule of its own."""
        return self._rule_for_tools if needs_tools else self.rule

    def for_cheapest(self, query: Representation) -> bool:
        """Whether the cheapest expert answers a query that needs tools, at any price."""
        return self._rule_of(self._needs_tools(query)) is not self.rule

    def _rule_of(self, tools: float | None) -> Rule:
        return self._rule_for_tools if (tools or 0.0) >= LIKELY else self.rule

    def _needs_tools(self, query: Representation) -> float | None:
        """The probability that the query needs live data or a device."""
        if self._tools is None:
            return None
        return float(self._tools.qualities(query.vector.astype(np.float64)))

    def explain(self, decision: Decision) -> Explanation:
        """Why, in detail: see `Explanation`. Takes about half a second; nothing is asked of anyone.

        Raises RoutingError for a decision that did not come from `Router.route`.
        """
        from .explaining.counterfactual import changes
        from .explaining.explanation import Explanation

        return Explanation.of(decision, self.artifact, changes)

    def estimate(self, prompt: Prompt) -> Mapping[str, Estimate]:
        """Quality, cost and latency to expect of every expert and of every shipped profile.

        A configured expert goes before a profile of the same name.
        """
        request = ChatRequest.of(prompt)
        query = self.represent(request)
        everyone = self.profiles | {expert.name: expert for expert in self.experts}
        panel = Panel.of(tuple(everyone.values()))
        return dict(_estimated(panel, request, query, NOTHING_KNOWN).estimates)

    @property
    def runtime(self) -> Runtime | None:
        """What the encoder's graph runs in, "onnxruntime" or, where that cannot be imported,
        "numpy"; None for an encoder of your own. Opens the encoder."""
        return self._encoder.runtime if isinstance(self._encoder, OnnxEncoder) else None

    def represent(self, request: ChatRequest) -> Representation:
        """What the encoder says of the request."""
        return self._encoder.represent(router_input(request, self.artifact.manifest.max_chars))

    def embed(self, prompt: Prompt) -> Float32s:
        """The sentence embedding (embedding_dim,) of the request, of length 1, by the same encoder
        that routes. Raises InvalidRequest, ArtifactIncompatible for an artifact without one."""
        text = router_input(ChatRequest.of(prompt), self.artifact.manifest.max_chars)
        if not isinstance(self._encoder, OnnxEncoder):
            raise ArtifactIncompatible("this encoder gives no embeddings; use the artifact's own")
        embedding: Float32s = self._encoder.embed([text])[0]
        return embedding

    def embedding(self, request: ChatRequest, decision: Decision) -> Float32s:
        """The sentence embedding (embedding_dim,) of the last user turn alone; that of the decision
        where it was made on this turn alone, by an encoder that `embeds`."""
        most = self.artifact.manifest.max_chars
        turn, query = cut(request.question, most), decision.grounds and decision.grounds.query
        known = query.representation.embedding if query else None
        if known is not None and turn == router_input(request, most):
            return known
        return self.embed(turn)


def _levels(experts: Sequence[Expert]) -> ThinkingLevels | None:
    if not any(one.reasoning_effort or one.thought_tokens for one in experts):
        return None
    from .deciding.thinking import ThinkingLevels  # loaded only where an expert has a level

    return ThinkingLevels.of(experts)


def _thinking(levels: ThinkingLevels, request: ChatRequest, now: Snapshot) -> Snapshot:
    """The snapshot for this request: without levels of thinking that it does not ask for or that
    have no room."""
    withheld = {**levels.others(request), **now.withheld}
    return replace(now, withheld=withheld, doubts={**levels.without_room(request), **now.doubts})


def _staying(rule: Rule, stay: Stay) -> Rule:
    from .deciding.affinity import staying  # loaded only where the setting asks for it

    return staying(rule, stay)


def _estimated(
    panel: Panel, request: ChatRequest, query: Representation, now: Snapshot
) -> Candidates:
    return panel.estimate(
        query,
        input_tokens=estimated_tokens(request.characters),
        max_tokens=request.max_tokens,
        states=now.states,
    )


def _needs(request: ChatRequest, now: Snapshot) -> Needs:
    capabilities = request.needs  # of a part that is somewhere else too: it is an image or a file
    if not capabilities and not now.withheld:
        return NO_NEEDS
    return Needs(capabilities, request.has_remote_parts, now.withheld)


def _doubts(now: Snapshot, doubtful: Sequence[str]) -> Mapping[str, Reason]:
    """Doubts by expert: from the state of the device, and about contexts that may be too small
    where the expert's own tokenizer did not count."""
    uncounted = {name: Reason.CONTEXT_LENGTH for name in doubtful if name not in now.tokens}
    return {**now.doubts, **uncounted} if uncounted else now.doubts


def operating_point(artifact: RouterArtifact, config: Config) -> OperatingPoint:
    """The operating point that `config` names or states: the artifact's own, or one calibrated
    here.

    Raises ConfigError for an unknown name, StaleOperatingPoint for one that was made for another
    artifact or other experts.
    """
    if config.min_gain is not None:
        return OperatingPoint.of_price(config.min_gain)
    name, points = config.operating_point, artifact.calibration["operating_points"]
    if name in points:
        return OperatingPoint.from_json(name, points[name])
    from .deciding.stored_points import StoredPoint, stored_names

    here = stored_names(config.data_folder)
    if name in here:
        return StoredPoint.load(config.data_folder, name).for_use(artifact, config)
    raise ConfigError(
        f"operating point {name!r} is unknown; use one of {', '.join([*points, *here])}, make it "
        "with edge-router calibrate, or set min_gain"
    )
