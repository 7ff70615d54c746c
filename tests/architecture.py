"""The architecture of the checkout, printed and enforced: python -m tests.architecture

Lazy imports and those for type checkers count like any other.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOPS = {"edge_router": "edge_router", "edge_router.export": "export"}
TOPS |= {"edge_router.benchmarks": "benchmarks"}  # module name -> folder
FRONT_DOOR = "edge_router"  # its __init__ names every public name's home, and loads none
ROOMS = (  # each may import those before it, never one beside or after it
    ("errors",), ("guards",), ("chat",), ("backends",), ("settings",), ("device",), ("routing",),
    ("learning", "layers", "testing"), ("client",), ("server", "agents", "tasks"), ("cli",),
    ("__main__",),
)  # fmt: skip
RANK = {room: rank for rank, rooms in enumerate(ROOMS) for room in rooms}
TOOLS = ("edge_router.export", "edge_router.benchmarks")  # only the CLI, inside a subcommand
MOST_ENTRIES = {"edge_router": 12, "export": 17}  # besides what every package has
COMING = {"edge_router": ("server", "agents", "tasks")}  # rooms that raise it where they exist
MOST_FILES, MOST_LINES, LONGEST_CHAIN = 14, 350, 11
STILL_LONG: Mapping[str, int] = {}  # files over MOST_LINES may only shrink; empty in the end


@dataclass(frozen=True, slots=True)
class Import:
    """One module imports another; `lazy` inside a function, `relative` with a leading dot."""

    source: str
    target: str
    lazy: bool
    relative: bool


@cache
def modules() -> Mapping[str, Path]:
    """Every module by name, the package of a folder by the folder's."""
    result = {}
    for name, top in TOPS.items():
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT / top).with_suffix("").parts
            result[".".join([name, *parts]).removesuffix(".__init__")] = path
    return result


@cache
def imports() -> tuple[Import, ...]:
    """Every import of one of our modules by another."""
    return tuple(one for name, path in modules().items() for one in _imports(name, path))


