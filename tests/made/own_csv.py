"""A made CSV of scores: on sums the small expert is mostly wrong, on capitals mostly right."""

from __future__ import annotations

import csv
import random
from pathlib import Path

COUNTRIES = ("France", "Japan", "Peru", "Kenya", "Norway", "Chile", "Egypt", "Nepal")


def own_csv(path: Path, *, count: int = 500, seed: int = 0) -> Path:
    """Write `count` queries with the scores of two experts, small and big."""
    draw = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["query", "small", "big"])
        for number in range(count):
            hard = number % 2 == 1
            country = COUNTRIES[number // 2 % len(COUNTRIES)]
            query = (
                f"Prove that the sum of the first {number} odd numbers is a square, step by step."
                if hard
                else f"What is the capital of {country}? Answer number {number} in one word."
            )
            small = draw.random() < (0.15 if hard else 0.95)
            lines.writerow([query, int(small), int(draw.random() < 0.95)])
    return path
