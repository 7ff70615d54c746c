"""The server as a client sees it: endpoints, refusals, cancellation, and its end."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from edge_router import AnswerRecord, Config, EdgeRouter
from edge_router.errors import ConfigError
from edge_router.server.api_key import KEY_FILE
from edge_router.server.limits import Limits
from edge_router.testing import FakeBackend
from made_experts import DOWN, LOCAL
from serving import Served, fakes, serving

KEY = "a-key-of-sixteen-or-more"
SECRET = "my secret question of the day"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A server with two experts and small limits."""
    limits = Limits(body_bytes=100_000, body_s=0.5, max_tokens=77)
    with serving(fakes(), limits=limits, origins=("http://page.example",)) as running:
        yield running


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_it_says_what_it_is_and_how_it_is(served: Served) -> None:
    """For people, for probes, and for Prometheus."""
    assert "OpenAI-compatible" in served.http.get(served.root).text
    assert served.http.get(f"{served.root}/healthz").json() == {"status": "ok"}
    assert served.http.get(f"{served.root}/readyz").json() == {"status": "ready"}
    assert served.http.head(f"{served.root}/healthz").status_code == 200
    assert served.chat(SECRET).status_code == 200
    text = served.http.get(f"{served.root}/metrics").text
    assert 'edge_router_answers_total{expert="cloud"' in text
    assert "secret" not in text


@pytest.mark.parametrize(
    ("model", "expert"),
    [("auto", "cloud"), ("local", "local"), ("expert/local", "local"), ("cost", "local"),
     ("performance", "cloud"), ("quality", None), (None, "cloud")],
)  # fmt: skip
def test_the_model_says_who_answers(served: Served, model: str | None, expert: str | None) -> None:
    """A rule, or the expert's own name; the reply says it in its headers too."""
    reply = served.chat(model=model)
    assert reply.status_code == 200, reply.text
    decision = reply.json()["edge_router"]
    assert expert in (None, decision["expert"])
    assert reply.headers["x-edge-router-expert"] == decision["expert"]
    assert reply.headers["x-edge-router-reason"] == decision["reason"]
    assert reply.headers["x-edge-router-decision-id"] == decision["decision_id"]
    assert float(reply.headers["x-edge-router-cost-usd"]) == pytest.approx(decision["cost_usd"])


def test_a_stream_has_headers_before_its_first_byte(served: Served) -> None:
    """All but the cost, which is in the last chunk."""
    body = {"model": "auto", "messages": [{"role": "user", "content": "Why?"}], "stream": True}
    reply = served.post("chat/completions", body)
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.headers["x-edge-router-expert"] == "cloud"
    assert "x-edge-router-cost-usd" not in reply.headers
    last = served.events("chat/completions", body)[-1]["edge_router"]
    assert last["cost_usd"] > 0


def test_the_limit_of_an_answer_is_the_servers_or_the_clients() -> None:
    """Experts get it with the request."""
    local = FakeBackend()
    with serving(fakes(local), limits=Limits(max_tokens=77)) as running:
        running.chat(model="local")
        running.chat(model="local", max_tokens=5)
    assert [request.max_tokens for request in local.requests] == [77, 5]


JSON = "application/json"


