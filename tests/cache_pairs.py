"""What the answer cache serves of paraphrases and of traps: python -m tests.cache_pairs

On questions labelled by hand (tests/made/samples/questions_reworded.txt), of which one half was in
sight when guards and weights were made, and the other half is only reported; then on conversations
made of them. All kept questions lie in one cache, and an answer counts as served rightly where it
is that of the right question. Rows are kinds. Options: --dev for the first half, --misses for what
went wrong, --fit to calibrate `layers/cache/similarity.json` anew for the shipped router, from the
first half alone.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edge_router.chat.request import ChatRequest
from edge_router.layers.cache.alignment import FEATURES, features
from edge_router.layers.cache.cache import AnswerCache
from edge_router.layers.cache.guards import difference
from edge_router.layers.cache.reading import reading
from edge_router.layers.cache.similarity import LEAST_COSINE, SHIPPED, WORD_COSINE, Weights
from edge_router.layers.cache.store import Kept
from edge_router.learning.calibration.wrong_hits import fitted_weights, semantic_threshold
from edge_router.routing.arrays import Float32s, Float64s
from edge_router.routing.logistic import sigmoid, with_bias
from edge_router.routing.router import Router
from edge_router.settings.config import Config

sys.path.append(str(Path(__file__).parent / "made"))
from reworded import Group, Pair, elsewhere, groups, pairs, talks

WRONG, DELTA = 0.05, 0.1
FOLDS = 6
STEPS = 20
SEED = 5


@dataclass(slots=True)
class Served:
    """How many were asked and served by kind, which kinds are the same, and what went wrong."""

    asked: Counter[str] = field(default_factory=Counter)
    served: Counter[str] = field(default_factory=Counter)
    same: dict[str, bool] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def take(self, kind: str, text: str, *, same: bool, served: bool) -> None:
        """Count one."""
        self.asked[kind] += 1
        self.served[kind] += served
        self.same[kind] = same
        if same != served:
            self.wrong.append(f"{kind}: {text}")

    def rate(self, *, same: bool) -> float:
        """The share that was served of all kinds that are the same, or are not."""
        kinds = [kind for kind, one in self.same.items() if one is same]
        return sum(self.served[k] for k in kinds) / max(1, sum(self.asked[k] for k in kinds))

    def report(self) -> Iterator[str]:
        for kind in sorted(self.asked, key=lambda one: (not self.same[one], one)):
            share = self.served[kind] / self.asked[kind]
            yield f"{kind:22} {self.served[kind]:4} of {self.asked[kind]:4} {share:7.1%}"
        yield f"{'to be served':22} {self.rate(same=True):20.1%}"
        yield f"{'traps':22} {self.rate(same=False):20.1%}"


class Asked:
    """A cache in a folder, and a router that decides; nothing is asked of any expert."""

    def __init__(self, folder: str) -> None:
        config = Config(data_dir=folder, cache={"mode": "semantic"})  # type: ignore[arg-type]
        self.router = Router.from_config(config)
        self.cache = AnswerCache.from_config(config, self.router.artifact, self.router.embed)

    def keep(self, request: ChatRequest, answer: str) -> None:
        """Keep an answer."""
        decision = self.router.route(request)
        place = self.cache.place(request, decision)
        if place is not None:
            vector = self.router.embedding(request, decision)
            kept = Kept(decision.expert, "made", answer, question=place.question, vector=vector)
            self.cache.keep(place, kept)

    def find(self, request: ChatRequest) -> str | None:
        """The answer that is given again."""
        decision = self.router.route(request)
        place = self.cache.place(request, decision)
        if place is None:
            return None
        hit = self.cache.find(place, decision, lambda: self.router.embedding(request, decision))
        return None if hit is None else hit.stored.kept.answer


def served_pairs(known: Sequence[Group]) -> Served:
    """With every question of them in one cache."""
    result = Served()
    with tempfile.TemporaryDirectory() as folder:
        asked = Asked(folder)
        for group in known:
            asked.keep(ChatRequest.of(group.question), group.question)
        for pair in (pair for group in known for pair in group.pairs):
            answer = asked.find(ChatRequest.of(pair.asked))
            served = answer is not None and (not pair.same or answer == pair.kept)
            text = f"{pair.asked} | {pair.kept}"
            result.take(pair.kind, text, same=pair.same, served=served)
        asked.cache.close()
    return result


def served_talks(half: int, seed: int = SEED) -> Served:
    """Conversations that all lie in one cache."""
    result = Served()
    with tempfile.TemporaryDirectory() as folder:
        asked = Asked(folder)
        made = list(talks(half, seed))
        for number, talk in enumerate(made):
            asked.keep(talk.kept, str(number))
        for number, talk in enumerate(made):
            answer = asked.find(talk.asked)
            served = answer is not None and (not talk.same or answer == str(number))
            result.take(talk.kind, talk.asked.question, same=talk.same, served=served)
        asked.cache.close()
    return result


def fitted() -> Weights:
    """Weights and threshold for the shipped router, by the first half of the pairs.

    The threshold is that of pairs which the weights were not fitted on: groups are left out in
    turn. A pair that a guard tells apart is no hit of any threshold.
    """
    router, known = Router.from_config(Config()), pairs(0)
    open_to_doubt = [pair for pair in known if not _told_apart(pair)]
    design = np.array([_features(pair, router.embed) for pair in open_to_doubt])
    same = np.array([pair.same for pair in open_to_doubt])
    order = {group.question: number for number, group in enumerate(groups(0))}
    fold = np.array([order[pair.kept] % FOLDS for pair in open_to_doubt])
    scores = np.zeros(len(same))
    for held in range(FOLDS):
        weights = fitted_weights(design[fold != held], same[fold != held].tolist())
        scores[fold == held] = sigmoid(with_bias(design[fold == held]) @ weights)
    steps = np.floor(scores * STEPS) / STEPS  # so that the first threshold has hits to prove it by
    threshold = semantic_threshold(steps.tolist(), same.tolist(), wrong=WRONG, delta=DELTA)
    parameters = fitted_weights(design, same.tolist())
    return Weights(router.artifact.hash, parameters, threshold, WRONG, DELTA, len(known))


def _told_apart(pair: Pair) -> bool:
    return difference(reading(pair.asked), reading(pair.kept)) is not None


def _features(pair: Pair, embed: Callable[[str], Float32s]) -> Float64s:
    ours, theirs = reading(pair.asked), reading(pair.kept)
    cosine = float(embed(pair.asked) @ embed(pair.kept))
    return features(ours, theirs, cosine, embed=embed, word_cosine=WORD_COSINE)


def _print(title: str, served: Served, *, misses: bool) -> None:
    print(title)
    _lines(served.report())
    if misses:
        _lines(f"  {one}" for one in served.wrong)


def _lines(lines: Iterable[str]) -> None:
    print(*lines, sep="\n")


if __name__ == "__main__":
    options = sys.argv[1:]
    if "--fit" in options:
        made = fitted()
        SHIPPED.write_text(json.dumps(made.to_json(), indent=1) + "\n", encoding="utf-8")
        print(dict(zip(("bias", *FEATURES), made.parameters.round(2), strict=True)))
        print(f"threshold {made.threshold}, cosines from {LEAST_COSINE}")
    chosen = 0 if "--dev" in options else 1
    misses = "--misses" in options
    _print("pairs", served_pairs(groups(chosen)), misses=misses)
    _print("pairs of another author", served_pairs(elsewhere()), misses=misses)
    _print("conversations", served_talks(chosen), misses=misses)
