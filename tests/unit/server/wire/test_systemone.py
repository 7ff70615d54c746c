"""/v1/systemone: the router's own four questions, and any other that a local model weighs."""

from __future__ import annotations

from typing import Any

import pytest

from edge_router.server.wire.systemone import Facts, NotAsked, Question, replied

FACTS = Facts(0.25, 0.75, {"everyday/coding": 0.3, "everyday/maths": 0.1, "law": 0.6}, {"a": 1.0})


def answer(question: Any, state: Any = "Why?", **fields: Any) -> dict[str, Any]:
    body = {"state": state, "questions": {"q 1.é": question}} | fields
    return replied(body, lambda _: FACTS, "router-small")["answers"]["q 1.é"]  # type: ignore[no-any-return]


def choice(about: str, *options: str) -> dict[str, Any]:
    return {"type": "choice", "instructions": about, "criteria": dict.fromkeys(options)}


def test_nouls_are_probabilities() -> None:
    """Of needing tools, and of being difficult."""
    assert answer({"type": "noul", "instructions": "needs_tools"}) == {"type": "noul", "noul": 0.25}
    asked = {"type": "noul", "instructions": "difficulty", "criteria": {"true": "hard"}}
    assert answer(asked)["noul"] == 0.75


def test_the_options_of_a_choice_share_all_probability() -> None:
    """A kind, or what kinds begin with; `x_mass` is what they had."""
    found = answer(choice("kind", "everyday", "law"))
    assert found["choice"] == "law"
    assert found["probabilities"] == pytest.approx({"everyday": 0.4, "law": 0.6})
    assert found["confidence"] == pytest.approx(0.2)
    few = answer(choice("kind", "everyday/coding", "everyday/maths"))
    assert few["probabilities"]["everyday/coding"] == pytest.approx(0.75)
    assert few["x_mass"] == pytest.approx(0.4)
    assert answer(choice("expert", "a"))["confidence"] == 1.0


@pytest.mark.parametrize("state", ["Why?", {"ticket": "é"}, ["a", "b"]])
def test_a_state_is_a_text_or_json(state: Any) -> None:
    """With its tokens estimated."""
    body = {"state": state, "model": "jev-latest", "x_nonce": 1}
    body["questions"] = {"q": {"type": "noul", "instructions": "difficulty"}}
    reply = replied(body, lambda _: FACTS, "router-small")
    assert reply["usage"]["input_tokens"] > 0
    assert reply["model"] == "router-small"


@pytest.mark.parametrize(
    ("question", "place"),
    [
        (7, "type"),
        ({"type": "boolean", "instructions": "difficulty"}, "type"),
        ({"type": "noul", "instructions": "Is it urgent?"}, "instructions"),
        ({"type": "noul", "instructions": {"a": 1}}, "instructions"),
        ({"type": "noul"}, "instructions"),
        ({"type": "noul", "instructions": "kind"}, "instructions"),
        ({"type": "score", "instructions": "difficulty", "criteria": ["a", "b"]}, "instructions"),
        ({"type": "score", "instructions": "x", "criteria": {"0": "a", "1": "b"}}, "criteria"),
        ({"type": "score", "instructions": "x", "criteria": ["a"]}, "criteria"),
        ({"type": "score", "instructions": "x", "criteria": ["a"] * 11}, "criteria"),
        ({"type": "score", "instructions": "x", "criteria": ["a", None]}, "criteria"),
        ({"type": "choice", "instructions": 7, "criteria": {"a": None}}, "instructions"),
        ({"type": "noul", "instructions": "difficulty", "criteria": []}, "criteria"),
        ({"type": "choice", "instructions": "kind"}, "criteria"),
        ({"type": "choice", "instructions": "kind", "criteria": {}}, "criteria"),
        (choice("kind", "law", "cooking"), "cooking"),
        (choice("kind", *map(str, range(256))), "criteria"),
    ],
)
def test_other_questions_are_refused_where_they_stand(question: Any, place: str) -> None:
    """422 in the protocol's own form: the router does not guess."""
    with pytest.raises(NotAsked) as caught:
        answer(question)
    (detail,) = caught.value.to_json()["detail"]
    assert detail["loc"][:3] == ["body", "questions", "q 1.é"]
    assert detail["loc"][-1] == place


