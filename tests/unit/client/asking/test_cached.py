"""The answer cache of a client: what it gives again, what it keeps, and what it says of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_router import AnswerRecord, ChatRequest, Config, EdgeRouter
from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatChunk, FinishReason, Usage
from edge_router.errors import BackendProtocolError, ConfigError, NoExpertFits
from edge_router.server.decision import decision_headers, early_headers
from edge_router.settings.constraints import Constraints
from edge_router.testing import FakeBackend
from made_experts import CLOUD, DOWN, LOCAL

PARIS = "What is the capital of France?"


class Ending(FakeBackend):
    """Ends its answer for another reason, as a refusal, or without having read everything."""

    def __init__(
        self, reason: FinishReason = "stop", *, refuses: bool = False, dropped: int = 0
    ) -> None:
        super().__init__()
        self.reason = reason
        self.refuses = refuses
        self.dropped = dropped

    def stream(
        self, request: ChatRequest, *, deadline: Deadline
    ) -> Generator[ChatChunk, None, None]:
        self.requests.append(request)
        yield ChatChunk("1", "m", "Half an ans", refuses=self.refuses)
        yield ChatChunk("1", "m", "", self.reason, Usage(9, 3, self.dropped))


class Client:
    """A router with a cache, whose cloud expert counts what it is asked."""

    def __init__(self, folder: Path, cloud: FakeBackend | None = None, **settings: Any) -> None:
        self.cloud = FakeBackend("Paris.") if cloud is None else cloud
        self.local = FakeBackend("from here")
        self.records: list[AnswerRecord] = []
        stated: dict[str, Any] = {
            "experts": {"local": LOCAL, "cloud": CLOUD}, "min_gain": -1.0, "data_dir": str(folder),
            "cache": {"mode": "exact"}, **settings,
        }  # fmt: skip
        self.router = EdgeRouter(
            Config(**stated),
            backends={"local": self.local, "cloud": self.cloud},
            hooks=[self.records.append],
        )

    @property
    def asked(self) -> int:
        """How often any expert was asked."""
        return len(self.cloud.requests) + len(self.local.requests)

    def twice(self, prompt: Any, **options: Any) -> int:
        """How often an expert is asked for the same question, asked twice."""
        for _ in range(2):
            self.router.complete(prompt, **options)
        return self.asked


def test_the_second_answer_is_the_first_one(tmp_path: Path) -> None:
    """Nobody is asked, nothing is spent, and the record says so; also in another process."""
    client = Client(tmp_path)
    assert client.router.complete(PARIS).record.cached is None
    again = client.router.complete(PARIS)
    assert (again.text, again.finish_reason, client.asked) == ("Paris.", "stop", 1)
    record = again.record
    assert (record.cached, record.reason, record.answered_by) == ("exact", "cached", "cloud")
    assert (record.cost_usd, record.usage) == (0.0, Usage(0, 0))
    assert record.words.startswith("given before to the same conversation (answer cache); ")
    assert [one.reason for one in client.records][1:] == ["cached"]
    assert record.to_json()["cached"] == "exact"
    other = Client(tmp_path)
    assert (other.router.complete(PARIS).text, other.asked) == ("Paris.", 0)


def test_a_stream_is_given_again_and_kept(tmp_path: Path) -> None:
    """With its end; closing it early is no harm."""
    client = Client(tmp_path)
    for _ in range(2):
        with client.router.stream(PARIS) as stream:
            chunks = list(stream)
        assert "".join(chunk.delta for chunk in chunks) == "Paris."
        assert chunks[-1].finish_reason == "stop"
    assert client.asked == 1
    with client.router.stream(PARIS) as stream:
        assert next(stream).delta == "Paris."
    assert stream.record is not None
    assert stream.record.cached == "exact"


def test_thoughts_are_given_again(tmp_path: Path) -> None:
    """Before the answer, as they came."""
    client = Client(tmp_path, FakeBackend("Paris.", reasoning_content="Hm, France"))
    first, again = (client.router.complete(PARIS) for _ in range(2))
    assert again.reasoning_content == first.reasoning_content == "Hm, France "
    assert client.asked == 1


def test_it_is_off_by_default(tmp_path: Path) -> None:
    """No file, and every question is asked."""
    client = Client(tmp_path, cache={})
    assert client.twice(PARIS) == 2
    assert list(tmp_path.iterdir()) == []


def test_the_servers_headers_say_so(tmp_path: Path) -> None:
    """And only then."""
    client = Client(tmp_path)
    fresh, again = (client.router.complete(PARIS).record for _ in range(2))
    assert "x-edge-router-cached" not in decision_headers(fresh)
    assert decision_headers(again)["x-edge-router-cached"] == "exact"
    assert early_headers(again)["x-edge-router-reason"] == "cached"
    assert decision_headers(again)["x-edge-router-cost-usd"] == "0"


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0.7},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
        {"messages": [{"role": "user", "content": "I am ann@example.org, who are you?"}]},
        {"messages": [{"role": "user", "content": "What is the weather in Rome right now?"}]},
    ],
)
def test_some_requests_are_never_answered_from_it(
    tmp_path: Path, options: Mapping[str, Any]
) -> None:
    """A temperature, tools, private data, and what is about this very moment."""
    request = ChatRequest(**{"messages": [{"role": "user", "content": PARIS}], **options})
    assert Client(tmp_path).twice(request) == 2


def test_private_data_is_kept_where_the_settings_ask(tmp_path: Path) -> None:
    """By default not a byte of it is on the disk."""
    text = "I am ann@example.org, who are you?"
    client = Client(tmp_path)
    assert client.twice(text) == 2
    assert not any(b"example.org" in one.read_bytes() for one in tmp_path.iterdir())
    assert Client(tmp_path, cache={"mode": "exact", "private": True}).twice(text) == 1


@pytest.mark.parametrize(
    "cloud",
    [
        Ending("length"), Ending("content_filter"), Ending(refuses=True), Ending(dropped=2),
        FakeBackend(" "),
    ],
)  # fmt: skip
def test_what_is_no_whole_answer_is_not_kept(tmp_path: Path, cloud: FakeBackend) -> None:
    """Cut off, filtered, refused, not all read, empty."""
    assert Client(tmp_path, cloud).twice(PARIS) == 2


def test_a_cancelled_answer_is_not_kept(tmp_path: Path) -> None:
    """Nor one that broke off."""
    client = Client(tmp_path, FakeBackend("one two three"))
    with client.router.stream(PARIS) as stream:
        next(stream)
    assert client.router.complete(PARIS).text == "one two three"
    assert client.asked == 2
    breaking = FakeBackend("one two", error=BackendProtocolError("broke"), fail_after=1)
    broken = Client(tmp_path / "other", breaking)
    for _ in range(2):
        with pytest.raises(BackendProtocolError):
            list(broken.router.stream(PARIS))
    assert broken.asked == 2


def test_the_answer_of_a_fallback_is_not_kept(tmp_path: Path) -> None:
    """The wanted expert is asked again as soon as it is there."""
    down = Client(tmp_path, FakeBackend(error=DOWN))
    assert down.router.complete(PARIS).text == "from here"
    assert Client(tmp_path).router.complete(PARIS).text == "Paris."


def test_stricter_limits_get_no_answer_of_the_cloud(tmp_path: Path) -> None:
    """Nor do other callers, and what the limits rule out is refused as ever."""
    client = Client(tmp_path)
    client.router.complete(PARIS)
    own = Constraints(placement="only_on_device")  # type: ignore[arg-type]
    assert client.router.complete(PARIS, constraints=own).text == "from here"
    client.router.complete(PARIS, constraints=Constraints(caller="ann"))
    assert client.asked == 3
    config = client.router.config.with_changes()
    only_cloud = EdgeRouter(
        replace(config, experts={"cloud": CLOUD}), backends={"cloud": client.cloud}
    )
    with pytest.raises(NoExpertFits):
        only_cloud.complete(PARIS, constraints=own)


def test_other_settings_get_no_answer_of_these(tmp_path: Path) -> None:
    """The cloud's answer is not given where the device is preferred."""
    Client(tmp_path).router.complete(PARIS)
    local = Client(tmp_path, min_gain=1.0)
    assert local.router.complete(PARIS).text == "from here"


