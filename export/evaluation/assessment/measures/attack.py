"""Attack: a prefix or suffix that moves the cloud share of whatever message it is put to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np

from ..everyday_messages import everyday_messages, known_words
from ..random_search import Direction, Found, Place, attacked, random_search
from ..result import Cell, MeasureTable, Result
from ..setting import Setting
from ..subject import Readings

__all__ = ["attack"]

SEARCHED = 32  # messages that a trigger is tried on
JUDGED = 300  # other messages that the best one is judged on
POINT = "balanced"
LOCAL = "135m"

TEXT = (
    f"A random search over {SEARCHED} messages of the split for twelve words that move the share "
    f"of queries sent to the cloud up or down ({LOCAL} on the device or frontier, at the "
    f"artifact's own {POINT} point), judged on up to {JUDGED} other messages. At half: the same "
    "words where the point sends half of the clean messages to the cloud."
)


def attack(setting: Setting) -> Result:
    """Both directions in front and behind, after half of the evaluations and after all."""
    messages = [one.text for one in everyday_messages(setting, SEARCHED + JUDGED)]
    searched, judged = messages[:SEARCHED], messages[SEARCHED:] or messages
    words = known_words(setting)
    clean = setting.subject.read_once(judged)
    stored = setting.subject.least_gain(LOCAL, POINT)
    half = float(np.median(clean.gain(LOCAL)))
    rows: list[tuple[Cell, ...]] = []
    triggers: list[tuple[Cell, ...]] = []
    for place in get_args(Place):
        for direction in get_args(Direction):
            search = _Search(setting, searched, place, direction, stored)
            for one in search.run(words):
                read = setting.subject.read_once([attacked(t, one.trigger, place) for t in judged])
                name = f"{place}, {direction}, after {one.evaluations}"
                before, after = _share(clean, stored), _share(read, stored)
                moved = (before, after, after - before, _share(read, half) - _share(clean, half))
                rows.append((name, len(judged), *moved))
                triggers.append((name, one.trigger))
    header = (
        "search",
        "messages",
        "clean cloud share",
        "attacked",
        "moved by",
        "at half, moved by",
    )
    return Result(
        "attack",
        "Attack by a fixed prefix or suffix",
        (TEXT,),
        (
            MeasureTable("Cloud share under attack", header, tuple(rows)),
            MeasureTable("Words that were used", ("search", "words"), tuple(triggers)),
        ),
    )


class _Search:
    """One search: what a trigger is worth is the share moved, then the mean gain moved."""

    def __init__(
        self,
        setting: Setting,
        messages: Sequence[str],
        place: Place,
        direction: Direction,
        least: float,
    ) -> None:
        self._setting, self._messages, self._place = setting, messages, place
        self._sign = 1.0 if direction == "up" else -1.0
        self._least = least

    def run(self, words: Sequence[str]) -> list[Found]:
        budget = self._setting.evaluations
        return random_search(
            self._worth,
            words,
            evaluations=budget,
            seed=self._setting.seed,
            marks=(budget // 2,),
        )

    def _worth(self, trigger: str) -> tuple[float, float]:
        texts = [attacked(text, trigger, self._place) for text in self._messages]
        read = self._setting.subject.read_once(texts)
        gain = float(read.gain(LOCAL).mean())
        return self._sign * _share(read, self._least), self._sign * gain


def _share(read: Readings, least: float) -> float:
    """Of the messages that go to the cloud."""
    return float((read.gain(LOCAL) >= least).mean())
