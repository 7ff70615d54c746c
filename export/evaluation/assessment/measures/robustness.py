"""Metamorphic test: messages changed without changing what they ask, and the choices compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from edge_router.chat.completion import CHARACTERS_PER_TOKEN
from edge_router.routing.arrays import Float64s, Places

from ....metrics.agreement import means
from ....metrics.apgr import with_interval
from ..everyday_messages import Message, everyday_messages
from ..perturbations import PERTURBATIONS
from ..reference_prices import reference_expenses
from ..result import Cell, MeasureTable, Result
from ..setting import PricePoint, Setting
from ..subject import SIZES, Readings

__all__ = ["robustness"]

Decide = Callable[[Readings, Sequence[str]], Places]

MESSAGES = 500
POINT = "balanced"
LOCAL = "135m"


def robustness(setting: Setting) -> Result:
    """Share of equal choices, and how far the cloud share moves, per change and language."""
    messages = everyday_messages(setting, MESSAGES)
    texts = [message.text for message in messages]
    rules = _rules(setting)
    before = {name: rule(setting.subject.read(texts), texts) for name, rule in rules.items()}
    same: dict[str, list[Float64s]] = {name: [] for name in rules}
    rows: list[tuple[Cell, ...]] = []
    for change, perturb in PERTURBATIONS.items():
        changed = [perturb(message.text, message.language) for message in messages]
        read = setting.subject.read_once(changed)
        after = {name: rule(read, changed) for name, rule in rules.items()}
        cells: list[Cell] = []
        for name in rules:
            equal = (after[name] == before[name]).astype(np.float64)
            same[name].append(equal)
            cells += [
                with_interval(partial(means, equal), setting.counts(len(equal))),
                float(_cloud(after[name]).mean() - _cloud(before[name]).mean()),
            ]
        rows.append((change, len(texts), *cells))
    header = [(f"same choice, {name}", f"cloud share moves by, {name}") for name in rules]
    clean = tuple((name, float(_cloud(choice).mean())) for name, choice in before.items())
    return Result(
        "robustness",
        "Robustness to wording",
        (TEXT,),
        (
            MeasureTable(
                "Changed messages",
                ("change", "messages", *(h for two in header for h in two)),
                tuple(rows),
            ),
            _by_language(messages, same),
            MeasureTable("Cloud share of the messages as they are", ("rule", "share"), clean),
        ),
    )


TEXT = (
    f"Up to {MESSAGES} everyday messages, each changed without changing what it asks for. "
    f"Stored: {LOCAL} on the device or frontier at the artifact's own {POINT} point; by price: the "
    f"same two and 3b or frontier at the price of {POINT}; six: all sizes by the price rule."
)


def _rules(setting: Setting) -> Mapping[str, Decide]:
    stored, point = setting.subject.least_gain(LOCAL, POINT), setting.points[POINT]
    return {
        "stored": lambda read, _: _two(read, LOCAL, stored),
        "by price": lambda read, _: _two(read, LOCAL, point.price),
        "3b by price": lambda read, _: _two(read, "3b", point.price),
        "six": lambda read, texts: _six(setting, read, texts, point),
    }


def _two(read: Readings, local: str, least: float) -> Places:
    """The number of the size asked: that of `local`, or the last."""
    asked = read.gain(local) >= least
    numbers: Places = np.where(asked, len(SIZES) - 1, SIZES.index(local))
    return numbers


def _six(setting: Setting, read: Readings, texts: Sequence[str], point: PricePoint) -> Places:
    tokens = np.array([len(text) / CHARACTERS_PER_TOKEN for text in texts])
    expense = reference_expenses(setting.recipe, SIZES, tokens, read.log_tokens)
    return point.chosen(read.qualities, expense)


def _cloud(choice: Places) -> Float64s:
    """1 where one of the three largest sizes is asked, else 0."""
    cloud: Float64s = (choice > SIZES.index("3b")).astype(np.float64)
    return cloud


def _by_language(messages: Sequence[Message], same: Mapping[str, list[Float64s]]) -> MeasureTable:
    """Means over all changes."""
    languages = np.array([message.language for message in messages])
    equal = {name: np.mean(parts, axis=0) for name, parts in same.items()}
    rows: list[tuple[Cell, ...]] = [
        ("all", len(languages), *(float(values.mean()) for values in equal.values()))
    ]
    for language in sorted(set(languages.tolist())):
        of = languages == language
        cells = (float(values[of].mean()) for values in equal.values())
        rows.append((language, int(of.sum()), *cells))
    header = ("language", "messages", *(f"same choice, {name}" for name in same))
    return MeasureTable("Same choice by language, all changes", header, tuple(rows))
