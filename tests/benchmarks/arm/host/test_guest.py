"""Running the router in another Python: natively here, emulated where the cache is set up."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from edge_router.benchmarks.arm.agreement import Agreement
from edge_router.benchmarks.arm.errors import GuestFailed
from edge_router.benchmarks.arm.host.cache import default_cache
from edge_router.benchmarks.arm.host.emulation import Emulation
from edge_router.benchmarks.arm.host.guest import NATIVE, Guest
from edge_router.benchmarks.arm.host.machines import MACHINES
from edge_router.benchmarks.arm.queries import real_queries, spread, text_of
from edge_router.benchmarks.arm.suite import ArmSuite
from edge_router.benchmarks.arm.visit import Job, visit_host, visit_machine
from edge_router.errors import ConfigError
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.text import RouterTokenizer
from edge_router.routing.router import Router

QUERIES = ("What is the capital of France?", "Prove that the square root of 2 is irrational.")
ENDS = [
    ("exit 3", r"ended with exit status 3 \(it said nothing\)"),
    ("echo Illegal instruction >&2; kill -ILL $$", r"killed by signal 4 \(Illegal instruction\)"),
    ("echo hello", "'hello' is no result"),
    ("echo 7", "'7' is no result"),
]


def _tokenizer(artifact: RouterArtifact) -> RouterTokenizer:
    return RouterTokenizer(artifact.tokenizer_path, max_tokens=artifact.manifest.max_tokens)


def _job(artifact: RouterArtifact, *queries: str) -> Job:
    texts = {8: text_of(8, _tokenizer(artifact), artifact.manifest.max_chars)}
    return Job(artifact.path.resolve(), queries, texts, {}, rounds=2)


@pytest.mark.parametrize(("script", "message"), ENDS)
def test_a_program_that_breaks_off_is_reported(script: str, message: str) -> None:
    """By its exit status or signal and its last words, or by the line that is no result."""
    with pytest.raises(GuestFailed, match=f"board: {message}"):
        list(Guest("board", ("sh", "-c", script)).run({}, timeout_s=60))


def test_a_program_that_hangs_is_stopped() -> None:
    """An emulated crash can wait for ever."""
    with pytest.raises(GuestFailed, match="stopped, it took too long"):
        list(Guest("board", ("sh", "-c", "exec sleep 600")).run({}, timeout_s=0.1))


def test_the_host_answers_as_the_router_in_this_process(artifact: RouterArtifact) -> None:
    """The same expert for the same query, and log-odds for every profile."""
    said: list[str] = []
    visit = visit_host(_job(artifact, *QUERIES), said.append)
    decisions = [Router.bundled().route(query) for query in QUERIES]
    assert [answer.expert for answer in visit.answers] == [d.expert for d in decisions]
    assert visit.answers[0].log_odds.keys() == artifact.experts["profiles"].keys()
    assert {"python", "onnxruntime"} <= visit.versions.keys()
    assert said == ["native: 2 queries"]


def test_natively_the_stretches_are_named_though_nobody_counts(artifact: RouterArtifact) -> None:
    """The script is the same on every machine."""
    *_, last = NATIVE.run(_job(artifact).to_json(counting=True), timeout_s=300)
    twice = ["nothing", "decision/router/8", "encode/router/8"]
    assert last == {"stretches": [label for label in twice for _ in range(2)]}


@pytest.mark.parametrize("tokens", [3, 8, 64])
def test_a_text_has_the_tokens_it_should(artifact: RouterArtifact, tokens: int) -> None:
    """Counted by the artifact's own tokenizer."""
    tokenizer = _tokenizer(artifact)
    text = text_of(tokens, tokenizer, artifact.manifest.max_chars)
    assert len(tokenizer.input_ids(text)) == tokens


@pytest.mark.parametrize("tokens", [1, 2, 100_000])
def test_a_length_that_no_text_has_is_refused(artifact: RouterArtifact, tokens: int) -> None:
    """Empty, or longer than what the artifact reads."""
    with pytest.raises(ConfigError, match=f"--tokens {tokens}"):
        text_of(tokens, _tokenizer(artifact), artifact.manifest.max_chars)


def test_queries_are_taken_at_even_distances() -> None:
    """So that each kind is among them."""
    assert spread("abcdefgh", 4) == ["a", "c", "e", "g"]
    assert spread("ab", 4) == ["a", "b"]


def test_queries_without_tables_are_our_own() -> None:
    """No table is needed for the default."""
    result = real_queries(30, None)
    assert len(set(result)) == 30
    assert result == real_queries(30, None)


def test_queries_are_half_from_the_tables(tmp_path: Path) -> None:
    """Where there are enough rows."""
    row = '{{"source": "t", "id": "{0}", "qkey": "{0}", "split": "dev", "task": "t", "lang": "en"'
    row += ', "query": "row {0}", "score": {{"a": 1.0}}}}\n'
    with pytest.raises(ConfigError, match="no outcome table"):
        real_queries(10, tmp_path)
    folder = tmp_path / "open"
    folder.mkdir()
    (folder / "table.jsonl").write_text("".join(row.format(n) for n in range(20)))
    result = real_queries(10, tmp_path)
    assert [query.startswith("row ") for query in result] == [False] * 5 + [True] * 5


def _options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    ArmSuite().options(parser)
    return parser.parse_args(arguments)


def test_options_are_lists_of_what_there_is() -> None:
    """All four machines by default."""
    assert [machine.name for machine in _options().machines] == list(MACHINES)
    result = _options("--machines", "cortex-a76,nehalem", "--tokens", "8,64")
    assert [machine.cpu for machine in result.machines] == ["cortex-a76", "Nehalem"]
    assert result.tokens == (8, 64)


@pytest.mark.parametrize("wrong", [["--machines", "z80"], ["--tokens", "8,-1"], ["--rounds", "x"]])
def test_options_that_make_no_sense_are_refused(wrong: list[str]) -> None:
    """Usage errors, before anything is set up."""
    with pytest.raises(argparse.ArgumentError):
        _options(*wrong)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(MACHINES))
def test_an_emulated_machine_decides_as_this_one(
    name: str, artifact: RouterArtifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real wheels; only where `edge-router bench arm` has set the emulation up."""
    emulation = Emulation(default_cache())
    if not emulation.complete:
        pytest.skip("no emulation is set up: edge-router bench arm")
    job = _job(artifact, *QUERIES)
    host = visit_host(job, lambda _: None)
    visit = visit_machine(MACHINES[name], emulation, job, lambda _: None)
    assert Agreement.between(host.answers, visit.answers, machine=name).flips == 0
    if MACHINES[name].board is not None:
        assert {count.label for count in visit.counts} == {"decision/router/8", "encode/router/8"}
        assert all(count.instructions > 1e6 for count in visit.counts)
