"""Confidence from the log-probabilities of a server, beside that from the logits themselves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from edge_router.backends.llama_cpp.confidence import ConfidenceMeter
from edge_router.backends.llama_cpp.xllamacpp.confidence import LogprobMeter

SHARES = np.array([0.5, 0.3, 0.1, 0.06, 0.04])


def entry(token: int, known: int) -> dict[str, Any]:
    """What the server says of a token: its own log-probability and the `known` likeliest."""
    top = [{"logprob": math.log(one)} for one in SHARES[:known]]
    return {"logprob": math.log(SHARES[token]), "top_logprobs": top}


def test_it_says_what_the_logits_say() -> None:
    """With all tokens known the very same; the last token of a cut answer is never counted."""
    meter, server = ConfidenceMeter(), LogprobMeter()
    logits = np.log(SHARES).astype(np.float32)
    written: list[int] = []
    for token in (0, 1, 3):
        meter(np.array(written, dtype=np.intc), logits)
        written.append(token)
        server.take({"content": [entry(token, 5)]}, ended=False)
    expected, result = meter.so_far(), server.so_far()
    assert expected is not None
    assert result is not None
    assert result.tokens == expected.tokens == 2
    assert result.mean_log_probability == pytest.approx(expected.mean_log_probability, abs=1e-6)
    assert result.mean_entropy == pytest.approx(expected.mean_entropy, abs=1e-6)
    assert result.min_margin == pytest.approx(0.2)
    server.take(None, ended=True)
    ended = server.so_far()
    assert ended is not None
    assert ended.tokens == 3


def test_the_rest_is_not_forgotten() -> None:
    """With two known the entropy is a lower bound, and above that of the two alone."""
    server = LogprobMeter()
    server.take({"content": [entry(0, 2)]}, ended=True)
    result = server.so_far()
    assert result is not None
    entropy = -float((SHARES * np.log(SHARES)).sum())
    alone = -float((SHARES[:2] * np.log(SHARES[:2])).sum())
    assert alone < result.mean_entropy < entropy


def test_nothing_is_known_before_the_first_token() -> None:
    """And a piece without log-probabilities adds nothing."""
    server = LogprobMeter()
    server.take(None, ended=False)
    assert server.so_far() is None
