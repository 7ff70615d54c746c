"""Stored operating points: written, read, and refused where they no longer fit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_router.errors import ConfigError, StaleOperatingPoint
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.deciding.operating_point import Correction, fingerprint
from edge_router.routing.deciding.stored_points import (
    StoredPoint,
    check_name,
    point_path,
    stored_names,
)
from edge_router.routing.experts.expert import find_head
from edge_router.routing.router import Router
from edge_router.settings.config import Config
from edge_router.settings.expert_config import ExpertConfig

COMMAND = "edge-router calibrate '--target=quality>=0.9'"
LOCAL = ExpertConfig("llama_cpp", "smollm2-135m", "135m", context_tokens=2048)


def stored(artifact: RouterArtifact, name: str = "mine") -> StoredPoint:
    """A point for the default settings."""
    return StoredPoint(
        name=name,
        promise="kept",
        price=0.25,
        targets=["quality>=0.9"],
        confidence=0.95,
        evidence={"queries": 350},
        experts={"local": "135m", "frontier": "frontier"},
        artifact={"name": "router-small", "hash": artifact.hash},
        created="2026-11-24T00:00:00+00:00",
        command=COMMAND,
        needs_tools="cheapest",
    )


def corrected(artifact: RouterArtifact) -> StoredPoint:
    """One from the log."""
    head = find_head(artifact.experts, "135m", artifact.calibration["temperature"])
    return replace(
        stored(artifact),
        corrections={"local": Correction(2.0, -1.0)},
        heads={"local": fingerprint(head)},
    )


def settings(tmp_path: Path, **changes: object) -> Config:
    return Config(operating_point="mine", data_dir=str(tmp_path)).with_changes(**changes)


def test_a_point_is_used_by_its_name(artifact: RouterArtifact, tmp_path: Path) -> None:
    """As it was written."""
    stored(artifact).write(tmp_path)
    assert stored_names(tmp_path) == ["mine"]
    assert StoredPoint.load(tmp_path, "mine") == stored(artifact)
    point = Router.from_config(settings(tmp_path)).point
    assert (point.name, point.promise) == ("mine", "kept")
    assert (point.price, point.least_quality) == (0.25, 0.0)


def test_a_point_with_corrections_corrects(artifact: RouterArtifact, tmp_path: Path) -> None:
    """The expert of that name, and no other."""
    point = corrected(artifact)
    point.write(tmp_path)
    assert StoredPoint.load(tmp_path, "mine") == point
    plain = Router.from_config(settings(tmp_path, min_gain=0.0)).estimate("Hi")
    found = Router.from_config(settings(tmp_path)).estimate("Hi")
    expected = Correction(2.0, -1.0).corrected(np.array(plain["local"].quality))
    assert found["local"].quality == pytest.approx(float(expected))
    assert found["frontier"] == plain["frontier"]


def test_a_correction_of_another_head_is_refused(artifact: RouterArtifact, tmp_path: Path) -> None:
    """That of an expert which was enrolled anew, for one."""
    replace(corrected(artifact), heads={"local": "0" * 16}).write(tmp_path)
    with pytest.raises(StaleOperatingPoint, match=r"other estimates of 'local' .*; renew it: edge"):
        Router.from_config(settings(tmp_path))


def test_an_unknown_name_lists_those_that_there_are(
    artifact: RouterArtifact, tmp_path: Path
) -> None:
    """The artifact's and the stored ones, and how to make another."""
    stored(artifact).write(tmp_path)
    config = replace(settings(tmp_path), operating_point="yours")
    with pytest.raises(ConfigError, match=r"balanced, .*mine, make it with edge-router calibrate"):
        Router.from_config(config)


