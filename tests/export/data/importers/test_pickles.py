"""Pickles are read without running anything they name; hostile ones are refused and named."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_router.export.data.importers import import_outcomes
from edge_router.export.data.importers.pickles import PANDAS, array, load_frame, load_tree
from edge_router.export.data.rows import BadData

SAMPLES = Path(__file__).parents[3] / "made" / "samples"


class Calls:
    """An object that, when it is unpickled the usual way, calls a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_runs_a_command_is_refused_first(tmp_path: Path, protocol: int) -> None:
    """Alone, or deep in a file that is otherwise good; pickle itself does run it."""
    marker = tmp_path / "ran"
    evil = Calls(os.system, f"touch {marker}")
    pickle.loads(pickle.dumps(evil, protocol))
    assert marker.exists()
    marker.unlink()
    good = pickle.loads((SAMPLES / "tiny_router_dataset.pkl").read_bytes())
    good["easy"][3]["all_weak"]["model"] = np.array([evil, "strong"], dtype=object)
    for number, tree in enumerate((evil, [evil], good)):
        path = tmp_path / f"{number}.pkl"
        path.write_bytes(pickle.dumps(tree, protocol))
        for name in ("routereval", "routerbench", "routellm", "llmrouter"):
            with pytest.raises(BadData):
                import_outcomes(name, [path])
        assert not marker.exists()


