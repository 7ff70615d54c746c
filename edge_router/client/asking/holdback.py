"""Hold back the first tokens of a local answer until the gate has judged them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Self

from edge_router.chat.completion import ChatChunk, TokenConfidence
from edge_router.errors import ConfigError
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.deferral import Deferral
from edge_router.routing.experts.expert import Expert, Location
from edge_router.settings.config import Config, DeferralMode

from .gate import DeferralGate
from .query import Chunks

__all__ = ["Watch"]

GATE_FILE = "deferral.json"


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """When `gate` judges an answer: at each of `stages`, rising numbers of tokens.

    An answer that passes at a stage goes on and is not judged again; one that fails at the last
    stage is handed over. An answer shorter than a stage is judged whole.
    """

    gate: DeferralGate
    stages: tuple[int, ...]

    @classmethod
    def of(cls, gate: DeferralGate, mode: DeferralMode, tokens: int) -> Self:
        """Mode "before" judges once, at the gate's last stage of at most `tokens` tokens; "while"
        at every stage up to it, so that a good answer streams sooner and more answers pass.

        Raises ConfigError where the gate has no stage that early.
        """
        stages = tuple(sorted(stage for stage in gate.stages if stage <= tokens))
        if not stages:
            raise ConfigError(
                f"deferral_tokens = {tokens} is too few; the gate looks at "
                f"{', '.join(map(str, sorted(gate.stages)))} tokens"
            )
        return cls(gate, stages if mode == "while" else stages[-1:])

    @classmethod
    def from_config(cls, config: Config, artifact: RouterArtifact) -> Self | None:
        """The watch that the settings state, None where deferral is off.

        Raises ConfigError where there is no gate in the data folder, or none for this router and
        an expert on this device.
        """
        if config.deferral == "off":
            return None
        gate = DeferralGate.load(config.data_folder / GATE_FILE, artifact=artifact.hash)
        if not any(e.on_device and e.profile == gate.profile for e in config.experts.values()):
            raise ConfigError(
                f"deferral = {config.deferral!r} needs an expert on this device with the gate's "
                f"profile {gate.profile!r}; configure one or set deferral = 'off'"
            )
        return cls.of(gate, config.deferral, config.deferral_tokens)

    def serves(self, expert: Expert) -> bool:
        """Whether the gate was fitted for an expert like this one."""
        return expert.location == Location.DEVICE and expert.profile == self.gate.profile

    def hold_back(
        self,
        local: Chunks,
        quality: float,
        *,
        judge: Callable[[float, int], Deferral | None],
        hand_over: Callable[[Deferral], Chunks | None],
    ) -> Chunks:
        """The `local` answer, or another expert's.

        `quality` is what the router expected of the local answer. `judge` gets the gate's
        probability and the number of tokens, and returns the deferral, if any. `hand_over` returns
        a stream whose first piece has arrived, or None where the other expert is unavailable;
        until then the local model goes on writing, so that nothing is lost. An answer of another
        model than the gate's, or without confidence, passes unjudged.
        """
        held: list[ChatChunk] = []
        with closing(local):
            deferral = self._verdict(local, held, quality, judge)
            other = None if deferral is None else hand_over(deferral)
            if other is None:
                yield from held
                yield from local
                return
        yield from other

    def _verdict(
        self,
        local: Iterable[ChatChunk],
        held: list[ChatChunk],
        quality: float,
        judge: Callable[[float, int], Deferral | None],
    ) -> Deferral | None:
        deferral = None
        for stage in self.stages:
            known = self._confidence_at(stage, local, held)
            if known is None:
                return None
            probability = self.gate.probability(known, quality, stage=stage)
            deferral = judge(probability, known.tokens)
            if deferral is None:
                return None
        return deferral

    def _confidence_at(
        self, stage: int, local: Iterable[ChatChunk], held: list[ChatChunk]
    ) -> TokenConfidence | None:
        """Hold back chunks until `stage` tokens are known or the answer ends; None for an answer
        that the gate cannot judge."""
        for chunk in local:
            held.append(chunk)
            known = chunk.confidence
            if chunk.model != self.gate.model or (known is None and len(held) > 1):
                return None
            if known is not None and known.tokens >= stage:
                break
        return held[-1].confidence if held else None
