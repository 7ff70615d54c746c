"""edge-router: what the commands print, and where."""

from __future__ import annotations

import io
import json
import os
import pkgutil
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from command_line import TWO_EXPERTS, run
from edge_router.cli import commands
from edge_router.cli.main import COMMANDS, main
from edge_router.routing.experts.expert import PROFILES
from fault_server import STREAM_HEAD, FaultServer, Peer, piece


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local and a cloud expert, both behind a closed port."""
    (tmp_path / "config.toml").write_text(TWO_EXPERTS)
    monkeypatch.setenv("EDGE_ROUTER_CONFIG", str(tmp_path / "config.toml"))


def run_json(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    """The JSON value that a command printed."""
    return json.loads(run(capsys, *argv, "--json")[1])


def test_route_prints_the_expert_and_the_reason_on_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Standard output is for scripts."""
    code, out, err = run(capsys, "route", "What is the capital of France?")
    assert (code, out) == (0, "local\n")
    assert "quality local" in err
    assert "router" in err
    assert " ms" in err


def test_route_json_holds_the_whole_decision(capsys: pytest.CaptureFixture[str]) -> None:
    """With a stable reason code and every estimate."""
    result = run_json(capsys, "route", "What is the capital of France?")
    assert (result["expert"], result["reason"]) == ("local", "cheapest_is_enough")
    assert result["estimates"].keys() == {"local", "cloud"}
    assert 0 <= result["estimates"]["local"]["quality"] <= 1


def test_route_explains_for_people_and_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    """All of it on standard output; every expert, the operating point, and what would change it."""
    code, out, err = run(capsys, "route", "What is the capital of France?", "--explain")
    assert (code, err) == (0, "")
    for words in ("local (", "cloud (cloud)", "operating point balanced", "nearest known queries"):
        assert words in out
    for words in ("price 0.20: cloud up to ", "local above", "expected answer about "):
        assert words in out
    result = run_json(capsys, "route", "What is the capital of France?", "--explain")
    assert {expert["name"] for expert in result["experts"]} == {"local", "cloud"}
    argv = ("route", "What is 1 + 1?", "--explain", "--preference", "auto")
    assert "\npreference auto\n" in run(capsys, *argv)[1]


def test_a_preference_replaces_the_operating_point(capsys: pytest.CaptureFixture[str]) -> None:
    """Its reason has a code of its own; an unknown price counts as the dearest."""
    query = "What is the capital of France?"
    result = run_json(capsys, "route", query, "--preference", "cost")
    assert (result["expert"], result["reason"]) == ("local", "best_in_cost_range")
    assert (result["preference"], result["operating_point"]) == ("cost", "")
    result = run_json(capsys, "route", query, "--preference", "quality=1")
    estimates = result["estimates"]
    best = max(estimates, key=lambda name: estimates[name]["quality"])
    assert (result["expert"], result["reason"]) == (best, "best_balance")


def test_route_profiles_adds_all_six(capsys: pytest.CaptureFixture[str]) -> None:
    """An evaluation from outside gets the estimates of all profiles."""
    result = run_json(capsys, "route", "--profiles", "Hello")
    assert result.keys() == {*PROFILES, "local", "cloud"}
    _, out, _ = run(capsys, "route", "--profiles", "Hello")
    assert all(name in out for name in (*PROFILES, "local", "cloud"))


