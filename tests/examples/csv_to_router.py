"""From your own CSV of scores to a router that keeps a target on queries like yours.

The CSV has a `query` column and a column of scores (0..1) for each expert.
"""

import csv
import os
import tempfile
from pathlib import Path

from edge_router import Config, Router
from edge_router.cli.main import main

with tempfile.TemporaryDirectory() as folder:
    os.environ["EDGE_ROUTER_DATA_DIR"] = folder  # where the operating point is kept
    table, outcomes = Path(folder, "mine.csv"), Path(folder, "mine.jsonl")
    with table.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["query", "local", "frontier"])
        lines.writerows([f"What is {n} times {n + 1}?", int(n % 5 > 0), 1] for n in range(300))

    main(["export", "import", "csv", str(table), "--out", str(outcomes)])
    target = ["--target", "quality>=0.9", "--name", "mine"]
    assert main(["calibrate", "--outcomes", str(outcomes), *target]) == 0

    decision = Router.from_config(Config.load(operating_point="mine")).route("What is 7 times 8?")
    print(f"{decision.expert}: {decision.words}")
