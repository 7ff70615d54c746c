"""Resident memory before, after loading, after a long call, and after many mixed decisions.

Arguments: the artifact, the number of decisions, and the file of queries: JSON with "long" and
"mixed". Prints bytes, null if unknown.
"""

import json
import sys
from pathlib import Path

from edge_router.benchmarks.rows.resources import peak_bytes, resident_bytes


def measured(artifact: str, decisions: int, long: str, mixed: list[str]) -> dict[str, int | None]:
    readings = {"before loading": resident_bytes()}
    from edge_router import Router  # its import loads numpy

    router = Router.bundled(artifact)
    router.route("What is the opposite of hot?")
    readings["artifact loaded"] = resident_bytes()
    router.route(long)
    readings["after a 512-token call"] = resident_bytes()
    for text in mixed:  # once each, so that what follows is drift and nothing else
        router.route(text)
    readings["after one round"] = resident_bytes()
    for number in range(decisions):
        router.route(mixed[number % len(mixed)])
    readings["after all decisions"] = resident_bytes()
    readings["peak"] = peak_bytes()
    return readings


def main() -> None:
    artifact, decisions, file = sys.argv[1:]
    queries = json.loads(Path(file).read_text(encoding="utf-8"))
    readings = measured(artifact, int(decisions), queries["long"], queries["mixed"])
    sys.stdout.write(json.dumps(readings) + "\n")


if __name__ == "__main__":
    main()
