"""A thousand real queries: every line valid, and the same however they are asked."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared" / "data" / "outcomes" / "open"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first queries of every open table."""
    if not SHARED.is_dir():
        pytest.skip(f"the outcome tables are not at {SHARED}")
    queries = [
        json.loads(line)["query"]
        for table in sorted(SHARED.glob("*.gz"))
        for line in gzip.decompress(table.read_bytes()).splitlines()[:150]
    ][:1000]
    path = tmp_path_factory.mktemp("batch") / "queries.jsonl"
    path.write_text("".join(json.dumps({"query": query}) + "\n" for query in queries))
    assert len(queries) == 1000
    return path


def decisions(*argv: str) -> list[str]:
    """The lines that `edge-router route --json` prints."""
    command = [sys.executable, "-m", "edge_router.cli", "route", "--json", *argv]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_a_thousand_real_queries_decide_alike_in_every_way(batch: Path) -> None:
    """Again, in eight threads, and one by one in processes of their own."""
    result = decisions("--batch", str(batch))
    assert len(result) == 1000
    assert all({"expert", "reason", "estimates"} <= json.loads(line).keys() for line in result)
    assert len({json.loads(line)["wanted"] for line in result}) == 2, "both kinds are wanted"
    assert decisions("--batch", str(batch), "--threads", "8") == result
    for number in range(0, 1000, 250):
        query = json.loads(batch.read_text().splitlines()[number])["query"]
        assert decisions(query) == [result[number]]
