"""The console script, interrupted while the command is still imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

INTERRUPTED = """
import os, signal, sys
from edge_router.cli.__main__ import main

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "edge_router.cli.main":
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.{handler})
sys.meta_path.insert(0, Interrupt())
sys.argv[1:] = ["--version"]
sys.exit(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
@pytest.mark.parametrize(("handler", "code"), [("default_int_handler", 130), ("SIG_IGN", 0)])
def test_ctrl_c_during_the_import_has_its_exit_code_and_no_traceback(
    handler: str, code: int
) -> None:
    """And where it is ignored, as in a job in the background, it stays so."""
    script = INTERRUPTED.format(handler=handler)
    ended = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stderr) == (code, "")


def test_afterwards_ctrl_c_is_heard_as_ever() -> None:
    """The command itself sees to it then; what started the tests may have ignored it."""
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "from edge_router.cli.__main__ import main; sys.argv[1:] = ['-h']\n"
    code += "try: main()\nexcept SystemExit: pass\n"
    code += "sys.exit(signal.getsignal(signal.SIGINT) is not signal.default_int_handler)"
    assert (
        subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode
        == 0
    )
