"""config edit: an editor of the user's, and a file that stays whole whatever they do in it."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from command_line import run

GOOD, BAD = "[router]\noffline = true\n", "[router\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The settings file, which is not there yet."""
    return tmp_path / "folder" / "config.toml"


def editor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> None:
    """$VISUAL is a program with an option that runs `script` on the text of its file."""
    program = tmp_path / "my editor.py"
    program.write_text(
        "import sys, pathlib\nfile = pathlib.Path(sys.argv[2])\ntext = file.read_text()\n"
        f"assert sys.argv[1] == '--wait'\n{script}\n"
    )
    monkeypatch.setenv("VISUAL", f"{sys.executable} '{program}' --wait")
    monkeypatch.setenv("EDITOR", "false")


def edit(capsys: pytest.CaptureFixture[str], path: Path) -> tuple[int, str]:
    code, _, err = run(capsys, "config", "edit", "--config", str(path))
    return code, err


def test_a_file_is_begun_and_edited(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, path: Path, tmp_path: Path
) -> None:
    """The first one has comments, and is for its owner alone; a mode that was set stays."""
    editor(monkeypatch, tmp_path, "assert '[experts.local]' in text; file.write_text(text + '#x')")
    assert edit(capsys, path)[0] == 0
    assert path.read_text().endswith("#x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    editor(monkeypatch, tmp_path, f"file.write_text({GOOD!r})")
    assert edit(capsys, path)[0] == 0
    assert path.read_text() == GOOD
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [one.name for one in path.parent.iterdir()] == ["config.toml"]


@pytest.mark.parametrize("broken", [BAD, "[router]\nofline = true\n", "[router]\noffline = 3\n"])
def test_a_broken_edit_changes_nothing(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    path: Path,
    tmp_path: Path,
    broken: str,
) -> None:
    """It is kept beside the file, with what is wrong with it."""
    path.parent.mkdir()
    path.write_text(GOOD)
    editor(monkeypatch, tmp_path, f"file.write_text({broken!r})")
    code, err = edit(capsys, path)
    assert code == 2
    assert path.read_text() == GOOD
    assert path.with_name("config.toml.edited").read_text() == broken
    assert "is as it was" in err


def test_a_broken_edit_can_be_mended(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, path: Path, tmp_path: Path
) -> None:
    """At a terminal, from where it was left."""
    path.parent.mkdir()
    path.write_text(GOOD)
    editor(
        monkeypatch, tmp_path, f"file.write_text({BAD!r} if text != {BAD!r} else {GOOD + '#'!r})"
    )
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "")
    assert edit(capsys, path)[0] == 0
    assert path.read_text() == f"{GOOD}#"


def test_a_link_goes_on_pointing_at_its_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, path: Path, tmp_path: Path
) -> None:
    """As in a folder of dotfiles."""
    (tmp_path / "dotfile").write_text("")
    path.parent.mkdir()
    path.symlink_to(tmp_path / "dotfile")
    editor(monkeypatch, tmp_path, f"file.write_text({GOOD!r})")
    assert edit(capsys, path)[0] == 0
    assert path.is_symlink()
    assert (tmp_path / "dotfile").read_text() == GOOD


@pytest.mark.parametrize(
    ("stated", "words"),
    [("no-such-editor", "set VISUAL or EDITOR"), ("false", "ended with 1"), ("'", "no command")],
)
def test_an_editor_that_fails_changes_nothing(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    path: Path,
    stated: str,
    words: str,
) -> None:
    """One line says what to do."""
    path.parent.mkdir()
    path.write_text(GOOD)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", stated)
    code, err = edit(capsys, path)
    assert code == 2
    assert words in err
    assert path.read_text() == GOOD
    assert list(path.parent.iterdir()) == [path]


def test_a_later_edit_keeps_the_one_that_broke(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, path: Path, tmp_path: Path
) -> None:
    """The copy of an earlier edit may be an hour's work."""
    path.parent.mkdir()
    path.write_text(GOOD)
    editor(monkeypatch, tmp_path, f"file.write_text({BAD!r})")
    assert edit(capsys, path)[0] == 2
    editor(monkeypatch, tmp_path, f"file.write_text({BAD + '#2'!r})")
    assert "config.toml.edited-2" in edit(capsys, path)[1]
    editor(monkeypatch, tmp_path, f"file.write_text({GOOD + '#'!r})")
    assert edit(capsys, path)[0] == 0
    kept = {one.name: one.read_text() for one in path.parent.iterdir()}
    broken = {"config.toml.edited": BAD, "config.toml.edited-2": f"{BAD}#2"}
    assert kept == {"config.toml": f"{GOOD}#", **broken}


def test_what_changed_the_file_meanwhile_stays(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, path: Path, tmp_path: Path
) -> None:
    """Neither of two edits at once is lost."""
    path.parent.mkdir()
    path.write_text(GOOD)
    other = f"pathlib.Path({str(path)!r}).write_text({GOOD + '# other'!r})"
    editor(monkeypatch, tmp_path, f"{other}; file.write_text({GOOD + '# mine'!r})")
    code, err = edit(capsys, path)
    assert (code, path.read_text()) == (2, f"{GOOD}# other")
    assert "changed meanwhile" in err
    assert path.with_name("config.toml.edited").read_text() == f"{GOOD}# mine"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_not_waited_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    """It may never begin, and a device may never end."""
    monkeypatch.setenv("VISUAL", "false")
    path.parent.mkdir()
    os.mkfifo(path)
    code, err = edit(capsys, path)
    assert code == 2
    assert "a pipe, not a regular file" in err
