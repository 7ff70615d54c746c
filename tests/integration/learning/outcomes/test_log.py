"""The outcome log of a process with a full disk, and of one that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_outcomes import router

from edge_router.learning.outcomes.log import FILE, OutcomeLog


@pytest.fixture
def log(tmp_path: Path) -> Iterator[OutcomeLog]:
    """Of five rows at most."""
    result = OutcomeLog(tmp_path / "data" / FILE, max_rows=5)
    yield result
    result.close()


FULL_DISK = """
import logging, resource, sys
logging.basicConfig(format="%(levelname)s %(message)s", level=logging.WARNING)
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from made_outcomes import router
with router(Path(sys.argv[1])) as learning:
    kept = 0
    for number in range(60):
        if number == 20:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        answer = learning.complete("Hi!")
        kept += learning.feedback(answer.record.id, 1.0)
print(answer.text, kept)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
def test_a_full_disk_stops_learning_not_answering(tmp_path: Path) -> None:
    """No file may grow from the 21st answer on: answers go on, one warning, what was kept stays.
    That the same question over and over is drift is another matter."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), str(Path(__file__).parents[3] / "made")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "A fake answer. 20\n"
    message = [line for line in done.stderr.splitlines() if line.startswith("WARNING")]
    assert ["nothing is learned" in line for line in message if "drift" not in line] == [True]
    assert len(OutcomeLog(tmp_path / FILE).rows()) == 20


ENDLESS = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from made_outcomes import router
learning = router(Path(sys.argv[1]))
while True:
    print(learning.complete("Hi!").record.id, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
def test_a_writer_that_is_killed_leaves_a_whole_log(tmp_path: Path) -> None:
    """Kill -9 in the middle: every reported answer is there, and writing goes on."""
    command = [
        sys.executable,
        "-c",
        ENDLESS,
        str(tmp_path),
        str(Path(__file__).parents[3] / "made"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        message = [writer.stdout.readline().strip() for _ in range(30)]
        os.kill(writer.pid, signal.SIGKILL)
    result = [outcome.id for outcome in OutcomeLog(tmp_path / FILE).rows()]
    assert result[:30] == message
    with router(tmp_path) as learning:
        assert learning.feedback(learning.complete("Hi!").record.id, 0.5)
    assert len(OutcomeLog(tmp_path / FILE).rows()) == len(result) + 1