def test_an_expert_that_may_not_read_it_is_not_quoted(tmp_path: Path) -> None:
    """What the cloud wrote of private data stays unsaid once the settings are stricter."""
    text, cache = "I am ann@example.org, who are you?", {"mode": "exact", "private": True}
    Client(tmp_path, cache=cache).router.complete(text)
    strict = Client(tmp_path, cache=cache, privacy={"cloud": "never"})
    assert strict.router.complete(text).text == "from here"


class OtherBackend(FakeBackend):
    """A program's own, of another class."""


def test_a_programs_own_backend_writes_for_its_class_alone(tmp_path: Path) -> None:
    """What it says under the name of an expert is no answer of that expert."""
    Client(tmp_path, OtherBackend("Paris, says the test.")).router.complete(PARIS)
    assert Client(tmp_path).router.complete(PARIS).text == "Paris."
    again = Client(tmp_path, OtherBackend("asked anew")).router.complete(PARIS)
    assert again.text == "Paris, says the test."


def test_an_answer_with_private_data_is_not_kept(tmp_path: Path) -> None:
    """Though nothing private was in the question; unless the settings ask for it."""
    assert Client(tmp_path, FakeBackend("ann@example.org")).twice(PARIS) == 2
    cache = {"mode": "exact", "private": True}
    assert Client(tmp_path, FakeBackend("ann@example.org"), cache=cache).twice(PARIS) == 1


