"""Every file that Edge Router keeps, after whatever may happen to a file: ignored with one warning,
or a ConfigError; never another error, never a wait, never much memory."""

from __future__ import annotations

import gzip
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_router.client.asking.gate import FEATURES, DeferralGate, GateStage
from edge_router.device.latency import Speed
from edge_router.device.speeds import MeasuredSpeed, read_speeds, write_speeds
from edge_router.errors import ConfigError
from edge_router.learning.enrolment.journal import Journal
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.deciding.operating_point import Correction
from edge_router.routing.deciding.stored_points import StoredPoint
from edge_router.routing.experts.enrolled import EnrolledExpert, Provenance, head_of
from edge_router.routing.experts.expert import ExpertHead
from edge_router.settings.config import Config
from edge_router.settings.expert_config import ExpertConfig

LOCAL = ExpertConfig("llama_cpp", "smollm2-135m", "135m")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data_dir=str(tmp_path), experts={"local": LOCAL})


def device(config: Config, _: RouterArtifact) -> tuple[Path, Callable[[], object]]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    result = MeasuredSpeed(LOCAL.model, LOCAL.n_threads, now, Speed(0.1, 100.0, 10.0))
    return write_speeds(config, {"local": result}), lambda: read_speeds(config)


def point(config: Config, artifact: RouterArtifact) -> tuple[Path, Callable[[], object]]:
    stored = StoredPoint(
        name="mine",
        promise="much",
        price=0.1,
        targets=["quality>=0.9"],
        confidence=0.95,
        evidence={"queries": 9},
        experts={"local": "135m", "frontier": "frontier"},
        artifact={"name": artifact.manifest.name, "hash": artifact.hash},
        created="2026-11-29",
        command="edge-router calibrate",
        corrections={"local": Correction(1.5, 0.25)},
        heads={"local": "0" * 16},
    )
    return stored.write(config.data_folder), lambda: StoredPoint.load(config.data_folder, "mine")


def enrolled(config: Config, artifact: RouterArtifact) -> tuple[Path, Callable[[], object]]:
    dim = artifact.manifest.representation_dim
    head = ExpertHead(0.5, np.linspace(-1, 1, dim, dtype=np.float32), 0.25)
    evidence = Provenance(9, 0.5, "2026-11-29", artifact.manifest.name, artifact.hash, "enroll")
    path = EnrolledExpert("mine", "135m", head, evidence).write(config.data_folder)
    return path, lambda: head_of("mine", artifact, config.data_folder)


def gate(config: Config, artifact: RouterArtifact) -> tuple[Path, Callable[[], object]]:
    path = config.data_folder / "deferral.json"
    stages = {8: GateStage(0.5, np.linspace(-1, 1, len(FEATURES)))}
    made = DeferralGate("smollm2", artifact.hash, "135m", "2026-11-29", 9, stages)
    path.write_text(json.dumps(made.to_json()))
    return path, lambda: DeferralGate.load(path, artifact=artifact.hash)


def journal(config: Config, _: RouterArtifact) -> tuple[Path, Callable[[], object]]:
    path = config.data_folder / "mine.0.answers.jsonl"
    path.write_text('{"source": "everyday", "id": "a", "score": {"mine": 1.0}}\n')
    return path, Journal(path).rows


FILES = (device, point, enrolled, gate, journal)
Reader = Callable[[], object]


@pytest.fixture(params=FILES, ids=lambda make: make.__name__)
def stored(
    request: pytest.FixtureRequest, config: Config, artifact: RouterArtifact
) -> tuple[Path, Reader]:
    """One of the files, and how it is read."""
    result: tuple[Path, Reader] = request.param(config, artifact)
    return result


