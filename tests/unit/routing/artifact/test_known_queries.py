"""The outcomes that an artifact carries."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_router.errors import ArtifactCorrupt
from edge_router.routing.artifact.known_queries import KINDS, KnownQueries
from edge_router.routing.artifact.manifest import RouterArtifact

NAN = float("nan")


def small() -> KnownQueries:
    """Three queries, two experts."""
    return KnownQueries(
        vectors=np.array([[0.5, 1.0], [0.25, -2.0], [0.0, 0.125]], dtype=np.float32),
        log_tokens=np.array([1.0, 2.0, 3.0], dtype=np.float32),
        characters=np.array([5, 6, 70_000]),
        tables=np.array(["a", "a", "b"]),
        kinds=np.array(["everyday", "law", "law"]),
        langs=np.array(["en", "en", "zh"]),
        texts=np.array(["Hi?", "", ""]),
        experts=np.array(["x", "y"]),
        scores=np.array([[1.0, 0.0], [NAN, 0.3], [NAN, NAN]], dtype=np.float32),
    )


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """Unknown scores stay unknown, tenths stay tenths."""
    path = tmp_path / "k.npz"
    small().write(path)
    found = KnownQueries.read(path)
    for name in ("vectors", "log_tokens", "characters", "tables", "kinds", "langs", "texts"):
        assert np.array_equal(getattr(found, name), getattr(small(), name)), name
    assert np.allclose(found.scores, small().scores, atol=1e-7, equal_nan=True)
    assert len(found) == 3


def test_the_mean_is_over_whom_it_knows() -> None:
    """Unknown where no expert of the group was asked."""
    known = small()
    assert known.mean_score(["x", "y"])[:2].tolist() == pytest.approx([0.5, 0.3])
    assert np.isnan(known.mean_score(["x", "y"])[2])
    assert np.isnan(known.mean_score(["nobody"])).all()


def test_it_says_who_was_seen_on_how_many_kinds() -> None:
    """An unknown score is none."""
    assert small().seen_on(1) == ["x", "y"]
    assert small().seen_on(2) == ["y"]


def test_a_broken_file_is_a_corrupt_artifact(tmp_path: Path) -> None:
    """Whatever is wrong with it, with its name in the message; pickles are never opened."""
    path = tmp_path / "k.npz"
    path.write_bytes(b"PK not really")
    with pytest.raises(ArtifactCorrupt, match=r"k\.npz cannot be read"):
        KnownQueries.read(path)
    with path.open("wb") as file:
        np.savez(file, vectors=np.array([object()]))
    with pytest.raises(ArtifactCorrupt, match="cannot be read"):
        KnownQueries.read(path)


def test_the_shipped_artifact_knows_its_dev_split() -> None:
    """With scores of every profile's models, and no text of a public table."""
    artifact = RouterArtifact.load("router-small")
    known = artifact.known_queries()
    assert known is not None
    assert known.vectors.shape == (len(known), artifact.manifest.representation_dim)
    for profile in artifact.experts["profiles"].values():
        assert (~np.isnan(known.mean_score(profile["models"]))).any()
    shown = known.texts != ""
    assert set(known.tables[shown].tolist()) == {"everyday_pairs_made", "smollm2-135m"}
    assert {kind.partition("/")[0] for kind in known.kinds[shown].tolist()} == {"everyday"}


def _packed(path: Path, **changes: Any) -> bytes:
    """The arrays of `small` with some of them changed, as a file."""
    small().write(path)
    with np.load(path) as found:
        arrays = dict(found) | changes
    with path.open("wb") as file:
        np.savez(file, **{name: array for name, array in arrays.items() if array is not None})
    return path.read_bytes()


