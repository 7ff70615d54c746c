"""The script that runs the router in the emulated machine, and natively for comparison.

A script of its own, not a module: `python inside.py < job.json`. The job names the folder of an
artifact, the queries to decide, and what to count (texts by their length in tokens, rounds, and
other encoder files by name). It writes JSON lines: the versions, an answer for each query, then
the labels of the stretches between marks (see count.c) in the order in which they were run.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import tokenizers

from edge_router import Router
from edge_router.routing.artifact.encoder import open_session
from edge_router.routing.artifact.text import RouterTokenizer
from edge_router.routing.logistic import log_odds

MARK = 2000000011  # count.c
WARM_UP = 1

Run = Callable[[], object]


def main() -> None:
    """Run the job on standard input."""
    job = json.load(sys.stdin)
    router = Router.bundled(job["artifact"])
    write_line({"versions": versions()})
    for query in job["queries"]:
        write_line({"answer": answer(router, query)})
    if job["count"]:
        write_line({"stretches": list(counted(router, job["count"]))})


def write_line(line: Mapping[str, Any]) -> None:
    """Write one line of the result and flush."""
    print(json.dumps(line), flush=True)  # noqa: T201 - the way back to the host


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide."""
    modules = {"numpy": np, "onnxruntime": onnxruntime, "tokenizers": tokenizers}
    packages = {name: module.__version__ for name, module in modules.items()}
    return {"python": platform.python_version(), "machine": platform.machine(), **packages}


def answer(router: Router, query: str) -> dict[str, Any]:
    """The expert chosen, and the log-odds of a good answer for each of the shipped experts."""
    decision = router.route(query)
    odds = {name: float(log_odds(one.quality)) for name, one in decision.estimates.items()}
    return {"expert": decision.expert, "log_odds": odds}


def counted(router: Router, count: Mapping[str, Any]) -> Iterator[str]:
    """Run each part between marks; yields the label of each stretch."""
    gc.disable()  # a collection would fall into any stretch
    for label, run in stretches(router, count):
        for _ in range(WARM_UP):
            run()
        for _ in range(count["rounds"]):
            mark()
            run()
            mark()
            yield label


def stretches(router: Router, count: Mapping[str, Any]) -> Iterator[tuple[str, Run]]:
    """The parts to count: nothing, the whole decision, and each encoder alone, by length."""
    yield "nothing", lambda: None
    artifact = router.artifact
    tokenizer = RouterTokenizer(artifact.tokenizer_path, max_tokens=artifact.manifest.max_tokens)
    for tokens, text in count["texts"].items():
        yield f"decision/router/{tokens}", partial(router.route, text)
    for name, path in {"router": artifact.encoder_path, **count["encoders"]}.items():
        session = open_session(Path(path), fused=name == "router")  # others are fused on opening
        for tokens, text in count["texts"].items():
            yield f"encode/{name}/{tokens}", encoding(session, *tokenizer.batch([text]))


def encoding(session: Any, ids: Any, mask: Any) -> Run:
    """One call of the encoder with the inputs that its graph declares."""
    known = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    fed = {given.name: known[given.name] for given in session.get_inputs()}
    return partial(session.run, None, fed)


def mark() -> None:
    """Make the plugin write the instruction count so far; has no effect natively."""
    try:
        os.getpgid(MARK)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    main()
