"""The files that one query runs through, printed and counted: python -m tests.query_path [--stream]

A query to an OpenAI-compatible expert on this machine, with the default settings. Its third query
counts: the first one loads the router and connects.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import edge_router
from edge_router import Config, EdgeRouter, ExpertConfig

sys.path.append(str(Path(__file__).parent / "made"))
from fault_server import FaultServer, Peer, answer, answer_json, event, piece

HERE = str(Path(edge_router.__file__).parent) + os.sep
EXPERT = str(Path(HERE, "backends", "openai"))
QUESTION = "What is the capital of France?"
SENDS = ("send", "sendall")


@dataclass(slots=True)
class QueryPath:
    """The functions of ours that a query has called, by file, each in the order of its first call;
    `asked` is how many of the files had been run through when the expert was asked, `sent` when the
    request left."""

    files: dict[str, dict[str, None]] = field(default_factory=dict)
    asked: int = 0
    sent: int = 0

    def record(self, frame: Any, event: str, arg: object) -> None:
        """Note one call; for `sys.setprofile`."""
        if event == "c_call" and getattr(arg, "__name__", "") in SENDS and not self.sent:
            self.sent = len(self.files)
        name: str = frame.f_code.co_filename
        if event == "call" and name.startswith(HERE) and frame.f_code.co_name != "<module>":
            if name.startswith(EXPERT) and not self.asked:
                self.asked = len(self.files)
            self.files.setdefault(name.removeprefix(HERE), {})[frame.f_code.co_qualname] = None

    def report(self) -> str:
        """The files in order, with some of what is called there, and their number."""
        lines = [
            f"{place:>3} {name}: {', '.join([f for f in functions if '<' not in f][:6])}"
            for place, (name, functions) in enumerate(self.files.items(), start=1)
        ]
        counts = {
            "files until the expert is asked": self.asked,
            "files until the request is sent": self.sent,
            "files": len(self.files),
        }
        return "\n".join([*lines, *(f"{name}: {count}" for name, count in counts.items())])


def query_path(*, stream: bool) -> QueryPath:
    """The path of the third query of an EdgeRouter."""
    with FaultServer(_say_paris) as server, tempfile.TemporaryDirectory() as folder:
        cloud = ExpertConfig("openai", "big", "frontier", location="cloud", base_url=server.url)
        config = Config(data_dir=folder, experts={"cloud": cloud})
        with EdgeRouter(config) as router:

            def query() -> None:
                chunks = router.stream(QUESTION) if stream else ()
                text = "".join(c.delta for c in chunks) or router.complete(QUESTION).text
                assert text == "Paris."

            query()
            query()  # soon before the one that counts: the machine's state is read every second
            return _traced(query)


def _traced(query: Callable[[], None]) -> QueryPath:
    path = QueryPath()
    threading.setprofile(path.record)
    sys.setprofile(path.record)
    try:
        query()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return path


def _say_paris(peer: Peer) -> None:
    """Answers every request of a connection."""
    while request := peer.request():
        body = json.loads(request.partition("\r\n\r\n")[2])
        if body["stream"]:
            said = piece("Par") + piece("is.", finish="stop") + event("[DONE]")
            peer.send(answer(said, content_type="text/event-stream"))
        else:
            message = {"role": "assistant", "content": "Paris."}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            peer.send(answer_json({"id": "1", "model": "big", "choices": [choice]}))


if __name__ == "__main__":
    print(query_path(stream="--stream" in sys.argv[1:]).report())
