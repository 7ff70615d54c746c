"""An artifact that anybody may have made: whatever is wrong with it is an ArtifactError."""

from __future__ import annotations

import copy as copies
import json
import os
import pickle
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from artifact_fuzz import fuzz
from made_artifact import SHIPPED, TOKENIZER, change_json, copy_of_shipped, replace_file, sign_as_is

from edge_router.errors import ArtifactCorrupt, ArtifactError, ArtifactNotFound
from edge_router.routing.artifact.encoder import OnnxEncoder
from edge_router.routing.artifact.manifest import FILES, RouterArtifact
from edge_router.routing.artifact.schema import check_calibration, check_experts

SURPRISES: list[Any] = [None, True, "x", "9" * 50, -1, 10**400, [], {}, [[]], {"a": 1}, "\ud800"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return copy_of_shipped(tmp_path / "copy")


@pytest.mark.parametrize("file", [*FILES, "known_queries.npz", "manifest.json", "manifest.sha256"])
@pytest.mark.parametrize("kind", ["zero", "fifo", "folder", "socket", "loop", "random", "itself"])
def test_what_is_no_regular_file_is_refused_at_once(copy: Path, file: str, kind: str) -> None:
    """An endless device, a pipe without a writer, a folder, a link to itself."""
    (copy / file).unlink()
    if kind == "fifo":
        os.mkfifo(copy / file)
    elif kind == "folder":
        (copy / file).mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            os.chdir(copy)  # a path may have 107 bytes
            server.bind(file)
            os.chdir("/")
    else:
        targets = {"zero": "/dev/zero", "random": "/dev/urandom", "loop": file, "itself": "."}
        (copy / file).symlink_to(targets[kind])
    with pytest.raises(ArtifactError):
        RouterArtifact.load(copy)


def test_links_to_regular_files_are_followed(tmp_path: Path) -> None:
    """Caches of models and of packages are made of them."""
    (tmp_path / "linked").mkdir()
    for file in SHIPPED.iterdir():
        (tmp_path / "linked" / file.name).symlink_to(file)
    assert RouterArtifact.load(tmp_path / "linked").known_queries() is not None


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "~nobody-of-this-name/x", "", "/dev/null"])
def test_a_name_that_no_folder_has_is_not_found(name: str) -> None:
    """Whatever the system says of it."""
    with pytest.raises(ArtifactNotFound):
        RouterArtifact.load(name)


@pytest.mark.parametrize("field", json.loads((SHIPPED / "manifest.json").read_bytes()))
def test_a_wrong_value_in_any_field_of_the_manifest_is_refused(copy: Path, field: str) -> None:
    """By the file and the field, whatever its type; a text of the same type may pass."""
    result = json.loads((copy / "manifest.json").read_bytes())
    for value in SURPRISES:
        if type(value) is type(result[field]) and not isinstance(value, int):
            continue
        sign_as_is(copy, json.dumps(result | {field: value}).encode())
        with pytest.raises(ArtifactError, match=r"manifest\.json|schema version"):
            RouterArtifact.load(copy)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/b", "surprise.txt", "", "\0"])
