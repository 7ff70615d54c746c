"""Resident memory before, after loading, after a long call, and after many mixed decisions.

Arguments: the artifact, the number of decisions, and the file of queries: JSON with "long" and
"mixed". Bytes; None where the system does not tell.
"""

import json
import sys
from pathlib import Path

from edge_router.benchmarks.resources import peak_bytes, resident_bytes

found = {"before loading": resident_bytes()}
from edge_router import Router  # noqa: E402 - its import loads numpy

router = Router.bundled(sys.argv[1])
router.route("What is the opposite of hot?")
found["artifact loaded"] = resident_bytes()

queries = json.loads(Path(sys.argv[3]).read_text())
router.route(queries["long"])
found["after a 512-token call"] = resident_bytes()

mixed = queries["mixed"]
for text in mixed:  # once each, so that what follows is drift and nothing else
    router.route(text)
found["after one round"] = resident_bytes()
for number in range(int(sys.argv[2])):
    router.route(mixed[number % len(mixed)])
found["after all decisions"] = resident_bytes()
found["peak"] = peak_bytes()
sys.stdout.write(json.dumps(found) + "\n")
