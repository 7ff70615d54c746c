"""Several processes on one cache of answers, one of which is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from edge_router.layers.cache.store import AnswerStore
from edge_router.settings.cache_config import CacheConfig

PROCESSES, ANSWERS = 3, 20
WRITER = """
import sys
from pathlib import Path
from edge_router.layers.cache.store import AnswerStore, Kept
from edge_router.settings.cache_config import CacheConfig

path, name, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store, kept = AnswerStore(path, CacheConfig()), 0
while kept < number:
    kept += store.keep(f"{name}-{kept}".encode(), b"c", Kept("cloud", "big", name * 100))
print("written", flush=True)
"""


def _writer(path: Path, name: str, number: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), name, str(number)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_share_a_cache_and_a_killed_one_harms_nobody(tmp_path: Path) -> None:
    """Each finds what the others kept."""
    path = tmp_path / "answers.sqlite3"
    endless = _writer(path, "endless", 10**9)
    others = [_writer(path, str(number), ANSWERS) for number in range(PROCESSES)]
    for one in others:
        assert one.communicate(timeout=60)[0] == "written\n"
    endless.send_signal(signal.SIGKILL)
    endless.communicate(timeout=10)
    store = AnswerStore(path, CacheConfig())
    keys = [f"{number}-{kept}" for number in range(PROCESSES) for kept in range(ANSWERS)]
    found = [store.find(key.encode()) for key in keys]
    count, _, _ = store.size()
    assert count <= CacheConfig().max_entries
    assert all(
        one is None or one.kept.answer == key[0] * 100 for one, key in zip(found, keys, strict=True)
    )
    assert store.find(b"2-19") is not None or count == CacheConfig().max_entries
