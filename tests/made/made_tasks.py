"""Tasks made for the tests: embeddings that point towards their task, and labelled questions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_router.chat.completion import ChatRequest, Prompt
from edge_router.routing.arrays import Float32s

DIM = 384
WORDS = {"maths": "sum", "law": "court", "history": "king"}  # a question holds its task's word


def embed(prompt: Prompt) -> Float32s:
    """Towards the axis of each word in WORDS that the text holds, and a little of its own."""
    text = ChatRequest.of(prompt).messages[-1].content.lower()
    seed = int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)
    vector = 0.05 * np.random.default_rng(seed).standard_normal(DIM)
    for axis, word in enumerate(WORDS.values()):
        vector[axis] += 3.0 * text.count(word)
    unit: Float32s = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit


def questions(count: int, tasks: Sequence[str] = tuple(WORDS)) -> list[dict[str, Any]]:
    """`count` rows of each task."""
    return [
        {"query": f"Question {n} about a {WORDS.get(task, task)}?", "task": task}
        for n in range(count)
        for task in tasks
    ]


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A file of JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
