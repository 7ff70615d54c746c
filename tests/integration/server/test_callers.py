"""The budget of each caller of the server: whose key was sent, never what the request says."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_router import EdgeRouter
from serving import Served, fakes, serving

ALICE, BOB = "alice-key-of-sixteen-or-more", "bob-key-of-sixteen-or-more"
NOTHING = {"tokens_per_day": 1}  # no answer fits


def limited(folder: Path, **callers: dict[str, int]) -> EdgeRouter:
    """Two experts, and a budget for some callers."""
    names = {"*" if name == "others" else name: limits for name, limits in callers.items()}
    return fakes(data_dir=str(folder), budget={"callers": names})


def asked(served: Served, key: str, **fields: str) -> tuple[int, str]:
    """The status of one question to the cloud's expert, and the code of a refusal."""
    body = {"model": "cloud", "messages": [{"role": "user", "content": "Why?"}], **fields}
    reply = served.post("chat/completions", body, Authorization=f"Bearer {key}")
    return reply.status_code, reply.json().get("error", {}).get("code", "")


def test_each_key_has_a_budget_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`user` in a request is no proof: nobody gets another one's budget by it."""
    monkeypatch.setenv("ALICE_KEY", ALICE)
    monkeypatch.setenv("BOB_KEY", BOB)
    router = limited(tmp_path, alice=NOTHING)
    with serving(router, api_key_envs=("alice=ALICE_KEY", "BOB_KEY")) as served:
        assert asked(served, BOB) == (200, "")
        assert asked(served, BOB, user="alice") == (200, "")
        assert asked(served, ALICE, user="BOB_KEY") == (429, "insufficient_quota")
        refused = served.chat()
        assert refused.status_code == 401
        assert "Authorization, behind the word Bearer" in refused.json()["error"]["message"]


@pytest.mark.parametrize("name", ["serve", "others"])
def test_without_keys_all_are_one_caller(tmp_path: Path, name: str) -> None:
    """It is called "serve", and it is one of the others that "*" limits."""
    with serving(limited(tmp_path, **{name: NOTHING})) as served:
        assert asked(served, "anything", user="me")[0] == 429
