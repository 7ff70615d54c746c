"""A cache of decisions: exact on the normalised request, and semantic on its embedding.

As MoMA's (A.2.4): requests in lower case, single blanks, abbreviations expanded. A semantic hit is
a request so near to an earlier one that, on labelled pairs, few such meant different agents.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_router.errors import InvalidAgent
from edge_router.learning.calibration.wrong_hits import semantic_threshold
from edge_router.routing.arrays import Float32s

from .catalog.embedding import Embedder
from .decision import AgentDecision

__all__ = ["ABBREVIATIONS", "DecisionCache", "normalised"]

CAPACITY = 1024
WRONG_HITS = 0.05
ABBREVIATIONS: Mapping[str, str] = {
    "appt": "appointment", "asap": "as soon as possible", "btw": "by the way", "can't": "cannot",
    "don't": "do not", "i'd": "i would", "i'll": "i will", "i'm": "i am", "i've": "i have",
    "info": "information", "isn't": "is not", "it's": "it is", "msg": "message", "pls": "please",
    "plz": "please", "thx": "thanks", "tmrw": "tomorrow", "u": "you", "ur": "your",
    "what's": "what is", "where's": "where is", "who's": "who is", "won't": "will not",
}  # fmt: skip
EDGES = '.,;:!?"()[]'


def normalised(text: str) -> str:
    """The key of a request."""
    words = (word.strip(EDGES) for word in text.replace("\u2019", "'").casefold().split())
    return " ".join(ABBREVIATIONS.get(word, word) for word in words if word)


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    text: str
    context: Hashable
    vector: Float32s
    decision: AgentDecision


class DecisionCache:
    """The last `capacity` decisions. Thread-safe.

    A decision holds for one `context`: the version of the catalogue, the state of the conversation,
    its events. `threshold` is the cosine of a semantic hit; above 1 there is none, and `calibrate`
    sets it.
    """

    def __init__(self, *, threshold: float = 2.0, capacity: int = CAPACITY) -> None:
        if not threshold > 0 or capacity < 1:
            raise InvalidAgent("a cache needs a threshold above 0 and a capacity of 1 or more")
        self.threshold = threshold
        self.hits = {"exact": 0, "semantic": 0, "": 0}
        self._capacity = capacity
        self._entries: OrderedDict[tuple[Hashable, str], _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def calibrate(
        self,
        embedder: Embedder,
        rows: Sequence[tuple[str, str | None]],
        *,
        wrong: float = WRONG_HITS,
    ) -> float:
        """Set the lowest threshold whose hits are wrong with a rate of `wrong` at most.

        `rows` are different requests in the order in which they come, with the names of their
        agents, None for out of scope; each is compared with the nearest before it. 2, for no
        semantic hits, where they are too few to prove any threshold.
        """
        if not 0 < wrong < 1:
            raise InvalidAgent(f"wrong is {wrong!r}; it must lie between 0 and 1")
        vectors = embedder.embed([text for text, _ in rows])
        cosines, same = list[float](), list[bool]()
        for row in range(1, len(rows)):
            earlier = vectors[:row] @ vectors[row]
            best = int(earlier.argmax())
            cosines.append(float(earlier[best]))
            same.append(rows[best][1] == rows[row][1])
        self.threshold = semantic_threshold(cosines, same, wrong=wrong) if cosines else 2.0
        self.clear()
        return self.threshold

    def exact(self, text: str, context: Hashable) -> AgentDecision | None:
        """The decision about the same normalised request in the same context.

        Its arguments are passed on for the very same text only: "note X" is not "note x".
        """
        key = context, normalised(text)
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            self.hits["exact"] += 1
        decision = entry.decision
        if entry.text != text:
            decision = replace(decision, arguments=None, faults=())
        return replace(decision, cached="exact")

    def semantic(
        self, vector: Float32s, context: Hashable, atoms: tuple[str, ...] = ()
    ) -> AgentDecision | None:
        """The decision about the nearest request in the same context that led to the same state,
        whose `atoms` are given, if it is near enough.

        Its arguments are not passed on: they are of other words.
        """
        with self._lock:
            near = [
                one
                for one in self._entries.values()
                if one.context == context and one.decision.state.atoms == atoms
            ]
            if near and self.threshold <= 1:
                cosines = np.stack([one.vector for one in near]) @ vector
                best = int(cosines.argmax())
                if cosines[best] >= self.threshold:
                    self.hits["semantic"] += 1
                    decision = near[best].decision
                    return replace(decision, cached="semantic", arguments=None, faults=())
            self.hits[""] += 1
        return None

    def keep(self, text: str, vector: Float32s, context: Hashable, decision: AgentDecision) -> None:
        with self._lock:
            entry = _Entry(text, context, vector, decision)
            self._entries[context, normalised(text)] = entry
            while len(self._entries) > self._capacity:
                self._entries.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
