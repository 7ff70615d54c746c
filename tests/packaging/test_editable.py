"""An editable installation that type checkers can read."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = (
    "edge_router",
    "export",
    "benchmarks",
    "models",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)
PROBE = """
from edge_router import EdgeRouter
from edge_router.export.recipe import Recipe
reveal_type(EdgeRouter().complete("Hello").text)
reveal_type(Recipe)
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an environment with a copy of the checkout, installed as CONTRIBUTING.md says."""
    folder = tmp_path_factory.mktemp("editable")
    for name in SHIPPED:
        _copy(ROOT / name, folder / "source" / name)
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "-e", folder / "source"]
    subprocess.run([*install, "--config-settings", "editable_mode=strict"], check=True)
    return python


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _checked(python: Path, tmp_path: Path, *checker: str) -> str:
    (tmp_path / "probe.py").write_text(PROBE)
    done = subprocess.run(
        [*checker, str(python), "probe.py"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_mypy_sees_the_types(python: Path, tmp_path: Path) -> None:
    """Also of the toolchain, which lies in another folder of the checkout."""
    pytest.importorskip("mypy", reason="mypy is not installed: extra dev")
    said = _checked(python, tmp_path, sys.executable, "-m", "mypy", "--python-executable")
    assert 'Revealed type is "str"' in said
    assert "edge_router.export.recipe.Recipe" in said


@pytest.mark.skipif(find_spec("pyright") is None, reason="pip install 'pyright[nodejs]'")
def test_pyright_sees_the_types(python: Path, tmp_path: Path) -> None:
    """The same for the checker in editors."""
    said = _checked(python, tmp_path, sys.executable, "-m", "pyright", "--pythonpath")
    assert 'is "str"' in said
    assert 'is "type[Recipe]"' in said
