"""What a machine already has for a router: model servers on loopback, GGUF files, names of keys.

Only loopback is contacted, and no value of a variable is kept.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge_router.errors import EdgeRouterError
from edge_router.guards.user_files import home_folder

__all__ = ["CLOUDS", "SERVERS", "Cloud", "LocalModel", "clouds_of", "files_here", "servers_here"]

HOST = "127.0.0.1"
SERVERS: Mapping[str, int] = {  # by their default ports, the likeliest to be meant first
    "Ollama": 11434,
    "LM Studio": 1234,
    "llama-server": 8080,
    "llama-cpp-python's server": 8000,
}
PATIENCE_S = 1.0  # for all of them together
MOST_BYTES = 1 << 20
LONGEST_NAME = 200
FOLDERS = (  # below the home folder
    "models",
    ".cache/llama.cpp",
    "Library/Caches/llama.cpp",
    ".lmstudio/models",
    ".cache/lm-studio/models",
    ".cache/huggingface/hub",
    "Downloads",
)
MOST_ENTRIES, DEEPEST = 5_000, 5
NOT_FOR_CHAT = re.compile(r"embed|rerank|whisper|mmproj|bge-|-of-(?!00001)\d{5}", re.IGNORECASE)
BILLIONS = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)\s*(b|m)(?![a-z])", re.IGNORECASE)
SIZES = ((0.5, "135m"), (2.0, "1b"), (5.5, "3b"), (20.0, "8b"))  # billions of parameters, below
BYTES_PER_PARAMETER = 0.65  # of the usual 4-bit files


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model on this machine: at a server with a `base_url`, or a GGUF file. `place` says where
    for people, `profile` what its name or size makes it likely to be."""

    place: str
    model: str
    base_url: str | None
    profile: str


@dataclass(frozen=True, slots=True)
class Cloud:
    """A cloud whose key the variable `key` holds, with its OpenAI-compatible address and a model of
    it; None where the variable's name does not tell."""

    key: str
    base_url: str | None = None
    model: str | None = None


CLOUDS = (
    Cloud("OPENAI_API_KEY", "https://api.openai.com/v1", "gpt-4o"),
    Cloud("ANTHROPIC_API_KEY", "https://api.anthropic.com/v1", "claude-sonnet-4-5"),
    Cloud(
        "GEMINI_API_KEY",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "gemini-2.5-pro",
    ),
    Cloud("MISTRAL_API_KEY", "https://api.mistral.ai/v1", "mistral-large-latest"),
    Cloud("DEEPSEEK_API_KEY", "https://api.deepseek.com/v1", "deepseek-chat"),
    Cloud("OPENROUTER_API_KEY", "https://openrouter.ai/api/v1", "openrouter/auto"),
    Cloud("GROQ_API_KEY", "https://api.groq.com/openai/v1", "llama-3.3-70b-versatile"),
)


def clouds_of(environment: Mapping[str, str]) -> list[Cloud]:
    """A cloud for each *_API_KEY variable that holds something, known ones first."""
    names = {
        name
        for name, value in environment.items()
        if re.fullmatch(r"[A-Z][A-Z0-9_]*_API_KEY", name)
        and not name.startswith("EDGE_ROUTER_")
        and value.strip()
    }
    known = [cloud for cloud in CLOUDS if cloud.key in names]
    others = sorted(names - {cloud.key for cloud in known})
    return [*known, *map(Cloud, others)]


def servers_here(servers: Mapping[str, int] = SERVERS) -> list[LocalModel]:
    """The models of the servers that answer at their ports of loopback, a second at most."""
    answers: dict[str, list[str]] = {}

    def ask(name: str, port: int) -> None:
        with suppress(OSError, ValueError, http.client.HTTPException, RecursionError):
            answers[name] = _models_at(port)

    threads = [
        threading.Thread(target=ask, args=pair, daemon=True, name="init")
        for pair in servers.items()
    ]
    for thread in threads:
        thread.start()
    until = time.monotonic() + PATIENCE_S
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return [
        LocalModel(f"{name}, port {port}", model, f"http://{HOST}:{port}/v1", profile_of(model))
        for name, port in servers.items()
        for model in answers.get(name, [])
    ]


def _models_at(port: int) -> list[str]:
    """The names of the models at a port. Raises OSError, ValueError or HTTPException."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE_S)
    try:
        connection.request("GET", "/v1/models", headers={"Connection": "close"})
        reply = connection.getresponse()
        if reply.status != 200:
            return []
        listed = json.loads(reply.read(MOST_BYTES))
    finally:
        connection.close()
    entries = listed.get("data") if isinstance(listed, dict) else None
    listed = entries if isinstance(entries, list) else []
    names = [one.get("id") for one in listed if isinstance(one, dict)]
    return [
        name
        for name in names
        if isinstance(name, str)
        and 0 < len(name) <= LONGEST_NAME
        and name.isprintable()
        and not NOT_FOR_CHAT.search(name)
    ]


def files_here(folders: Sequence[Path] | None = None) -> list[LocalModel]:
    """The GGUF files in the usual folders, by default those below the home folder, small first."""
    if folders is None:
        home = home_folder()
        folders = [] if home is None else [home / folder for folder in FOLDERS]
    sizes: dict[Path, int] = {}
    for folder in folders:
        for path in _below(folder):
            with suppress(OSError, EdgeRouterError):
                sizes[path] = _size_of_model(path)
    return [
        LocalModel(str(path.parent), str(path), None, profile_of(path.stem, sizes[path]))
        for path in sorted(sizes, key=lambda path: (sizes[path], str(path)))
    ]


def _below(folder: Path) -> Iterator[Path]:
    """GGUF files for chat below a folder, of its first entries and not too deep."""
    seen = 0
    for place, folders, files in os.walk(folder):
        seen += len(folders) + len(files)
        if seen > MOST_ENTRIES:
            return
        if len(Path(place).relative_to(folder).parts) >= DEEPEST:
            folders.clear()
        for name in files:
            path = Path(place, name)
            chats = name.lower().endswith(".gguf") and not NOT_FOR_CHAT.search(name)
            if chats and str(path).isprintable():
                yield path


def _size_of_model(path: Path) -> int:
    from edge_router.backends.llama_cpp.gguf import require_gguf

    require_gguf(path)
    return path.stat().st_size


def profile_of(name: str, size: int | None = None) -> str:
    """The profile that a model's name suggests, else its file's `size` in bytes, else 8b."""
    if stated := BILLIONS.findall(name.lower()):
        number, unit = stated[0]
        billions = float(number) / (1000 if unit == "m" else 1)
    elif size is not None:
        billions = size / BYTES_PER_PARAMETER / 1e9
    else:
        billions = 8.0
    return next((profile for below, profile in SIZES if billions < below), "70b")
