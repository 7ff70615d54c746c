"""Enrolment: quality of heads fitted to few outcomes of experts that the encoder never saw."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edge_router.learning.enrolment.head_fit import Enrolment, EnrolmentOutcomes, HeadPrior
from edge_router.learning.enrolment.optimal_design import most_informative
from edge_router.routing.arrays import Float64s
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.experts.expert import find_head
from edge_router.routing.logistic import sigmoid, with_bias

from ...data.outcome_set import OutcomeSet, outcome_set
from ...data.rows import BadData, read_rows
from ...graphs.represent import Representations
from ...metrics.apgr import apgr, bootstrap

__all__ = ["Pair", "StudySetting", "study"]

Rows = npt.NDArray[np.int64]

TABLE = "mmlu_test_joint"
NEW = ("Llama-3.2-1B-Instruct", "deepseek-v3")


@dataclass(frozen=True, slots=True)
class Pair:
    """A weak and a strong expert; those not among NEW are the artifact's own."""

    weak: str
    strong: str


PAIRS = (
    Pair("Llama-3.2-1B-Instruct", "deepseek-v3"),
    Pair("Llama-3.2-1B-Instruct", "gpt-4-1106-preview"),
    Pair("mixtral-8x7b-instruct", "deepseek-v3"),
)


@dataclass(frozen=True, slots=True)
class StudySetting:
    """`sizes` are numbers of train rows, drawn `draws` times out of the first `pool` by query hash
    (None: all); chosen queries are picked from `candidates` of the same draw."""

    sizes: tuple[int, ...] = (50, 100, 200, 500)
    draws: int = 20
    pool: int | None = None
    candidates: int = 1000
    seed: int = 0


@dataclass(frozen=True, slots=True)
class _Half:
    """One side of the split: a design (queries, parameters) and scores by expert (queries,)."""

    design: Float64s
    scores: dict[str, Float64s]

    def __len__(self) -> int:
        return len(self.design)


@dataclass(frozen=True, slots=True)
class _Judged:
    """One draw of rows: APGR by pair, cross-entropy and seconds of the fit by new expert."""

    apgr: list[float]
    losses: list[float]
    seconds: list[float]


def study(
    artifact: RouterArtifact, data: Path, work: Path, setting: StudySetting
) -> dict[str, Any]:
    """All pairs at all sizes, random and chosen queries on the same draws.

    `data` holds outcomes/; representations are kept in `work`. Raises BadData, BadRow.
    """
    before = _digest(artifact)
    train, test = _halves(artifact, data, work, setting.pool)
    prior = HeadPrior.of_artifact(artifact)
    bench = _Bench(artifact, prior, train, test)
    findings = {
        "artifact": artifact.manifest.name,
        "artifact_hash": artifact.hash,
        "table": TABLE,
        "train_rows": len(train),
        "test_rows": len(test),
        "setting": asdict(setting),
        "full": bench.full(),
        "sizes": [_size(bench, count, setting) for count in setting.sizes],
    }
    return findings | {
        "encoder_unchanged": before == _digest(artifact),
        "torch_imported": "torch" in sys.modules,
    }


class _Bench:
    """Fits heads on train rows and measures them on the test rows."""

    def __init__(
        self, artifact: RouterArtifact, prior: HeadPrior, train: _Half, test: _Half
    ) -> None:
        self.prior, self.train, self.test = prior, train, test
        self._known = {
            name: self._known_quality(artifact, name)
            for pair in PAIRS
            for name in (pair.weak, pair.strong)
            if name not in NEW
        }
        self._full: dict[str, Float64s] = {
            name: self.enrol(name, np.arange(len(train)))[0] for name in NEW
        }
        self.full_apgr = [self._apgr(pair, self._full) for pair in PAIRS]

    def enrol(self, name: str, rows: Rows) -> tuple[Float64s, float]:
        """Quality (test queries,) by a head enrolled from train `rows`, and the seconds it took."""
        nothing = np.full(len(rows), np.nan)
        outcomes = EnrolmentOutcomes(
            self.train.design[rows, 1:], np.zeros(len(rows)), self.train.scores[name][rows], nothing
        )
        start = time.perf_counter()
        enrolment = Enrolment.fit(self.prior, outcomes)
        seconds = time.perf_counter() - start
        return sigmoid(self.test.design @ enrolment.belief.mean), seconds

    def full(self) -> list[dict[str, Any]]:
        """APGR of heads fitted on all train rows, with bootstrap intervals over test rows."""
        return [self._full_row(pair) for pair in PAIRS]

    def judge(self, rows: Rows) -> _Judged:
        """Heads of NEW enrolled from train `rows`."""
        enrolled = {name: self.enrol(name, rows) for name in NEW}
        quality = {name: each for name, (each, _) in enrolled.items()}
        losses = [_cross_entropy(quality[name], self.test.scores[name]) for name in NEW]
        apgrs = [self._apgr(pair, quality) for pair in PAIRS]
        return _Judged(apgrs, losses, [seconds for _, seconds in enrolled.values()])

    def _full_row(self, pair: Pair) -> dict[str, Any]:
        gains = self._gains(pair, self._full)
        weak, strong = self.test.scores[pair.weak], self.test.scores[pair.strong]
        interval = bootstrap(lambda r: apgr(gains[r], weak[r], strong[r]), len(weak), repeats=200)
        return asdict(pair) | {"apgr": [interval.value, interval.low, interval.high]}

    def _gains(self, pair: Pair, quality: dict[str, Float64s]) -> Float64s:
        everyone = self._known | quality
        return everyone[pair.strong] - everyone[pair.weak]

    def _apgr(self, pair: Pair, quality: dict[str, Float64s]) -> float:
        weak, strong = self.test.scores[pair.weak], self.test.scores[pair.strong]
        return apgr(self._gains(pair, quality), weak, strong)

    def _known_quality(self, artifact: RouterArtifact, name: str) -> Float64s:
        head = find_head(artifact.experts, name, artifact.calibration["temperature"])
        return head.qualities(self.test.design[:, 1:])