@pytest.mark.parametrize(
    "fields",
    [{"state": None}, {"state": ""}, {"state": 7}, {"state": {}}, {"questions": {}},
     {"questions": []}, {"questions": None}, {"questions": {"": {}}}],
)  # fmt: skip
def test_a_body_without_a_state_or_questions_is_refused(fields: dict[str, Any]) -> None:
    """By name."""
    with pytest.raises(NotAsked, match=next(iter(fields))):
        answer({"type": "noul", "instructions": "difficulty"}, **fields)


def test_an_artifact_may_not_tell() -> None:
    """Then it is said."""
    body = {"state": "x", "questions": {"q": {"type": "noul", "instructions": "needs_tools"}}}
    with pytest.raises(NotAsked, match="does not tell"):
        replied(body, lambda _: Facts(None, 0.5, {}, {}), "m")


def weighed(question: Any, *shares: float) -> tuple[dict[str, Any], Question]:
    """The answer by a model that gives `shares`, and the question as it was asked."""
    asked: list[Question] = []

    def weigh(state: str, question: Question) -> tuple[float, ...]:
        assert state == "Why?"
        asked.append(question)
        return shares

    body = {"state": "Why?", "questions": {"q": question}}

    def facts(_: str) -> Facts:
        raise AssertionError("the router is asked for nothing")

    reply = replied(body, facts, "router-small", weigh)
    return reply["answers"]["q"], asked[0]


def test_a_model_weighs_any_other_noul() -> None:
    """With what is said of yes and no, and without instructions if that is said."""
    found, asked = weighed({"type": "noul", "instructions": "Is it urgent?"}, 0.7, 0.3)
    assert found == {"type": "noul", "noul": 0.7}
    assert (asked.words, dict(asked.options)) == ("Is it urgent?", {"true": "", "false": ""})
    criteria = {"true": {"examples": ["now"]}, "false": None}
    _, asked = weighed({"type": "noul", "criteria": criteria}, 0.5, 0.5)
    assert dict(asked.options) == {"true": '{"examples": ["now"]}', "false": ""}


def test_a_model_weighs_any_other_choice() -> None:
    """Names come back as they were; so does a choice of kinds that the router does not know."""
    found, _ = weighed(choice("Which?", "é", "🙂 b"), 0.25, 0.75)
    assert found["probabilities"] == {"é": 0.25, "🙂 b": 0.75}
    assert (found["choice"], found["confidence"]) == ("🙂 b", 0.5)
    body = {"state": "Why?", "questions": {"q": choice("kind", "law", "cooking")}}
    reply = replied(body, lambda _: FACTS, "m", lambda *_: (0.1, 0.9))
    assert reply["answers"]["q"]["choice"] == "cooking"


def test_a_score_is_the_mean_level() -> None:
    """Its confidence falls with the distance of the others from the likeliest level."""
    levels = ["Calm", {"label": "Cross"}, "Angry"]
    asked = {"type": "score", "instructions": "How angry?", "criteria": levels}
    found, _ = weighed(asked, 0.1, 0.2, 0.7)
    assert found["score"] == pytest.approx(1.6)
    assert found["legend"] == dict(zip("012", levels, strict=True))
    assert found["confidence"] == pytest.approx(1 - (0.1 * 2 + 0.2) / (2 / 3))
    assert weighed(asked, 0.0, 0.0, 1.0)[0]["confidence"] == 1.0
    assert weighed(asked, 0.5, 0.0, 0.5)[0]["confidence"] == 0.0
