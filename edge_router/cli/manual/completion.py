"""Completion for bash, zsh and fish: scripts that start no Python when a key is pressed."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence

from .commands import Command, Option

__all__ = ["SHELLS"]

BASH = """\
# Completion of edge-router for bash, written by `edge-router completion bash`.
_edge_router() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" command="" step
    COMPREPLY=()
    for step in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$command $step" in
{steps}
        esac
    done
    case "$command $before" in
{values}
    esac
    case "$command" in
{words}
    esac
}}
complete -o bashdefault -o default -F _edge_router edge-router
"""
ZSH = """\
#compdef edge-router
# Completion of edge-router for zsh, written by `edge-router completion zsh`.
autoload -U +X bashcompinit && bashcompinit
"""


def bash(commands: Sequence[Command]) -> str:
    """A script to be sourced, or put where bash-completion looks for it."""
    return BASH.format(
        steps="\n".join(_steps(commands)),
        values="\n".join(_values(commands)),
        words="\n".join(_words(commands)),
    )


def _path(command: Command) -> str:
    """A command's words behind the program's, each after a blank."""
    return "".join(f" {word}" for word in command.words[1:])


def _steps(commands: Sequence[Command]) -> Iterator[str]:
    """Cases that follow the words typed so far from command to command."""
    for command in commands[1:]:
        yield f"            {shlex.quote(_path(command))}) command={shlex.quote(_path(command))} ;;"


def _values(commands: Sequence[Command]) -> Iterator[str]:
    """Cases for the value of an option."""
    for command in commands:
        for option in command.options:
            if option.flags and option.value:
                places = "|".join(shlex.quote(f"{_path(command)} {f}") for f in option.flags)
                yield f"        {places}) {_offered(option)} return ;;"


def _offered(option: Option) -> str:
    if option.choices:
        return f'COMPREPLY=($(compgen -W {shlex.quote(" ".join(option.choices))} -- "$word"));'
    return 'COMPREPLY=($(compgen -f -- "$word"));' if option.is_file else ""


def _words(commands: Sequence[Command]) -> Iterator[str]:
    """Cases for everything else: commands below, options, and choices."""
    for command in commands:
        offered = [name for name, _ in command.below]
        for option in command.options:
            offered += option.flags or option.choices
        words = shlex.quote(" ".join(offered))
        offer = f'COMPREPLY=($(compgen -W {words} -- "$word"))'
        yield f"        {shlex.quote(_path(command))}) {offer} ;;"


def zsh(commands: Sequence[Command]) -> str:
    """A script for a folder of $fpath, or to be sourced."""
    return ZSH + bash(commands)


def fish(commands: Sequence[Command]) -> str:
    """A script for ~/.config/fish/completions."""
    lines = ["# Completion of edge-router for fish, written by `edge-router completion fish`."]
    for command in commands:
        lines += _fish_lines(command)
    return "\n".join(lines) + "\n"


def _fish_lines(command: Command) -> Iterator[str]:
    words = command.words[1:]
    below = [name for name, _ in command.below]
    seen = "".join(f"; and __fish_seen_subcommand_from {word}" for word in words)
    here = "true" if words else "__fish_use_subcommand"
    none_below = (
        f"; and not __fish_seen_subcommand_from {' '.join(below)}" if below and words else ""
    )
    start = f"complete -c edge-router -n {shlex.quote(here + seen + none_below)}"
    for name, summary in command.below:
        yield f"{start} -f -a {name} -d {shlex.quote(summary)}"
    for option in command.options:
        yield from _fish_option(start, option)


def _fish_option(start: str, option: Option) -> Iterator[str]:
    about = f"-d {shlex.quote(option.words)}"
    choices = f" -x -a {shlex.quote(' '.join(option.choices))}" if option.choices else ""
    if not option.flags:
        if choices:
            yield f"{start} -f -a {shlex.quote(' '.join(option.choices))} {about}"
        return
    names = " ".join(f"-l {f[2:]}" if f.startswith("--") else f"-s {f[1:]}" for f in option.flags)
    needs = choices or (" -r" if option.value else "")
    yield f"{start} {names}{needs} {about}"


SHELLS: Mapping[str, Callable[[Sequence[Command]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
