"""Online learning of a client: its outcome log, exploration and drift watch, where switched on."""

from __future__ import annotations

import random
from collections.abc import Callable
from numbers import Real
from typing import TYPE_CHECKING, Protocol, Self

from edge_router.chat.request import ChatRequest
from edge_router.errors import LearningError
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.text import router_input
from edge_router.routing.deciding.decision import Decision
from edge_router.routing.deciding.exploration import Exploration, rival_of
from edge_router.routing.record import AnswerRecord
from edge_router.settings.config import Config

if TYPE_CHECKING:
    from edge_router.routing.deciding.other_point import OtherPoint

    from .drift.monitor import DriftWatch
    from .outcomes.log import OutcomeLog

__all__ = ["Keepable", "Learning", "checked_score"]


Keepable = Callable[[ChatRequest], ChatRequest | None]
"""What of a request may be written to a file, None for nothing."""


class DecidingRouter(Protocol):
    """What learning needs of a `Router`."""

    artifact: RouterArtifact

    def shadow(self, config: Config) -> OtherPoint | None:
        """The second operating point of the settings."""
        ...


class Learning:
    """Online learning of one EdgeRouter: outcome log, exploration, drift watch.

    Thread-safe; its failures never fail an answer.

    Explores only as long as `log` can be written: otherwise nothing would be learned from it.
    With `prompt_characters` that much is kept of what `keepable` leaves of each query, cut as the
    router cuts it. What `shadow` would have decided is kept beside each answer, and changes none.
    """

    def __init__(
        self,
        log: OutcomeLog,
        exploration: Exploration,
        drift: DriftWatch,
        *,
        prompt_characters: int | None = None,
        keepable: Keepable = lambda request: request,
        shadow: OtherPoint | None = None,
    ) -> None:
        self._log = log
        self._exploration = exploration
        self._drift = drift
        self._prompt_characters = prompt_characters
        self._keepable = keepable
        self._shadow = shadow

    @classmethod
    def from_config(
        cls,
        config: Config,
        router: DecidingRouter,
        *,
        draw: Callable[[], float] = random.random,
        keepable: Keepable = lambda request: request,
    ) -> Self | None:
        """The learning that the settings state, None where `learn` is off; writes nothing yet.

        `draw` gives the random numbers (0..1) that exploration needs, `keepable` what may be kept
        of a request.
        """
        if not config.learn:
            return None
        from .drift.monitor import DriftWatch
        from .outcomes.log import FILE, OutcomeLog

        artifact = router.artifact
        return cls(
            OutcomeLog(
                config.data_folder / FILE, max_rows=config.learn_rows, batch=config.learn_batch
            ),
            Exploration(config.exploration, draw),
            DriftWatch(artifact),
            prompt_characters=artifact.manifest.max_chars if config.learn_prompts else None,
            keepable=keepable,
            shadow=router.shadow(config),
        )

    def decided(self, decision: Decision) -> Decision:
        """The decision, or the same with another expert's turn; see `Exploration`."""
        if decision.grounds is not None and decision.grounds.query is not None:
            self._drift.add(decision.grounds.query)
        return decision if self._log.stopped else self._exploration.apply(decision)

    def answered(self, record: AnswerRecord, request: ChatRequest) -> None:
        """Keep what happened."""
        prompt = self._prompt(request)
        decision = record.decision
        rival = rival_of(decision) if decision.propensity < 1 else None
        shadow = None if self._shadow is None else self._shadow.expert_for(decision)
        self._log.append(record, prompt=prompt, rival=rival, shadow=shadow)

    def _prompt(self, request: ChatRequest) -> str | None:
        """What is kept of a query: private data is looked for before it could be cut in two."""
        if self._prompt_characters is None:
            return None
        kept = self._keepable(request)
        return None if kept is None else router_input(kept, self._prompt_characters)

    def score(self, id: str, score: float) -> bool:  # noqa: A002
        """Tell how good an answer was, 0..1; False where it was not kept."""
        return self._log.score(id, score)

    def close(self) -> None:
        """Give the file back, and end the watch."""
        self._log.close()
        self._drift.close()


def checked_score(score: float) -> float:
    """Raises LearningError for what is no number in 0..1."""
    if not isinstance(score, Real) or isinstance(score, bool) or not 0 <= score <= 1:
        raise LearningError(f"score {score!r:.60} must be a number from 0 (bad) to 1 (good)")
    return float(score)
