"""The wheel, built and installed as a user would: one name, no extras, and it routes."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow

EVERY_MODULE = """
import importlib, pkgutil, sys
import edge_router, edge_router.export, edge_router.models
names = [m.name for m in pkgutil.walk_packages(edge_router.__path__, "edge_router.")]
assert "edge_router.backends.openai.backend" in names, names
for name in names:
    if name.startswith("edge_router.export."):  # these need the extra `export`
        continue
    if name == "edge_router.backends.llama_cpp.sandbox":  # needs jinja2, of the extra `local`
        continue
    if ".hook-" in name or ".cli.llm_plugin." in name:  # run by PyInstaller, and by llm
        continue
    if not name.startswith("edge_router.benchmarks.peers.adapters."):  # each needs its peer
        importlib.import_module(name)
toolchain = sorted(m.name for m in pkgutil.iter_modules(edge_router.export.__path__))
assert {"recipe", "training", "graphs"} <= set(toolchain), toolchain
heavy = {"torch", "transformers", "optimum", "onnx", "sklearn", "llama_cpp"} & set(sys.modules)
assert not heavy, heavy
decision = edge_router.Router.bundled().route("What is the capital of France?")
print(decision.expert)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what git would ship, by the declared build backend."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    (result,) = folder.glob("*.whl")
    return result


def test_the_only_top_level_name_is_edge_router(wheel: Path) -> None:
    """No `export`, `models` or `tests` lands in site-packages."""
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"edge_router"}


def test_the_wheel_carries_the_artifact_the_types_and_the_toolchain(wheel: Path) -> None:
    """Folders that a package list would forget, and every module that the checkout has."""
    names = set(zipfile.ZipFile(wheel).namelist())
    ours = {
        f"edge_router/{path.relative_to(ROOT)}"
        for folder in ("export", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
    }
    ours |= {str(path.relative_to(ROOT)) for path in (ROOT / "edge_router").rglob("*.py")}
    assert ours <= names
    assert {
        "edge_router/py.typed",
        "edge_router/models/router-small/encoder.int8.onnx",
        "edge_router/models/router-small/manifest.sha256",
        "edge_router/export/recipes/router-small.toml",
        "edge_router/benchmarks/rows/row.schema.json",
        "edge_router/layers/cache/lexicon.toml",
        "edge_router/layers/cache/similarity.json",
        "edge_router/routing/explaining/explanation.schema.json",
        "edge_router/export/outcomes/smollm2-135m.jsonl.gz",
        "edge_router/backends/openai/backend.py",
    } <= names


def test_installed_without_extras_every_module_loads_and_a_query_is_routed(
    wheel: Path, tmp_path: Path
) -> None:
    """In an empty environment, from another folder."""
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", wheel], check=True)
    result = subprocess.run(
        [python, "-I", "-c", EVERY_MODULE],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip()
    ask = subprocess.run(
        [tmp_path / "env/bin/edge-router", "ask", "Hello"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ask.returncode == 1
    assert "pip install 'edge-router[local]'" in ask.stderr
