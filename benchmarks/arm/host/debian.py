"""Debian's packages of any architecture, unpacked into a folder; no root and no system change.

apt works on a state folder of its own, in which nothing is installed, so that it brings every
library too, and checks Debian's signature and the hash of each file.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DownloadFailed, HostUnsuitable
from .cache import made_once
from .tools import run_tool

__all__ = ["RELEASE", "Packages", "find_mirror"]

RELEASE = "bookworm"  # its qemu still has plugins; one release, so that counts can be compared
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
OFFLINE = "go online and run it again: it goes on from what has come"
CONFIGURATION = """\
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
Dir::State "{folder}/state";
Dir::State::status "{folder}/state/status";
Dir::Cache "{folder}/cache";
Dir::Etc::main "{folder}/apt.conf";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "2";
"""


@dataclass(frozen=True, slots=True)
class Packages:
    """Packages of one architecture, with their dependencies."""

    names: tuple[str, ...]
    architecture: str

    def folder(self, cache: Path) -> Path:
        """The folder of the unpacked files; other packages get another."""
        return cache / "-".join((RELEASE, self.architecture, *self.names))

    def unpack(self, cache: Path, mirror: str) -> None:
        """Download and unpack what is missing. Raises DownloadFailed, HostUnsuitable."""
        made_once(self.folder(cache), lambda new: self._unpack(cache, mirror, new))

    def _unpack(self, cache: Path, mirror: str, root: Path) -> None:
        for archive in self._downloaded(cache / f"apt-{self.architecture}", mirror):
            run_tool(
                ["dpkg-deb", "--extract", str(archive), str(root)],
                DownloadFailed,
                f"remove {archive} and run it again",
            )

    def _downloaded(self, folder: Path, mirror: str) -> Sequence[Path]:
        env = os.environ | {"APT_CONFIG": str(configured(folder, self.architecture, mirror))}
        install = ["install", "--yes", "--download-only", *self.names]
        for arguments in (["update"], install):
            run_tool(["apt-get", *arguments], DownloadFailed, OFFLINE, env=env)
        return sorted((folder / "cache" / "archives").glob("*.deb"))


def configured(folder: Path, architecture: str, mirror: str) -> Path:
    """Make a state folder for apt with nothing installed; returns the file for $APT_CONFIG.

    The system's own settings (proxies, certificates) hold; its hooks do not: apt reads our file
    first and once more last. Raises HostUnsuitable without Debian's keys.
    """
    if not KEYRING.exists():
        raise HostUnsuitable(f"{KEYRING} is missing; apt-get install debian-archive-keyring")
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "state" / "status").touch()
    sources = f"deb [signed-by={KEYRING}] {mirror} {RELEASE} main\n"
    (folder / "sources.list").write_text(sources, encoding="utf-8")
    file = folder / "apt.conf"
    text = CONFIGURATION.format(folder=folder, architecture=architecture)
    file.write_text(text, encoding="utf-8")
    return file


def find_mirror() -> str:
    """The mirror of Debian's archive that this system uses. Raises HostUnsuitable."""
    command = ["apt-get", "indextargets", "--no-release-info", "--format", "$(REPO_URI)"]
    mirror = debian_archive(run_tool(command, HostUnsuitable, "check apt's sources").split())
    if mirror is None:
        raise HostUnsuitable("apt has no source of Debian's archive; name one with --mirror URL")
    return mirror


def debian_archive(sources: Sequence[str]) -> str | None:
    """The first of apt's sources that is Debian's main archive, by the name of its folder."""
    archives = (source for source in sources if source.rstrip("/").endswith("/debian"))
    return next(archives, None)
