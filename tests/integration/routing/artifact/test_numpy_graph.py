"""The encoder in numpy beside the one in onnxruntime, over 1,000 queries."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, permutations
from typing import Any

import numpy as np
from onnx_peer import TO_THE_BIT, agree

from edge_router import Router
from edge_router.learning.enrolment.everyday_questions import everyday_questions
from edge_router.routing.artifact.encoder import OnnxEncoder
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.deciding.decision import Decision

QUERIES = 1_000


def _queries(artifact: RouterArtifact) -> Iterator[str]:
    """The artifact's own known queries, everyday questions, then two of them at a time."""
    known = artifact.known_queries()
    assert known is not None
    texts = [str(text) for text in known.texts if text]
    texts += [question for _, _, question, _ in everyday_questions()]
    yield from texts
    yield from (f"{first}\n{second}" for first, second in permutations(texts[::7], 2))


def _numbers(decision: Decision) -> list[Any]:
    """What the encoder said of the query."""
    assert decision.grounds is not None
    assert decision.grounds.query is not None
    query = decision.grounds.query.representation
    return [query.vector, np.float32(query.log_tokens)]


def test_a_thousand_queries_are_decided_alike_in_numpy(artifact: RouterArtifact) -> None:
    """The same expert for each, from the same numbers to the bit."""
    routers = [
        Router(artifact, bundled.experts, point=bundled.point, encoder=encoder)
        for bundled in [Router.bundled()]
        for encoder in (
            OnnxEncoder(artifact, runtime="numpy"),
            OnnxEncoder(artifact, runtime="onnxruntime"),
        )
    ]
    texts = list(islice(dict.fromkeys(_queries(artifact)), QUERIES))
    assert len(texts) == QUERIES
    flips = differing = 0
    for text in texts:
        ours, theirs = (router.route(text) for router in routers)
        flips += ours.expert != theirs.expert
        differing += not agree(_numbers(ours), _numbers(theirs))
        differing += TO_THE_BIT and ours != theirs
    assert (flips, differing) == (0, 0)
