"""Thirty queries to read by eye: estimates of six sizes, answer length, choices at three points."""

from __future__ import annotations

import numpy as np

from edge_router.chat.completion import estimated_tokens

from ..reference_prices import reference_expenses
from ..result import Cell, MeasureTable, Result
from ..setting import Setting
from ..subject import REFERENCE_SIZE, SIZES, Readings

__all__ = ["QUERIES", "sanity"]

QUERIES = (
    "hi",
    "yes",
    "thanks, that helped a lot!",
    "What is the capital of France?",
    "What is the opposite of hot?",
    "Who won the women's 800 m at the 1974 European Championships?",
    "What's the weather like tomorrow?",
    "turn on the lights in the living room",
    "set an alarm for 7",
    "What is 2 + 2?",
    "What is 17 * 243 - 58?",
    "Prove that e is irrational.",
    "Write a haiku about rain.",
    "Write a 600 word essay on the causes of the First World War, with sources.",
    "Write a lock-free hash map in C++ with safe memory reclamation.",
    "Fix this Python bug: for i in range(10) print(i)",
    "print hello world in python",
    "Translate 'good morning' into Spanish.",
    "Summarise in one sentence: Tom missed the bus, so he walked to school and was late.",
    "Give me five names for a cat.",
    "My friend died last week and I don't know how to go on.",
    "Plan a three day trip to Rome with two small children and a budget of 500 euros.",
    "A bat and a ball cost 1.10 together, the bat costs 1 more than the ball. What is the ball?",
    "Which of these is a mammal? A) trout B) dolphin C) eagle D) ant",
    "I take warfarin. May I take ibuprofen for my back?",
    "asdkfj qwpoei zzxcv",
    "法国的首都是哪里?",
    "ما هي عاصمة فرنسا؟",
    "Wie koche ich ein weiches Ei?",
    "Beweise, dass die Wurzel aus 2 irrational ist.",
)
LOCAL, CLOUD = "local", "cloud"


def sanity(setting: Setting) -> Result:
    """Choices among six sizes at reference prices, and of 135m on the device against frontier."""
    read = setting.subject.read(QUERIES)
    six = reference_expenses(setting.recipe, SIZES, _input_tokens(), read.log_tokens)
    picks = [point.chosen(read.qualities, six) for point in setting.points.values()]
    rows: list[tuple[Cell, ...]] = []
    for number, query in enumerate(QUERIES):
        estimates = [f"{quality:.0%}" for quality in read.qualities[number].tolist()]
        tokens = round(float(np.exp(read.log_tokens[number].mean())))
        choices = [SIZES[pick[number]] for pick in picks]
        rows.append((query, *estimates, tokens, *choices, _two(setting, read, number)))
    text = (
        "135m, 1b and 3b are free on the device, the others cost the recipe's reference prices. "
        "The last column is 135m on the device against frontier at the same three prices."
    )
    header = (
        "query",
        *SIZES,
        "answer tokens",
        *(f"{name} ({point.price:g})" for name, point in setting.points.items()),
        f"135m or {REFERENCE_SIZE}",
    )
    return Result(
        "sanity",
        "Thirty queries to read by eye",
        (text,),
        (MeasureTable("Estimates and choices", header, tuple(rows)),),
    )


def _input_tokens() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([float(estimated_tokens(len(query))) for query in QUERIES])


def _two(setting: Setting, read: Readings, number: int) -> str:
    two = read.qualities[number, [SIZES.index("135m"), SIZES.index(REFERENCE_SIZE)]]
    expense = np.array([0.0, 1.0])
    picks = (point.chosen(two, expense) for point in setting.points.values())
    return " ".join((LOCAL, CLOUD)[int(pick)] for pick in picks)