def test_a_point_of_another_artifact_is_refused_with_the_command(
    artifact: RouterArtifact, tmp_path: Path
) -> None:
    """At load, before anything is routed."""
    made_for = {"name": "router-old", "hash": "0" * 64}
    replace(stored(artifact), artifact=made_for).write(tmp_path)
    with pytest.raises(StaleOperatingPoint, match="made for the artifact router-old 000") as stale:
        Router.from_config(settings(tmp_path))
    assert str(stale.value).endswith(f"; renew it: {COMMAND}")
    assert stale.value.command == COMMAND


def test_a_point_of_other_experts_is_refused(artifact: RouterArtifact, tmp_path: Path) -> None:
    """A promise is about two experts and no others."""
    stored(artifact).write(tmp_path)
    config = replace(settings(tmp_path), experts={"other": LOCAL})
    with pytest.raises(StaleOperatingPoint, match=r"made for local .* the settings have other"):
        Router.from_config(config)


def test_a_point_of_another_schema_is_refused(artifact: RouterArtifact, tmp_path: Path) -> None:
    """It is stale, too."""
    replace(stored(artifact), schema_version=99).write(tmp_path)
    with pytest.raises(StaleOperatingPoint, match="schema version 99"):
        Router.from_config(settings(tmp_path))


def test_a_point_of_pairs_is_stale_with_the_command(
    artifact: RouterArtifact, tmp_path: Path
) -> None:
    """As Edge Router kept them before there was one price."""
    path = stored(artifact).write(tmp_path)
    old = json.loads(path.read_text())
    old |= {"schema_version": 1, "default": 0.25, "min_gain": {"135m>frontier": old.pop("price")}}
    path.write_text(json.dumps(old))
    with pytest.raises(StaleOperatingPoint, match=r"schema version 1, .* reads 2; renew it: edge"):
        Router.from_config(settings(tmp_path))


def test_a_point_of_other_seconds_is_refused(artifact: RouterArtifact, tmp_path: Path) -> None:
    """What a second is worth changes who is dear."""
    replace(stored(artifact), usd_per_second=0.001).write(tmp_path)
    with pytest.raises(StaleOperatingPoint, match=r"usd_per_second = 0.001, the settings have 0"):
        Router.from_config(settings(tmp_path))
    assert Router.from_config(settings(tmp_path, usd_per_second=0.001)).point.price == 0.25


def test_a_point_of_queries_that_are_decided_otherwise_is_refused(
    artifact: RouterArtifact, tmp_path: Path
) -> None:
    """One that does not say so was made as if a price decided on all of them."""
    path = stored(artifact).write(tmp_path)
    as_usual = settings(tmp_path, needs_tools="as_usual")
    with pytest.raises(StaleOperatingPoint, match="needs_tools = cheapest, the settings have as_u"):
        Router.from_config(as_usual)
    silent = json.loads(path.read_text())
    del silent["needs_tools"]
    path.write_text(json.dumps(silent))
    with pytest.raises(StaleOperatingPoint, match="needs_tools = as_usual, the settings have chea"):
        Router.from_config(settings(tmp_path))
    assert Router.from_config(as_usual).point.price == 0.25


FREE = ExpertConfig("openai", "small", "135m", base_url="http://127.0.0.1:9/v1")


def priced(read: float, written: float) -> ExpertConfig:
    return replace(
        FREE,
        profile="frontier",
        location="cloud",
        input_usd_per_million=read,
        output_usd_per_million=written,
    )


def between(tmp_path: Path, experts: dict[str, ExpertConfig]) -> Config:
    return replace(settings(tmp_path), experts=experts)


def with_prices(artifact: RouterArtifact, tmp_path: Path, **changes: Any) -> None:
    """A stored point for `local` and `cloud`, which costs 1 and 4 dollars."""
    point = replace(
        stored(artifact),
        experts={"local": "135m", "cloud": "frontier"},
        prices={"local": [0.0, 0.0, 0.0], "cloud": [1.0, 4.0, 0.0]},
    )
    replace(point, **changes).write(tmp_path)


