"""No message shows a key, a password in a URL, or what the user asked."""

from __future__ import annotations

import contextlib
import html
import json
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asking import asking, saying, streaming
from edge_router.backends.deadline import Deadline
from edge_router.backends.openai.backend import OpenAIBackend
from edge_router.backends.openai.redaction import Redaction
from edge_router.chat.completion import ChatRequest, Message
from edge_router.errors import BackendError, ConfigError
from edge_router.guards.redaction import without_secrets
from fault_server import Peer, Script, answer, answer_json, event, piece

PROMPT = 'My PIN is 1234 & my "cat" is called\n  Mephistopheles, \u00e9l\u00e8ve de l\'\u00e9cole'
PARTS = ("PIN is", "1234", "Mephisto", "called", "cole")


def _message(script: Script, prompt: str = PROMPT, **options: Any) -> str:
    messages = (Message("system", "You are a discreet helper."), Message("user", prompt))
    with asking(script, **options) as backend, pytest.raises(BackendError) as caught:
        for _ in backend.stream(ChatRequest(messages), deadline=Deadline.after(10)):
            pass
    return str(caught.value)


@pytest.mark.parametrize(
    "quote",
    [
        str,
        json.dumps,
        repr,
        html.escape,
        lambda text: json.dumps(text, ensure_ascii=False),
        lambda text: repr(text.encode()),
        lambda text: " ".join(text.split()),
        lambda text: text[4:60],
        lambda text: f"{text[:30]}... (cut)",
    ],
)
@pytest.mark.parametrize("status", ["400 Bad Request", "500 Oops", "429 Slow down"])
def test_a_prompt_that_the_server_quotes_is_not_shown(
    quote: Callable[[str], str], status: str
) -> None:
    """Whatever way it quotes; its own words stay."""
    reply = {"error": {"message": f"your input {quote(PROMPT)} is too long"}}
    told = _message(saying(answer_json(reply, status=status)))
    assert "your input" in told
    assert not [part for part in PARTS if part in told]
    plain = _message(saying(answer(f"bad: {quote(PROMPT)}", status=status)))
    assert not [part for part in PARTS if part in plain]


def test_a_prompt_in_the_midst_of_a_stream_is_not_shown() -> None:
    """Errors in a stream, before and after text, are redacted too."""
    bad = event({"error": {"message": f"flagged: {PROMPT}"}})
    for script in (streaming(bad), streaming(piece("a"), bad)):
        told = _message(script)
        assert "flagged" in told
        assert not [part for part in PARTS if part in told]


def test_what_the_http_library_quotes_is_looked_through() -> None:
    """A status line may hold anything, too."""
    line = " ".join(PROMPT.split()).encode()
    assert not [part for part in PARTS if part in _message(saying(line + b"\r\n\r\n"))]


def test_pydantic_repeats_the_input_and_we_do_not() -> None:
    """Of an error about a field its place and message are shown."""
    fault = {"loc": ["body", "messages", 0, "content"], "msg": "too long", "input": "short one"}
    told = _message(saying(answer_json({"detail": [fault]}, status="422 No")), prompt="short one")
    assert "body.messages.content: too long" in told
    assert "short one" not in told


@given(st.text(min_size=1, max_size=40), st.text(max_size=30), st.integers(0, 40))
def test_no_twelve_characters_of_a_text_are_shown(text: str, before: str, start: int) -> None:
    """The law behind it: no run that long is left of what was asked."""
    line = Redaction(texts=(text,)).line(f"{before} {text[start:]} {text}")
    one_line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    runs = {line[at : at + 12] for at in range(len(line) - 11)}
    assert not [run for run in runs if run in one_line and "[...]" not in run]


def test_a_long_prompt_is_looked_through_in_no_time() -> None:
    """A megabyte of prompt against two thousand characters of error."""
    prompt = "the quick brown fox jumps over the lazy dog " * 25_000
    start = time.monotonic()
    line = Redaction(texts=(prompt,)).line("no: " + "lazy dog the quick " * 100)
    assert line.startswith("no:[...]")
    assert time.monotonic() - start < 10