def test_a_batch_gives_one_line_each_and_the_same_in_threads(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Bad lines become errors in their place; the others are decided."""
    lines = [
        '{"query": "What is the capital of France?"}',
        '{"messages": [{"role": "user", "content": "Prove Fermat\'s last theorem."}]}',
        '{"query": ""}',
        "not json",
        '{"text": "x"}',
        '{"query": 7}',
        '{"messages": [{"role": "robot", "content": "x"}]}',
    ]
    batch = tmp_path / "batch.jsonl"
    batch.write_bytes("\n".join(lines).encode() + b'\n{"query": "caf\xe9"}\n')
    code, alone, _ = run(capsys, "route", "--json", "--batch", str(batch))
    _, threads, _ = run(capsys, "route", "--json", "--batch", str(batch), "--threads", "8")
    result = [json.loads(line) for line in alone.splitlines()]
    assert code == 1
    assert alone == threads
    assert ["error" in line for line in result] == [False, False] + [True] * 6
    assert {line["error"]["type"] for line in result[2:]} == {"InvalidRequest"}


def test_a_line_with_thousands_of_digits_is_a_bad_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Python refuses to read such a number."""
    batch = tmp_path / "batch.jsonl"
    batch.write_text('{"query": ' + "9" * 5000 + '}\n{"query": "What is rain?"}\n')
    code, out, _ = run(capsys, "route", "--json", "--batch", str(batch))
    bad, good = map(json.loads, out.splitlines())
    assert code == 1
    assert "the line is not JSON" in bad["error"]["message"]
    assert good["expert"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs")
def test_a_named_pipe_is_not_waited_for(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """It may never get a writer; a pipe of this process already has one."""
    os.mkfifo(tmp_path / "pipe")
    code, _, err = run(capsys, "route", "--json", "--batch", str(tmp_path / "pipe"))
    assert (code, "not a regular file" in err) == (2, True)
    reading, writing = os.pipe()
    os.write(writing, b'{"query": "What is rain?"}')
    os.close(writing)
    code, out, _ = run(capsys, "route", "--json", "--batch", f"/dev/fd/{reading}")
    os.close(reading)
    assert (code, "expert" in json.loads(out)) == (0, True)


def test_a_name_from_a_file_cannot_move_the_cursor(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A control character is shown as an escape, on standard error and by the doctor."""
    (tmp_path / "bad.toml").write_text(
        '[experts."a\\u001b[31mb"]\nbackend = "llama_cpp"\nmodel = "x"\nprofile = "135m"\n'
    )
    for words in (["ask", "Hi"], ["doctor"]):
        _, out, err = run(capsys, *words, "--config", str(tmp_path / "bad.toml"))
        assert "\x1b" not in out + err
    _, _, err = run(capsys, "route", "x", "--config", "a\x1b[31mb.toml")
    assert ("\x1b" in err, "\\x1b[31m" in err) == (False, True)


def test_standard_input_may_hold_the_query(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what is not UTF-8 there is refused by name."""

    class Stdin:
        buffer = io.BytesIO(b"What is the capital of France?")

    monkeypatch.setattr(sys, "stdin", Stdin())
    assert run(capsys, "route", "-")[1] == "local\n"
    Stdin.buffer = io.BytesIO(b"caf\xe9")
    code, _, err = run(capsys, "route", "-")
    assert code == 1
    assert "not UTF-8" in err


@pytest.mark.parametrize(
    ("argv", "code", "output_text"),
    [
        (["route", ""], 1, "the query is empty"),
        (["route", "caf\udce9"], 1, "not valid UTF-8"),
        (["route"], 2, "give a query"),
        (["route", "--batch", "nowhere.jsonl", "--json"], 2, "nowhere.jsonl"),
        (["route", "x", "--placement", "mars"], 2, "only_on_device"),
        (["route", "x", "--min-gain", "7"], 2, "from -1 to 1"),
        (["route", "x", "--preference", "best"], 2, 'use "performance"'),
        (["route", "x", "--preference", "quality=-1"], 2, "must be a number of 0 or more"),
        (["route", "x", "--artifact", "nothing"], 1, "router-small"),
        (["route", "x", "--config", "nowhere.toml"], 2, "nowhere.toml"),
        (["ask", "x", "--max-tokens", "0"], 1, "max_tokens is 0"),
    ],
)
def test_wrong_usage_names_the_value_and_the_fix(
    capsys: pytest.CaptureFixture[str], argv: list[str], code: int, output_text: str
) -> None:
    """One line on standard error, no traceback; a typed error as JSON where asked."""
    got, _, err = run(capsys, *argv)
    assert (got, output_text in err, "Traceback" in err) == (code, True, False), err


def test_an_error_is_json_where_json_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Machines read the type."""
    assert run_json(capsys, "route", "")["error"]["type"] == "InvalidRequest"


def test_ask_falls_through_to_a_clear_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Both ports are closed: the message has every failure."""
    code, _, err = run(capsys, "ask", "Hello", "--deadline-s", "5")
    assert code == 1
    assert "no expert answered" in err
    assert "local" in err
    assert "cloud" in err


def test_chat_sends_the_history_and_forgets_a_turn_that_failed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The third turn carries the first and its answer, not the second, which was refused."""
    asked: list[list[str]] = []

    def script(peer: Peer) -> None:
        body = peer.request().partition("\r\n\r\n")[2]
        asked.append([message["content"] for message in json.loads(body)["messages"]])
        if len(asked) == 2:
            peer.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
        else:
            peer.send(STREAM_HEAD + piece("Hi ") + piece("there.", finish="stop"))

    monkeypatch.setattr(sys, "stdin", io.StringIO("one\n\ntwo\nthree\n"))
    with FaultServer(script) as server:
        (tmp_path / "config.toml").write_text(
            TWO_EXPERTS.replace("http://127.0.0.1:9/v1", server.url)
        )
        code, out, err = run(capsys, "chat")
    assert (code, out) == (0, "Hi there.\n\nHi there.\n")
    assert asked == [["one"], ["one", "Hi there.", "two"], ["one", "Hi there.", "three"]]
    assert "401" in err


def test_models_lists_the_router_and_what_it_knows(capsys: pytest.CaptureFixture[str]) -> None:
    """Profiles, operating points and the models that may stand as profiles."""
    result = run_json(capsys, "models")["routers"]["router-small"]
    assert result["profiles"] == list(PROFILES)
    assert "balanced" in result["operating_points"]
    assert "gpt-4-1106-preview" in result["known_models"]
    assert "router router-small" in run(capsys, "models")[1]


def test_doctor_looks_at_everything_and_calls_nobody(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A missing key is a finding, and the exit code says so."""
    with FaultServer(lambda peer: peer.send(peer.request())) as server:
        settings = TWO_EXPERTS.replace("http://127.0.0.1:9/v1", server.url)
        (tmp_path / "config.toml").write_text(settings)
        result = run_json(capsys, "doctor")["checks"]
    assert [check["name"] for check in result] == [
        "runtime", "router", "expert local", "expert cloud", "network", "privacy",
    ]  # fmt: skip
    assert all(check["ok"] for check in result)
    (tmp_path / "config.toml").write_text(TWO_EXPERTS + 'api_key_env = "NO_SUCH_KEY"\n')
    code, out, _ = run(capsys, "doctor")
    assert code == 1
    assert "FAIL expert cloud: the environment variable NO_SUCH_KEY holds no key" in out


def test_the_table_lists_every_command_there_is() -> None:
    """Each file of `commands` that adds one."""
    prefix = f"{commands.__name__}."
    files = {result.name for result in pkgutil.walk_packages(commands.__path__, prefix)}
    adding = {n.removeprefix(prefix) for n in files if hasattr(import_module(n), "add")}
    assert {module for module, _ in COMMANDS.values()} == adding


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_has_options(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Its module knows it by the same name."""
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    assert "\nexample:\n  edge-router " in capsys.readouterr().out
