"""The memory that reading a gzip bomb takes, in a process of its own."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

BOUNDED = """
import sys
from pathlib import Path
from edge_router.guards.bounded_file import numbered_lines, read_text
from edge_router.errors import ConfigError
for read in (lambda p: list(numbered_lines(p, ConfigError)), lambda p: read_text(p, ConfigError)):
    try:
        read(Path(sys.argv[1]))
    except ConfigError:
        pass
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /proc")
def test_a_bomb_takes_little_memory(tmp_path: Path) -> None:
    """4 GB of zeros in 4 MB."""
    path = tmp_path / "bomb.gz"
    chunk = gzip.compress(b"\0" * 2**26, 9)
    path.write_bytes(chunk * 64)
    message = subprocess.run(
        [sys.executable, "-c", BOUNDED, str(path)], capture_output=True, text=True, check=True
    )
    assert int(message.stdout) < 300_000
