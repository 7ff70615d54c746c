"""The public conformance suite of /v1/systemone against a server: argument 1 is its root."""

from __future__ import annotations

import sys

from jevcompat.cli import main

sys.exit(main(["test", sys.argv[1]]))
