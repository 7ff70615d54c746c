"""edge-router init: a first settings file from what this machine has."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import dropwhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from edge_router.errors import ConfigError, EdgeRouterError, InvalidRequest
from edge_router.guards.user_files import NO_HOME

from ...first_settings import BUNDLED, Choice, settings_text
from ...printing import print_dim
from ...table import parser_of
from ...terminal import visible

if TYPE_CHECKING:
    from edge_router.device.surroundings import LocalModel

__all__ = ["add"]

T = TypeVar("T")
MOST_SHOWN = 12


def add(commands: Any) -> None:
    """Register the command."""
    init = parser_of(commands, "init", _init)
    init.add_argument("--json", action="store_true", help="print the checks as JSON")
    init.add_argument("--yes", action="store_true", help="ask nothing; nothing leaves this device")
    init.add_argument("--force", action="store_true", help="replace a file that is there")
    init.add_argument("--config", metavar="FILE", help="the file to write (config path says which)")
    init.epilog = (
        "Looks for Ollama, LM Studio, llama-server and llama-cpp-python's server on this machine, "
        "for GGUF files, and for variables called ..._API_KEY, whose values it neither reads into "
        "the file nor sends."
    )


def _init(options: argparse.Namespace) -> int:
    from edge_router.device.surroundings import clouds_of, files_here, servers_here
    from edge_router.settings.config import Config

    from .doctor import examine, report

    path = _target(options)
    if not options.yes and not sys.stdin.isatty():
        raise InvalidRequest("init asks three questions; give --yes to take their first answers")
    models = [*servers_here(), *_from_first_sound(files_here()), BUNDLED]
    choice = _choice(models, clouds_of(os.environ), ask=not options.yes)
    _write(path, settings_text(choice), force=options.force)
    print_dim(f"wrote {path}")
    if choice.cloud is not None and not choice.may_leave:
        print_dim('a cloud expert is in it; it is asked with placement = "prefer_on_device" only')
    return report(examine(Config.load(path)), as_json=options.json)


def _from_first_sound(files: Sequence[LocalModel]) -> Iterator[LocalModel]:
    """The files without damaged ones before the first sound one, which is the default answer; the
    rest is not read, which takes a third of a second each."""
    from edge_router.backends.llama_cpp.model_files import find_model

    def damaged(one: LocalModel) -> bool:
        try:
            find_model(one.model)
        except EdgeRouterError as error:
            print_dim(f"passed over: {error}")
            return True
        return False

    return dropwhile(damaged, files)


def _target(options: argparse.Namespace) -> Path:
    """The file to write. Raises ConfigError for one that is there already."""
    from edge_router.settings.file import default_config_path, stated_file

    path = stated_file(options.config) or default_config_path()
    if path.is_relative_to(NO_HOME):
        raise ConfigError(
            "there is no home folder for the settings; set HOME or give --config FILE"
        )
    if os.path.lexists(path) and not options.force:
        raise _is_there(path)
    return path


def _is_there(path: Path) -> ConfigError:
    return ConfigError(
        f"{str(path)!r} is there already; --force replaces it, --config names another"
    )


def _write(path: Path, text: str, *, force: bool) -> None:
    """Write the file; over one that is there only by `force`. Raises ConfigError."""
    from edge_router.guards.data_folder import write_atomically

    try:
        if force:
            write_atomically(path, text)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise _is_there(path) from None
    except OSError as error:
        raise ConfigError(f"{str(path)!r} cannot be written: {error.strerror or error}") from None


def _choice(models: Sequence[Any], clouds: Sequence[Any], *, ask: bool) -> Choice:
    """What the user wants; the first of everything where they are not asked."""
    local = _picked(
        "Which model answers on this device?",
        {f"{one.model} ({one.place})": one for one in models},
        ask=ask,
    )
    known = {f"{one.key}: {one.model} at {one.base_url}": one for one in clouds if one.base_url}
    cloud = None
    if known:
        known["none"] = None
        cloud = _picked("Which cloud expert is there besides?", known, ask=ask)
    may_leave = cloud is not None and ask and _allowed()
    return Choice(local, cloud, may_leave, [one for one in clouds if one is not cloud])


def _picked(question: str, answers: dict[str, T], *, ask: bool) -> T:
    """The answer of the user, by default the first."""
    shown = list(answers)[:MOST_SHOWN]
    if not ask or len(shown) == 1:
        return answers[shown[0]]
    print(question)
    for number, words in enumerate(shown, start=1):
        print(visible(f"  {number}  {words}"))
    while True:
        typed = _typed("number [1]: ") or "1"
        if typed.isascii() and typed.isdigit() and 1 <= int(typed) <= len(shown):
            return answers[shown[int(typed) - 1]]
        print(f"a number from 1 to {len(shown)}, please")


def _allowed() -> bool:
    return _typed("May a query leave this device for it? [y/N]: ").lower() in ("y", "yes")


def _typed(prompt: str) -> str:
    try:
        return input(prompt).strip()
    except EOFError:
        raise InvalidRequest("init was not answered; nothing is written") from None
