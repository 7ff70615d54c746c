"""Changed copies of the shipped artifact, signed again, loaded and used within a bounded memory.

A script, so that what would abort or fill the process is seen from outside: prints one JSON line
with the errors that are not ArtifactError, and the seconds that the slowest took.
"""

from __future__ import annotations

import copy
import hashlib
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from made_artifact import SHIPPED

from edge_router.errors import ArtifactError
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.novelty import Familiar
from edge_router.routing.roster import profile_experts
from edge_router.routing.router import Router, operating_point
from edge_router.settings.config import Config

MEMORY = 2 * 2**30
JSON_FILES = ("experts.json", "calibration.json", "tokenizer.json", "manifest.json")
VALUES: list[Any] = [
    None, True, 0, -1, 1, 0.5, 2**31, 2**63, -(2**63), 10**30, 1e308, -1e308, 1e-320, "", "x",
    "a" * 3000, "../../etc/passwd", [], {}, [0], {"a": 0}, "\u202e", "\n", [[[]]], "frontier",
]  # fmt: skip


def _spoil_bytes(content: bytes, rng: random.Random) -> bytes:
    """One to four places flipped, cut out, doubled or filled; in a graph's head and tail mostly."""
    result = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        near = rng.choice([0, max(0, len(result) - 20_000), rng.randrange(len(result) + 1)])
        at = min(len(result) - 1, near + rng.randrange(20_000))
        size = rng.choice([1, 1, 1, 4, 30, 3000])
        way = rng.randrange(4)
        if way == 0:
            result[at] ^= 1 << rng.randrange(8)
        elif way == 1:
            del result[at : at + size]
        elif way == 2:
            result[at:at] = result[at : at + size]
        else:
            result[at : at + size] = bytes(rng.choice([0, 255, 127]) for _ in range(size))
        if not result:
            break
    return bytes(result)


def _spoil_json(content: bytes, rng: random.Random) -> bytes:
    """Another value, or none, at one to three places, each as deep as chance goes."""
    whole = json.loads(content)
    for _ in range(rng.randint(1, 3)):
        inner = whole
        while True:
            places = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
            if not places:
                break
            place = rng.choice(places)
            if isinstance(inner[place], (dict, list)) and rng.random() < 0.85:
                inner = inner[place]
                continue
            if rng.random() < 0.2:
                del inner[place]
            else:
                inner[place] = copy.deepcopy(rng.choice(VALUES))
            break
    return json.dumps(whole).encode()


def _made(folder: Path, rng: random.Random) -> str:
    """Spoil one file of a folder of links to the shipped ones, and sign; returns what was done."""
    for file in SHIPPED.iterdir():
        (folder / file.name).unlink(missing_ok=True)
        (folder / file.name).symlink_to(file)
    graphs = ("encoder.int8.onnx",) * 3
    name = rng.choice([*JSON_FILES, *graphs, "known_queries.npz", "README.md"])
    as_json = name in JSON_FILES and rng.random() < 0.8
    content = (_spoil_json if as_json else _spoil_bytes)((SHIPPED / name).read_bytes(), rng)
    (folder / name).unlink()
    (folder / name).write_bytes(content)
    raw = (folder / "manifest.json").read_bytes()
    if name != "manifest.json":
        manifest = json.loads(raw)
        promise = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        manifest["files"][name] = promise
        raw = json.dumps(manifest).encode()
        (folder / "manifest.json").unlink()
        (folder / "manifest.json").write_bytes(raw)
    (folder / "manifest.sha256").unlink()
    (folder / "manifest.sha256").write_text(hashlib.sha256(raw).hexdigest())
    return f"{name} {'as JSON' if as_json else 'as bytes'}"


def _use(folder: Path) -> None:
    artifact = RouterArtifact.load(folder)
    experts = tuple(profile_experts(artifact).values())
    router = Router(artifact, experts, point=operating_point(artifact, Config(min_gain=0.1)))
    router.route("What is the capital of France? " * 20)
    router.estimate("Prove that e is irrational.")
    if artifact.known_queries() is not None:
        Familiar.of(artifact)


def fuzz(seed: int, count: int) -> dict[str, Any]:
    """What this script says; it runs on its own, since a fault may end or fill a process."""
    command = [sys.executable, "-W", "ignore", __file__, str(seed), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        return {"wrong": [f"it ended with {done.returncode}: {done.stderr[-2000:]}"]}
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def main(seed: int, count: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    wrong, used, slowest = [], 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            rng = random.Random(seed * 1_000_003 + number)
            done = _made(Path(folder), rng)
            began = time.process_time()
            try:
                _use(Path(folder))
                used += 1
            except ArtifactError:
                pass
            except BaseException:  # noqa: BLE001  # a panic of a library is one
                wrong.append(f"{number} {done}: {traceback.format_exc()[-600:]}")
            slowest = max(slowest, time.process_time() - began)
    sys.stdout.write(json.dumps({"wrong": wrong, "used": used, "slowest_s": slowest}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
