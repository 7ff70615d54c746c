"""Makes a copy of this project fit for a package index, which shows the README alone.

python .ci/absolute_links.py FOLDER https://HOST/OWNER/REPOSITORY: in the copy at FOLDER, links of
the README lead to the repository at this version's tag, and pyproject.toml names the addresses.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?://|#)([^)]+)\)")
VERSION = re.compile(r'^__version__ = "(.+)"', re.MULTILINE)


def main(folder: Path, url: str) -> None:
    """Rewrite both files."""
    package = (folder / "edge_router" / "__init__.py").read_text(encoding="utf-8")
    (version,) = VERSION.findall(package)
    readme, project = folder / "README.md", folder / "pyproject.toml"
    text = readme.read_text(encoding="utf-8")
    readme.write_text(LINK.sub(lambda link: _absolute(link, url, version), text), encoding="utf-8")
    head, scripts, rest = project.read_text(encoding="utf-8").partition("[project.scripts]")
    urls = {
        "Repository": url,
        "Documentation": f"{url}/blob/v{version}/docs/index.md",
        "Changelog": f"{url}/blob/v{version}/CHANGELOG.md",
        "Issues": f"{url}/issues",
    }
    table = "".join(f'{name} = "{address}"\n' for name, address in urls.items())
    project.write_text(f"{head}[project.urls]\n{table}\n{scripts}{rest}", encoding="utf-8")


def _absolute(link: re.Match[str], url: str, version: str) -> str:
    """A picture is shown raw, a file as a page."""
    mark, words, target = link.groups()
    return f"{mark}[{words}]({url}/{'raw' if mark else 'blob'}/v{version}/{target})"


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2].rstrip("/"))
