"""The package's front door: its public names, and what opening it costs."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterable
from importlib import import_module

import pytest

import edge_router
from edge_router import errors

HEAVY = ("numpy", "onnxruntime", "tokenizers", "httpx", "llama_cpp", "torch", "asyncio")
HEAVY += ("starlette", "uvicorn")
TRAINING = ("torch", "transformers", "optimum", "onnx", "sklearn", "sentence_transformers")
IMPORT_EVERY_ROOM = """
import importlib, pkgutil, edge_router
rooms = [module.name for module in pkgutil.walk_packages(edge_router.__path__, "edge_router.")]
tools = ("export", "benchmarks", "cli.llm_plugin", "device.pyinstaller.hook-")
for room in ["edge_router.models", *rooms]:
    if not room.removeprefix("edge_router.").startswith(tools):
        importlib.import_module(room)
"""
ROUTE_A_QUERY = """
from edge_router import Router
Router.bundled().route("What is the capital of France?")
"""


def _loaded_by(code: str) -> set[str]:
    """The modules that a fresh interpreter holds after running `code`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint('LOADED', *sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.partition("LOADED ")[2].split())


def _among(loaded: Iterable[str], packages: tuple[str, ...]) -> list[str]:
    return sorted(
        name for name in loaded if any(name == p or name.startswith(f"{p}.") for p in packages)
    )


def test_the_public_names_are_few() -> None:
    """`__all__` is the table of homes, sorted; at most 21 names, most of them no errors."""
    assert edge_router.__all__ == sorted(edge_router._HOME)
    assert len(edge_router.__all__) <= 20
    assert len(set(edge_router.__all__) & set(errors.__all__)) < 10


@pytest.mark.parametrize(("name", "home"), edge_router._HOME.items())
def test_every_name_loads_from_its_home(name: str, home: str) -> None:
    """A public name is the very object of the module that it is said to live in."""
    public = getattr(edge_router, name)
    assert public is getattr(import_module(f"edge_router.{home}"), name)
    assert public.__module__ == f"edge_router.{home}"


def test_type_checkers_see_the_same_names() -> None:
    """The imports under TYPE_CHECKING name the same homes as the table used at run time."""
    tree = ast.parse(inspect.getsource(edge_router))
    seen = {
        alias.asname: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    }
    assert seen == edge_router._HOME


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    """A misspelt name fails like that of any other module."""
    with pytest.raises(AttributeError, match=r"module 'edge_router' has no attribute 'Ruoter'"):
        _ = edge_router.Ruoter
    assert not hasattr(edge_router, "__path_to_nowhere__")


def test_dir_lists_every_public_name_once() -> None:
    """Completion in a shell finds the names that are not loaded yet."""
    listed = dir(edge_router)
    assert {*edge_router.__all__, "__version__"} <= set(listed)
    assert len(set(listed)) == len(listed)


def test_a_star_import_brings_exactly_the_public_names() -> None:
    """`from edge_router import *` works and loads each name."""
    space: dict[str, object] = {}
    exec("from edge_router import *", space)
    assert space.keys() - {"__builtins__"} == set(edge_router.__all__)


def test_importing_the_package_imports_nothing_heavy() -> None:
    """Numpy, ONNX Runtime and all other weights stay outside until they are used."""
    loaded = _loaded_by("import edge_router")
    assert "edge_router" in loaded
    assert _among(loaded, HEAVY) == []


@pytest.mark.parametrize("name", ["EdgeRouterError", "ChatRequest"])
def test_plain_values_import_nothing_heavy(name: str) -> None:
    """Catching our errors or building a request needs none of the heavy packages either."""
    assert _among(_loaded_by(f"from edge_router import {name}"), HEAVY) == []


def test_the_runtime_never_imports_the_training_stack() -> None:
    """With every runtime module loaded, no training package, export or benchmark is there."""
    loaded = _loaded_by(IMPORT_EVERY_ROOM)
    assert {
        "edge_router.client.sync_client",
        "edge_router.cli",
        "edge_router.backends.openai.backend",
    } <= loaded
    assert _among(loaded, (*TRAINING, "edge_router.export", "edge_router.benchmarks")) == []
    assert _among(loaded, ("export", "benchmarks")) == []


def test_deciding_never_imports_the_training_stack() -> None:
    """What is imported on first use, while a query is routed, is not it either."""
    loaded = _loaded_by(ROUTE_A_QUERY)
    assert {"onnxruntime", "tokenizers"} <= loaded
    assert _among(loaded, (*TRAINING, "edge_router.export", "edge_router.benchmarks")) == []
    assert _among(loaded, ("httpx", "llama_cpp")) == []
