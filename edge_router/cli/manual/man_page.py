"""The manual page edge-router(1), in the language of man(7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .commands import Command, Option

__all__ = ["man_page"]

LEARNED = (
    "what this device learns, keys of servers, the last conversation: setting data_dir, by default "
    "$XDG_DATA_HOME/edge-router or its place on this system"
)
FILES = (
    ("the settings", "edge-router config path says where; doctor --help lists them all"),
    ("the data folder", LEARNED),
)
EXITS = (
    ("0", "done"),
    ("1", "an error of edge-router, of the system or of the data"),
    ("2", "wrong usage, of the command line or of the settings"),
    ("3", "bench: rows that must not be believed"),
    ("130, 143", "interrupted by Ctrl-C, ended by SIGTERM"),
)


def man_page(commands: Sequence[Command], version: str) -> str:
    """The page, of the commands in their order, the program first."""
    program, *others = commands
    lines = [f'.TH EDGE-ROUTER 1 "" "edge-router {_text(version)}" "User Commands"']
    lines += [".SH NAME", f"edge-router \\- {_text(program.summary)}"]
    lines += [".SH SYNOPSIS", _text(program.usage), ".SH COMMANDS"]
    for command in others:
        lines += _section(command)
    lines += [".SH ENVIRONMENT", ".TP", r"\fBEDGE_ROUTER_CONFIG\fR", "the settings file"]
    lines += [".TP", r"\fBEDGE_ROUTER_<SETTING>\fR", _text("a setting of [router]")]
    lines += [".SH FILES", *_terms(FILES), ".SH EXIT STATUS", *_terms(EXITS)]
    return "\n".join(lines) + "\n"


def _section(command: Command) -> Iterator[str]:
    yield f'.SS "{_text(" ".join(command.words[1:]))}"'
    yield _text(command.summary)
    yield ".PP"
    yield rf"\fB{_text(command.usage)}\fR"
    for option in command.options:
        if "--help" not in option.flags:
            yield from _option(option)
    if command.epilog:
        yield ".PP"
        for line in command.epilog.splitlines():
            yield from (_text(line), ".br")
    if command.example:
        yield from (".PP", "Example:", ".PP", ".RS", ".nf", _text(command.example), ".fi", ".RE")


def _option(option: Option) -> Iterator[str]:
    value = rf" \fI{_text(option.value)}\fR" if option.value else ""
    flags = ", ".join(rf"\fB{_text(flag)}\fR" for flag in option.flags)
    yield ".TP"
    yield f"{flags}{value}" if flags else value.strip()
    yield _text(option.words)


def _terms(pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    for term, words in pairs:
        yield from (".TP", rf"\fB{_text(term)}\fR", _text(words))


def _text(plain: str) -> str:
    """A text that troff prints as it is, and takes for no request."""
    escaped = plain.replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq")
    return rf"\&{escaped}" if escaped[:1] in (".", "'") else escaped
