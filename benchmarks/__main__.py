"""Entry point of `python -m benchmarks`, the suites from a checkout."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
