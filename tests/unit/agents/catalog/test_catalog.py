"""The catalogue: what is added, removed and disabled is what the next view has."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_router.agents.catalog.catalog import AgentCatalog
from edge_router.errors import CatalogError, EmptyCatalog, InvalidAgent
from made_agents import DIM, FLIGHTS, TIMER, WEATHER, WordEmbedder


def test_agents_come_and_go_while_it_is_used() -> None:
    """Each change shows in the next view, and in none that was taken before."""
    catalog = AgentCatalog(WordEmbedder(), [WEATHER])
    before = catalog.view()
    catalog.add(FLIGHTS, TIMER)
    catalog.disable("weather")
    assert catalog.view().names == ("book_flight", "timer")
    catalog.enable("weather")
    catalog.remove("timer")
    assert catalog.view().names == ("weather", "book_flight")
    assert before.names == ("weather",)


def test_a_view_changes_only_with_the_catalogue() -> None:
    """Two views in a row are one object; a change gives another version."""
    catalog = AgentCatalog(WordEmbedder(), [WEATHER])
    view = catalog.view()
    assert catalog.view() is view
    catalog.disable("weather")
    assert catalog.view().version != view.version


def test_examples_know_their_agents() -> None:
    """Rows of `examples` and `owners` belong together."""
    view = AgentCatalog(WordEmbedder(), [WEATHER, FLIGHTS]).view()
    assert view.owners.tolist() == [0, 0, 1]
    assert view.spoken.shape == (2, DIM)
    assert np.array_equal(view.examples[2], WordEmbedder().embed(["a plane to Rome"])[0])


def test_two_agents_of_one_name_are_refused_together() -> None:
    """Nothing of the call is added; replacing has to be asked for."""
    catalog = AgentCatalog(WordEmbedder(), [WEATHER])
    with pytest.raises(InvalidAgent, match="'weather'"):
        catalog.add(TIMER, WEATHER)
    with pytest.raises(InvalidAgent, match="'timer'"):
        catalog.add(TIMER, TIMER, replace_known=True)
    assert [one.name for one in catalog.agents()] == ["weather"]
    catalog.add(replace(WEATHER, description="new"), replace_known=True)
    assert catalog.get("weather").description == "new"


def test_an_empty_catalogue_is_a_typed_error() -> None:
    """A disabled agent cannot be chosen either."""
    catalog = AgentCatalog(WordEmbedder(), [replace(WEATHER, enabled=False)])
    with pytest.raises(EmptyCatalog):
        catalog.view().require_agents()


@pytest.mark.parametrize("verb", ["remove", "enable", "disable", "get"])
def test_an_unknown_name_is_a_typed_error(verb: str) -> None:
    """Every verb names it."""
    with pytest.raises(InvalidAgent, match="'nobody'"):
        getattr(AgentCatalog(WordEmbedder()), verb)("nobody")


def test_a_file_keeps_agents_and_embeddings(tmp_path: Path) -> None:
    """A second catalogue embeds nothing; the file is its owner's alone."""
    path = tmp_path / "below" / "agents.sqlite3"
    with AgentCatalog(WordEmbedder(), [WEATHER, FLIGHTS], path=path) as first:
        spoken = first.view().spoken
    embedder = WordEmbedder()
    with AgentCatalog(embedder, path=path) as second:
        assert second.view().names == ("weather", "book_flight")
        assert np.array_equal(second.view().spoken, spoken)
    assert embedder.embedded == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_another_encoder_embeds_anew(tmp_path: Path) -> None:
    """Vectors of one encoder mean nothing to another."""
    path = tmp_path / "agents.sqlite3"
    AgentCatalog(WordEmbedder(), [WEATHER], path=path).view()
    embedder = WordEmbedder("other")
    AgentCatalog(embedder, path=path).view()
    assert embedder.embedded == [WEATHER.spoken, *WEATHER.examples]


def test_changes_of_another_process_are_seen(tmp_path: Path) -> None:
    """Two catalogues of one file, as two processes have them."""
    path = tmp_path / "agents.sqlite3"
    ours = AgentCatalog(WordEmbedder(), [WEATHER], path=path)
    theirs = AgentCatalog(WordEmbedder(), path=path)
    theirs.add(TIMER)
    assert ours.view().names == ("weather", "timer")
    ours.disable("weather")
    assert theirs.view().names == ("timer",)


