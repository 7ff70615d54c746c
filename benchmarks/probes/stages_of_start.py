"""Seconds of each step from process start to the first decision.

Argument: the artifact.
"""

import json
import sys
import time
from collections.abc import Iterator


def steps(artifact: str) -> Iterator[str]:
    """Run the steps in order; yields each one's name when it is done."""
    import edge_router  # noqa: F401

    yield "import edge_router"
    import numpy  # noqa: F401

    yield "import numpy"
    from edge_router.routing.router import Router

    yield "import the router"
    router = Router.bundled(artifact)
    yield "verify the artifact, build the router"
    import tokenizers  # noqa: F401

    yield "import tokenizers"
    import os

    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime  # noqa: F401

    yield "import onnxruntime"
    router.route("What is the opposite of hot?")
    yield "open the encoder, decide once"
    router.route("What is the opposite of cold?")
    yield "decide again"


def main() -> None:
    seconds = {}
    last = time.perf_counter()
    for name in steps(sys.argv[1]):
        now = time.perf_counter()
        seconds[name] = now - last
        last = time.perf_counter()
    sys.stdout.write(json.dumps({"steps": seconds}) + "\n")


if __name__ == "__main__":
    main()
