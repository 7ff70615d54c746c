"""Bytes that a process writes to files for many answers; nothing is asked of any model.

Arguments: the number of answers, and the settings as JSON. Prints bytes: "calls"
(all that the process gave to write calls), "disk" (what the kernel counts for the storage, in whole
pages; null where it counts nothing), and "file" (the size of the folder in the end).
"""

import json
import sys
import tempfile
from pathlib import Path

from edge_router import Config, EdgeRouter, ExpertConfig
from edge_router.device.machine import system_text
from edge_router.testing import FakeBackend

ANSWER = "A river is a stream of water that flows to the sea. " * 4


def written() -> dict[str, int]:
    """The counters of this process (proc(5), /proc/PID/io)."""
    lines = (system_text(Path("/proc/self/io")) or "").splitlines()
    return {name: int(value) for name, _, value in (line.partition(": ") for line in lines)}


def main() -> None:
    answers, settings = int(sys.argv[1]), json.loads(sys.argv[2])
    price = 1.0  # so that a budget has something to count
    local = ExpertConfig(
        "openai", "m", "3b", base_url="http://127.0.0.1:9/v1",
        input_usd_per_million=price, output_usd_per_million=price,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        config = Config(data_dir=folder, experts={"local": local}, **settings)
        backend = FakeBackend(ANSWER)
        with EdgeRouter(config, backends={"local": backend}) as router:
            router.complete("What is the opposite of hot?")  # left out: it makes the files
            before = written()
            for number in range(answers):
                router.complete(f"What is {number} and {number}?")
                backend.requests.clear()
        after = written()
        size = sum(one.stat().st_size for one in Path(folder).rglob("*") if one.is_file())
    counts = {"calls": "wchar", "disk": "write_bytes"}
    readings = {name: after[key] - before[key] for name, key in counts.items() if key in after}
    sys.stdout.write(json.dumps(readings | {"file": size}) + "\n")


if __name__ == "__main__":
    main()
