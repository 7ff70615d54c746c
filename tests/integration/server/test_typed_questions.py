"""Typed questions of any kind to a server with a real local model."""

from __future__ import annotations

import pytest

from edge_router import Config, EdgeRouter, ExpertConfig
from serving import serving

QUESTIONS = {
    "refund": {"type": "noul", "instructions": "Is the customer asking for money back?"},
    "team": {
        "type": "choice", "instructions": "Which team should handle it?",
        "criteria": {"Billing": "invoices, refunds", "기술": None, "Sales\n": "prices"},
    },
    "anger": {
        "type": "score", "instructions": "How angry is the customer?",
        "criteria": ["Calm", {"label": "Cross"}, "Angry"],
    },
    "hard": {"type": "noul", "instructions": "difficulty"},
}  # fmt: skip


def test_a_local_model_weighs_what_the_router_does_not_know() -> None:
    """Each question on its own: alone, or under another name and beside others, it is answered
    alike; the router's own question needs no model."""
    pytest.importorskip("llama_cpp", reason="the extra `local` is not installed")
    local = ExpertConfig("llama_cpp", "smollm2-135m", "135m", engine="llama_cpp_python")
    state = {"subject": "Charged twice", "body": "Please give me my money back."}
    with serving(EdgeRouter(Config(experts={"local": local}))) as running:
        body = {"model": "jev-latest", "state": state, "questions": QUESTIONS}
        reply = running.post("systemone", body)
        assert reply.status_code == 200, reply.text
        answers = reply.json()["answers"]
        assert answers.keys() == QUESTIONS.keys()
        assert 0 < answers["refund"]["noul"] < 1
        assert answers["team"]["probabilities"].keys() == {"Billing", "기술", "Sales\n"}
        for name in ("team", "anger"):
            assert sum(answers[name]["probabilities"].values()) == pytest.approx(1)
        alone = {"state": state, "questions": {"other name": QUESTIONS["anger"]}}
        again = running.post("systemone", alone).json()["answers"]["other name"]
        assert again["score"] == pytest.approx(answers["anger"]["score"], abs=0.05)


def test_a_server_without_such_a_model_says_so() -> None:
    """With what to install, in the protocol's own form."""
    experts = {"far": ExpertConfig("openai", "m", "3b", base_url="http://127.0.0.1:9/v1")}
    with serving(EdgeRouter(Config(experts=experts))) as running:
        body = {"state": "x", "questions": {"q": QUESTIONS["refund"]}}
        reply = running.post("systemone", body)
        assert reply.status_code == 422
        assert "edge-router[local]" in reply.json()["detail"][0]["msg"]
        assert running.post("systemone", {"questions": {}}).status_code == 422
