"""Load on a real `edge-router serve`: python -m tests.integration.server.load --seconds 60

Clients on loopback ask, each one question after another, half of them the bundled model and half a
fast fake cloud. Prints how many answers there were of which status, the time that deciding took
(median, 99 % and most) and the server's memory, at first and at the end.

Clients, fake cloud, local model and server share the machine's cores, so a decision also waits for
a core that another of them has. What of its time that is, --parts tells (Linux); --only cloud
leaves the local model out, --shared runs it in the server's process, --nice 19 lets the clients and
the fake cloud run behind the others, and --threads 1 leaves one core of two to deciding. The memory
is the server's, without that of the model's own process.

Wanted are 5 ms in 99 %. Two cores with nothing else on them gave 10.0 in two runs with the model in
its own process (median 2.5), 10.4 and 11.1 with --shared, and 6.1 with cloud alone. CPU is 3 of
it, nearly all the encoder's; waiting for a core 4.8, and for the interpreter's lock 5, while its
holder waits for one: clients and cloud, the local model and the server want four cores. It does not
come from queueing: 4 clients wait as long as 32.

Changed nothing: longer or shorter turns of threads (SWITCH_S), clients at nice 19, one model
thread, the model's process at nice 19 instead of 5 (Linux lets a thread finish its turn of 3 ms
whatever its niceness). At SCHED_IDLE it gave 8.7 and 10.2, and would starve where others want both
cores. With --shared, model threads at a lower priority made it worse: one of them that holds the
lock and gets no core holds up everybody.

On cores that other programs kept busy as well (`nice -n -20`, four runs of each in turn) 99 % were
20.9 ms with --shared, 17.8 with the model's own process and 16.4 with cloud alone.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.made.fault_server import FaultServer, Peer, answer_json

SETTINGS = """
[router]
deadline_s = 60
needs_tools = "as_usual"

[experts.device]
backend = "llama_cpp"
model = "smollm2-135m"
profile = "135m"
context_tokens = 512
{more}

[experts.cloud]
backend = "openai"
model = "fast"
profile = "frontier"
location = "cloud"
base_url = "{url}"
"""
REPLY = {
    "id": "1", "model": "fast", "usage": {"prompt_tokens": 9, "completion_tokens": 1},
    "choices": [{"index": 0, "message": {"content": "Yes."}, "finish_reason": "stop"}],
}  # fmt: skip
QUESTIONS = (
    "What is the capital of France?",
    "Prove that e is irrational.",
    "Hi!",
    "Why is it so?",
)
WARM_UP_S = 1.0


@dataclass(slots=True)
class Load:
    """What came of it. Times in seconds, memory in MiB."""

    statuses: Counter[int] = field(default_factory=Counter)
    router_s: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    parts: list[list[float]] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        """Of the time that deciding took."""
        ordered = sorted(self.router_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(frozen=True, slots=True)
class Setup:
    """What runs beside the deciding: `only` one expert is asked, the clients are made `nice`, the
    local model has so many `threads`, and with `shared` the server's process; `parts` of each
    decision's time are kept."""

    only: str | None = None
    nice: int = 0
    threads: int | None = None
    parts: bool = False
    shared: bool = False

    @property
    def settings(self) -> str:
        """Those of the local model, beside what all have."""
        lines = ["own_process = false"] if self.shared else []
        return "\n".join(lines + ([f"n_threads = {self.threads}"] if self.threads else []))

    def model(self, number: int) -> str:
        """Which expert a client asks."""
        return self.only or ("device" if number % 2 else "cloud")


AS_IT_COMES = Setup()


def run(*, clients: int, seconds: float, setup: Setup = AS_IT_COMES) -> Load:
    """Start everything, ask for so many seconds, and end it."""
    load, end = Load(), threading.Event()
    with FaultServer(fast) as cloud, serving(cloud.url, setup, load) as (port, process):
        os.nice(setup.nice)  # after the server has begun, which would inherit it
        threads = [
            threading.Thread(target=ask, args=(port, setup.model(number), load, end))
            for number in range(clients)
        ]
        for thread in threads:
            thread.start()
        time.sleep(WARM_UP_S)
        load.router_s.clear()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            load.memory.append(memory_of(process.pid))
            time.sleep(min(1.0, seconds / 4))
        end.set()
        for thread in threads:
            thread.join()
    return load


def fast(peer: Peer) -> None:
    """A cloud that answers every request on its connection at once."""
    while peer.request():
        peer.send(answer_json(REPLY))


@contextlib.contextmanager
def serving(cloud: str, setup: Setup, load: Load) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """The command in a process of its own, on a free port; `load` gets the parts of its decisions
    at its end, where they are kept."""
    with tempfile.TemporaryDirectory() as folder:
        settings, parts = Path(folder) / "config.toml", Path(folder) / "parts"
        settings.write_text(SETTINGS.format(url=cloud, more=setup.settings))
        program = ["edge_router.cli"]
        if setup.parts:
            program = ["tests.integration.server.decision_parts", str(parts)]
        command = [sys.executable, "-m", *program, "serve", "--json", "--port", "0"]
        process = subprocess.Popen(
            [*command, "--config", str(settings)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        try:
            url = json.loads(process.stdout.readline())["url"]
            yield int(url.rpartition(":")[2].partition("/")[0]), process
        finally:
            process.terminate()
            process.communicate(timeout=30)
            if parts.exists():
                lines = parts.read_text().splitlines()
                load.parts = [[*map(float, line.split())] for line in lines]


def ask(port: int, model: str, load: Load, end: threading.Event) -> None:
    """One client: a question after another, on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = {"model": model, "max_tokens": 4}
    for turn in range(10**9):
        if end.is_set():
            break
        question = QUESTIONS[turn % len(QUESTIONS)]
        body["messages"] = [{"role": "user", "content": question}]  # type: ignore[assignment]
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        reply = connection.getresponse()
        content = reply.read()
        load.statuses[reply.status] += 1
        if reply.status == 200:
            load.router_s.append(json.loads(content)["edge_router"]["router_s"])
        else:
            time.sleep(0.1)
    connection.close()


def memory_of(pid: int) -> float:
    """The resident memory of a process in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def main() -> None:
    """Print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--only", choices=("device", "cloud"))
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--shared", action="store_true")
    parser.add_argument("--parts", action="store_true")
    options = parser.parse_args()
    setup = Setup(options.only, options.nice, options.threads, options.parts, options.shared)
    load = run(clients=options.clients, seconds=options.seconds, setup=setup)
    print(f"answers by status: {dict(load.statuses)}")
    quantiles = (1e3 * load.quantile(share) for share in (0.5, 0.99, 1.0))
    print("deciding, ms: median {:.2f}, 99 % {:.2f}, most {:.2f}".format(*quantiles))
    names = ("whole", "CPU", "waiting for a core", "waiting for the interpreter's lock")
    for name, column in zip(names, zip(*load.parts, strict=True), strict=False):
        ordered = sorted(column)
        middle, most = ordered[len(ordered) // 2], ordered[int(0.99 * len(ordered))]
        print(f"  {name}: median {middle:.2f}, 99 % {most:.2f}")
    print(f"memory, MiB: {load.memory[0]:.0f} at first, {load.memory[-1]:.0f} at the end")


if __name__ == "__main__":
    main()