WRONG: dict[str, dict[str, Any]] = {
    "one is missing": {"texts": None},
    "one too many": {"surprise": np.zeros(3)},
    "objects": {"texts": np.array([object()] * 3)},
    "numbers for texts": {"texts": np.zeros(3)},
    "texts for numbers": {"vectors": np.array([["a", "b"]] * 3)},
    "bytes": {"kinds": np.array([b"a"] * 3)},
    "complex": {"log_tokens": np.zeros(3, dtype=complex)},
    "big end first": {"vectors": np.zeros((3, 2), dtype=">f4")},
    "no rows": {"scores": np.zeros((0, 2), dtype=np.uint8)},
    "fewer rows": {"kinds": np.array(["a", "b"])},
    "one dimension": {"vectors": np.zeros(3, dtype=np.float32)},
    "other experts": {"experts": np.array(["x"])},
    "nan": {"vectors": np.full((3, 2), np.nan, dtype=np.float16)},
    "infinite": {"log_tokens": np.full(3, np.inf, dtype=np.float32)},
    "score beyond": {"scores": np.full((3, 2), 251, dtype=np.uint8)},
    "wide scores": {"scores": np.zeros((3, 2), dtype=np.uint16)},
    "negative length": {"characters": np.array([1, -1, 1])},
    "no text": {"langs": np.array([0xD800, 0x110000, 65], dtype=np.uint32).view("<U1")},
    "fields": {"tables": np.zeros(3, dtype=[("a", "<f4")])},
}


@pytest.mark.filterwarnings("ignore")  # of numpy, while it writes objects
@pytest.mark.parametrize("name", WRONG)
def test_an_array_that_is_not_as_it_should_be_is_refused(name: str, tmp_path: Path) -> None:
    """Its kind, its dimensions, how many rows, what it holds."""
    content = _packed(tmp_path / "k.npz", **WRONG[name])
    with pytest.raises(ArtifactCorrupt, match=r"k\.npz"):
        KnownQueries.of_content(content, "k.npz")


def _archive(header: bytes, data: bytes, *, said: int | None = None) -> bytes:
    """A file whose first array has this header and data; `said` is its size as the archive says."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in KINDS:
            magic = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little")
            archive.writestr(f"{name}.npy", magic + header + data, compresslevel=1)
    whole = bytearray(content.getvalue())
    if said is not None:
        at = whole.index(b"PK\x01\x02")
        whole[at + 24 : at + 28] = said.to_bytes(4, "little")
    return bytes(whole)


def _header(dtype: str, shape: str) -> bytes:
    return f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()


@pytest.mark.parametrize(
    "made",
    [
        lambda: _archive(_header("<f4", "(1000000000, 1000000000)"), b"\0" * 8),
        lambda: _archive(_header("<f4", "(-1, -2)"), b"\0" * 8),
        lambda: _archive(_header("<U0", "(9, 9)"), b""),
        lambda: _archive(_header("|O", "(1, 1)"), b"cos\nsystem\n(S'true'\ntR."),
        lambda: _archive(b"(" * 9_000 + b"\n", b""),
        lambda: _archive(_header("<f4", "(1, 1)"), b"\0" * 16 * 2**20),
        lambda: _archive(_header("<f4", "(1, 1)"), b"\0" * 2**20, said=8),
        lambda: _archive(b"", b"")[:-30],
        lambda: b"PK\x05\x06" + b"\0" * 18,
    ],
    ids=["huge", "negative", "empty", "pickle", "deep", "bomb", "liar", "cut", "no members"],
)
def test_an_archive_that_would_take_memory_is_refused(made: Callable[[], bytes]) -> None:
    """By what it says of itself, and where that is a lie by what comes out."""
    content = made()
    tracemalloc.start()
    try:
        with pytest.raises(ArtifactCorrupt, match=r"k\.npz cannot be read"):
            KnownQueries.of_content(content, "k.npz")
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_columns_first_are_read_too(tmp_path: Path) -> None:
    """numpy keeps the order that an array had."""
    turned = np.asfortranarray(np.array([[250, 0], [255, 75], [255, 255]], dtype=np.uint8))
    found = KnownQueries.of_content(_packed(tmp_path / "k.npz", scores=turned), "k.npz")
    assert np.allclose(found.scores, small().scores, atol=1e-7, equal_nan=True)
