"""The file of measured speeds: kept, read again, and ignored where it makes no sense."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_router.device.latency import Pace, Speed
from edge_router.device.speeds import MeasuredSpeed, read_speeds, write_speeds
from edge_router.routing.router import Router
from edge_router.settings.config import Config
from edge_router.settings.expert_config import ExpertConfig

SPEED = Speed(0.01, 300.0, 30.0, cold_s=1.5, input_growth_s=1e-6, output_growth_s=1e-6)
FOUND = MeasuredSpeed("smollm2-135m", None, "2026-11-23T10:00:00+00:00", SPEED, Pace(0.1, 0.2, 1.0))
LOCAL = ExpertConfig("llama_cpp", "smollm2-135m", "135m")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data_dir=str(tmp_path), experts={"local": LOCAL})


def test_what_is_kept_is_read_again(config: Config) -> None:
    """To the last digit; another expert's speed is kept beside it."""
    assert read_speeds(config) == {}
    path = write_speeds(config, {"local": FOUND})
    write_speeds(config, {"other": FOUND})
    assert read_speeds(config) == {"local": FOUND}
    assert json.loads(path.read_text())["speeds"].keys() == {"local", "other"}


def test_the_router_takes_measured_speeds_and_settings_win(config: Config) -> None:
    """What the settings state of a speed stays as stated, the rest is as measured."""
    write_speeds(config, {"local": FOUND})
    assert Router.from_config(config).experts[0].speed == SPEED
    stated = replace(LOCAL, output_tokens_per_s=5.0)
    result = Router.from_config(replace(config, experts={"local": stated})).experts[0].speed
    assert result == replace(SPEED, output_tokens_per_s=5.0)


@pytest.mark.parametrize(
    "changed", [replace(LOCAL, model="other.gguf"), replace(LOCAL, n_threads=1)]
)
def test_another_model_was_not_measured(config: Config, changed: ExpertConfig) -> None:
    """Neither was the same one with other threads."""
    write_speeds(config, {"local": FOUND})
    assert read_speeds(replace(config, experts={"local": changed})) == {}


def _stored(config: Config) -> str:
    return write_speeds(config, {"local": FOUND}).read_text()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"schema": 1', '"schema": 2'),
        ('"schema": 1,', ""),
        ('"processor": "', '"processor": "another '),
        ('"output_tokens_per_s": 30.0', '"output_tokens_per_s": 0'),
        ('"output_tokens_per_s": 30.0', '"output_tokens_per_s": NaN'),
        ('"output_tokens_per_s": 30.0', '"output_tokens_per_s": "fast"'),
        ('"output_tokens_per_s": 30.0', '"tokens": 30.0'),
        ('"first": 0.1', '"first": Infinity'),
        ('"first": 0.1', '"first": 500'),
        ('"start_s": 0.01', '"start_s": 1e13'),
        ('"measured": "2026', '"measured": "soon'),
        ("{", "["),
        ("}", ""),
        ('"speeds": {', '"speeds": 7, "x": {'),
    ],
)
def test_a_corrupt_file_is_ignored_and_said_once(
    config: Config, caplog: pytest.LogCaptureFixture, old: str, new: str
) -> None:
    """With the file and the command that renews it; routing goes on with the profile's speed."""
    text = _stored(config)
    assert old in text
    path = config.data_folder / "device.json"
    path.write_text(text.replace(old, new, 1))
    with caplog.at_level(logging.WARNING):
        assert read_speeds(config) == read_speeds(config) == {}
    assert len(caplog.messages) == 1
    assert str(path) in caplog.text
    assert "`edge-router device measure`" in caplog.text
    write_speeds(config, {"local": FOUND})
    assert read_speeds(config) == {"local": FOUND}


def test_bytes_that_are_no_text_are_corrupt_too(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    """And so is a folder in its place."""
    (config.data_folder / "device.json").write_bytes(b"\xff\x00")
    assert read_speeds(config) == {}
    assert "device.json" in caplog.text


def test_a_clock_that_was_set_back_makes_nothing_younger_than_now() -> None:
    """A measurement of tomorrow is of now."""
    measured = datetime(2026, 11, 23, 10, tzinfo=UTC)
    assert FOUND.age(measured + timedelta(days=3)) == timedelta(days=3)
    assert FOUND.age(measured - timedelta(days=3)) == timedelta()