# Keys and passwords


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("http://me:hunter2@h.example/v1/?key=hunter2#hunter2", "(http://h.example)"),
        ("//me:hunter2@h.example/v1", "(//h.example)"),
        ("http://me:hunt/er2@h.example/v1?hunter2", "HTTP 302"),
        ("/v2?token=hunter2", "check base_url"),
        ("http://[hunter2", "HTTP 302"),
    ],
)
def test_a_redirect_shows_no_login_and_no_query(location: str, shown: str) -> None:
    """An address may hold a secret, the server's or one of ours."""
    told = _message(saying(answer("", status="302 Found", location=location)))
    assert shown in told
    assert "hunter2@" not in told
    assert "=hunter2" not in told


def test_a_login_in_any_words_is_not_shown() -> None:
    """A quoted address has no password."""
    addresses = "see http://me:hunter2@h/ or ftp://x:hunter2@y"
    message = _message(saying(answer(addresses, status="400 No")))
    assert "hunter2" not in message


@pytest.mark.parametrize("quote", [str, json.dumps, lambda key: urllib.parse.quote(key, safe="")])
def test_a_header_from_the_environment_is_never_shown(
    quote: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be a key, whatever its name."""
    secret = 'tiny"se/cret'
    monkeypatch.setenv("TINY_HEADER", secret)
    reply = saying(answer(f"bad header {quote(secret)}", status="401 No"))
    told = _message(reply, extra_headers_env={"X-Token": "TINY_HEADER"})
    assert "bad header" in told
    assert "cret" not in told


@pytest.mark.parametrize(
    "key", ["sk-proj-0123456789abcdef", "Bearer abcdef123456", "AIzaSyA0123456789abcdefgh"]
)
def test_what_looks_like_a_key_is_not_shown(key: str) -> None:
    """Also where it is not the key of these settings."""
    assert key.rsplit(maxsplit=1)[-1] not in Redaction().line(f"no such key: {key}, sorry")


@pytest.mark.parametrize(
    "base_url",
    [
        *("me:hunter2@h/v1", "https:/me:hunter2@h/v1", "http://me:hunter2@h:x/v1", "hunter2?h=1"),
        *(
            "http://me:hunter2@[::1/v1",
            "ftp://me:hunter2@h/v1",
            "https:me:hunter2@h",
            "://me:hunter2@h",
        ),
        *("http://me:hunt%er2@h:99999/v1", "http:///me:hunter2@h"),
    ],
)
def test_a_url_that_cannot_be_read_shows_no_password(base_url: str) -> None:
    """What looks like a login stays unseen, wherever it stands."""
    with pytest.raises(ConfigError) as caught:
        OpenAIBackend("tiny", base_url=base_url)
    assert "hunter2" not in str(caught.value)
    assert "hunt%er2" not in str(caught.value)


@pytest.mark.parametrize("base_url", ["http://h:0/v1", "http://h:99999/v1", None, 5, b"http://h"])
def test_a_url_that_leads_nowhere_is_a_config_error(base_url: Any) -> None:
    """An impossible port is refused before the first request."""
    with pytest.raises(ConfigError, match="base_url"):
        OpenAIBackend("tiny", base_url=base_url)


@pytest.mark.parametrize("base_url", ["https://xn--zz--/v1", "http://h/v1#", "http://h/v1?"])
def test_a_url_that_cannot_be_used_is_a_config_error(base_url: str) -> None:
    """Names that IDNA cannot write, and an empty fragment or query."""
    with pytest.raises(ConfigError, match="base_url"):
        OpenAIBackend("tiny", base_url=base_url)


def test_a_key_in_the_address_or_the_model_is_not_shown() -> None:
    """Neither by an error nor by the repr."""
    base_url = "http://127.0.0.1:9/sk-SECRET1234567890abc/v1;key=SECRET"
    with contextlib.closing(OpenAIBackend("m", base_url=base_url)) as backend:
        assert "SECRET" not in repr(backend)
        with pytest.raises(BackendError) as caught:
            backend.complete(ChatRequest.of("hi"), deadline=Deadline.after(5))
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["//" + "a" * 60_000, "://" * 20_000, "token-" * 10_000, "a:" * 30_000, "%" * 60_000]
)
def test_a_long_text_is_redacted_in_no_time(text: str) -> None:
    """A hostile error body must not cost quadratic time."""
    began = time.monotonic()
    Redaction(("secret",), ("a prompt",)).line(text)
    without_secrets(text)
    assert time.monotonic() - began < 2


def test_a_key_at_the_cut_is_not_half_shown() -> None:
    """Only the start of a long text is read."""
    key = "Zx9longkeyhunter2"
    for at in range(3980, 4001):
        told = Redaction((key,)).line("." + " " * (at - 1) + key + "x" * 5000)
        assert "Zx9" not in told


@pytest.mark.parametrize(
    "quote",
    [
        str.upper,
        str.title,
        urllib.parse.quote,
        urllib.parse.quote_plus,
        lambda text: text.replace('"', "\u201c").replace("'", "\u2019"),
        lambda text: "\n> ".join(text[at : at + 10] for at in range(0, len(text), 10)),
        lambda text: "".join(f"&#{ord(char)};" for char in text),
        " ".join,
        lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    ],
)
@pytest.mark.parametrize("prompt", ["PIN 4711", 'My PIN is 4711 and Anna\'s ward is "seven".'])
def test_a_prompt_is_known_by_its_letters(quote: Callable[[str], str], prompt: str) -> None:
    """Case, encoding, quotation marks and line breaks may differ; a short one is hidden whole."""
    told = Redaction((), (prompt,)).line(f"bad input: {quote(prompt)}")
    assert told.startswith("bad input: ")
    assert not [digits for digits in ("4711", "4 7 1 1", "eve") if digits in told]


@pytest.mark.parametrize(
    "change", [str.upper, lambda key: key[:-3], lambda key: f"{key[:9]}\n{key[9:]}"]
)
def test_a_key_is_known_by_its_letters(change: Callable[[str], str]) -> None:
    """In capitals, cut, or on two lines."""
    told = Redaction(("Zx9-longkey-hunter2hunter2",)).line(
        f"wrong key: {change('Zx9-longkey-hunter2hunter2')}"
    )
    assert "hunter" not in told.lower()
    assert told.startswith("wrong key: [")


def test_secrets_of_extra_body_are_not_shown() -> None:
    """A value under a name such as user_token, wherever it stands."""
    reply = answer("you sent bodyhunter2x and hunter3yz", status="400 No")
    told = _message(
        saying(reply), extra_body={"user_token": "bodyhunter2x", "a": {"secret": "hunter3yz"}}
    )
    assert "hunter" not in told


def test_several_answers_cannot_be_asked_for() -> None:
    """One is read; the others would be paid for."""
    with pytest.raises(ConfigError, match="extra_body"):
        OpenAIBackend("tiny", base_url="http://127.0.0.1:9/v1", extra_body={"n": 2})


def test_an_echoed_request_shows_neither_key_nor_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """A debugging proxy echoes the whole request."""
    monkeypatch.setenv("TINY_KEY", "tiny-Secret/42")

    def script(peer: Peer) -> None:
        peer.send(answer(peer.request()[-150:], status="400 Bad Request"))
        peer.request()

    told = _message(script, api_key_env="TINY_KEY")
    assert "Secret" not in told
    assert not [part for part in PARTS if part in told]


def test_a_key_that_is_changed_meanwhile_is_hidden_as_it_was_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server quotes the old key, the environment has a new one by then."""
    monkeypatch.setenv("TINY_KEY", "tiny-Secret/42")

    def script(peer: Peer) -> None:
        peer.request()
        monkeypatch.setenv("TINY_KEY", "another")
        peer.send(answer("no account for tiny-Secret/42", status="401 No"))

    told = _message(script, api_key_env="TINY_KEY")
    assert "no account for" in told
    assert "Secret" not in told
