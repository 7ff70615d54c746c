"""What a Ray worker does, in this process: no cluster is needed for it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import edge_router
from edge_router.errors import ConfigError
from edge_router.learning.enrolment.asking import Retries
from edge_router.learning.outcomes.rows import Row
from edge_router.routing.opening import open_backend
from edge_router.settings.expert_config import ExpertConfig
from edge_router.testing import FakeBackend

questions = pytest.importorskip("edge_router.export.data.questions", reason="the extra `export`")

from edge_router.export.collecting.asked_expert import AskedExpert  # noqa: E402
from edge_router.export.collecting.ray_cluster import ClusterError  # noqa: E402
from edge_router.export.collecting.ray_worker import Order, Worker  # noqa: E402

ASKED = list(questions._everyday())[:3]
RETRIES = Retries(1, 0.0)


def order(make: Callable[[], FakeBackend], version: str = edge_router.__version__) -> Order:
    return Order("fake", make, None, RETRIES, version)


def untimed(row: Row) -> Row:
    """Without its seconds, which differ on a busy machine."""
    return {field: value for field, value in row.items() if not field.endswith("_s")}


def test_a_worker_gives_the_rows_of_one_process() -> None:
    """The same function asks; the backend is opened once."""
    opened: list[FakeBackend] = []

    def make() -> FakeBackend:
        opened.append(FakeBackend("Paris"))
        return opened[-1]

    worker = Worker(order(make))
    worker.ready()
    rows, seconds = worker.ask(ASKED)
    alone = AskedExpert("fake", (FakeBackend("Paris"),)).outcomes(ASKED, RETRIES)
    assert [*map(untimed, rows)] == [*map(untimed, alone)]
    assert seconds >= 0
    assert len(opened) == 1


def test_an_order_travels() -> None:
    """With the opening of a configured expert, as Ray pickles it."""
    expert = ExpertConfig(
        "openai", "m", "8b", base_url="http://127.0.0.1:1/v1", extra_body={"a": 1}
    )
    sent = Order("a", partial(open_backend, expert), None, RETRIES, "1")
    arrived = pickle.loads(pickle.dumps(sent))
    assert (arrived.name, arrived.open.args) == ("a", (expert,))


def test_a_node_with_another_version_is_refused() -> None:
    """Its grades may differ; the message names both versions."""
    with pytest.raises(ClusterError, match=r"has edge-router .*, and the run was started by 9\.9"):
        Worker(order(FakeBackend, version="9.9")).ready()


def test_a_node_without_the_model_file_is_refused(tmp_path: Path) -> None:
    """Before any question is asked: none may be recorded as failed for it."""
    missing = ExpertConfig("llama_cpp", str(tmp_path / "none.gguf"), "135m")
    worker = Worker(
        Order("slm", partial(open_backend, missing), None, RETRIES, edge_router.__version__)
    )
    for use in (worker.ready, partial(worker.ask, ASKED)):
        with pytest.raises(ClusterError, match=r"cannot run the expert 'slm': .*none\.gguf"):
            use()


def test_a_node_without_the_key_is_refused() -> None:
    """A variable that is set on the driver alone is missing on the node."""

    def make() -> FakeBackend:
        raise ConfigError("the environment variable MY_KEY is not set")

    with pytest.raises(ClusterError, match="MY_KEY is not set; every node needs"):
        Worker(order(make)).ready()
