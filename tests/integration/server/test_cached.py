"""A server with an answer cache: whole and streamed replies say that they were given before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_router.testing import FakeBackend
from serving import fakes, serving

QUESTION = "What is the capital of France?"


def test_a_reply_from_the_cache_says_so(tmp_path: Path) -> None:
    """In its headers and in `edge_router`, whole and streamed; it costs nothing, and another user
    is answered anew."""
    cloud = FakeBackend("Paris.")
    body: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": QUESTION}]}
    router = fakes(cloud=cloud, data_dir=str(tmp_path), cache={"mode": "semantic"})
    with serving(router) as served:
        first, again = (served.chat(QUESTION) for _ in range(2))
        reworded = served.chat("Tell me the capital of France.")
        streamed = served.post("chat/completions", {**body, "stream": True})
        other = served.chat(QUESTION, user="ann")
    assert [one.headers.get("x-edge-router-cached") for one in (first, again, reworded, streamed,
            other)] == [None, "exact", "semantic", "exact", None]  # fmt: skip
    assert again.headers["x-edge-router-reason"] == "cached"
    assert again.json()["choices"] == first.json()["choices"]
    assert (again.json()["edge_router"]["cached"], again.json()["edge_router"]["cost_usd"]) == (
        "exact",
        0,
    )
    assert "Paris." in streamed.text
    assert streamed.text.rstrip().endswith("data: [DONE]")
    assert len(cloud.requests) == 2