def test_a_file_of_another_name_is_refused(copy: Path, name: str) -> None:
    """A manifest lists the files of the artifact and nothing else."""

    def add(manifest: Any) -> None:
        manifest["files"][name] = {"sha256": "0" * 64, "bytes": 1}

    change_json(copy, "manifest.json", add)
    with pytest.raises(ArtifactCorrupt, match=r"files has missing or unknown fields"):
        RouterArtifact.load(copy)


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value, of long lists and objects the first two."""
    if isinstance(value, dict):
        inside = list(value.items())[:2] if len(value) > 12 else list(value.items())
    else:
        inside = list(enumerate(value))[:2] if isinstance(value, list) else []
    return [at, *[place for name, item in inside for place in _places(item, (*at, name))]]


def _put(whole: Any, at: tuple[Any, ...], value: Any) -> Any:
    changed = copies.deepcopy(whole)
    if not at:
        return value
    inner = changed
    for name in at[:-1]:
        inner = inner[name]
    inner[at[-1]] = value
    return changed


def _shortened(file: str) -> Any:
    """Its content with one profile, one expert and three weights each, or with one point."""
    whole = json.loads((SHIPPED / file).read_bytes())
    if file == "calibration.json":
        return whole | {"operating_points": {"quality": whole["operating_points"]["quality"]}}
    groups = {"profiles": "frontier", "experts": "7b-guanaco"}
    result = {group: {name: whole[group][name]} for group, name in groups.items()}
    for group, name in groups.items():
        result[group][name]["head"]["weights"] = [0.5, -0.5, 0]
    result["needs_tools"] = {"bias": 0.5, "weights": [0.5, -0.5, 0]}
    return result


@pytest.mark.parametrize("file", ["experts.json", "calibration.json"])
def test_a_wrong_type_at_any_place_is_refused_by_file(file: str) -> None:
    """Nothing raw is raised, then or when a router is made of it; evidence may say anything."""
    whole = _shortened(file)
    checks = {
        "experts.json": lambda spoilt: check_experts(spoilt, file, 3),
        "calibration.json": lambda spoilt: check_calibration(spoilt, file),
    }
    check = checks[file]
    wrong: list[Any] = [None, True, "x", -(10**400), float("inf"), [], {}, [1], {"a": {}}]
    for place in _places(whole):
        if "evidence" in place or "context_tokens" in place:
            continue
        for value in wrong:
            last = place[-1] if place else ""
            if (
                (value == "x" and (last == "promise" or "models" in place))
                or (value == [] and last == "models")
                or (value == {} and last in ("operating_points", "experts"))
            ):
                continue  # all of that may be
            spoilt = _put(whole, place, value)
            with pytest.raises(ArtifactCorrupt, match=file):
                check(spoilt)


@pytest.mark.parametrize("file", ["manifest.json", "experts.json", "calibration.json", TOKENIZER])
@pytest.mark.parametrize(
    "content",
    [
        b"[" * 40_000 + b"]" * 40_000,
        b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
        b"[" * 100_000,
        b"",
        b"null",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": ' + b"9" * 5_000 + b"}",
        b'{"a": 1, "a": 2}',
        b'{"a": "\\ud800"}',
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
    ],
    ids=range(13),
)
def test_odd_json_is_refused(copy: Path, file: str, content: bytes) -> None:
    """Too deep, not finite, a number of 5,000 digits, a name twice, half a character."""
    if file == "manifest.json":
        sign_as_is(copy, content)
    else:
        replace_file(copy, file, content)
    with pytest.raises(ArtifactCorrupt, match=file):
        OnnxEncoder(RouterArtifact.load(copy)).represent("Hello")


def _swap(copy: Path, file: str) -> None:
    content = bytearray((copy / file).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / file).write_bytes(content)


@pytest.mark.parametrize("file", ["encoder.int8.onnx", TOKENIZER])
def test_the_bytes_that_were_checked_are_the_bytes_that_are_used(copy: Path, file: str) -> None:
    """A file swapped after the check changes nothing; the next reader refuses it."""
    artifact = RouterArtifact.load(copy)
    expected = OnnxEncoder(RouterArtifact.load(SHIPPED)).represent("Hello").vector
    _swap(copy, file)
    assert OnnxEncoder(artifact).represent("Hello").vector.tobytes() == expected.tobytes()
    with pytest.raises(ArtifactCorrupt, match=f"{file} was changed"):
        OnnxEncoder(artifact).represent("Hello")


def test_known_queries_are_verified_each_time_they_are_read(copy: Path) -> None:
    """They are read long after the check."""
    artifact = RouterArtifact.load(copy)
    _swap(copy, "known_queries.npz")
    with pytest.raises(ArtifactCorrupt, match="was changed"):
        artifact.known_queries()


def test_an_artifact_crosses_processes_without_its_bytes(artifact: RouterArtifact) -> None:
    """A spawned process reads the files again, and verifies them."""
    encoder = OnnxEncoder(RouterArtifact.load(artifact.path))
    sent = pickle.dumps(encoder)
    assert len(sent) < 10**6
    there = pickle.loads(sent)
    assert there.represent("Hi").vector.tobytes() == encoder.represent("Hi").vector.tobytes()


@pytest.mark.parametrize("change", [("location", "moon"), ("speed", {}), ("pricing", {"x": 1})])
def test_a_reference_that_no_expert_has_is_refused(copy: Path, change: tuple[str, Any]) -> None:
    """By its place in the file."""

    def spoil(experts: Any) -> None:
        experts["profiles"]["8b"]["reference"][change[0]] = change[1]

    change_json(copy, "experts.json", spoil)
    with pytest.raises(
        ArtifactCorrupt, match=rf"experts\.json: profiles\.8b\.reference.{change[0]}"
    ):
        RouterArtifact.load(copy)


Spoil = Callable[[Any], None]


def _set(*path: Any, value: Any) -> Spoil:
    def spoil(result: Any) -> None:
        for name in path[:-1]:
            result = result[name]
        result[path[-1]] = value

    return spoil


MULTIPLIES = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 10_000}
HOSTILE_TOKENIZERS: dict[str, Spoil] = {
    "replace": _set("normalizer", value=MULTIPLIES),
    "sequence": _set("normalizer", value={"type": "Sequence", "normalizers": [MULTIPLIES] * 9}),
    "prepend": _set("normalizer", value={"type": "Prepend", "prepend": "x" * 10**6}),
    "regex": _set(
        "pre_tokenizer",
        value={"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated"},
    ),
    "no normalizer": _set("normalizer", value=None),
    "other model": _set("model", value={"type": "BPE", "vocab": {}, "merges": []}),
    "processor": _set("post_processor", value={"type": "ByteLevel"}),
    "decoder": _set("decoder", value={"type": "Replace"}),
    "long words": _set("model", "max_input_chars_per_word", value=10**9),
    "negative words": _set("model", "max_input_chars_per_word", value=-1),
    "no unknown": _set("model", "unk_token", value="[no such word]"),
    "no start": lambda result: result["model"]["vocab"].pop("[CLS]"),
    "number twice": _set("model", "vocab", "the", value=5),
    "huge number": _set("model", "vocab", "the", value=2**40),
    "number as text": _set("model", "vocab", "the", value="5"),
    "true": _set("model", "vocab", "[unused0]", value=True),
    "list of words": _set("model", "vocab", value=["a"]),
    "added elsewhere": _set("added_tokens", 0, "id", value=10**6),
    "added nothing": _set("added_tokens", 0, "content", value=""),
    "added number": _set("added_tokens", 0, "special", value=1),
    "added map": _set("added_tokens", value={}),
    "unknown part": _set("surprise", value=1),
    "half a character": _set("model", "continuing_subword_prefix", value="\ud800"),
}


@pytest.mark.parametrize("name", HOSTILE_TOKENIZERS)
def test_a_tokenizer_that_is_not_berts_is_refused(copy: Path, name: str) -> None:
    """Before the library sees it: some of these would abort the process."""
    change_json(copy, TOKENIZER, HOSTILE_TOKENIZERS[name])
    with pytest.raises(ArtifactCorrupt, match=r"tokenizer\.json"):
        OnnxEncoder(RouterArtifact.load(copy)).represent("a" * 1000)


def test_whatever_is_changed_nothing_but_an_artifact_error_is_raised() -> None:
    """Signed again, loaded and used within 2 GiB, each in a moment; some changes do no harm."""
    result = fuzz(seed=0, count=30)
    assert result["wrong"] == []
    assert result["used"] > 0
    assert result["slowest_s"] < 5
