"""python -m benchmarks: the suite from a checkout."""

import sys

from .cli import main

sys.exit(main(sys.argv[1:]))