REFUSED = [
    ("os", "system"),
    ("posix", "system"),
    ("subprocess", "Popen"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("builtins", "open"),
    ("builtins", "__import__"),
    ("builtins", "getattr"),
    ("builtins", "bytes"),
    ("functools", "partial"),
    ("operator", "attrgetter"),
    ("operator", "methodcaller"),
    ("importlib", "import_module"),
    ("copyreg", "_reconstructor"),
    ("pickle", "loads"),
    ("numpy", "load"),
    ("numpy", "fromfile"),
    ("numpy", "ndarray.tofile"),
    ("numpy.core.multiarray", "fromfile"),
    ("numpy.testing._private.utils", "runstring"),
    ("pandas", "eval"),
    ("pandas", "read_pickle"),
    ("pandas.core.frame", "DataFrame.eval"),
    ("edge_router.export.data.importers.pickles", "Record"),
]


def asking(module: str, name: str) -> list[bytes]:
    """Pickles that call a function, in each of the ways there are to name it."""
    pair = f"{module}\n{name}\n".encode()
    short = b"".join(b"\x8c" + bytes([len(part)]) + part.encode() for part in (module, name))
    return [
        b"c" + pair + b"(Vecho\ntR.",
        b"(Vecho\ni" + pair + b".",
        b"(c" + pair + b"Vecho\no.",
        b"\x80\x04" + short + b"\x93)\x81.",
        b"\x80\x04]" + short + b"\x93\x8c\x04echo\x85Ra.",
        b"\x80\x04}\x8c\x04_mgr" + short + b"\x93\x8c\x04echo\x85Rs.",
    ]


@pytest.mark.parametrize(("module", "name"), REFUSED)
@pytest.mark.parametrize("load", [load_tree, load_frame])
def test_every_other_name_is_refused(
    tmp_path: Path, load: Callable[[Path], object], module: str, name: str
) -> None:
    """And named, so that the file can be corrected."""
    path = tmp_path / "x.pkl"
    for content in asking(module, name):
        path.write_bytes(content)
        with pytest.raises(BadData) as refusal:
            load(path)
        assert f"x.pkl asks for {module}.{name}," in str(refusal.value)


def test_arrays_get_the_names_of_numpy_alone() -> None:
    """RouterEval's files have no use for those of pandas."""
    with pytest.raises(BadData, match=r"asks for pandas\.core\.frame\.DataFrame"):
        load_tree(SAMPLES / "routerbench_tiny.pkl")


def test_no_pandas_is_imported_for_its_pickles() -> None:
    """Nothing that the file names is: each name stands for a record."""
    already = set(sys.modules)
    load_frame(SAMPLES / "routerbench_tiny.pkl")
    assert not {name for name in set(sys.modules) - already if name.startswith("pandas")}


def test_an_allowed_name_cannot_be_changed_by_a_pickle(tmp_path: Path) -> None:
    """BUILD on a name would set attributes on it; here it finds no object to set them on."""
    path = tmp_path / "evil.pkl"
    path.write_bytes(b"\x80\x04\x8c\x05numpy\x8c\x05dtype\x93N}\x8c\x04kindK\x01s\x86b.")
    with pytest.raises(BadData, match="holds no outcomes"):
        load_tree(path)
    assert import_outcomes("routereval", [SAMPLES / "tiny_router_dataset.pkl"])


@pytest.mark.parametrize("code", ["O8", "V8", "M8", "f8, O8", "c16", "i3", "U", "f8)", ""])
def test_bytes_never_become_objects(tmp_path: Path, code: str) -> None:
    """An object's bytes would be an address that the file chose."""
    crafted = np.zeros(1)
    data = pickle.dumps({"model": crafted}, protocol=4)
    assert data.count(b"\x8c\x02f8") == 1
    path = tmp_path / "crafted.pkl"
    body = data.replace(b"\x8c\x02f8", b"\x8c" + bytes([len(code)]) + code.encode())
    path.write_bytes(b"\x80\x04" + body[11:])  # without the frame, whose length is now another
    tree = load_tree(path)
    with pytest.raises((ValueError, TypeError)):
        array(tree["model"])


@pytest.mark.parametrize(
    "content",
    [b"", b".", b"not a pickle", b"\x80\x04K\x01.", b"\x80\x04].", b"\x80\x04}.", b"\x80\x05N."],
)
@pytest.mark.parametrize("name", ["routerbench", "routereval"])
def test_other_pickles_are_refused(tmp_path: Path, content: bytes, name: str) -> None:
    """Broken ones, and those of something else than outcomes."""
    (tmp_path / "x.pkl").write_bytes(content)
    with pytest.raises(BadData, match=r"x\.pkl holds no"):
        import_outcomes(name, [tmp_path / "x.pkl"])


@pytest.mark.parametrize("sample", ["routerbench_tiny.pkl", "tiny_router_dataset.pkl"])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, sample: str) -> None:
    """Wherever the cut is."""
    whole = (SAMPLES / sample).read_bytes()
    for length in range(0, len(whole), 101):
        (tmp_path / "x.pkl").write_bytes(whole[:length])
        with pytest.raises(BadData, match="holds no outcomes"):
            import_outcomes(
                "routerbench" if "bench" in sample else "routereval", [tmp_path / "x.pkl"]
            )


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize(
    "values",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.array([[True, False], [False, False]]),
        np.array([["a", "ünï"], ["c", ""]]),
        np.array([["a", 0.5], [None, True]], dtype=object),
        np.arange(4, dtype=">i4").reshape(2, 2),
        np.zeros((0, 3)),
    ],
    ids=["floats", "truths", "texts", "objects", "big-endian", "empty"],
)
def test_arrays_come_back_as_they_were(
    tmp_path: Path, values: np.ndarray[Any, Any], protocol: int, order: str
) -> None:
    """In every protocol and memory order that numpy writes."""
    stored = np.array(values, order="F" if order == "F" else "C")
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps({"x": stored, "items": [np.float64(0.5), "t"]}, protocol))
    tree = load_tree(path)
    assert array(tree["x"]).tolist() == values.tolist()
    assert array([tree["items"][0]]).tolist() == [0.5]


def test_frames_of_the_pandas_at_hand(tmp_path: Path) -> None:
    """A frame with several kinds of columns, filtered and renamed, as its own pandas reads it."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "text": ["a", "b", "c"],
            "score": [0.5, float("nan"), 1.0],
            "flag": [True, False, True],
            "count": [1, 2, 3],
        }
    ).astype({"text": object})
    frame.columns = frame.columns.astype(object)
    for protocol in (3, 4, 5):
        for shape in (frame, frame[["count", "score", "text", "flag"]], frame.iloc[1:]):
            path = tmp_path / "frame.pkl"
            shape.to_pickle(path, protocol=protocol)
            if int(pandas.__version__.split(".")[0]) >= 3:
                with pytest.raises(BadData, match=r"pandas\.DataFrame.*save its table as \.csv"):
                    load_frame(path)
                continue
            result = load_frame(path)
            assert [*result] == [*shape.columns]
            assert all(str(result[name]) == str(shape[name].tolist()) for name in result)


def test_the_names_a_frame_may_use_are_few() -> None:
    """Six of pandas, numpy's arrays under the names of numpy 1 and 2, and Python's slice."""
    assert sum(module.startswith("pandas") for module, _ in PANDAS) == 6
    assert len(PANDAS) == 15
