"""EmbeddingIndex: nearest by dot product, growing, killed, corrupt and large."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_router.errors import LearningError
from edge_router.routing.arrays import Float32s
from edge_router.tasks.embedding.index import ITEMS, VECTORS, EmbeddingIndex

DIM = 8


def unit(rows: int, dim: int = DIM, seed: int = 0) -> Float32s:
    vectors = np.random.default_rng(seed).standard_normal((rows, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def index(folder: Path, encoder: str = "e1") -> EmbeddingIndex:
    return EmbeddingIndex(folder, encoder=encoder, dim=DIM)


def numbered(count: int, start: int = 0) -> list[dict[str, int]]:
    return [{"n": start + n} for n in range(count)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(rows=st.integers(1, 40), k=st.integers(1, 50), seed=st.integers(0, 99))
def test_nearest_are_those_of_a_full_sort(
    tmp_path_factory: pytest.TempPathFactory, rows: int, k: int, seed: int
) -> None:
    """Whatever the number of rows and k."""
    made = index(tmp_path_factory.mktemp("index"))
    vectors, query = unit(rows, seed=seed), unit(1, seed=seed + 1000)[0]
    made.add(vectors, numbered(rows))
    nearest = made.nearest(query, k)
    order = np.argsort(-(vectors @ query), kind="stable")[:k]
    assert [one.row for one in nearest] == order.tolist()
    assert [one.item["n"] for one in nearest] == order.tolist()
    assert np.allclose([one.similarity for one in nearest], (vectors @ query)[order], atol=1e-6)


def test_it_grows_and_other_readers_see_it(tmp_path: Path) -> None:
    """Without reopening; an index that nothing was added to is empty and makes no file."""
    one, other = index(tmp_path / "i"), index(tmp_path / "i")
    assert (len(other), other.nearest(unit(1)[0], 3), other.items()) == (0, [], [])
    assert not (tmp_path / "i").exists()
    one.add(unit(3), numbered(3))
    assert len(other) == 3
    assert one.add(unit(2, seed=1), numbered(2, 3)) == 5
    assert [item["n"] for item in other.items()] == [0, 1, 2, 3, 4]
    assert np.array_equal(other.vectors(), np.vstack([unit(3), unit(2, seed=1)]))
    assert other.nearest(unit(2, seed=1)[1], 1)[0].item == {"n": 4}


def test_what_a_killed_writer_left_is_overwritten(tmp_path: Path) -> None:
    """Vectors are written first; without SQLite's commit they do not count."""
    made = index(tmp_path)
    made.add(unit(2), numbered(2))
    with (tmp_path / VECTORS).open("ab") as file:
        file.write(b"\x01" * 77)
    assert len(made) == 2
    made.add(unit(1, seed=1), [{"n": 2}])
    assert np.array_equal(made.vectors()[2:], unit(1, seed=1))


def _cut(folder: Path) -> None:
    (folder / VECTORS).write_bytes(b"\0" * 5)


def _noise(folder: Path) -> None:
    (folder / VECTORS).write_bytes(b"\xff" * 4 * DIM * 3)


def _no_vectors(folder: Path) -> None:
    (folder / VECTORS).unlink()


def _no_sqlite(folder: Path) -> None:
    (folder / ITEMS).write_bytes(b"not a database at all" * 100)


def _bad_item(folder: Path) -> None:
    with sqlite3.connect(folder / ITEMS) as connection:
        connection.execute("UPDATE items SET item = '[1'")
    connection.close()


def _later_version(folder: Path) -> None:
    with sqlite3.connect(folder / ITEMS) as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()


@pytest.mark.parametrize(
    "damage", [_cut, _noise, _no_vectors, _no_sqlite, _bad_item, _later_version]
)
def test_a_corrupt_index_is_a_learning_error_with_the_remedy(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """Whatever happened to its files."""
    made = index(tmp_path)
    made.add(unit(3), numbered(3))
    damage(tmp_path)
    with pytest.raises(LearningError, match="remove the folder and enrol its questions again"):
        made.nearest(unit(1)[0], 2)


def test_an_index_of_another_encoder_is_refused(tmp_path: Path) -> None:
    """Its vectors mean nothing here, for reading as for adding."""
    index(tmp_path).add(unit(3), numbered(3))
    other = index(tmp_path, "e2")
    for use in (lambda: len(other), lambda: other.add(unit(1), numbered(1))):
        with pytest.raises(LearningError, match="made with another router"):
            use()


@pytest.mark.parametrize(
    "vectors", [unit(2), 2 * unit(3), np.full((3, DIM), np.nan, np.float32), unit(3, 4)]
)
def test_what_is_no_embedding_is_not_added(tmp_path: Path, vectors: Float32s) -> None:
    """Too few, too long, no numbers, of another size; nothing is kept."""
    made = index(tmp_path)
    with pytest.raises(LearningError, match="length 1"):
        made.add(vectors, numbered(3))
    assert len(made) == 0


def test_files_that_cannot_be_opened_are_a_learning_error(tmp_path: Path) -> None:
    """A folder where a file should lie; nothing is said of enrolling again."""
    made = index(tmp_path)
    made.add(unit(3), numbered(3))
    (tmp_path / VECTORS).unlink()
    (tmp_path / VECTORS).mkdir()
    for use in (made.vectors, lambda: made.add(unit(1), numbered(1))):
        with pytest.raises(LearningError, match="cannot be used now"):
            use()


def test_a_file_that_a_killed_writer_just_made_is_empty(tmp_path: Path) -> None:
    """Texts will be in it, so only the user may read it."""
    (tmp_path / ITEMS).touch(mode=0o600)
    made = index(tmp_path)
    assert (len(made), made.nearest(unit(1)[0], 1)) == (0, [])
    made.add(unit(1), numbered(1))
    assert len(made) == 1
    index(tmp_path / "new").add(unit(1), numbered(1))
    modes = {path.stat().st_mode & 0o077 for path in (tmp_path / "new").iterdir()}
    assert modes == {0}


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    """Each row keeps its own vector."""
    parts = [unit(5, seed=n) for n in range(4)]

    def write(n: int) -> None:
        index(tmp_path).add(parts[n], [{"part": n, "at": at} for at in range(5)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    made = index(tmp_path)
    vectors, items = made.vectors(), made.items()
    assert len(items) == 20
    for vector, item in zip(vectors, items, strict=True):
        assert np.array_equal(vector, parts[item["part"]][item["at"]])


def test_a_hundred_thousand_embeddings_are_searched(tmp_path: Path) -> None:
    """The bound is generous, for a busy machine; nothing but the nearest rows is read as items."""
    made = EmbeddingIndex(tmp_path, encoder="e", dim=48)
    vectors = np.tile(unit(1000, 48), (100, 1))
    vectors[99_999] = unit(1, 48, seed=5)[0]
    made.add(vectors, numbered(100_000))
    started = time.perf_counter()
    best, *others = made.nearest(vectors[99_999], 5)
    assert time.perf_counter() - started < 1.0
    assert (best.item, len(others)) == ({"n": 99_999}, 4)
