"""Drift: the monitor's false alarms without drift, and queries until an alarm with it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_router.chat.completion import ChatRequest
from edge_router.errors import ArtifactIncompatible
from edge_router.guards.json_lines import json_lines
from edge_router.learning.drift.mmd_test import LOOKS, DriftReference, traffic_of
from edge_router.learning.drift.monitor import DriftMonitor
from edge_router.learning.drift.traffic import Traffic, TrafficView
from edge_router.routing.artifact.known_queries import KnownQueries
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.representation import Representation
from edge_router.routing.artifact.text import router_input

from ..data.outcome_set import load_tables
from ..data.rows import BadData
from ..graphs.represent import Representations
from ..recipe import SHIPPED, Recipe

__all__ = ["drift_markdown", "drift_study", "live_queries"]

RATES = (0.01, 0.05, 0.1)
STREAMS_A_SPLIT = 20
JOINED = 10  # texts that make one query 10 times as long
MOST = 400  # queries of a source
HELD_OUT = 3000
NO_DRIFT = "held-out rows, no drift"
CHINESE = "一", "鿿"


def drift_study(
    artifact: RouterArtifact, data: Path, *, streams: int, work: Path, seed: int = 0
) -> dict[str, Any]:
    """Figures for `drift_markdown`. `data` is the folder with queries/.

    Raises ArtifactIncompatible for an artifact without known queries, FileNotFoundError.
    """
    known = artifact.known_queries()
    if known is None:
        raise ArtifactIncompatible("the artifact carries no known queries; export it again")
    random = np.random.default_rng(seed)
    reference = DriftReference.of(artifact, seed=seed)
    return {
        "artifact": artifact.hash,
        "known": len(known),
        "looks": list(LOOKS),
        "seed": seed,
        "without_drift": _false_alarms(artifact, known, streams, random),
        "drift": {
            name: _alarms(reference, _traffic(artifact, texts, work), streams // 4, random)
            for name, texts in live_queries(data, _held_out_texts(data, seed)).items()
        },
    }


def _held_out_texts(data: Path, seed: int) -> list[str]:
    """HELD_OUT rows of the test split of all tables that the known queries are of, shuffled: the
    same mixture, and nothing in common. The known queries are the dev rows, so that a table gives
    at most as many rows as its dev split has."""
    random = np.random.default_rng(seed)
    texts: list[str] = []
    for rows in load_tables(data, Recipe.load(SHIPPED).own_outcomes).values():
        known = sum(row["split"] == "dev" for row in rows)
        test = [row["query"] for row in rows if row["split"] == "test"]
        texts += [test[row] for row in random.permutation(len(test))[:known]]
    return [texts[row] for row in random.permutation(len(texts))[:HELD_OUT]]


def live_queries(data: Path, held_out: Sequence[str]) -> dict[str, list[str]]:
    """Texts by kind: `held_out` as they are, and with drift Chinese, code and 10 times as long."""
    joined = [held_out[start : start + JOINED] for start in range(0, len(held_out), JOINED)]
    mbpp = [row["text"] for row in _json_lines(data / "queries/mbpp/mbpp.jsonl.gz")]
    human = [row["prompt"] for row in _json_lines(data / "queries/humaneval/HumanEval.jsonl.gz")]
    return {
        NO_DRIFT: list(held_out),
        "Chinese (OpsEval)": list(_chinese(data))[:MOST],
        "code (MBPP)": mbpp[:MOST],
        "code (HumanEval)": human[:MOST],
        "10 times as long (held-out rows joined)": [" ".join(few) for few in joined],
    }


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    for _, row in json_lines(path, BadData):
        yield row


def _chinese(data: Path) -> Iterator[str]:
    """Questions of which half the characters or more are Chinese."""
    for path in sorted((data / "queries/opseval/test").glob("*.json")):
        for row in json.loads(path.read_text(encoding="utf-8")):
            text = row["question"]
            if 2 * sum(CHINESE[0] <= c <= CHINESE[1] for c in text) >= len(text) > 0:
                yield text


def _traffic(artifact: RouterArtifact, texts: Sequence[str], work: Path) -> Traffic:
    read = [router_input(ChatRequest.of(text), artifact.manifest.max_chars) for text in texts]
    vectors, log_tokens = Representations.of_artifact(artifact, work).with_lengths(read)
    characters = np.array([len(text) for text in texts])
    return Traffic(vectors.astype(np.float32), log_tokens.astype(np.float32), characters)


def _alarms(
    reference: DriftReference, traffic: Traffic, streams: int, random: np.random.Generator
) -> dict[str, Any]:
    """Shares of streams that had alarmed by each look; what the last verdict of one says."""
    verdicts = [_stream(reference, traffic, random, rate=RATES[0]) for _ in range(streams)]
    alarmed = {str(n): _share([at is not None and at <= n for at, _ in verdicts]) for n in LOOKS}
    return {
        "queries": len(traffic),
        "streams": streams,
        "alarmed": alarmed,
        "words": verdicts[0][1],
    }


def _stream(
    reference: DriftReference, traffic: Traffic, random: np.random.Generator, *, rate: float
) -> tuple[int | None, str]:
    """After how many queries a stream alarmed, None for never; the last verdict in words.

    No query comes twice in a stream as long as there are enough of them.
    """
    monitor, alarmed = DriftMonitor(reference, false_alarms=rate), None
    several = len(traffic) < LOOKS[-1]
    for row in random.choice(len(traffic), LOOKS[-1], replace=several):
        query = Representation(traffic.vectors[row], float(traffic.log_tokens[row]))
        looked = monitor.add(query, characters=int(traffic.characters[row]))
        if looked and alarmed is None and monitor.verdict().alarm:
            alarmed = monitor.verdict().queries
    return alarmed, monitor.verdict().words


def _share(flags: Sequence[bool]) -> float:
    return float(np.mean(flags))


def _false_alarms(
    artifact: RouterArtifact, known: KnownQueries, streams: int, random: np.random.Generator
) -> dict[str, Any]:
    """Shares of streams that alarm at each rate, with its standard error."""
    view, traffic = traffic_of(artifact, known)
    splits = -(-streams // STREAMS_A_SPLIT)
    p_values = np.array([_split(view, traffic, random) for _ in range(splits)])
    return {
        "streams": int(p_values.size),
        "splits": splits,
        "rates": {str(rate): _rate(p_values, rate) for rate in RATES},
    }


def _rate(p_values: npt.NDArray[np.float64], rate: float) -> dict[str, float]:
    """Streams of one split share a reference, so the error is that over splits."""
    alarmed = (p_values <= rate + 1e-12).mean(1)
    error = alarmed.std(ddof=1) / np.sqrt(len(alarmed)) if len(alarmed) > 1 else 0.0
    return {"alarmed": float(alarmed.mean()), "standard_error": float(error)}


def _split(view: TrafficView, traffic: Traffic, random: np.random.Generator) -> list[float]:
    """p values of streams from one half of the known queries against the other half; equal ones
    are on the same side."""
    _, group = np.unique(traffic.vectors, axis=0, return_inverse=True)
    side = random.permutation(group.max() + 1) < (group.max() + 1) // 2
    ours, theirs = (np.flatnonzero(side[group.ravel()] == here) for here in (True, False))
    half = DriftReference.of_traffic(
        view.refit(traffic.take(ours)), traffic.take(ours), seed=int(random.integers(2**31))
    )
    return [_p_value(half, traffic.take(theirs), random) for _ in range(STREAMS_A_SPLIT)]


def _p_value(half: DriftReference, traffic: Traffic, random: np.random.Generator) -> float:
    monitor = DriftMonitor(half)
    for row in random.choice(len(traffic), LOOKS[-1], replace=False):
        query = Representation(traffic.vectors[row], float(traffic.log_tokens[row]))
        monitor.add(query, characters=int(traffic.characters[row]))
    return monitor.verdict().p_value


def drift_markdown(study: Mapping[str, Any]) -> str:
    """Two tables: without drift, and with it."""
    return "\n".join([*_without(study), *_with(study)]) + "\n"


def _without(study: Mapping[str, Any]) -> Iterator[str]:
    alarms = study["without_drift"]
    yield "# The drift alarm\n"
    yield (
        f"Router `{study['artifact'][:16]}`, {study['known']} known queries, looks after "
        f"{', '.join(map(str, study['looks']))} queries, seed {study['seed']}.\n"
    )
    yield (
        f"Without drift: {alarms['streams']} shuffled streams of {study['looks'][-1]} queries from "
        f"one half of the known queries, against the other half ({alarms['splits']} splits).\n"
    )
    yield "| stated rate of false alarms | streams that alarmed | standard error |"
    yield "|---|---|---|"
    for rate, share in alarms["rates"].items():
        yield f"| {float(rate):.0%} | {share['alarmed']:.1%} | {share['standard_error']:.1%} |"


def _with(study: Mapping[str, Any]) -> Iterator[str]:
    looks = [str(n) for n in study["looks"]]
    yield f"\nFresh queries, stated rate {RATES[0]:.0%}: streams that had alarmed by each look.\n"
    yield f"| queries | texts | streams | {' | '.join(f'by {n}' for n in looks)} |"
    yield "|---|---|---|" + "---|" * len(looks)
    for name, figures in study["drift"].items():
        shares = " | ".join(f"{figures['alarmed'][n]:.1%}" for n in looks)
        yield f"| {name} | {figures['queries']} | {figures['streams']} | {shares} |"
