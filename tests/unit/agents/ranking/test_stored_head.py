"""The head of a catalogue kept beside it: used again, and fitted anew where it no longer counts."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_router.agents.catalog.catalog import AgentCatalog, CatalogView
from edge_router.agents.ranking.head import AgentHead
from edge_router.agents.ranking.stored_head import fitted_head, head_file
from edge_router.agents.router import AgentRouter
from made_agents import FLIGHTS, WordEmbedder, agent

RED = agent("red", "", "red one", "red two", "deep red", "red wine")
BLUE = agent("blue", "", "blue one", "blue two", "deep blue", "blue sea")
GREEN = agent("green", "", "green one", "green two", "deep green")


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every head that is fitted."""
    made: list[int] = []
    fit = AgentHead.fit

    def counting(view: CatalogView) -> AgentHead | None:
        made.append(len(view.agents))
        return fit(view)

    monkeypatch.setattr(AgentHead, "fit", counting)
    return made


def opened(folder: Path, name: str = "words") -> AgentCatalog:
    """The catalogue as another process opens it."""
    return AgentCatalog(WordEmbedder(name), path=folder / "agents.sqlite3")


def filled(folder: Path) -> Path:
    """A catalogue of two agents with its head; returns the head's file."""
    with opened(folder) as catalog:
        catalog.add(RED, BLUE)
        assert AgentRouter(catalog).fit()
        assert catalog.path is not None
        return head_file(catalog.path)


def test_a_second_process_does_not_fit_again(tmp_path: Path, fits: list[int]) -> None:
    """Its head is the same to the last bit, and decides."""
    path = filled(tmp_path)
    with opened(tmp_path) as catalog:
        fresh = AgentHead.fit(catalog.view())
        kept = fitted_head(catalog.view(), encoder="words", path=path)
        assert fits == [2, 2]  # the first process's, and `fresh`
        assert fresh is not None
        assert kept is not None
        assert kept.names == fresh.names
        for name in ("weights", "bias"):
            assert np.array_equal(getattr(kept.regression, name), getattr(fresh.regression, name))
        assert np.array_equal(kept.words.weights, fresh.words.weights)
        router = AgentRouter(catalog)
        assert router.fit()
        assert router.rank("deep red wine").best == "red"


def _add_example(catalog: AgentCatalog) -> None:
    catalog.add(agent("red", "", *RED.examples, "red sea"), replace_known=True)


def _describe(catalog: AgentCatalog) -> None:
    catalog.add(agent("red", "colour of wine", *RED.examples), replace_known=True)


def _remove(catalog: AgentCatalog) -> None:
    catalog.add(GREEN)
    catalog.remove("blue")


def _disable(catalog: AgentCatalog) -> None:
    catalog.add(GREEN)
    catalog.disable("red")


@pytest.mark.parametrize("change", [_add_example, _describe, _remove, _disable])
def test_a_change_of_the_examples_fits_anew(
    tmp_path: Path, fits: list[int], change: Callable[[AgentCatalog], None]
) -> None:
    """Once: the new head is kept in place of the old one."""
    filled(tmp_path)
    with opened(tmp_path) as catalog:
        change(catalog)
        AgentRouter(catalog).fit()
    with opened(tmp_path) as catalog:
        AgentRouter(catalog).fit()
    assert fits == [2, 2]


def test_an_agent_without_a_head_of_its_own_changes_nothing(
    tmp_path: Path, fits: list[int]
) -> None:
    """Too few examples: it competes by similarity, and the head counts on."""
    filled(tmp_path)
    with opened(tmp_path) as catalog:
        catalog.add(FLIGHTS)
        assert AgentRouter(catalog).fit()
    assert fits == [2]


def test_another_router_fits_anew(tmp_path: Path, fits: list[int]) -> None:
    """The embeddings of another encoder mean something else."""
    filled(tmp_path)
    with opened(tmp_path, "other words") as catalog:
        AgentRouter(catalog).fit()
    assert fits == [2, 2]


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as loaded:
        return dict(loaded)


def packed(arrays: dict[str, np.ndarray]) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def _with(path: Path, **changed: np.ndarray) -> bytes:
    """The file with other arrays in place of some of its own."""
    return packed(arrays_of(path) | changed)


DAMAGES: dict[str, Callable[[Path], bytes]] = {
    "empty": lambda _: b"",
    "no npz": lambda _: b"{}" * 100,
    "cut": lambda path: path.read_bytes()[:-200],
    "a flipped bit": lambda path: path.read_bytes().replace(b"\x93NUMPY", b"\x93NUMPZ", 1),
    "a name too few": lambda path: _with(path, names=arrays_of(path)["names"][:1]),
    "no numbers": lambda path: _with(path, bias=np.full(2, np.nan, np.float32)),
    "fewer weights": lambda path: _with(path, weights=arrays_of(path)["weights"][:-1]),
    "one array alone": lambda path: packed({"key": arrays_of(path)["key"]}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_fitted_anew_and_said(
    tmp_path: Path, fits: list[int], damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Once: the head that is fitted then takes its place."""
    path = filled(tmp_path)
    path.write_bytes(DAMAGES[damage](path))
    with opened(tmp_path) as catalog:
        assert AgentRouter(catalog).fit()
        assert AgentRouter(catalog).fit()
    assert fits == [2, 2]
    assert [one.getMessage()[:37] for one in caplog.records] == [
        "the head of the agents is fitted anew"
    ]


def test_what_cannot_be_read_or_written_costs_a_fit(
    tmp_path: Path, fits: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    """A folder or a pipe in the file's place: nothing hangs, nothing fails."""
    for number, make in enumerate((Path.mkdir, getattr(os, "mkfifo", Path.mkdir))):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = filled(folder)
        path.unlink()
        make(path)
        with opened(folder) as catalog:
            assert AgentRouter(catalog).fit()
    assert len(fits) == 4
    assert any("could not be kept" in one.getMessage() for one in caplog.records)


def test_too_few_examples_keep_nothing(tmp_path: Path) -> None:
    """There is no head then, and no file."""
    with opened(tmp_path) as catalog:
        catalog.add(FLIGHTS)
        assert not AgentRouter(catalog).fit()
    assert list(tmp_path.glob("*.npz")) == []
