"""Split what a local model writes into text, thoughts and calls of tools, as it comes. No I/O."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from .tool_format import ToolFormat

__all__ = ["Piece", "ReplyReader"]

OPENS, CLOSES = "<tool_call>", "</tool_call>"
THINKS, THOUGHT = "<think>", "</think>"


@dataclass(frozen=True, slots=True)
class Piece:
    """Something a model wrote: text, a thought, or calls of tools by name with their arguments."""

    text: str = ""
    thought: str = ""
    calls: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True, eq=False)
class ReplyReader:
    """Reads one answer. `written` is the form of calls, None where there are no tools to call;
    `names` are those of the tools. `thinking` says that the prompt began a thought already. What
    looks like a call and is none is text."""

    written: ToolFormat | None = None
    names: Collection[str] = ()
    thinking: bool = False
    calls: int = 0
    _held: str = ""
    _begun: bool = False
    _trims: bool = False

    def take(self, text: str) -> Iterator[Piece]:
        """The pieces that `text` completes."""
        self._held += text
        self._begin()
        if self.thinking:
            yield from self._thought()
        if self._begun and not self.thinking:
            yield from self._text_and_calls()

    def end(self) -> Iterator[Piece]:
        """What was held back, at the end of the answer."""
        held, self._held = self._held, ""
        if self.thinking:
            if held:
                yield Piece(thought=held)
        elif call := self._call(held.strip().removeprefix(OPENS).removesuffix(CLOSES)):
            yield call
        elif held:
            yield Piece(held)

    def _begin(self) -> None:
        """Find out from its first letters whether the answer begins with a thought."""
        start = self._held.lstrip()
        if self._begun or self.thinking:
            self._begun = True
        elif start.startswith(THINKS):
            self._held, self.thinking, self._begun = start.removeprefix(THINKS), True, True
        elif start and not THINKS.startswith(start):
            self._begun = True

    def _thought(self) -> Iterator[Piece]:
        before, mark, after = self._held.partition(THOUGHT)
        if mark:
            self.thinking, self._trims, self._held = False, True, after
        else:
            before, self._held = _but_for(self._held, THOUGHT)
        if before:
            yield Piece(thought=before)

    def _text_and_calls(self) -> Iterator[Piece]:
        if self._trims:  # the blanks between a thought and the answer
            self._held = self._held.lstrip()
            self._trims = not self._held
        if self.written is None:
            yield from self._shown(self._held)
            self._held = ""
        elif self.written is ToolFormat.BARE:
            if not (self.calls or self._held.lstrip()[:1] in ("", "{")):
                yield from self._shown(self._held)
                self._held = ""
        else:
            yield from self._marked()

    def _marked(self) -> Iterator[Piece]:
        """Text up to a mark, then the call behind it once it is whole."""
        while True:
            before, mark, after = self._held.partition(OPENS)
            if not mark:
                before, self._held = _but_for(self._held, OPENS)
                yield from self._shown(before)
                return
            inside, closed, rest = after.partition(CLOSES)
            if not closed:
                yield from self._shown(before)
                self._held = mark + after
                return
            yield from self._shown(before)
            yield self._call(inside) or Piece(f"{OPENS}{inside}{CLOSES}")
            self._held = rest

    def _shown(self, text: str) -> Iterator[Piece]:
        """Text; blanks between calls are none."""
        if text and not (self.calls and text.isspace()):
            yield Piece(text)

    def _call(self, text: str) -> Piece | None:
        """The call that `text` is, None for none of a tool that there is."""
        if self.written is None:
            return None
        try:
            call = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(call, dict) or call.get("name") not in self.names:
            return None
        arguments = call.get(self.written.arguments, {})
        self.calls += 1
        return Piece(calls=((call["name"], json.dumps(arguments, ensure_ascii=False)),))


def _but_for(text: str, mark: str) -> tuple[str, str]:
    """`text` without the beginning of `mark` at its end, and that beginning."""
    for length in range(min(len(mark) - 1, len(text)), 0, -1):
        if mark.startswith(text[-length:]):
            return text[:-length], text[-length:]
    return text, ""