@pytest.mark.parametrize(
    ("path", "content", "kind", "expected"),
    [
        ("chat/completions", b"{}", "text/plain", (415, "unsupported_media_type")),
        ("chat/completions", b"{", JSON, (400, "invalid_json")),
        ("chat/completions", b"{}", f"{JSON}; charset=utf-8", (400, "invalid_request")),
        ("chat/completions", b"x" * 100_001, JSON, (413, "request_too_large")),
        ("embeddings", b'{"input": [1]}', JSON, (400, "invalid_value")),
        ("responses", b'{"input": "x", "background": true}', JSON, (400, "unsupported")),
        ("nothing", b"{}", JSON, (404, "not_found")),
        ("models", b"{}", JSON, (405, "method_not_allowed")),
    ],
)
def test_what_is_wrong_is_an_error_object(
    served: Served, path: str, content: bytes, kind: str, expected: tuple[int, str]
) -> None:
    """With a status of its own, and the server goes on."""
    headers = {"content-type": kind}
    reply = served.http.post(f"{served.url}/{path}", content=content, headers=headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == expected
    assert served.chat().status_code == 200


def test_a_compressed_body_is_refused(served: Served) -> None:
    """It could be a bomb."""
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    reply = served.http.post(f"{served.url}/embeddings", content=b"x", headers=headers)
    assert reply.status_code == 415


def test_pages_of_other_origins_get_nothing(served: Served) -> None:
    """A listed one gets its preflight and its reply, without credentials."""
    page = {"Origin": "http://page.example"}
    asked = {**page, "Access-Control-Request-Method": "POST"}
    wanted = {"Access-Control-Request-Headers": "content-type"}
    url = f"{served.url}/chat/completions"
    preflight = served.http.options(url, headers=asked | wanted)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == page["Origin"]
    assert "content-type" in preflight.headers["access-control-allow-headers"]
    body = {"model": "local", "messages": [{"role": "user", "content": "Why?"}]}
    for path, status in (("chat/completions", 200), ("nothing", 404)):
        reply = served.post(path, body, **page)
        assert reply.status_code == status
        assert reply.headers["access-control-allow-origin"] == page["Origin"]
        assert "access-control-allow-credentials" not in reply.headers
    other = {**asked, "Origin": "http://evil.example"}
    for refused in (served.http.options(url, headers=other), served.post("models", {}, **other)):
        assert refused.status_code == 403
        assert "access-control-allow-origin" not in refused.headers


def test_embeddings_are_the_encoders(served: Served) -> None:
    """Near texts are near; the shipped router gives them."""
    texts = ["How do I cook rice?", "What is the way to cook rice?", "Prove Fermat's theorem."]
    reply = served.post("embeddings", {"input": texts, "model": "router-small"}).json()
    one, near, far = (item["embedding"] for item in reply["data"])
    assert dot(one, near) > dot(one, far)
    wrong = served.post("embeddings", {"input": "x", "dimensions": 7}).json()
    assert "uncut" in wrong["error"]["message"]


def test_typed_questions_have_probabilities(served: Served) -> None:
    """From one encoder pass: what kind of query, how hard, whether it needs tools, and who."""
    noul, kinds = {"type": "noul"}, dict.fromkeys(("everyday", "math_word", "mmlu"))
    questions = {
        "hard": noul | {"instructions": "difficulty"},
        "live": noul | {"instructions": "needs_tools"},
        "kind": {"type": "choice", "instructions": "kind", "criteria": kinds},
        "who": {
            "type": "choice",
            "instructions": "expert",
            "criteria": {"local": None, "cloud": 1},
        },
    }
    answers = served.post(
        "systemone", {"state": "What is 7 times 8?", "questions": questions}
    ).json()
    assert 0 < answers["answers"]["hard"]["noul"] < 1
    assert answers["answers"]["who"]["choice"] == "cloud"
    assert sum(answers["answers"]["kind"]["probabilities"].values()) == pytest.approx(1)
    other = {"q": noul | {"instructions": "Is the sky blue?"}}
    refused = served.post("systemone", {"state": "x", "questions": other})
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["body", "questions", "q", "instructions"]


def dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_a_fallback_is_told_and_no_prompt_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Headers, field and metrics name who failed, which the next query knows; the log has no word
    of the question."""
    caplog.set_level(logging.DEBUG)
    with serving(fakes(cloud=FakeBackend(error=DOWN))) as running:
        reply = running.chat(SECRET)
        assert reply.json()["edge_router"]["failed"] == ["cloud"]
        assert reply.headers["x-edge-router-reason"] == "fallback"
        events = running.events("responses", {"input": SECRET})
        assert events[-1]["response"]["edge_router"]["reason"] == "unreachable"
        text = running.http.get(f"{running.root}/metrics").text
    assert 'edge_router_failures_total{expert="cloud"} 1.0' in text
    assert caplog.records
    assert "secret" not in caplog.text + text


def test_too_many_at_once_are_refused_and_come_back() -> None:
    """429 with a time, never a hang; the answers under way go on."""
    slow = FakeBackend("one two three four", delay_s=0.2)
    with serving(fakes(slow), limits=Limits(answers=1, queue=1)) as running:
        statuses: list[int] = []

        def ask() -> None:
            reply = running.chat(model="local")
            statuses.append(reply.status_code)
            assert reply.status_code == 200 or reply.headers["retry-after"] == "1"

        threads = [threading.Thread(target=ask) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(statuses) == [200, 200, 429, 429, 429]


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_cancels_its_answer(stream: bool) -> None:
    """The expert is not asked to go on, and the record says so."""
    records: list[AnswerRecord] = []
    slow = FakeBackend(" ".join(["word"] * 600), delay_s=0.1)
    config = Config(experts={"local": LOCAL}, deadline_s=60.0)
    router = EdgeRouter(config, backends={"local": slow}, hooks=[records.append])
    with serving(router) as running:
        body = {"messages": [{"role": "user", "content": "Why?"}], "stream": stream}
        url = f"{running.url}/chat/completions"
        with httpx.Client(trust_env=False) as client:
            request = client.build_request("POST", url, json=body)
            if stream:
                reply = client.send(request, stream=True)
                next(reply.iter_raw())
                reply.close()
            else:
                with pytest.raises(httpx.ReadTimeout):
                    client.send(client.build_request("POST", url, json=body, timeout=1.0))
        until(lambda: records)
        assert records[0].ended == "cancelled"
        until(lambda: "edge_router_running 0" in running.http.get(f"{running.root}/metrics").text)


def test_answers_under_way_come_to_their_end_when_it_stops() -> None:
    """Nobody new is let in; the stream has its last word."""
    slow = FakeBackend(" ".join(["word"] * 8), delay_s=0.15)
    with serving(fakes(slow)) as running:
        body = {"model": "local", "messages": [{"role": "user", "content": "Why?"}]}
        with running.http.stream(
            "POST", f"{running.url}/chat/completions", json=body | {"stream": True}
        ) as reply:
            lines = reply.iter_lines()
            next(lines)
            running.stop.set()
            rest = "\n".join(lines)
        assert rest.rstrip().endswith("data: [DONE]")
        with pytest.raises(httpx.TransportError):
            running.chat()


def test_half_a_body_does_not_hold_up_the_end() -> None:
    """Nothing is answered yet, so there is nothing to wait for."""
    head = b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with serving(fakes()) as running:
        half = socket.create_connection(("127.0.0.1", running.port))
        half.sendall(head + b"Content-Length: 500\r\n\r\n{")
        assert running.chat().status_code == 200  # by then it is being read
        start = time.monotonic()
    assert time.monotonic() - start < 10.0  # of the 20 seconds that answers have
    half.close()


def test_a_key_is_made_where_one_is_needed(tmp_path: Path) -> None:
    """Another address than loopback; what tells nothing is open."""
    with serving(fakes(data_dir=str(tmp_path)), host="0.0.0.0") as running:
        key = (tmp_path / KEY_FILE).read_text().strip()
        url = running.url.replace("0.0.0.0", "127.0.0.1")
        http = running.http
        assert http.get(f"{url}/models").status_code == 401
        wrong = {"Authorization": f"Bearer {key}x"}
        reply = http.get(f"{url}/models", headers=wrong)
        assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")
        right = {"Authorization": f"Bearer {key}"}
        assert http.get(f"{url}/models", headers=right).status_code == 200
        assert http.get(f"{url.removesuffix('/v1')}/healthz").status_code == 200
        assert http.get(f"{url.removesuffix('/v1')}/metrics").status_code == 401
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_a_key_may_be_asked_for_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """That in a variable."""
    monkeypatch.setenv("SERVER_KEY", KEY)
    origins = ("http://page.example",)
    with serving(fakes(), api_key_envs=("SERVER_KEY",), origins=origins) as running:
        assert running.chat().status_code == 401
        body = {"messages": [{"role": "user", "content": "Why?"}]}
        right = {"Authorization": f"Bearer {KEY}"}
        assert running.post("chat/completions", body, **right).status_code == 200
        page = {"Origin": "http://page.example"}
        refused = running.post("chat/completions", body, **page)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == page["Origin"], "it can read why"


def test_an_address_that_cannot_be_used_is_an_error(served: Served) -> None:
    """Taken, out of range, or nobody's."""
    for options in ({"port": served.port}, {"host": "192.0.2.1", "api_key_envs": ("SERVER_KEY",)}):
        with pytest.raises(ConfigError), serving(fakes(), **options):
            pass


def test_limits_on_cost_hold_and_are_told() -> None:
    """What the purse does not pay for is 429 and not worth another try."""
    with serving(fakes(max_cost_usd=0.0)) as running:
        reply = running.chat(model="cloud")
    assert (reply.status_code, reply.json()["error"]["code"]) == (429, "insufficient_quota")
    assert reply.headers["x-should-retry"] == "false"


def test_nothing_leaves_a_device_that_keeps_everything() -> None:
    """Whatever model a client names."""
    cloud = FakeBackend()
    with serving(fakes(cloud=cloud, placement="only_on_device")) as running:
        assert running.chat().json()["edge_router"]["expert"] == "local"
        assert running.chat(model="performance").json()["edge_router"]["expert"] == "local"
        refused = running.chat(model="cloud")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "no_expert_fits")
    assert cloud.requests == []


def test_a_question_in_any_language_arrives() -> None:
    """As it was sent."""
    local = FakeBackend()
    body = {"model": "local", "messages": [{"role": "user", "content": "Почему? 為什麼? 🤔"}]}
    with serving(fakes(local)) as running:
        reply = running.http.post(
            f"{running.url}/chat/completions",
            content=json.dumps(body, ensure_ascii=False).encode(),
            headers={"content-type": JSON},
        )
    assert reply.status_code == 200
    assert local.requests[0].question == "Почему? 為什麼? 🤔"
