"""Enrolment from end to end: outcomes from a file or from running the expert, then its head."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_router.backends.base import Backend
from edge_router.chat.request import NO_THOUGHT, ChatRequest
from edge_router.errors import ConfigError
from edge_router.guards.data_folder import writing_to
from edge_router.routing.artifact.encoder import OnnxEncoder
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.representation import Encoder, Representation
from edge_router.routing.artifact.text import router_input
from edge_router.routing.experts.enrolled import (
    EnrolledExpert,
    Provenance,
    check_name,
    enrolled_path,
    head_of,
)
from edge_router.routing.experts.expert import THOUGHT_SPREAD
from edge_router.routing.logistic import with_bias
from edge_router.routing.roster import REFERENCE, stated_pricing
from edge_router.settings.config import Config
from edge_router.settings.expert_config import ExpertConfig
from edge_router.settings.location import Location

from ..fleet.merged import MergedTable
from ..fleet.parquet import is_parquet
from ..outcomes.outcome import require_dim
from ..outcomes.rows import read_outcomes
from .exam import Answered, Examination, ExamQuestion, exam_questions
from .head_fit import Enrolment, EnrolmentOutcomes, HeadPrior
from .journal import Journal
from .optimal_design import most_informative
from .summary import Standing

__all__ = ["Enroller"]

Progress = Callable[[int, str | None], None]

FLEET_ANSWERS = 20_000  # more change a head by less than its own uncertainty
LEAST_ROOM_TO_THINK = 2048.0  # tokens

log = logging.getLogger("edge_router")


class Enroller:
    """Enrols the expert called `name` with the artifact of `config`.

    `command` goes into its evidence. `backend` and `encoder` replace the configured ones. Raises
    ConfigError for a name that no file can have or that the artifact has taken.
    """

    def __init__(
        self,
        config: Config,
        name: str,
        *,
        command: str,
        backend: Backend | None = None,
        encoder: Encoder | None = None,
    ) -> None:
        self.config, self.name, self.command = config, name, command
        self.artifact = RouterArtifact.load(config.artifact)
        self.path = enrolled_path(config.data_folder, name)
        check_name(name, self.artifact)
        self.prior = HeadPrior.of_artifact(self.artifact)
        self._encoder = encoder or OnnxEncoder(self.artifact)
        self._backend = backend

    def from_profile(self, profile: str) -> Enrolment:
        """Nothing seen yet: the profile's own head. Raises ConfigError for an unknown one."""
        return Enrolment.of_profile(self.prior, profile)

    def from_file(
        self, path: Path, column: str | None = None, profile: str | None = None
    ) -> Enrolment:
        """From labelled outcomes, see `read_outcomes`, or from a fleet's merged table.

        Raises ConfigError, LearningError.
        """
        if is_parquet(path):
            return self._from_fleet(path, column or self.name, profile)
        rows = read_outcomes(path, self.name, column)
        return self._fitted(
            self._represented([row.request for row in rows]),
            [row.score for row in rows],
            [row.output_tokens for row in rows],
            profile,
        )

    def _from_fleet(self, path: Path, expert: str, profile: str | None) -> Enrolment:
        """From at most FLEET_ANSWERS answers of any devices to queries whose texts they kept."""
        merged = MergedTable(path)
        merged.require_router(self.artifact.hash)
        rows = merged.some_answers_of(expert, FLEET_ANSWERS)
        require_dim(rows, self.artifact.manifest.representation_dim)
        return self._fitted(
            [Representation(row.vector, row.log_tokens) for row in rows],
            [row.score for row in rows if row.score is not None],
            [row.output_tokens or None for row in rows],
            profile,
        )

    def from_run(
        self,
        count: int,
        profile: str | None = None,
        *,
        progress: Progress = lambda _done, _failure: None,
    ) -> Enrolment:
        """Ask the configured expert the `count` most informative shipped questions, and grade.

        Whatever this model answered in an earlier run counts too and is not asked again. Raises
        ConfigError, also where the settings forbid to ask this expert.
        """
        expert = self._may_be_asked(count)
        questions = exam_questions()
        seen = self._represented([ChatRequest.of(question.query) for question in questions])
        chosen = self._chosen(count, seen, questions, profile or expert.profile)
        answered = self._ask(expert, [questions[row] for row in chosen], progress)
        row_of = {question.id: row for row, question in enumerate(questions)}
        answered = [answer for answer in answered if answer.id in row_of]
        return self._fitted(
            [seen[row_of[answer.id]] for answer in answered],
            [answer.score for answer in answered],
            [answer.output_tokens for answer in answered],
            profile,
        )

    def keep(self, enrolment: Enrolment) -> Path:
        """Write its head into the data folder; gives the file. Raises ConfigError."""
        evidence = Provenance(
            outcomes=enrolment.outcomes,
            mean_score=enrolment.mean_score,
            created=datetime.now(UTC).date().isoformat(),
            artifact=self.artifact.manifest.name,
            artifact_hash=self.artifact.hash,
            command=self.command,
        )
        expert = EnrolledExpert(self.name, enrolment.profile, enrolment.head, evidence)
        with writing_to(self.config.data_folder):
            return expert.write(self.config.data_folder)

    def standing(self, enrolment: Enrolment) -> Standing | None:
        """Where it stands on the artifact's known queries; None where there are none.

        The rival is the best other expert that is configured in the cloud, or else the profile
        that stands for one, frontier.
        """
        known = self.artifact.known_queries()
        if known is None:
            return None
        design = with_bias(known.vectors)
        centres = {name: self.prior.centres[name] for name in self.prior.lengths}
        rivals = self._rivals() or {REFERENCE: centres[REFERENCE]}
        best = max(rivals, key=lambda name: float((design @ rivals[name]).mean()))
        return Standing.of(
            enrolment.belief, design, centres, name=self.name, rival=(best, rivals[best])
        )

    def _rivals(self) -> dict[str, npt.NDArray[np.float64]]:
        """Parameters of the other cloud experts; one that cannot be read is passed over."""
        heads = {}
        for name, expert in self.config.experts.items():
            if expert.on_device or self.name in (name, expert.profile):
                continue
            try:
                _, head = head_of(expert.profile, self.artifact, self.config.data_folder)
            except ConfigError as error:
                log.warning("no comparison with %s: %s", name, error)
                continue
            heads[name] = np.array([head.bias, *head.weights]) / head.temperature
        return heads

    def _represented(self, requests: Sequence[ChatRequest]) -> list[Representation]:
        limit = self.artifact.manifest.max_chars
        return [self._encoder.represent(router_input(request, limit)) for request in requests]

    def _may_be_asked(self, count: int) -> ExpertConfig:
        if count < 1:
            raise ConfigError(f"--run {count} must be 1 or more")
        expert = self.config.experts.get(self.name)
        if expert is None:
            known = ", ".join(self.config.experts)
            raise ConfigError(f"no expert {self.name!r} is configured to run; there are {known}")
        if self.config.forbids(expert):
            where = "in the cloud" if expert.place == Location.CLOUD else "asked over the network"
            raise ConfigError(
                f"{self.name!r} is {where}, and nothing may leave this device "
                f"(offline = {self.config.offline}, placement = {self.config.placement}); give its "
                "outcomes with --outcomes FILE, or allow it"
            )
        return expert

    def _chosen(
        self,
        count: int,
        seen: Sequence[Representation],
        questions: Sequence[ExamQuestion],
        profile: str,
    ) -> list[int]:
        design = with_bias(np.array([one.vector for one in seen]))
        kinds = [question.kind for question in questions]
        return most_informative(self.prior.for_design(profile), design, count, kinds=kinds)

    def _ask(
        self, expert: ExpertConfig, questions: Sequence[ExamQuestion], progress: Progress
    ) -> list[Answered]:
        from edge_router.routing.opening import open_backend

        backend = self._backend or open_backend(expert)
        examination = Examination(
            self.name,
            backend,
            Journal(self._journal(expert)),
            pricing=stated_pricing(expert),
            budget_usd=None if expert.place != Location.CLOUD else self.config.budget_usd,
            thought_tokens=_room_to_think(expert),
            deadline_s=self.config.deadline_s,
        )
        try:
            with writing_to(self.config.data_folder):
                return examination.ask(questions, progress)
        finally:
            backend.close()

    def _journal(self, expert: ExpertConfig) -> Path:
        """Another model under the same name has another journal."""
        model = [expert.backend, expert.model, expert.base_url]
        if expert.reasoning_effort is not None:  # one that thinks more or less is another one
            model.append(expert.reasoning_effort)
        digest = hashlib.sha256(json.dumps(model).encode()).hexdigest()[:8]
        return self.path.with_name(f"{self.name}.{digest}.answers.jsonl")

    def _fitted(
        self,
        seen: Sequence[Representation],
        scores: Sequence[float],
        tokens: Sequence[float | None],
        profile: str | None,
    ) -> Enrolment:
        outcomes = EnrolmentOutcomes(
            vectors=np.array([one.vector for one in seen], dtype=np.float64),
            log_tokens=np.array([one.log_tokens for one in seen], dtype=np.float64),
            scores=np.array(scores, dtype=np.float64),
            output_tokens=np.array([np.nan if n is None else n for n in tokens], dtype=np.float64),
        )
        return Enrolment.fit(self.prior, outcomes, profile)


def _room_to_think(expert: ExpertConfig) -> float:
    """Tokens for thoughts; some also for one whose profile counts them as part of its answers."""
    if expert.reasoning_effort in NO_THOUGHT:
        return 0.0
    return max(LEAST_ROOM_TO_THINK, THOUGHT_SPREAD * (expert.thought_tokens or 0.0))
