"""python -m edge_router.cli: the command of a checkout."""

import sys

from .main import main

if __name__ == "__main__":
    sys.exit(main())