def test_hits_teach_no_speeds_and_no_outcomes(tmp_path: Path) -> None:
    """They would say that the expert is fast and free."""
    client = Client(tmp_path, learn=True)
    client.twice(PARIS)
    client.router.close()
    with closing(sqlite3.connect(tmp_path / "outcomes.sqlite3")) as log:
        assert log.execute("SELECT count(*) FROM outcomes").fetchone() == (1,)


def test_no_budget_is_charged(tmp_path: Path) -> None:
    """What is left after the second answer is what was left after the first."""
    client = Client(tmp_path, budget_usd=1.0)
    client.router.complete(PARIS)
    left = client.router.constraints().budget_left_usd
    client.router.complete(PARIS)
    assert client.router.constraints().budget_left_usd == left


def test_a_semantic_cache_answers_other_words(tmp_path: Path) -> None:
    """And no other question, and only after the same turns."""
    client = Client(tmp_path, cache={"mode": "semantic"})
    client.router.complete(PARIS)
    again = client.router.complete("Tell me the capital of France.")
    assert (again.text, again.record.cached, client.asked) == ("Paris.", "semantic", 1)
    assert "in other words" in again.record.words
    client.router.complete("What is the capital of Spain?")
    assert client.asked == 2
    talk = [("system", "Be rude."), ("user", "Tell me the capital of France.")]
    client.router.complete([{"role": role, "content": text} for role, text in talk])
    assert client.asked == 3


def test_short_turns_are_told_apart_after_the_same_turns(tmp_path: Path) -> None:
    """Their embedding is that of the last turn alone."""
    client = Client(tmp_path, cache={"mode": "semantic"})
    before = [("user", PARIS), ("assistant", "Paris.")]
    for text, asked in (
        ("And of Spain?", 1), ("and of spain", 1), ("And of Italy?", 2), ("Yes", 3), ("No", 4),
    ):  # fmt: skip
        turns = [*before, ("user", text)]
        client.router.complete([{"role": role, "content": one} for role, one in turns])
        assert client.asked == asked


def test_a_cache_without_a_calibration_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, not at the first question."""
    from edge_router.layers.cache import similarity

    file = tmp_path / "other.json"
    file.write_text(similarity.SHIPPED.read_text().replace('"artifact": "', '"artifact": "0'))
    monkeypatch.setattr(similarity, "SHIPPED", file)
    with pytest.raises(ConfigError, match="no semantic cache is calibrated"):
        Client(tmp_path, cache={"mode": "semantic"})
