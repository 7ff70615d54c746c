"""One decision by the shipped router, as a user's own script would make it."""

import sys

from edge_router import Router

decision = Router.bundled(sys.argv[1]).route("What is the opposite of hot?")
sys.stdout.write(decision.expert + "\n")
