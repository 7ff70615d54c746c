"""edge-router cache: counts the answers that are kept, and forgets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import TWO_EXPERTS, run
from edge_router.cli.main import main
from edge_router.layers.cache.store import AnswerStore, Kept
from edge_router.settings.cache_config import CacheConfig


@pytest.fixture
def config(tmp_path: Path) -> str:
    """Settings with a cache that has one answer, given again once."""
    file, answers = tmp_path / "config.toml", tmp_path / "my.sqlite3"
    file.write_text(f'{TWO_EXPERTS}\n[cache]\nmode = "exact"\npath = "{answers}"\n')
    store = AnswerStore(answers, CacheConfig())
    store.keep(b"k", b"c", Kept("cloud", "big", "a secret word"))
    store.given(b"k", "exact")
    store.close()
    return str(file)


def test_it_counts_and_shows_no_text(capsys: pytest.CaptureFixture[str], config: str) -> None:
    """Answers, bytes, mode and hits."""
    code, out, _ = run(capsys, "cache", "show", "--config", config)
    assert code == 0
    assert out.startswith("1 answers, 21 bytes of at most 16,777,216; mode exact\n")
    assert "given again: 1 exact" in out
    assert "secret" not in out
    _, out, _ = run(capsys, "cache", "show", "--json", "--config", config)
    shown = json.loads(out)
    assert (shown["answers"], shown["hits"], shown["mode"]) == (1, {"exact": 1}, "exact")


def test_it_forgets_everything(capsys: pytest.CaptureFixture[str], config: str) -> None:
    """Twice is no error."""
    for count in (1, 0):
        code, out, _ = run(capsys, "cache", "clear", "--config", config)
        assert (code, out) == (0, f"{count} answers are forgotten\n")


def test_it_says_when_nothing_is_kept(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Since the cache is off by default."""
    file = tmp_path / "config.toml"
    file.write_text(f'{TWO_EXPERTS}\n[router]\ndata_dir = "{tmp_path}"\n')
    code, out, err = run(capsys, "cache", "show", "--config", str(file))
    assert (code, out.splitlines()[0][:9]) == (0, "0 answers")
    assert 'mode = "exact"' in out + err


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('mode = "fuzzy"', "mode = 'fuzzy' in [cache] must be one of off, exact, semantic"),
        ("ttl_s = 0", "ttl_s = 0 in [cache] must be"),
        ("max_entries = 0", "max_entries = 0 in [cache] must be"),
        ("modes = 1", "unknown key 'modes' in [cache]; did you mean 'mode'?"),
        ('path = ""', "path = '' in [cache] must be a text"),
    ],
)
def test_wrong_settings_are_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, table: str, message: str
) -> None:
    """With the value and what would be right."""
    file = tmp_path / "config.toml"
    file.write_text(f"[cache]\n{table}\n")
    code, _, err = run(capsys, "cache", "show", "--config", str(file))
    assert code == 2
    assert message in err


def test_a_file_of_something_else_is_an_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It is not touched."""
    other, file = tmp_path / "notes.txt", tmp_path / "config.toml"
    other.write_text("my notes, which are no database at all " * 20)
    file.write_text(f'[cache]\npath = "{other}"\n')
    for action in ("show", "clear"):
        code, _, err = run(capsys, "cache", action, "--config", str(file))
        assert code == 1
        assert "cannot be" in err
    assert other.read_text().startswith("my notes")


def test_settings_that_change_nothing_about_the_cache_are_no_options(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Such as the least gain of a decision."""
    with pytest.raises(SystemExit):
        main(["cache", "show", "--min-gain", "0.1"])
    assert "--min-gain" in capsys.readouterr().err
