"""`llm -m edge-router` as its users type it, in an environment that has llm and this package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fault_server import STREAM_HEAD, FaultServer, Peer, piece
from serving import CLIENT_ENVS

ROOT = Path(__file__).parents[3]
NEEDED = "import llm, edge_router.models"
SETTINGS = """
[router]
needs_tools = "as_usual"
[experts.small]
backend = "openai"
model = "m"
profile = "3b"
base_url = "{url}"
tools = true
"""
CALL = {
    "index": 0, "id": "call_1", "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Ulm"}'},
}  # fmt: skip
USAGE = {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13}
Messages = list[dict[str, Any]]
Llm = Callable[..., subprocess.CompletedProcess[str]]


def python_with_llm() -> str:
    """An interpreter for the plugin: $EDGE_ROUTER_CLIENT_ENVS/llm, or that of the tests."""
    own = Path(CLIENT_ENVS or "/nowhere") / "llm/bin/python"
    for python in (str(own), sys.executable):
        if Path(python).exists():
            asked = [python, "-c", NEEDED]
            done = subprocess.run(asked, cwd="/", capture_output=True, check=False)
            if done.returncode == 0:
                return python
    pytest.skip("no environment has llm and this package: pip install -e '.[llm]'")


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables by which llm loads the entry point of pyproject.toml, and no other plugin."""
    entry = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["llm"]
    folder = tmp_path_factory.mktemp("plugin")
    info = folder / "plugin_of_this_checkout-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin-of-this-checkout\n")
    lines = "".join(f"{name} = {target}\n" for name, target in entry.items())
    (info / "entry_points.txt").write_text(f"[llm]\n{lines}")
    ours = ("EDGE_ROUTER_", "LLM_")
    kept = {n: v for n, v in os.environ.items() if "proxy" not in n.lower()}
    return {n: v for n, v in kept.items() if not n.startswith(ours)} | {
        "PYTHONPATH": str(folder),
        "LLM_LOAD_PLUGINS": "plugin-of-this-checkout",
        "PYTHONWARNINGS": "ignore",
    }


@pytest.fixture(scope="module")
def heard() -> list[Messages]:
    """The messages of every request to the expert."""
    return []


@pytest.fixture(scope="module")
def llm(
    plugin: dict[str, str], heard: list[Messages], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Llm]:
    """The command, with one expert on loopback that calls a tool where it may."""

    def script(peer: Peer) -> None:
        body = json.loads(peer.request().partition("\r\n\r\n")[2])
        heard.append(body["messages"])
        if body.get("tools") and body["messages"][-1]["role"] != "tool":
            call = {"index": 0, "delta": {"tool_calls": [CALL]}, "finish_reason": "tool_calls"}
            pieces = piece(usage=None, choices=[call])
        else:
            pieces = piece("Hello.") + piece(finish="stop", usage=USAGE)
        peer.send(STREAM_HEAD + pieces + "data: [DONE]\n\n")

    python, folder = python_with_llm(), tmp_path_factory.mktemp("llm")
    with FaultServer(script) as server:
        settings = folder / "settings.toml"
        settings.write_text(SETTINGS.format(url=server.url))
        variables = plugin | {"LLM_USER_PATH": str(folder), "EDGE_ROUTER_CONFIG": str(settings)}

        def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [python, "-m", "llm", *words], env=variables | more, stdin=subprocess.DEVNULL,
                cwd=folder, capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip

        yield run


def test_the_models_and_their_options_are_listed(llm: Llm) -> None:
    """The router, each expert of the settings, and what -o may state."""
    listed = llm("models", "--options", "-q", "edge-router").stdout
    assert "edge-router\n" in listed
    assert "edge-router/small\n" in listed
    assert listed.count("max_tokens: int") == 2
    assert listed.count("min_gain: float") == 1


def test_a_prompt_and_a_conversation(llm: Llm, heard: list[Messages]) -> None:
    """Streamed, by the router and then by the expert; the second turn holds the first."""
    heard.clear()
    first = llm("-m", "edge-router", "-s", "Be brief.", "Why?")
    assert (first.returncode, first.stdout) == (0, "Hello.\n"), first.stderr
    second = llm("-c", "-m", "edge-router/small", "And?", "-o", "temperature", "0.5")
    assert (second.returncode, second.stdout) == (0, "Hello.\n"), second.stderr
    said = [[(one["role"], one["content"]) for one in messages] for messages in heard]
    opening = [("system", "Be brief."), ("user", "Why?")]
    assert said == [opening, [*opening, ("assistant", "Hello."), ("user", "And?")]]


def test_the_log_of_llm_has_the_decision(llm: Llm) -> None:
    """Its id, for `edge-router feedback`, who answered, and the tokens."""
    assert llm("-m", "edge-router", "Why?", "--no-stream").stdout == "Hello.\n"
    (row,) = json.loads(llm("logs", "--json", "-n", "1").stdout)
    assert (row["input_tokens"], row["output_tokens"]) == (11, 2)
    said = row["response_json"]["edge_router"]
    assert said["expert"] == "small"
    assert len(said["decision_id"]) == 32


def test_async_and_tools(llm: Llm, heard: list[Messages]) -> None:
    """A function given on the command line is called, and its result is sent."""
    heard.clear()
    written = "def weather(city: str) -> str:\n    return city + ' has 12 degrees'"
    for more in ((), ("--async",)):
        done = llm("-m", "edge-router", "Weather?", "--functions", written, *more)
        assert (done.returncode, done.stdout) == (0, "Hello.\n"), done.stderr
        assert heard[-1][-1] == {
            "role": "tool", "content": "Ulm has 12 degrees", "tool_call_id": "call_1",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("-o", "temperture", "1"), "did you mean temperature?"),
        (("-o", "operating_point", "x"), "use one of economy"),
    ],
)
def test_a_wrong_option_is_one_clear_line(llm: Llm, words: tuple[str, ...], says: str) -> None:
    """Of llm's own kind, without a trace."""
    done = llm("-m", "edge-router", "Why?", *words)
    assert done.returncode == 1
    assert "Error: " in done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_broken_settings_leave_llm_working(llm: Llm) -> None:
    """The models of others are listed; ours says what is wrong when it is asked."""
    broken = {"EDGE_ROUTER_MIN_GAIN": "plenty"}
    assert "edge-router" in llm("models", **broken).stdout
    done = llm("-m", "edge-router", "Why?", **broken)
    assert done.returncode == 1
    assert "min_gain" in done.stderr