def holds_nothing(read: Reader, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is refused with its name and in one line, or ignored; and that is said once."""
    caplog.clear()
    start = time.monotonic()
    try:
        result = read()
    except ConfigError as error:
        message = str(error)
        assert not caplog.records
    else:
        assert not result
        (said,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
        message = said.getMessage()
    assert str(path) in message
    assert "\n" not in message
    assert len(message) < 1000
    assert time.monotonic() - start < 5


def test_what_was_written_is_read(stored: tuple[Path, Reader]) -> None:
    """So that what follows is about the damage alone; also behind a byte-order mark."""
    path, read = stored
    assert read()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read()


BOMB = gzip.compress(b"\0" * 2**25, 9)
CONTENTS: Mapping[str, Callable[[bytes], bytes]] = {
    "truncated": lambda whole: whole[: len(whole) // 2],
    "one byte": lambda _: b"{",
    "binary": lambda _: bytes(range(256)) * 10,
    "NUL bytes": lambda whole: b"\0" * len(whole),
    "UTF-16": lambda whole: whole.decode().encode("utf-16"),
    "UTF-32": lambda whole: whole.decode().encode("utf-32"),
    "Latin-1": lambda whole: whole.replace(b'"', b'"\xe9', 1),
    "a list": lambda whole: b"[" + whole.strip() + b"]",
    "a number": lambda _: b"7",
    "null": lambda _: b"null",
    "deep lists": lambda _: b"[" * 100_000,
    "deep objects": lambda _: b'{"a":' * 100_000,
    "a key twice": lambda whole: whole.replace(b"{", b'{"schema": 1, "schema": 1, "id": "", ', 1),
    "thousands of digits": lambda _: b'{"schema": ' + b"9" * 5000 + b"}",
    "gzip bomb": lambda _: BOMB,
}  # fmt: skip


@pytest.mark.parametrize("how", CONTENTS)
def test_bytes_that_are_none_of_ours(
    stored: tuple[Path, Reader], how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Cut off, of another program, of another encoding, or meant to hurt."""
    path, read = stored
    path.write_bytes(CONTENTS[how](path.read_bytes()))
    holds_nothing(read, path, caplog)


def test_an_empty_file(stored: tuple[Path, Reader], caplog: pytest.LogCaptureFixture) -> None:
    """An empty journal is one to which nothing was added yet."""
    path, read = stored
    path.write_bytes(b"")
    if path.suffix == ".jsonl":
        assert not read()
        return
    holds_nothing(read, path, caplog)


def test_a_gigabyte(stored: tuple[Path, Reader], caplog: pytest.LogCaptureFixture) -> None:
    """Is not read; it takes no room on this disk."""
    path, read = stored
    os.truncate(path, 2**30)
    holds_nothing(read, path, caplog)


def in_its_place(path: Path) -> Iterator[str]:
    """What may lie there instead of a file."""
    path.unlink()
    path.mkdir()
    yield "a folder"
    path.rmdir()
    os.mkfifo(path)
    yield "a pipe"
    path.unlink()
    path.symlink_to(path)
    yield "a loop"
    path.unlink()
    path.symlink_to("/dev/zero")
    yield "a device"
    path.unlink()


@pytest.mark.skipif(sys.platform == "win32", reason="no such files there")
def test_what_is_no_file(stored: tuple[Path, Reader], caplog: pytest.LogCaptureFixture) -> None:
    """It is refused without waiting or filling the memory."""
    path, read = stored
    for _ in in_its_place(path):
        holds_nothing(read, path, caplog)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no such users there")
def test_a_file_that_may_not_be_read(
    stored: tuple[Path, Reader], caplog: pytest.LogCaptureFixture
) -> None:
    """Root may read everything, so it becomes another user without access to its folders."""
    path, read = stored
    root = os.geteuid() == 0
    path.chmod(0)
    if root:
        os.seteuid(65534)
    try:
        if path.parent.name == "experts" and root:  # a name that nobody can look up is unknown
            with pytest.raises(ConfigError, match="'mine' is unknown"):
                read()
        else:
            holds_nothing(read, path, caplog)
    finally:
        if root:
            os.seteuid(0)
        path.chmod(0o600)


ODD = (
    None,
    True,
    "x",
    "\ud800",
    -1,
    1e300,
    float("nan"),
    float("inf"),
    10**400,
    [],
    [[]],
    {},
    {"a": {}},
)


def damaged(value: Any) -> Iterator[Any]:
    """The value with one part of it, at any level, replaced or left out."""
    yield from ODD
    if isinstance(value, dict):
        for key, part in value.items():
            yield {name: one for name, one in value.items() if name != key}
            yield from (value | {key: result} for result in damaged(part))
        yield value | {"a stranger": 1}
    if isinstance(value, list):
        yield value[1:]
        yield [*value, *value]
        yield from ([result, *value[1:]] for result in ODD)


def refusal(read: Reader) -> str:
    """What a ConfigError says; nothing where there is none."""
    try:
        read()
    except ConfigError as error:
        return str(error)
    return ""


def test_wrong_types_at_every_level(
    stored: tuple[Path, Reader], caplog: pytest.LogCaptureFixture
) -> None:
    """Each value in turn is something else, or is not there: what is read then is whole, or it is
    refused in one line."""
    path, read = stored
    whole, right = json.loads(path.read_text()), read()
    message = []
    for result in damaged(whole):
        path.unlink()  # ext4 flushes a file that is cut and written again: 2 ms each
        path.write_text(json.dumps(result) + "\n")
        message.append(refusal(read))
    assert max(map(len, message)) < 1000
    assert sum(map(bool, message)) + len(caplog.records) > 40
    path.write_text(json.dumps(whole) + "\n")
    assert type(read()) is type(right)


@pytest.mark.parametrize(
    ("make", "key"),
    [(device, "schema"), (enrolled, "schema"), (point, "schema_version"), (gate, "features")],
)
def test_a_file_of_another_version(
    config: Config,
    artifact: RouterArtifact,
    make: Callable[[Config, RouterArtifact], tuple[Path, Reader]],
    key: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A later version, with unknown fields."""
    path, read = make(config, artifact)
    whole = json.loads(path.read_text())
    path.write_text(json.dumps(whole | {key: 99, "news": {}}))
    assert key.partition("_")[0] in refusal(read) + caplog.text


def test_what_belongs_to_another_machine_or_router(
    config: Config, artifact: RouterArtifact, caplog: pytest.LogCaptureFixture
) -> None:
    """Speeds of another machine are ignored; heads and gates of another router are refused."""
    path, read = device(config, artifact)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"processor": "another"}))
    holds_nothing(read, path, caplog)
    other = replace(artifact, hash="0" * 64)
    enrolled(config, artifact)
    path, _ = gate(config, artifact)
    with pytest.raises(ConfigError, match="made with another router"):
        head_of("mine", other, config.data_folder)
    with pytest.raises(ConfigError, match="belongs to the router artifact"):
        DeferralGate.load(path, artifact=other.hash)
