"""A local expert's answers as the deferral study sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_router.chat.completion import ChatRequest, TokenConfidence
from edge_router.client.asking.gate import STAGES, features
from edge_router.learning.outcomes.rows import Row
from edge_router.routing.arrays import Bools, Float64s
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.text import router_input
from edge_router.routing.experts.expert import find_head
from edge_router.routing.roster import REFERENCE

from ...data.questions import gold_questions
from ...data.rows import BadData, placed_rows
from ...graphs.represent import Representations

__all__ = ["FEWEST", "Answers", "read_answers"]


NEEDED = ("source", "qkey", "split", "score")
FEWEST = 20  # answers of a split, below which nothing can be said


@dataclass(frozen=True, slots=True)
class Answers:
    """A local expert's answers with known scores in 0..1, all arrays (answers, ...).

    `characters` of the query as the router reads it; `quality` is what the router's head `profile`
    expected of each answer, `strong` what it expected of a frontier model's; `designs` holds the
    gate's features by what was seen, a number of tokens or "whole".
    """

    sources: npt.NDArray[np.str_]
    splits: npt.NDArray[np.str_]
    characters: npt.NDArray[np.int64]
    scores: Float64s
    quality: Float64s
    strong: Float64s
    designs: Mapping[str, Float64s]

    def __len__(self) -> int:
        return len(self.scores)

    def where(self, keep: Bools) -> Answers:
        """Only the answers at which `keep` (answers,) is true."""
        return Answers(
            self.sources[keep],
            self.splits[keep],
            self.characters[keep],
            self.scores[keep],
            self.quality[keep],
            self.strong[keep],
            {seen: design[keep] for seen, design in self.designs.items()},
        )

    def split(self, name: str) -> Answers:
        """Those of one split. Raises BadData where they are too few to say anything."""
        part = self.where(self.splits == name)
        if len(part) < FEWEST:
            raise BadData(f"{len(part)} answers in the split {name!r}; at least {FEWEST} needed")
        return part


def read_answers(
    outcomes: Path, expert: str, *, profile: str, artifact: RouterArtifact, data: Path, work: Path
) -> Answers:
    """The answers of `expert` that `export collect` kept a confidence of.

    Texts that are not in the rows come from the questions in `data`. Raises BadRow, and BadData
    where there is no such answer.
    """
    rows = [row for _, row in placed_rows(outcomes, NEEDED) if _is_usable(row, expert)]
    if not rows:
        raise BadData(f"{outcomes} holds no answer of {expert!r} with a confidence; collect some")
    texts = _texts(rows, data, artifact.manifest.max_chars)
    vectors = Representations.of_artifact(artifact, work).of(texts)
    quality = _expected(artifact, profile, vectors)
    designs = {seen: _design(rows, expert, seen, quality) for seen in (*map(str, STAGES), "whole")}
    return Answers(
        sources=np.array([row["source"] for row in rows]),
        splits=np.array([row["split"] for row in rows]),
        characters=np.array([len(text) for text in texts]),
        scores=np.array([row["score"][expert] for row in rows], dtype=np.float64),
        quality=quality,
        strong=_expected(artifact, REFERENCE, vectors),
        designs=designs,
    )


def _is_usable(row: Row, expert: str) -> bool:
    return expert in row.get("confidence", {}) and expert in row["score"]


def _texts(rows: Sequence[Row], data: Path, max_chars: int) -> list[str]:
    queries = {row["qkey"]: row["query"] for row in rows if "query" in row}
    if lacking := {row["qkey"] for row in rows} - queries.keys():
        queries |= {q["qkey"]: q["query"] for q in gold_questions(data) if q["qkey"] in lacking}
    if lacking := lacking - queries.keys():
        raise BadData(f"the texts of {len(lacking)} questions are not in {data}")
    return [router_input(ChatRequest.of(queries[row["qkey"]]), max_chars) for row in rows]


def _expected(artifact: RouterArtifact, profile: str, vectors: Float64s) -> Float64s:
    """A head's expected quality (answers,)."""
    head = find_head(artifact.experts, profile, artifact.calibration["temperature"])
    return head.qualities(vectors)


def _design(rows: Sequence[Row], expert: str, seen: str, quality: Float64s) -> Float64s:
    """(answers, FEATURES); an answer shorter than what is `seen` counts whole."""
    confidences = [row["confidence"][expert] for row in rows]
    try:
        known = [
            TokenConfidence(**confidence.get(seen, confidence["whole"]))
            for confidence in confidences
        ]
    except (KeyError, TypeError) as error:
        raise BadData(f"a confidence of {expert!r} is none: {error}; collect it again") from None
    return np.stack([features(one, q) for one, q in zip(known, quality.tolist(), strict=True)])