def _imports(name: str, path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    in_functions = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        for named in _named(node, package):
            target = _module_of(named)
            if target not in (name, FRONT_DOOR, ""):
                relative = isinstance(node, ast.ImportFrom) and node.level > 0
                yield Import(name, target, node in in_functions, relative)


def _named(node: ast.AST, package: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    above = package.split(".")[: -(node.level - 1) or None] if node.level else []
    base = ".".join([*above, *([node.module] if node.module else [])])
    return [f"{base}.{alias.name}" for alias in node.names]


def _module_of(named: str) -> str:
    while named and named not in modules():
        named = named.rpartition(".")[0]
    return named


def room(module: str) -> str:
    """The room of a runtime module, "" for the front door, the toolchain for the others."""
    tool = next((top for top in TOOLS if f"{module}.".startswith(f"{top}.")), None)
    return tool or ".".join(module.split(".")[1:2])


def circles() -> list[list[str]]:
    """Modules that import each other, by whatever way: Tarjan's components of more than one."""
    below = {module: {i.target for i in imports() if i.source == module} for module in modules()}
    reached = {module: _reached(module, below) for module in modules()}
    result = {
        frozenset(other for other in reached[module] if module in reached[other])
        for module in modules()
        if module in reached[module]
    }
    return [sorted(circle) for circle in result]


def _reached(start: str, below: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = list(below[start])
    while waiting:
        if (module := waiting.pop()) not in seen:
            seen.add(module)
            waiting += below[module]
    return seen


def longest_chain(tops: tuple[str, ...]) -> list[str]:
    """The longest way down from import to import within the rooms `tops`; there are no circles."""
    below = {
        module: {i.target for i in imports() if i.source == module and room(i.target) in tops}
        for module in modules()
    }

    @cache
    def chain(module: str) -> tuple[str, ...]:
        return (module, *max(map(chain, below[module]), key=len, default=()))

    return list(max((chain(m) for m in modules() if room(m) in tops), key=len))


def climbing() -> Iterator[str]:
    """Imports of a room that stands beside or above, of the toolchain, or in the wrong style."""
    for arrow in imports():
        source, target = room(arrow.source), room(arrow.target)
        words = f"{arrow.source} imports {arrow.target}"
        if source in TOOLS or not source:
            continue
        if target in TOOLS:
            if source != "cli" or not arrow.lazy:
                yield f"{words}; only the CLI may, inside a subcommand"
        elif source != target and not RANK.get(target, 99) < RANK.get(source, -1):
            yield f"{words}, which stands above or beside it"
        elif arrow.relative is not (source == target):
            yield f"{words}: relative inside a room, absolute between rooms"


def crowded() -> Iterator[str]:
    """Folders with too many entries or code files."""
    for top in MOST_ENTRIES:
        count, most = len(entries(top)), most_entries(top)
        if count > most:
            yield f"{top}/ has {count} entries, {most} at most"
    for folder, count in files_by_folder().items():
        if count > MOST_FILES:
            yield f"{folder}/ has {count} code files, {MOST_FILES} at most"


def entries(top: str) -> list[str]:
    """What lies in a top folder, besides what every package has."""
    given = {"__init__.py", "__main__.py", "py.typed", "__pycache__"}
    return sorted(p.name for p in (ROOT / top).iterdir() if p.name not in given)


def most_entries(top: str) -> int:
    """How many entries a top folder may have: its limit, and one for each coming room it has."""
    return MOST_ENTRIES[top] + len(set(COMING.get(top, ())) & set(entries(top)))


def files_by_folder() -> dict[str, int]:
    """How many code files each folder has, besides __init__.py."""
    result: dict[str, int] = {}
    for path in modules().values():
        if path.name != "__init__.py":
            folder = str(path.parent.relative_to(ROOT))
            result[folder] = result.get(folder, 0) + 1
    return result


def lines() -> dict[str, int]:
    """The number of lines of each file."""
    return {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in modules().values()
    }


def too_long() -> Iterator[str]:
    """Files over the limit, but for those that still are and have not grown."""
    for path, count in lines().items():
        if count > STILL_LONG.get(path, MOST_LINES):
            yield f"{path} has {count} lines, {STILL_LONG.get(path, MOST_LINES)} at most"
    for path in STILL_LONG:
        if lines().get(path, 0) <= MOST_LINES:
            yield f"{path} is no longer too long: take it out of STILL_LONG"


def faults() -> list[str]:
    """Everything that is not as it should be."""
    result = [*crowded(), *too_long(), *climbing()]
    if round_and_round := circles():
        return result + [f"a circle: {', '.join(circle)}" for circle in round_and_round]
    chain = longest_chain(tuple(RANK))
    if len(chain) > LONGEST_CHAIN:
        result.append(f"a chain of {len(chain)}, {LONGEST_CHAIN} at most: {' -> '.join(chain)}")
    return result


def report() -> Iterator[str]:
    """The numbers, line by line."""
    folder, most = max(files_by_folder().items(), key=lambda pair: pair[1])
    path, longest = max(lines().items(), key=lambda pair: pair[1])
    for top in MOST_ENTRIES:
        listed = entries(top)
        yield f"entries of {top}: {len(listed)} of {most_entries(top)} ({', '.join(listed)})"
    yield f"most code files in a folder: {most} ({folder})"
    yield f"longest file: {longest} lines ({path}); over {MOST_LINES}: " + (
        ", ".join(f"{p} {n}" for p, n in lines().items() if n > MOST_LINES) or "none"
    )
    yield f"circles: {len(circles())}"
    if not circles():
        chain = longest_chain(tuple(RANK))
        yield f"longest chain of imports: {len(chain)} ({' -> '.join(chain)})"
        yield f"longest chain with export and benchmarks: {len(longest_chain((*RANK, *TOOLS)))}"
    yield f"arrows that climb: {len(list(climbing()))}"


if __name__ == "__main__":
    print(*report(), *(f"FAULT {fault}" for fault in faults()), sep="\n")
    sys.exit(bool(faults()))
