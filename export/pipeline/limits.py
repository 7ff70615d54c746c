"""Limits of the training outcomes (languages, profiles, lengths), for the artifact's card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from ..data.outcome_set import OutcomeSet

__all__ = ["counted_experts", "limits_of"]

MOST_NAMED = 8
ENGLISH = 0.9
NARROW = 1  # kinds of task


def limits_of(outcomes: OutcomeSet, profiles: Mapping[str, Sequence[str]]) -> list[str]:
    """Sentences about the train rows: languages, profiles that were seen on little, and answers
    whose length nobody counted. `profiles` maps each to its models."""
    train = outcomes.split("train")
    sentences = [_languages(train), *_narrow(train, profiles), _lengths(train)]
    return [sentence for sentence in sentences if sentence]


def counted_experts(train: OutcomeSet) -> set[str]:
    """The experts of which the length of some answer is known."""
    known = ~np.isnan(train.log_tokens)
    return {name for name, rows in zip(train.experts, known.T, strict=True) if rows.any()}


def _languages(train: OutcomeSet) -> str:
    counts = Counter(train.langs.tolist())
    if not counts:
        return ""
    if counts["en"] >= ENGLISH * counts.total():
        return "English mostly." if len(counts) > 1 else "English only."
    shares = (f"{name} {n / counts.total():.0%}" for name, n in counts.most_common(MOST_NAMED))
    return f"Languages of the queries: {', '.join(shares)}."


def _narrow(train: OutcomeSet, profiles: Mapping[str, Sequence[str]]) -> list[str]:
    sentences = []
    for profile, models in profiles.items():
        columns = [train.experts.index(model) for model in models if model in train.experts]
        seen = ~np.isnan(train.scores[:, columns]).all(1) if columns else np.zeros(len(train), bool)
        kinds = sorted(set(train.kinds[seen].tolist()))
        if not kinds:
            sentences.append(f"`{profile}` has seen no outcome; it lies between its neighbours.")
        elif len(kinds) <= NARROW:
            sentences.append(
                f"`{profile}` has seen {len(columns)} model(s) on {kinds[0]} alone, and otherwise "
                "lies between its neighbours."
            )
    return sentences


def _lengths(train: OutcomeSet) -> str:
    counted = counted_experts(train)
    lacking = [name for name in train.experts if name not in counted]
    if not lacking:
        return ""
    if not counted:
        return (
            "No row has output_tokens or out_chars: the lengths of answers, and so costs and "
            "times, are those of the shipped router's profiles."
        )
    named = ", ".join(lacking[:MOST_NAMED]) + (", ..." if len(lacking) > MOST_NAMED else "")
    return (
        f"Nobody counted the tokens of {len(lacking)} experts' answers ({named}): they are taken "
        "to be as long as the others'."
    )
