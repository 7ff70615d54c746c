"""A zipapp of the checkout, beside installed dependencies: it routes, from files inside of it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
START = "import sys\nfrom edge_router.cli.main import main\nsys.exit(main())\n"


def _files() -> Iterator[tuple[Path, str]]:
    """Each file and its name in the zip: the package and its models, as in a wheel."""
    for folder, inside in (("edge_router", ""), ("models", "edge_router/")):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path, inside + str(path.relative_to(ROOT))


@pytest.fixture(scope="module")
def zipapp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With everything but the toolchain; nobody may write where it lies."""
    folder = tmp_path_factory.mktemp("zip")
    path = folder / "router.pyz"
    with zipfile.ZipFile(path, "w") as archive:
        for file, name in _files():
            archive.write(file, name)
        archive.writestr("__main__.py", START)
    folder.chmod(0o555)
    return path


def _run(zipapp: Path, temporary: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """In a folder that is not the checkout, without an installed edge-router."""
    code = (
        "import runpy, sys; sys.meta_path = [f for f in sys.meta_path if 'editable' not in repr(f)]"
        "; sys.argv[:] = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", code, str(zipapp), *argv]
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd=temporary,
        env={"TMPDIR": str(temporary), "HOME": str(temporary)},
        timeout=60,
    )


def test_it_routes_and_explains(zipapp: Path, tmp_path: Path) -> None:
    """The router's files lie in a temporary folder meanwhile, and nothing stays."""
    done = _run(zipapp, tmp_path, "route", "--explain", "What is the capital of France?")
    assert done.returncode == 0, done.stderr
    assert "kind of task" in done.stdout
    where = _run(zipapp, tmp_path, "models")
    assert str(tmp_path / "edge-router-") in where.stdout
    assert not list(tmp_path.glob("edge-router-*"))


def test_the_toolchain_is_not_in_it(zipapp: Path, tmp_path: Path) -> None:
    """One line says what to do."""
    done = _run(zipapp, tmp_path, "bench")
    assert done.returncode == 2
    assert "edge-router bench is not in this packed application" in done.stderr
    assert len(done.stderr.splitlines()) == 1