def test_other_prices_are_noticed_where_they_count(
    artifact: RouterArtifact, tmp_path: Path
) -> None:
    """Not where a single expert costs something and no dollars are promised: it is the dearest at
    any price."""
    same = between(tmp_path, {"local": FREE, "cloud": priced(1.0, 4.0)})
    cheaper = between(tmp_path, {"local": FREE, "cloud": priced(0.5, 3.0)})
    with_prices(artifact, tmp_path)
    assert Router.from_config(same).point.price == Router.from_config(cheaper).point.price == 0.25
    stale = r"'cloud' at \$1.00 and \$4.00 per million .*, the settings have \$0.50 and \$3.00"
    for targets, worth in ((["cost<=2/1000"], 0.0), (["quality>=0.9"], 0.01)):
        with_prices(artifact, tmp_path, targets=targets, usd_per_second=worth)
        assert Router.from_config(replace(same, usd_per_second=worth)).point.price == 0.25
        with pytest.raises(StaleOperatingPoint, match=stale):
            Router.from_config(replace(cheaper, usd_per_second=worth))


def test_prices_of_two_paid_experts_weigh_one_against_the_other(
    artifact: RouterArtifact, tmp_path: Path
) -> None:
    """And what was free or unknown when the point was made counts as another price."""
    with_prices(artifact, tmp_path)
    unknown = replace(FREE, profile="frontier", location="cloud")
    dear = replace(FREE, usd_per_hour=0.5)
    by_local = between(tmp_path, {"local": dear, "cloud": priced(1.0, 4.0)})
    with pytest.raises(
        StaleOperatingPoint, match=r"'local' at \$0.00 and \$0.00 .*and \$0.50 per hour"
    ):
        Router.from_config(by_local)
    assert Router.from_config(between(tmp_path, {"local": FREE, "cloud": unknown}))
    with_prices(artifact, tmp_path, prices={"local": [0.0, 0.0, 0.5], "cloud": [1.0, 4.0, 0.0]})
    assert Router.from_config(by_local).point.price == 0.25
    with pytest.raises(StaleOperatingPoint, match="the settings have an unknown price"):
        Router.from_config(between(tmp_path, {"local": dear, "cloud": unknown}))


@pytest.mark.parametrize(
    "change",
    [
        {"price": "much"},
        {"prices": [1]},
        {"prices": {"local": [1, 2]}},
        {"prices": {"local": [1, 2, -1]}},
        {"prices": {"local": "dear"}},
        {"needs_tools": True},
        {"needs_tools": ["cheapest"]},
        {"needs_tools": "\x1b[31mcheapest"},
        {"price": 7},
        {"price": None},
        {"usd_per_second": -1},
        {"artifact": {}},
        {"experts": ["local"]},
        {"more": 1},
        {"corrections": {"local": {"temperature": 0, "bias": 0}}},
        {"corrections": {"local": {"temperature": 1, "bias": "0"}}},
        {"corrections": {"local": {"temperature": 1, "bias": 0}}},
        {"corrections": {"local": 3}},
        {"corrections": [3]},
    ],
)
def test_a_broken_file_is_refused_with_the_way_out(
    artifact: RouterArtifact, tmp_path: Path, change: dict[str, object]
) -> None:
    """Whatever is wrong in it."""
    path = stored(artifact).write(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ConfigError, match=r"is not an operating point .* delete it and make it"):
        Router.from_config(settings(tmp_path))
    path.write_text("{")
    with pytest.raises(ConfigError, match="is not an operating point"):
        Router.from_config(settings(tmp_path))


@pytest.mark.parametrize("name", ["", "../up", "a b", "-dash", "x" * 65, "balanced"])
def test_a_name_that_no_point_can_have_is_refused(artifact: RouterArtifact, name: str) -> None:
    """No folders, and none of the artifact's own."""
    with pytest.raises(ConfigError, match="--name"):
        check_name(name, artifact)


def test_a_plot_lies_beside_its_point(tmp_path: Path) -> None:
    """In a folder of their own."""
    assert point_path(tmp_path, "mine") == tmp_path / "operating-points" / "mine.json"
