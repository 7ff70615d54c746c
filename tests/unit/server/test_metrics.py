"""Counters as Prometheus' text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_router import AnswerRecord, Reason
from edge_router.chat.completion import Usage
from edge_router.server.metrics import Metrics
from made_record import record


def answered(expert: str = "cloud") -> AnswerRecord:
    """The record of an answer with 3 tokens read and 4 written."""
    return record(answered_by=expert)


def test_the_text_counts_requests_answers_tokens_and_seconds() -> None:
    """By endpoint, status and expert."""
    metrics = Metrics({"running": lambda: 3})
    metrics.requested("/v1/models", 200)
    metrics.requested("/v1/models", 200)
    metrics.answered(answered())
    lines = metrics.text().splitlines()
    assert 'edge_router_requests_total{endpoint="/v1/models",status="200"} 2.0' in lines
    assert 'edge_router_answers_total{expert="cloud",reason="gain_is_worth_it"} 1.0' in lines
    assert 'edge_router_tokens_total{expert="cloud",kind="written"} 4.0' in lines
    assert 'edge_router_answer_seconds_bucket{le="+Inf"} 1' in lines
    assert "edge_router_answer_seconds_count 1" in lines
    assert "edge_router_running 3" in lines


def test_buckets_are_cumulative() -> None:
    """Each has all that are below it, too."""
    metrics = Metrics()
    for _ in range(3):
        metrics.answered(answered("local"))
    counts = [
        int(line.rpartition(" ")[2])
        for line in metrics.text().splitlines()
        if line.startswith("edge_router_router_seconds_bucket")
    ]
    assert counts == sorted(counts)
    assert counts[-1] == 3


def test_prometheus_own_parser_reads_it() -> None:
    """With a label that needs escapes."""
    parser = pytest.importorskip("prometheus_client.parser", reason="no prometheus-client")
    metrics = Metrics({"waiting": lambda: 0})
    metrics.requested('odd " \\ name\n', 200)
    metrics.answered(answered())
    read = parser.text_string_to_metric_families(metrics.text())
    families = {family.name: family for family in read}
    (sample,) = families["edge_router_requests"].samples
    assert sample.labels["endpoint"] == 'odd " \\ name\n'
    assert families["edge_router_answer_seconds"].type == "histogram"


def test_an_unknown_price_is_not_counted() -> None:
    """A sum that leaves something out would look like a total."""
    metrics = Metrics()
    metrics.answered(record(cost_usd=None, usage=Usage(1, 1)))
    assert "cost_usd_total{" not in metrics.text()


def test_decisions_exclusions_and_seconds_by_expert_are_counted() -> None:
    """With what the privacy gate and limits ruled out, and tokens that were read before."""
    parser = pytest.importorskip("prometheus_client.parser", reason="no prometheus-client")
    metrics = Metrics()
    decided = replace(record().decision, excluded={"cloud": Reason.PRIVATE_EMAIL})
    metrics.answered(record(decision=decided, usage=Usage(9, 4, cached_tokens=7)))
    metrics.answered(replace(answered('lo"cal'), cached="exact"))
    families = {one.name: one for one in parser.text_string_to_metric_families(metrics.text())}
    (excluded,) = families["edge_router_excluded"].samples
    assert excluded.labels == {"expert": "cloud", "reason": "private_email"}
    (hits,) = families["edge_router_cache_hits"].samples
    assert (hits.labels, hits.value) == ({"kind": "exact"}, 1)
    (decisions,) = families["edge_router_decisions"].samples
    assert (decisions.labels["reason"], decisions.value) == ("gain_is_worth_it", 2)
    tokens = {
        tuple(one.labels.values()): one.value for one in families["edge_router_tokens"].samples
    }
    assert tokens["cloud", "read_before"] == 7
    seconds = families["edge_router_expert_answer_seconds"]
    counts = {one.labels["expert"]: one.value for one in seconds.samples if "count" in one.name}
    assert (seconds.type, counts) == ("histogram", {"cloud": 1, 'lo"cal': 1})
