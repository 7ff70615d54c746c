"""A package index shows the README alone: its links are made absolute, and lead to files."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
URL = "https://code.example.com/us/edge-router"


def test_links_of_the_published_readme_lead_into_the_repository(tmp_path: Path) -> None:
    """At the version's tag; pictures as files; the project's addresses are in its metadata."""
    script = ROOT / ".ci" / "absolute_links.py"
    if not script.is_file():
        pytest.skip("the checkout has no .ci")
    (tmp_path / "edge_router").mkdir()
    for name in ("README.md", "pyproject.toml", "edge_router/__init__.py"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    subprocess.run([sys.executable, str(script), str(tmp_path), f"{URL}/"], check=True)
    links = re.findall(r"(!?)\[[^\]]*\]\(([^)]+)\)", (tmp_path / "README.md").read_text())
    assert all(target.startswith("https://") for _, target in links)
    version = re.search(r'__version__ = "(.+)"', (ROOT / "edge_router/__init__.py").read_text())
    assert version
    for mark, target in links:
        if target.startswith(URL):
            kind, tag, path = target.removeprefix(f"{URL}/").split("/", 2)
            assert (kind, tag) == ("raw" if mark else "blob", f"v{version[1]}")
            assert (ROOT / path).exists(), path
    metadata = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    assert metadata["urls"]["Repository"] == URL
    assert metadata["scripts"]["edge-router"]
