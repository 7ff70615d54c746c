"""Each setting is named once: reader, checks, options, help and README know it by its field."""

from __future__ import annotations

import argparse
import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from edge_router.cli.commands.machine import doctor
from edge_router.cli.options import add_command
from edge_router.settings.budget_config import BudgetConfig
from edge_router.settings.config import SETTINGS, Config
from edge_router.settings.expert_config import EXPERT_SETTINGS, ExpertConfig
from edge_router.settings.setting import paths_of, required_of, settings_of
from edge_router.settings.task_config import TaskConfig

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", [Config, ExpertConfig, TaskConfig, BudgetConfig])
def test_each_field_is_a_setting_with_its_help(kind: type) -> None:
    """All but the tables, which have settings of their own."""
    assert {one.name for one in fields(kind)} - {
        "experts",
        "tasks",
        "budget",
        "callers",
        "privacy",
        "cache",
    } == {o.name for o in settings_of(kind)}
    assert all(one.metadata["help"] for one in settings_of(kind))


def test_checks_and_requirements_come_from_the_fields() -> None:
    """An expert needs a backend, a model and a profile; three settings name files."""
    assert SETTINGS.keys() == {one.name for one in settings_of(Config)}
    assert EXPERT_SETTINGS.keys() == {one.name for one in fields(ExpertConfig)}
    assert (required_of(Config), required_of(ExpertConfig)) == (
        set(),
        {"backend", "model", "profile"},
    )
    assert paths_of(Config) | paths_of(ExpertConfig) == {"artifact", "data_dir", "model"}


def test_every_option_of_the_commands_is_a_setting_that_the_readme_names() -> None:
    """Under the same name; apart from --json and --config, which are no settings."""
    parser = add_command(argparse.ArgumentParser().add_subparsers(), "it", lambda _: None)
    options = {action.dest for action in parser._actions} - {"help", "json", "config"}
    assert options == {one.name for one in settings_of(Config) if one.metadata["option"]}
    assert len(options) == 8
    assert all(option in README for option in options)


def test_the_doctors_help_lists_every_setting() -> None:
    """Most have no option, and the README has no room for all."""
    commands = argparse.ArgumentParser().add_subparsers()
    doctor.add(commands)
    listed = commands.choices["doctor"].format_help()
    kinds = (Config, ExpertConfig, TaskConfig, BudgetConfig)
    for one in (s for kind in kinds for s in settings_of(kind)):
        assert re.search(rf"(?m)^  {one.name} +{re.escape(one.metadata['help'])}$", listed)


def test_the_readmes_settings_exist() -> None:
    """Also those that stand in comments."""
    (block,) = (b for b in re.findall(r"```toml\n(.*?)```", README, re.DOTALL) if "[router]" in b)
    tables = tomllib.loads(re.sub(r"(?m)^# (\w+ = )", r"\1", block))
    assert len(tables["router"]) >= 6
    assert tables["router"].keys() <= SETTINGS.keys()
    for expert in tables["experts"].values():
        assert required_of(ExpertConfig) <= expert.keys() <= EXPERT_SETTINGS.keys()
