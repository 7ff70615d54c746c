"""Connecting to Ray: what is refused, at once, before Ray is asked."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

import edge_router
from edge_router.errors import ConfigError, MissingExtra
from edge_router.settings.expert_config import ExpertConfig

pytest.importorskip("tqdm", reason="the extra `export`")

from edge_router.export.cli import main
from edge_router.export.collecting import ray_cluster as ray_cluster_module
from edge_router.export.collecting.open_experts import ray_experts
from edge_router.export.collecting.ray_cluster import (
    ClusterError,
    load_ray,
    ray_cluster,
    require_version,
)
from edge_router.export.collecting.ray_map import _call


def test_without_ray_the_message_is_the_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """MissingExtra, for a cluster of this machine's own."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"pip install 'edge-router\[ray\]'"), ray_cluster(None):
        pass


@pytest.mark.parametrize(
    "address", ["", "auto", "ray://127.0.0.1:10001", "127.0.0.1", ":6379", "h:port", "h:123456"]
)
def test_an_address_is_a_host_and_a_port(address: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(ConfigError, match=r"is not HOST:PORT, such as"), ray_cluster(address):
        pass


def test_an_address_where_nothing_listens_is_refused_at_once() -> None:
    """Ray itself would try for minutes; the message says how to start a head."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with (
        pytest.raises(
            ClusterError, match=f"no Ray cluster answers at {address} .*ray start --head"
        ),
        ray_cluster(address),
    ):
        pass


class OtherVersion:
    """A module `ray` that the cluster's nodes do not fit."""

    def init(self, **_: object) -> None:
        raise RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 2.9.0")


def test_a_cluster_of_another_ray_is_refused() -> None:
    """In Ray's own words, with what to do."""
    with pytest.raises(ClusterError, match=r"10\.0\.0\.1:6379: Version.*Ray: 2\.9\.0; install the"):
        ray_cluster_module._init(OtherVersion(), {"address": "10.0.0.1:6379"})


def test_a_node_with_another_edge_router_is_refused() -> None:
    """Both versions and the node are named, for experts and for pieces of work."""
    require_version(edge_router.__version__)
    for use in (require_version, lambda version: _call(version, str, 7)):
        with pytest.raises(ClusterError, match=r"node .* has edge-router .*; install 9\.9 there"):
            use("9.9")
    assert _call(edge_router.__version__, str, 7) == "7"


def test_usage_statistics_are_off_before_ray_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the user's environment has them on."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra):
        load_ray()
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_experts_are_checked_before_a_cluster_starts() -> None:
    """An unknown name, no workers and no price, as in one process."""
    expert = ExpertConfig("openai", "m", "8b", base_url="http://127.0.0.1:1/v1")
    for names, parallel, costs, message in (
        (["b"], 1, False, "no expert 'b'"),
        (None, 0, False, "parallel = 0"),
        (None, 1, True, "has no price"),
    ):
        with (
            pytest.raises(ConfigError, match=message),
            ray_experts({"a": expert}, names, parallel=parallel, costs=costs, address=None),
        ):
            pass


def test_an_address_needs_the_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It would be ignored silently otherwise."""
    asked = tmp_path / "q.jsonl"
    asked.write_text('{"query": "2+2?", "gold": 4, "metric": "number"}\n')
    code = main(
        ["collect", str(tmp_path / "x.jsonl"), "--questions", str(asked), "--address", "h:1"]
    )
    assert code == 2
    assert "--address h:1 is for --engine ray" in capsys.readouterr().err
