"""Every way a command ends, and the exit code of each."""

from __future__ import annotations

import pytest

from edge_router.cli.exits import exit_code_of
from edge_router.errors import ArtifactNotFound, ConfigError, EdgeRouterError


@pytest.mark.parametrize(
    ("raised", "code", "line"),
    [
        (ConfigError("bad setting"), 2, "it: bad setting\n"),
        (ArtifactNotFound("two\nlines"), 1, "it: two lines\n"),
        (OSError(2, "No such file", "a.txt"), 1, "it: 'a.txt': No such file\n"),
        (MemoryError(), 1, "it: there is not enough memory\n"),
        (KeyboardInterrupt("stopped; run it again"), 130, "it: stopped; run it again\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_a_command_raises_is_one_line_and_a_code(
    raised: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, after the program's name."""

    def run() -> int:
        raise raised

    assert exit_code_of(run, program="it") == code
    assert capsys.readouterr().err == line


def test_a_command_that_ends_gives_its_own_code() -> None:
    """None is 0."""
    assert exit_code_of(lambda: None) == 0
    assert exit_code_of(lambda: 3) == 3


def test_the_error_is_reported_before_it_is_printed() -> None:
    """Also where the report cannot be written."""
    seen: list[EdgeRouterError] = []

    def run() -> int:
        raise ConfigError("x")

    def report(error: EdgeRouterError) -> None:
        seen.append(error)
        raise OSError

    assert exit_code_of(run, report=report) == 2
    assert [str(error) for error in seen] == ["x"]