def _size(bench: _Bench, count: int, setting: StudySetting) -> dict[str, Any]:
    generator = np.random.default_rng([setting.seed, count])
    prior = bench.prior.for_design()
    random, chosen = [], []
    for _ in tqdm(range(setting.draws), desc=f"{count} rows", leave=False):
        drawn = generator.permutation(len(bench.train))[: max(count, setting.candidates)]
        picked = drawn[most_informative(prior, bench.train.design[drawn], count)]
        random.append(bench.judge(drawn[:count]))
        chosen.append(bench.judge(picked))
    seconds = [second for judged in (*random, *chosen) for second in judged.seconds]
    return {
        "rows": count,
        "seconds_per_fit": {"median": float(np.median(seconds)), "max": float(np.max(seconds))},
        "pairs": [
            asdict(pair)
            | _pair(bench.full_apgr[number], _apgrs(random, number), _apgrs(chosen, number))
            for number, pair in enumerate(PAIRS)
        ],
        "experts": [
            {"expert": name} | _losses(_loss_of(random, number), _loss_of(chosen, number))
            for number, name in enumerate(NEW)
        ],
    }


def _apgrs(drawn: Sequence[_Judged], pair: int) -> Float64s:
    return np.array([judged.apgr[pair] for judged in drawn])


def _loss_of(drawn: Sequence[_Judged], expert: int) -> Float64s:
    return np.array([judged.losses[expert] for judged in drawn])


def _pair(full: float, random: Float64s, chosen: Float64s) -> dict[str, Any]:
    """APGR (draws,) of the same draws; the way is the share of that from random to `full`."""
    return {
        "apgr_random": _spread(random),
        "apgr_chosen": _spread(chosen),
        "way_random": _spread((random - 0.5) / (full - 0.5)),
        "way_chosen": _spread((chosen - 0.5) / (full - 0.5)),
        "chosen_better_by": _spread(chosen - random),
    }


def _losses(random: Float64s, chosen: Float64s) -> dict[str, Any]:
    """Cross-entropy (draws,) of the same draws."""
    return {
        "log_loss_random": _spread(random),
        "log_loss_chosen": _spread(chosen),
        "chosen_better_by": _spread(random - chosen),
    }


def _spread(values: Float64s) -> dict[str, float]:
    """Mean over draws, a 95 % interval of the mean (normal), and the middle 95 % of the draws."""
    low, high = np.percentile(values, [2.5, 97.5]).tolist()
    error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
    mean = float(np.mean(values))
    ends = {"mean_low": mean - 1.96 * error, "mean_high": mean + 1.96 * error}
    return {"mean": mean, **ends, "draws_low": low, "draws_high": high}


def _halves(
    artifact: RouterArtifact, data: Path, work: Path, pool: int | None
) -> tuple[_Half, _Half]:
    """Train rows (the first `pool` by query hash) and test rows of all experts of PAIRS."""
    outcomes = _joined(artifact, data)
    order = np.argsort(np.array(outcomes.qkeys))
    names = {name for pair in PAIRS for name in (pair.weak, pair.strong)}
    halves = []
    representations = Representations.of_artifact(artifact, work)
    for split, limit in (("train", pool), ("test", None)):
        known = ~np.isnan([outcomes.column(name) for name in sorted(names)]).any(axis=0)
        rows = order[(known & (outcomes.splits == split))[order]][:limit]
        texts = [outcomes.texts[row] for row in rows]
        scores = {name: outcomes.column(name)[rows].astype(np.float64) for name in names}
        halves.append(_Half(with_bias(representations.of(texts)), scores))
    return halves[0], halves[1]


def _joined(artifact: RouterArtifact, data: Path) -> OutcomeSet:
    """The table of new experts, with the known experts' outcomes on the same queries."""
    paths = [
        data / "outcomes" / folder / f"{TABLE}.jsonl.gz" for folder in ("evaluate_only", "open")
    ]
    if missing := [path for path in paths if not path.exists()]:
        raise BadData(f"{missing[0]} is not there; give the folder that holds outcomes/")
    new, known = (list(read_rows(path)) for path in paths)
    scores = {row["qkey"]: row["score"] for row in known}
    rows = [row | {"score": row["score"] | scores.get(row["qkey"], {})} for row in new]
    return outcome_set({TABLE: rows}, artifact.manifest.max_chars)


def _cross_entropy(quality: Float64s, scores: Float64s) -> float:
    return float(-np.mean(scores * np.log(quality) + (1 - scores) * np.log(1 - quality)))


def _digest(artifact: RouterArtifact) -> str:
    return hashlib.sha256(artifact.encoder_path.read_bytes()).hexdigest()
