"""Agents and an embedder for tests: words are the axes, so that similarity is plain to see."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from edge_router.agents.catalog.agent import Agent
from edge_router.routing.arrays import Float32s

DIM = 256


class WordEmbedder:
    """Embeds a text as the sum of an axis per word; `embedded` lists every text asked for."""

    def __init__(self, name: str = "words") -> None:
        self.name = name
        self.dim = DIM
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str]) -> Float32s:
        self.embedded += texts
        vectors = np.full((len(texts), DIM), 1e-3, dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().replace(":", " ").replace(",", " ").split():
                vectors[row, zlib.crc32(word.encode()) % DIM] += 1
        length: Float32s = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / length


def agent(name: str, description: str = "", *examples: str, **fields: object) -> Agent:
    return Agent(name, description, examples=examples, **fields)  # type: ignore[arg-type]


WEATHER = agent("weather", "forecast rain sun", "will it rain", "how sunny is it")
FLIGHTS = agent("book_flight", "flight ticket plane", "a plane to Rome", prefix="travel_")
TIMER = agent("timer", "minutes alarm clock", "wake me", "ten minutes")
