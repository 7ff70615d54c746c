"""The exception tree: as drawn, as exported, and with its facts in its messages."""

from __future__ import annotations

import inspect
import pickle

import pytest

from edge_router import errors
from edge_router.errors import (
    AllBackendsFailed,
    BackendRejected,
    BackendUnavailable,
    ContextExceeded,
    CostLimitReached,
    EdgeRouterError,
    InvalidRequest,
    MissingExtra,
    NoExpertFits,
    PrivacyWithheld,
    RoutingError,
)


def _drawn() -> dict[str, str]:
    """Each class of the drawing with the class it hangs from."""
    assert errors.__doc__ is not None
    parents: dict[str, str] = {}
    branch = ["EdgeRouterError"]
    for line in errors.__doc__.splitlines():
        if "── " in line:
            before, words = line.split("── ")
            depth = (len(before) + 3) // 4
            name = words.split()[0]
            parents[name] = branch[depth - 1]
            branch[depth:] = [name]
    return parents


def _real() -> dict[str, str]:
    """Each class of the module with the one of ours that it derives from."""
    ours = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, EdgeRouterError) and kind is not EdgeRouterError
    ]
    return {
        kind.__name__: base.__name__
        for kind in ours
        for base in kind.__bases__
        if issubclass(base, EdgeRouterError)
    }


def test_the_tree_is_the_one_in_the_docstring() -> None:
    """Every class hangs where the module's docstring draws it, and none is left out."""
    assert _drawn() == _real()
    assert len(_real()) == 33


def test_all_is_exact() -> None:
    """`__all__` names every exception of the module, sorted, and nothing else."""
    assert errors.__all__ == sorted(["EdgeRouterError", *_real()])


def test_the_sentence_under_the_tree_holds() -> None:
    """Only BackendUnavailable lets another expert be asked; one that was not asked is one."""
    assert "Only BackendUnavailable makes the client ask another expert." in str(errors.__doc__)
    kinds = [ContextExceeded, CostLimitReached, PrivacyWithheld]
    assert BackendUnavailable.__subclasses__() == kinds
    assert not issubclass(BackendRejected, BackendUnavailable)


@pytest.mark.parametrize("name", errors.__all__)
def test_each_has_a_docstring(name: str) -> None:
    """`help(error)` says what the error means."""
    assert vars(getattr(errors, name))["__doc__"]


def test_builtin_kinds_are_kept() -> None:
    """An invalid request is a ValueError and a missing extra an ImportError, as users expect."""
    assert issubclass(InvalidRequest, (RoutingError, ValueError))
    assert issubclass(MissingExtra, ImportError)
    assert issubclass(MissingExtra, EdgeRouterError)


def test_all_backends_failed_names_every_failure_in_order() -> None:
    """Each expert's name and error are in the message, in the order they were asked."""
    first, second = BackendUnavailable("no route to host"), BackendUnavailable("HTTP 503")
    error = AllBackendsFailed({"gpt": first, "local": second})
    assert str(error).startswith("no expert answered (gpt: no route to host; local: HTTP 503); `")
    assert list(error.failures.items()) == [("gpt", first), ("local", second)]


def test_all_backends_failed_keeps_its_own_copy() -> None:
    """What the caller does to the mapping afterwards changes nothing."""
    failures = {"gpt": BackendUnavailable("HTTP 503")}
    error = AllBackendsFailed(failures)
    failures.clear()
    assert list(error.failures) == ["gpt"]


def test_no_expert_fits_keeps_who_was_ruled_out() -> None:
    """The message is the caller's; `excluded` is a copy of the reasons."""
    excluded = {"gpt": "offline"}
    error = NoExpertFits("no expert may answer: gpt (this device is offline)", excluded=excluded)
    excluded.clear()
    assert str(error) == "no expert may answer: gpt (this device is offline)"
    assert error.excluded == {"gpt": "offline"}


def test_missing_extra_is_the_pip_line() -> None:
    """The message can be pasted into a shell, and `extra` is there for programs."""
    error = MissingExtra("llama-cpp-python", "local")
    assert str(error) == "llama-cpp-python is not installed: pip install 'edge-router[local]'"
    assert error.extra == "local"


@pytest.mark.parametrize("wait", [None, 0.0, 2.5])
def test_a_backend_error_keeps_how_long_to_wait(wait: float | None) -> None:
    """`retry_after_s` is what the server asked for; zero is not the same as nothing."""
    error = BackendUnavailable("HTTP 429", retry_after_s=wait)
    assert error.retry_after_s == wait
    assert str(error) == "HTTP 429"


@pytest.mark.parametrize(
    "error",
    [
        NoExpertFits("no expert may answer", excluded={"gpt": "offline"}),
        AllBackendsFailed({"gpt": BackendUnavailable("HTTP 503")}),
        MissingExtra("llama-cpp-python", "local"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_pickling(error: EdgeRouterError) -> None:
    """An error raised in a worker process arrives in the parent with its message."""
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
