"""Labelled questions of the study, and their embeddings, each computed once and kept."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_router.chat.completion import ChatRequest, Prompt
from edge_router.routing.arrays import Float32s
from edge_router.routing.router import Router
from edge_router.tasks.labelled import LabelledQuestion

from ...data.npz_cache import kept
from ...data.rows import BadData, query_key, require_there, split_of

__all__ = ["EMBEDDED", "FEW", "embedder", "opseval"]

EMBEDDED = "embeddings-{hash}-{digest}.npz"
FEW = "few"  # the split of the data set's own examples, five a task


def opseval(data: Path) -> list[LabelledQuestion]:
    """OpsEval's questions (Liu et al. 2023) with their options, in English and Chinese; the task is
    the name of their file. The examples that it ships for few-shot prompts, five a task, are the
    split "few", the others are split by the hash of the question. Raises NoSuchFile, BadData."""
    folder = data / "queries" / "opseval"
    questions: dict[str, LabelledQuestion] = {}
    for part, split in (("dev", FEW), ("test", None)):
        require_there(folder / part)
        for path in sorted((folder / part).iterdir()):
            for item in _items(path):
                text = _text(item)
                key = query_key(text)
                task = path.name.split(".")[0]
                request = ChatRequest.of(text)
                question = LabelledQuestion(request, task, split or split_of(key))
                questions.setdefault(key, question)
    return list(questions.values())


def _items(path: Path) -> list[dict[str, Any]]:
    content = path.read_bytes()
    items = json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)
    if not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
        raise BadData(f"{path} must be a list of questions")
    return items


def _text(item: dict[str, Any]) -> str:
    """The question, with its options where it does not hold them already."""
    question, options = str(item["question"]), item.get("choices") or []
    if not options or "A:" in question:
        return question
    lettered = (f"{chr(ord('A') + n)}: {option}" for n, option in enumerate(options))
    return "\n".join([question, *lettered])


def embedder(
    router: Router, questions: Sequence[LabelledQuestion], work: Path
) -> Callable[[Prompt], Float32s]:
    """`router.embed`, that of `questions` computed once and kept in `work`: one at a time, as in
    serving. Any other text is embedded once a run."""
    texts = [one.text for one in questions]
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
    path = work / EMBEDDED.format(hash=router.artifact.hash[:16], digest=digest)
    arrays = kept(path, lambda: {"vectors": np.stack([router.embed(text) for text in texts])})
    known = dict(zip(texts, arrays["vectors"], strict=True))

    def embed(prompt: Prompt) -> Float32s:
        text = ChatRequest.of(prompt).messages[-1].text
        if text not in known:
            known[text] = router.embed(prompt)
        vector: Float32s = known[text]
        return vector

    return embed
