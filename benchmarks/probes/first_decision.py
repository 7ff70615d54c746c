"""One decision by the shipped router, as a user's own script would make it.

Argument: the artifact.
"""

import sys

from edge_router import Router


def main() -> None:
    decision = Router.bundled(sys.argv[1]).route("What is the opposite of hot?")
    sys.stdout.write(decision.expert + "\n")


if __name__ == "__main__":
    main()
