"""A page in Chromium asks the server from another origin: a stream in pieces, and CORS."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatChunk
from edge_router.chat.request import ChatRequest
from edge_router.testing import FakeBackend
from serving import fakes, serving

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PAGE_S = 120.0  # for a browser that starts on a busy machine
PIECE_S = 30.0
KEY = "a-key-of-sixteen-or-more"
PAGE = """
<!doctype html><meta charset="utf-8"><title>asking</title>
<ol id="pieces"></ol><p id="expert"></p><p id="error"></p>
<script>
const put = (id, text) => { document.getElementById(id).textContent = text; };
async function ask() {
  const body = {model: "local", stream: true, messages: [{role: "user", content: "Why?"}]};
  const headers = {"Content-Type": "application/json", "Authorization": "Bearer KEY"};
  const reply = await fetch("API/chat/completions",
                            {method: "POST", headers, body: JSON.stringify(body)});
  put("expert", reply.headers.get("x-edge-router-expert"));
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    text += read.value;
    const events = text.split("\\n\\n");
    text = events.pop();
    for (const event of events.filter((one) => one !== "data: [DONE]")) {
      const piece = JSON.parse(event.slice(6)).choices[0].delta.content;
      if (!piece) continue;
      document.getElementById("pieces").append(
        Object.assign(document.createElement("li"), {textContent: piece}));
      await fetch("/shown", {method: "POST", body: piece});
    }
  }
}
ask().catch((error) => put("error", error))
     .finally(() => fetch("/dom", {method: "POST", body: document.documentElement.outerHTML}));
</script>
"""


@dataclass(slots=True)
class Page:
    """A page at an origin of its own; `shown` are the pieces that it has written so far, `dom` what
    it has become at its end."""

    url: str
    shown: queue.Queue[str] = field(default_factory=queue.Queue)
    dom: queue.Queue[str] = field(default_factory=queue.Queue)


class OneByOne(FakeBackend):
    """Says a word once the page has shown the one before it."""

    def __init__(self, page: Page, *words: str) -> None:
        super().__init__(" ".join(words))
        self.page = page

    def stream(
        self, request: ChatRequest, *, deadline: Deadline
    ) -> Generator[ChatChunk, None, None]:
        for chunk in super().stream(request, deadline=deadline):
            yield chunk
            if chunk.delta:
                assert self.page.shown.get(timeout=PIECE_S) == chunk.delta


@contextlib.contextmanager
def page_at_its_own_origin(api: list[str]) -> Iterator[Page]:
    """Serve the page, which asks the server at `api`, its only item once there is one."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = PAGE.replace("API", api[0]).replace("KEY", KEY).encode()
            self._reply(content if self.path == "/" else b"")

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            (page.dom if self.path == "/dom" else page.shown).put(text)
            self._reply(b"")

        def _reply(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        page = Page(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield page
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def chromium(url: str, folder: Path) -> Iterator[None]:
    """The browser with the page open, without a window; ended with all of its processes."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    options = (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--no-proxy-server",
        "--remote-debugging-port=0", f"--user-data-dir={folder}",
    )  # fmt: skip
    process = subprocess.Popen(
        [program, *options, url],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Dom(HTMLParser):
    """The pieces of the list, and the text of each paragraph by its id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.by_id: dict[str, str] = {}
        self._at: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._at = "piece" if tag == "li" else dict(attrs).get("id") if tag == "p" else None

    def handle_endtag(self, tag: str) -> None:
        self._at = None

    def handle_data(self, data: str) -> None:
        if self._at == "piece":
            self.pieces.append(data)
        elif self._at is not None:
            self.by_id[self._at] = data


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_THE_PAGE", KEY)


def dom_of(tmp_path: Path, *, lists_the_page: bool) -> Dom:
    """What the page becomes that asks a server which lists its origin, or another one."""
    api: list[str] = []
    with page_at_its_own_origin(api) as page:
        local = OneByOne(page, "Because", "it", "is.")
        origins = (page.url,) if lists_the_page else ("http://page.example",)
        with serving(fakes(local), origins=origins, api_key_envs=("KEY_OF_THE_PAGE",)) as running:
            api.append(running.url)
            with chromium(page.url, tmp_path):
                return Dom(page.dom.get(timeout=PAGE_S))


def test_a_page_shows_each_piece_before_the_next_is_written(tmp_path: Path) -> None:
    """The stream reaches the page piece by piece, with the expert's name in a header."""
    dom = dom_of(tmp_path, lists_the_page=True)
    assert dom.pieces == ["Because", " it", " is."]
    assert dom.by_id == {"expert": "local"}


def test_a_page_that_is_not_listed_reads_nothing(tmp_path: Path) -> None:
    """The browser's preflight is refused, so the question is not even sent."""
    dom = dom_of(tmp_path, lists_the_page=False)
    assert dom.pieces == []
    assert dom.by_id == {"error": "TypeError: Failed to fetch"}