def test_a_forked_child_opens_the_file_for_itself(tmp_path: Path) -> None:
    """A child adds an agent, and the parent sees it."""
    catalog = AgentCatalog(WordEmbedder(), [WEATHER], path=tmp_path / "agents.sqlite3")
    child = os.fork()
    if not child:
        catalog.add(TIMER)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert catalog.view().names == ("weather", "timer")


@pytest.mark.parametrize("content", [b"no database at all, but long enough", b"SQLite format 3\0x"])
def test_a_corrupt_file_is_a_typed_error(tmp_path: Path, content: bytes) -> None:
    """It is left where it is, and the message says what to do."""
    path = tmp_path / "agents.sqlite3"
    path.write_bytes(content)
    with pytest.raises(CatalogError, match="move the file away"):
        AgentCatalog(WordEmbedder(), path=path)
    assert path.read_bytes() == content


def test_a_damaged_agent_and_a_foreign_database_are_typed_errors(tmp_path: Path) -> None:
    """Not every SQLite file is a catalogue."""
    path, foreign = tmp_path / "agents.sqlite3", tmp_path / "foreign.sqlite3"
    AgentCatalog(WordEmbedder(), [WEATHER], path=path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE agents SET content = '{\"name\": 3}'")
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE other (x)")
    for one in (path, foreign):
        with pytest.raises(CatalogError):
            AgentCatalog(WordEmbedder(), path=one)


def test_threads_may_change_it_at_once(tmp_path: Path) -> None:
    """No agent is lost."""
    catalog = AgentCatalog(WordEmbedder(), path=tmp_path / "agents.sqlite3")

    def add(start: int) -> None:
        for number in range(start, start + 10):
            catalog.add(replace(WEATHER, name=f"agent{number}"))
            catalog.view()

    threads = [threading.Thread(target=add, args=(start,)) for start in (0, 10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(catalog.view().names) == sorted(f"agent{n}" for n in range(30))


def test_what_is_written_while_agents_are_read_is_not_missed(tmp_path: Path) -> None:
    """Another process adds an agent just when this one asks how new the file is."""
    path = tmp_path / "agents.sqlite3"
    ours = AgentCatalog(WordEmbedder(), [WEATHER], path=path)
    theirs = AgentCatalog(WordEmbedder(), path=path)
    asked: list[str] = []

    def write(statement: str) -> None:
        if "data_version" in statement:
            asked.append(statement)
            if len(asked) == 2:
                theirs.add(TIMER)

    theirs.add(FLIGHTS)
    assert ours._store is not None
    assert ours._store._connection is not None
    ours._store._connection.set_trace_callback(write)
    ours.view()
    assert ours.view().names == ("weather", "book_flight", "timer")


def test_another_file_in_its_place_is_seen(tmp_path: Path) -> None:
    """Restored from a copy, or deleted, which leaves nothing."""
    path, copy = tmp_path / "agents.sqlite3", tmp_path / "copy.sqlite3"
    AgentCatalog(WordEmbedder(), [TIMER], path=copy).close()
    ours = AgentCatalog(WordEmbedder(), [WEATHER], path=path)
    copy.replace(path)
    assert ours.view().names == ("timer",)
    path.unlink()
    ours.add(FLIGHTS)
    assert ours.view().names == ("book_flight",)


def test_a_file_that_could_not_be_opened_again_is_not_taken_for_the_old_one(
    tmp_path: Path,
) -> None:
    """A new file may have the number that the deleted one had."""
    path, aside = tmp_path / "agents.sqlite3", tmp_path / "aside"
    ours = AgentCatalog(WordEmbedder(), [WEATHER], path=path)
    path.rename(aside)
    path.symlink_to(tmp_path / "no" / "folder")
    with pytest.raises(CatalogError):
        ours.add(TIMER)
    path.unlink()
    aside.rename(path)
    assert ours.view().names == ("weather",)


def test_a_file_that_another_process_writes_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing has to be moved away."""
    monkeypatch.setattr("edge_router.agents.catalog.store.WAIT_S", 0.01)
    path = tmp_path / "agents.sqlite3"
    ours = AgentCatalog(WordEmbedder(), [WEATHER], path=path)
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(CatalogError, match="another process; try again"):
            ours.disable("weather")
        other.execute("ROLLBACK")
    ours.disable("weather")
