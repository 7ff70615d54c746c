"""edge-router export judge: what it ends with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("tqdm", reason="the extra `export` is not installed")
from edge_router.export.cli import main
from fault_server import FaultServer, answer_json

PROSE = "Well, I like it."


def test_a_judge_without_a_verdict_is_an_error_with_the_fix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty table would look like a result; the replies are kept, and said where."""
    row = {"source": "s", "id": 1, "qkey": "1", "split": "train", "task": "t", "query": "Why?"}
    row |= {"score": {}, "answer": {"small": "Because."}}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    reply = {"choices": [{"message": {"role": "assistant", "content": PROSE}}]}
    with FaultServer(lambda peer: (peer.request(), peer.send(answer_json(reply)))) as server:
        (tmp_path / "config.toml").write_text(
            f'[experts.j]\nbackend = "openai"\nbase_url = "{server.url}"\nmodel = "m"\n'
            'profile = "8b"\n'
        )
        options = ["--config", str(tmp_path / "config.toml"), "--out", str(tmp_path / "x.jsonl")]
        assert main(["judge", str(tmp_path / "rows.jsonl"), *options, "--judge", "j"]) == 1
    out, err = capsys.readouterr()
    assert "unreadable: 1" in out
    assert f"none of 1 replies of j is a verdict; what it said is in {tmp_path}/x.jsonl" in err
    assert "--bound" in err
    assert PROSE in (tmp_path / "x.jsonl.journal").read_text()
