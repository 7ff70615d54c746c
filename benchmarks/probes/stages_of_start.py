"""From nothing to the first decision: seconds of each step, in the order of a first query."""

import sys
import time

marks = [("start", time.perf_counter())]


def mark(name: str) -> None:
    marks.append((name, time.perf_counter()))


import edge_router  # noqa: E402

mark("import edge_router")
import numpy  # noqa: E402

mark("import numpy")
from edge_router.artifact import RouterArtifact  # noqa: E402
from edge_router.router import Router  # noqa: E402

mark("import the router")
artifact = RouterArtifact.load(sys.argv[1])
mark("verify the artifact")
import tokenizers  # noqa: E402

mark("import tokenizers")
import os  # noqa: E402

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime  # noqa: E402

mark("import onnxruntime")
router = Router.bundled(sys.argv[1])
mark("build the router")
router.route("What is the opposite of hot?")
mark("open and decide once")
router.route("What is the opposite of cold?")
mark("decide again")

import json  # noqa: E402

versions = [module.__version__ for module in (edge_router, numpy, tokenizers, onnxruntime)]
steps = {name: at - marks[i][1] for i, (name, at) in enumerate(marks[1:])}
sys.stdout.write(json.dumps({"steps": steps, "versions": versions}) + "\n")
