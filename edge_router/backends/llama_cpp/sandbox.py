"""A Jinja environment for untrusted templates: every text and list stays small.

Jinja's own sandbox keeps a template away from Python; it does not bound memory. Here each operation
that can make a text or a list from a number or from another text is measured before it is done, and
what one rendering makes is counted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from itertools import islice
from string import Formatter
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

__all__ = ["BoundedEnvironment"]

MAX_TEXT = 8 << 20  # characters of one text
MAX_MADE = (
    64 << 20
)  # characters of all texts of one rendering, an entry of a list counting as ENTRY
MAX_REPEATED = 1 << 20  # what `*` may make of a text or a list
MAX_WIDTH = 10_000  # of what is padded, indented or cut in pieces
ENTRY = 64  # bytes that an entry of a list takes
BIG = 1 << 64
WIDE = re.compile(r"[0-9]{5}|\*")  # a format that asks for so many characters
WIDTHS = ("center", "indent", "batch", "slice", "wordwrap", "tojson")  # filters
WIDTH_METHODS = ("center", "ljust", "rjust", "zfill", "expandtabs")


class _Generation(Extension):
    """`{% generation %}`, which only training needs."""

    tags = {"generation"}  # noqa: RUF012 - jinja2's interface

    def parse(self, parser: Any) -> Any:
        parser.stream.skip(1)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Generator(CodeGenerator):
    """`~` and slices pass through the environment too."""

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802
        self.write("environment.joined((")
        for arg in node.nodes:
            self.visit(arg, frame)
            self.write(", ")
        self.write("))")

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:  # noqa: N802
        if not isinstance(node.arg, nodes.Slice):
            super().visit_Getitem(node, frame)
            return
        self.write("environment.counted(")
        super().visit_Getitem(node, frame)
        self.write(")")


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """Compiles templates as transformers and llama-cpp-python do. `made` is what has been made
    since it was last set to 0; beyond MAX_MADE everything raises ValueError."""

    code_generator_class = _Generator
    # Never computed while the template is compiled, and here with small results only.
    intercepted_binops = frozenset(("*", "**", "%", "+"))

    def __init__(self) -> None:
        super().__init__(
            loader=jinja2.BaseLoader(),
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[_Generation, loopcontrols],
            finalize=_printable,
        )
        self.made = 0
        self.concat = self.joined  # type: ignore[method-assign]
        self.filters["tojson"] = _to_json
        for name in ("urlize", "xmlattr"):  # no prompt needs them
            del self.filters[name]
        del self.globals["lipsum"]
        for name, made in self.filters.items():
            self.filters[name] = self._bounded(name, made)

    def counted(self, made: Any) -> Any:
        """The same value. Raises ValueError for one too large, or one too many."""
        if isinstance(made, str):
            if len(made) > MAX_TEXT:
                raise _too_large("a text")
            self.made += len(made)
        elif isinstance(made, list | tuple | dict | set):
            self.made += ENTRY * len(made)
        if self.made > MAX_MADE:
            raise _too_large("all that it makes")
        return made

    def joined(self, parts: Iterable[Any]) -> str:
        """The parts as one text."""
        pieces: list[str] = []
        length = 0
        for part in parts:
            pieces.append(str(_printable(part)))
            length += len(pieces[-1])
            if length > MAX_TEXT:
                raise _too_large("'~'")
        text: str = self.counted("".join(pieces))
        return text

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        _refuse_giants(operator, left, right)
        return self.counted(super().call_binop(context, operator, left, right))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, int | float | bytes):  # to_bytes(10**9), ljust(10**9)
            return False
        return super().is_safe_attribute(obj, attr, value)

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        method = getattr(obj, "__wrapped__", obj)
        owner, name = getattr(method, "__self__", None), getattr(method, "__name__", "")
        if isinstance(owner, str):
            if name == "join" and args:
                args = (_listed(args[0]), *args[1:])
            _refuse_wide(name, owner, args, kwargs, widths=WIDTH_METHODS)
        return self.counted(super().call(context, obj, *args, **kwargs))

    def _bounded(self, name: str, made: Callable[..., Any]) -> Callable[..., Any]:
        """A filter that refuses what would be too large."""
        passed = int(hasattr(made, "jinja_pass_arg"))  # the environment or the context comes first

        @wraps(made)
        def bounded(*args: Any, **kwargs: Any) -> Any:
            hidden, value, rest = args[:passed], args[passed], args[passed + 1 :]
            if name in ("join", "list", "sum", "tojson", "pprint", "string", "sort", "unique"):
                value = _listed(value)
            _refuse_wide(name, value, rest, kwargs, widths=WIDTHS)
            return self.counted(made(*hidden, value, *rest, **kwargs))

        return bounded


def _too_large(what: str) -> ValueError:
    return ValueError(f"{what} would be too large")


def _size(value: Any) -> int:
    """Characters that a value takes when it is written, counted no further than MAX_TEXT."""
    if isinstance(value, str):
        return len(value)
    total, waiting = 0, [value]
    while waiting and total <= MAX_TEXT:
        one = waiting.pop()
        total += len(one) if isinstance(one, str) else 4
        if isinstance(one, Mapping):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set | frozenset):
            waiting += one
    return total


def _printable(value: Any) -> Any:
    """The same value. Raises ValueError for one too large to be written."""
    if _size(value) > MAX_TEXT:
        raise _too_large("a value")
    return value


def _listed(value: Any) -> Any:
    """The values of an iterator as a list, whose length is known; others as they are."""
    if isinstance(value, str | Mapping) or not hasattr(value, "__next__"):
        return value
    values = list(islice(value, MAX_REPEATED + 1))
    if len(values) > MAX_REPEATED:
        raise _too_large("a list")
    return values


def _refuse_wide(
    name: str, value: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, widths: Iterable[str]
) -> None:
    """Refuse a filter or method of texts whose result would be too large."""
    others = [*args, *kwargs.values()]
    if name in widths:
        numbers = [one for one in others if isinstance(one, int | float)]
        if any(abs(number) > MAX_WIDTH for number in numbers):
            raise _too_large(f"{name}()")
    sizes = _size(value), sum(map(_size, others))
    times = 1
    if name in ("format", "format_map") and isinstance(value, str):
        _refuse_wide_format(name, value)
        times = value.count("%") + value.count("{")
    elif name in ("replace", "translate", "wordwrap", "indent", "join", "expandtabs"):
        times = _times(name, value, others)
    if sizes[0] + times * sizes[1] > MAX_TEXT:
        raise _too_large(f"{name}()")


def _times(name: str, value: Any, others: list[Any]) -> int:
    """How often the arguments may appear in the result."""
    if name == "replace" and isinstance(value, str) and others and isinstance(others[0], str):
        return value.count(others[0])
    if name == "indent" and isinstance(value, str):
        widths = [one for one in others if isinstance(one, int)]
        return (value.count("\n") + 1) * max([1, *widths])
    if name == "expandtabs" and isinstance(value, str):
        return value.count("\t") * max([1, *(one for one in others if isinstance(one, int))])
    if name == "join" and isinstance(value, str):  # ", ".join(...)
        return len(value) + 1
    return len(value) if hasattr(value, "__len__") else 1


def _refuse_wide_format(name: str, form: str) -> None:
    if "%" in form and WIDE.search(form):
        raise _too_large(f"{name}()")
    if "{" not in form:
        return
    for _, _, spec, _ in Formatter().parse(form):
        if spec and ("{" in spec or WIDE.search(spec)):
            raise _too_large(f"{name}()")


def _refuse_giants(operator: str, left: Any, right: Any) -> None:
    """Refuse an operation that takes all memory, or holds Python's lock for hours."""
    if operator == "+":
        sizes = [len(v) if hasattr(v, "__len__") else 0 for v in (left, right)]
        giant = sum(sizes) > (MAX_TEXT if isinstance(left, str) else MAX_REPEATED)
    elif operator == "%":
        giant = isinstance(left, str) and (
            WIDE.search(left) is not None or left.count("%") * _size(right) > MAX_TEXT
        )
    elif isinstance(left, (int, float)) and isinstance(right, (int, float)):
        giant = max(abs(left), abs(right)) > BIG or (operator == "**" and abs(right) > 64)
    else:
        sizes = [len(v) if hasattr(v, "__len__") else abs(v) for v in (left, right)]
        giant = sizes[0] * sizes[1] > MAX_REPEATED
    if giant:
        raise ValueError(f"a {operator!r} with a result too large")


def _to_json(  # the arguments that templates may give it, as in transformers
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    if isinstance(indent, int) and indent > 64:
        raise _too_large("tojson()")
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )
