"""`python -m edge_router` is the program edge-router."""

from __future__ import annotations

import runpy

if __name__ == "__main__":
    runpy.run_module("edge_router.cli", run_name="__main__", alter_sys=True)
