"""TaskConfig: the [tasks] table, read, checked and stored like the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_router.errors import ConfigError
from edge_router.settings.config import Config
from edge_router.settings.task_config import TaskConfig
from made_settings import load


def test_the_table_is_read_beside_the_others(tmp_path: Path) -> None:
    """What it leaves out is as by default, and so is all without it."""
    config = load(tmp_path, '[tasks]\nset = "exam"\nclassifier = "llm+examples"\nexamples = 3')
    assert config.tasks == TaskConfig(set="exam", classifier="llm+examples", examples=3)
    assert Config().tasks == TaskConfig()
    assert Config().tasks.classifier == "head"


def test_it_survives_the_settings_as_json() -> None:
    """Every setting by its name."""
    config = Config(tasks=TaskConfig(expert="local", least_probability=0.25))
    assert Config(**config.to_json()) == config


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("tasks = 3", "must be a table"),
        ('[tasks]\nclasifier = "llm"', "did you mean 'classifier'"),
        ('[tasks]\nclassifier = "LLM"', "did you mean 'llm'"),
        ("[tasks]\nexamples = 0", "a number from 1 to 50"),
        ("[tasks]\nleast_probability = 2", "a number from 0 to 1"),
        ('[tasks]\nchoice = "best"', "must be one of task, expected"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, toml: str, message: str) -> None:
    """With what would be right."""
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, toml)


def test_the_constructor_refuses_what_is_no_table() -> None:
    """As for a file."""
    with pytest.raises(ConfigError, match="must be a table"):
        Config(tasks=3)  # type: ignore[arg-type]
