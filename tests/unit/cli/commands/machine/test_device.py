"""edge-router device: measures a server on loopback, keeps the result, shows it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import TWO_EXPERTS, run
from fault_server import STREAM_HEAD, FaultServer, Peer, piece


def _answer(peer: Peer) -> None:
    peer.request()
    usage = {"prompt_tokens": 30, "completion_tokens": 2, "total_tokens": 32}
    words = piece("one") + piece(" two") + piece(finish="stop", usage=usage)
    peer.send(STREAM_HEAD + words + "data: [DONE]\n\n")


def settings(tmp_path: Path, url: str, data: str = "data") -> str:
    path = tmp_path / "config.toml"
    experts = TWO_EXPERTS.replace("http://127.0.0.1:9/v1", url, 1).replace("2048", "100")
    path.write_text(f"[router]\ndata_dir = {str(tmp_path / data)!r}\n{experts}")
    return str(path)


def test_measured_speeds_are_kept_and_shown(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Only the local expert is asked; before that it is not measured, and the command is named."""
    with FaultServer(_answer) as server:
        config = settings(tmp_path, server.url)
        _, out, _ = run(capsys, "device", "show", "--config", config)
        assert "expert local: not measured; run `edge-router device measure`" in out
        assert "expert cloud" not in out
        assert not (tmp_path / "data").exists()
        code, out, err = run(capsys, "device", "measure", "--config", config)
    assert code == 0
    assert out.startswith("local: reads ")
    assert "3 prompts, error " in out
    assert f"kept in {tmp_path / 'data' / 'device.json'}" in err
    _, out, _ = run(capsys, "device", "show", "--config", config)
    assert "expert local: reads " in out
    assert "(0 days ago)" in out
    result = json.loads(run(capsys, "device", "show", "--config", config, "--json")[1])
    assert result.keys() == {"device", "state", "speeds"}
    assert result["speeds"]["local"]["speed"]["input_tokens_per_s"] > 0


def test_speeds_are_shown_at_a_usual_length(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A fit with no time for a token alone still shows how fast a prompt of 256 tokens is read."""
    with FaultServer(_answer) as server:
        config = settings(tmp_path, server.url)
        run(capsys, "device", "measure", "--config", config)
    path = tmp_path / "data" / "device.json"
    stored = json.loads(path.read_text())
    growing = {"start_s": 0.5, "input_tokens_per_s": 1e9, "input_growth_s": 1 / 1280}
    written = {"output_tokens_per_s": 20.0, "output_growth_s": 0.0, "cold_s": 0.0}
    stored["speeds"]["local"]["speed"] = growing | written
    path.write_text(json.dumps(stored))
    _, out, _ = run(capsys, "device", "show", "--config", config)
    shown = "reads 10 tokens/s, writes 20 tokens/s (256 read, 64 written), starts to read after 0.5"
    assert shown in out


def test_measure_prints_json_for_machines(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """With the file, every number and the error of the fit."""
    with FaultServer(_answer) as server:
        config = settings(tmp_path, server.url)
        code, out, _ = run(
            capsys, "device", "measure", "--expert", "local", "--config", config, "--json"
        )
    result = json.loads(out)
    assert (code, Path(result["file"]).name) == (0, "device.json")
    assert result["speeds"]["local"]["relative_error"] >= 0


@pytest.mark.parametrize(
    ("name", "message"),
    [("nobody", "no expert 'nobody'; configured are local, cloud"), ("cloud", "is in the cloud")],
)
def test_an_expert_that_is_not_here_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, message: str
) -> None:
    """No expert is asked and nothing is kept."""
    config = settings(tmp_path, "http://127.0.0.1:9/v1")
    code, _, err = run(capsys, "device", "measure", "--expert", name, "--config", config)
    assert code == 2
    assert message in err
    assert not (tmp_path / "data").exists()


def test_a_folder_that_cannot_be_written_is_an_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """After the measurement the message says what to change."""
    (tmp_path / "file").write_text("")
    with FaultServer(_answer) as server:
        config = settings(tmp_path, server.url, data="file")
        code, _, err = run(capsys, "device", "measure", "--config", config)
    assert code == 2
    assert "cannot be written" in err
    assert "set data_dir" in err
