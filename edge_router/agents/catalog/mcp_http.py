"""An MCP server at an address: transport "Streamable HTTP".

Each message is a POST. The reply to a request is JSON, or an event stream that holds the answer
among other messages. No redirect is followed, and the older "HTTP+SSE" is not spoken.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx

from edge_router.backends.deadline import Deadline, TimeLeft
from edge_router.backends.http.transport import DeadlineTransport
from edge_router.backends.openai.errors import refusal_body
from edge_router.backends.openai.events import (
    Event,
    EventTooLong,
    Malformed,
    SSEParser,
    json_object,
    require_plain,
    whole_events,
)
from edge_router.backends.openai.redaction import Redaction
from edge_router.backends.openai.request import Access, variable
from edge_router.backends.openai.settings import SHORTEST_SECRET, is_host
from edge_router.errors import BackendRejected, ConfigError, InvalidAgent
from edge_router.guards.redaction import looks_like_a_key, redacted_url
from edge_router.settings.config import Config
from edge_router.settings.constraints import Placement
from edge_router.settings.expert_config import ExpertConfig

from .mcp_session import LATE, MAX_BYTES, Message, Messages, Session, read_json

__all__ = ["tools_at"]

END_S = 1.0  # to end the session
ERROR_BODY_S = 2.0  # the status decides already
KEY_OPTION = "--api-key-env"
CHECK_PATH = "check the path of the URL, which is often /mcp"

_SESSION = re.compile(r"[!-~]{1,4096}")


def tools_at(
    stated: str, config: Config, *, api_key_env: str | None, limit_s: float
) -> dict[str, Any]:
    """All pages of `tools/list` as one result.

    Raises ConfigError for a URL that the settings forbid or that would expose the key, and
    InvalidAgent for any other, and for a server that is not reached, refuses, redirects, hangs,
    answers what is no JSON-RPC, too much of it, or lists without end.
    """
    url = _address(stated)
    shown = f"the MCP server at {redacted_url(str(url))}"
    # Judged as an expert at this address would be.
    there = ExpertConfig(backend="openai", model="mcp", profile="mcp", base_url=str(url))
    if config.forbids(there):
        by_place = config.placement == Placement.ONLY_ON_LAN and not config.nothing_leaves
        why = "; an address that is not this device's counts as cloud" if by_place else ""
        raise ConfigError(
            f"{shown} may not be asked (offline = {config.offline}, placement = "
            f"{config.placement}{why}); give the reply to its tools/list as a FILE"
        )
    deadline = Deadline.after(limit_s)
    access = Access(api_key_env, {}, url=url, key_setting=KEY_OPTION)
    server = _Server(url, shown, access, deadline)
    try:
        return Session(server, deadline).tools()
    finally:
        server.end()


def _address(stated: str) -> httpx.URL:
    """The URL, of which no message shows what may be secret. Raises InvalidAgent."""
    scheme, _, rest = stated.partition(":")
    if not rest.startswith("//"):
        raise InvalidAgent(f"the URL of the MCP server lacks // behind {scheme}:")
    if re.search(r"\s", stated):
        raise InvalidAgent("the URL of the MCP server is none; it holds a blank")
    try:
        url = httpx.URL(stated)
        named = bool(url.host) and is_host(url.raw_host.decode("ascii"))
        is_one = named and (url.port is None or 0 < url.port < 65536)
    except (httpx.InvalidURL, ValueError):
        is_one = False
    if not is_one:
        raise InvalidAgent("the URL of the MCP server is none; check its host and its port")
    if url.userinfo or url.fragment:
        raise InvalidAgent(
            "the URL of the MCP server must not hold a user, a password or a fragment; name the "
            f"variable that holds its key with {KEY_OPTION}"
        )
    return url


class _Server:
    """A server at an address, in one session."""

    def __init__(self, url: httpx.URL, shown: str, access: Access, deadline: Deadline) -> None:
        self._url, self._shown, self._deadline = url, shown, deadline
        self._key_env = access.api_key_env
        try:
            self._headers = access.headers(stream=True, who=shown)
        except BackendRejected as error:  # no key in the variable
            raise InvalidAgent(str(error)) from None
        self._headers["Accept"] = "application/json, text/event-stream"
        self._redaction = Redaction((*access.secrets(self._headers), *_secrets(url)))
        self._transport = DeadlineTransport()
        self._session: str | None = None
        self._bytes = 0

    def ask(self, request: Message) -> Messages:
        with self._explained(), self._posted(request) as response:
            self._join(response)
            for event in self._events(response):
                value = read_json(event, self, fix=CHECK_PATH)
                for message in value if isinstance(value, list) else [value]:  # 2025-03-26: a batch
                    if not isinstance(message, dict):
                        raise self.fault(f"writes what is no JSON-RPC: {self.quoted(message)}")
                    yield message

    def tell(self, message: Message) -> None:
        with self._explained(), self._posted(message):
            pass

    def agree(self, version: str) -> None:
        self._headers["MCP-Protocol-Version"] = version

    def quoted(self, value: Any) -> str:
        """Redacted before it is cut: half a key is too much."""
        return self._redaction.line(json.dumps(value, ensure_ascii=False))

    def fault(self, what: str) -> InvalidAgent:
        return InvalidAgent(f"{self._shown} {what}")

    def end(self) -> None:
        """End the session, which the server may refuse, and close every connection."""
        try:
            if self._session is not None:
                request = self._request("DELETE", TimeLeft(Deadline.after(END_S)))
                with contextlib.suppress(httpx.HTTPError):
                    self._transport.handle_request(request).close()
        finally:
            self._transport.close()

    def _request(self, method: str, time_left: TimeLeft, content: bytes = b"") -> httpx.Request:
        headers = self._headers | (
            {} if self._session is None else {"Mcp-Session-Id": self._session}
        )
        return httpx.Request(
            method, self._url, content=content, headers=headers, extensions={"deadline": time_left}
        )

    @contextlib.contextmanager
    def _posted(self, message: Message) -> Iterator[httpx.Response]:
        """The reply to a message, with status 2xx and its body unread."""
        time_left = TimeLeft(self._deadline)
        post = self._request("POST", time_left, json.dumps(message).encode())
        with contextlib.closing(self._transport.handle_request(post)) as response:
            if not response.is_success:
                with time_left.within(ERROR_BODY_S):
                    raise self._refusal(response, refusal_body(response))
            yield response

    def _join(self, response: httpx.Response) -> None:
        """Keep the session that the server opens, if it opens one."""
        session = response.headers.get("mcp-session-id")
        if session is None or self._session is not None:
            return
        if not _SESSION.fullmatch(session):
            raise self.fault("opens a session whose id is none")
        self._session = session

    def _events(self, response: httpx.Response) -> Iterator[str]:
        """The messages of a reply as texts: servers are careless with its type."""
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if "html" in kind:
            raise self.fault(f"answers with a page of HTML; {CHECK_PATH}")
        require_plain(response.headers.get("content-encoding", ""))
        chunks = self._bounded(response)
        events = _streamed(chunks) if kind == "text/event-stream" else whole_events(chunks)
        return (event for event in events if event.kind in ("", "message") and event.strip())

    def _bounded(self, response: httpx.Response) -> Iterator[bytes]:
        for chunk in response.iter_raw():
            self._bytes += len(chunk)
            if self._bytes > MAX_BYTES:
                raise self.fault(f"writes over {MAX_BYTES:,} bytes")
            yield chunk

    def _refusal(self, response: httpx.Response, body: str) -> InvalidAgent:
        """The error for a response other than 2xx."""
        status = response.status_code
        if response.has_redirect_location:
            leads = self._redaction.line(redacted_url(response.headers["location"]))
            return self.fault(f"redirects to {leads}, which is not followed; give the URL it is at")
        words = self._redaction.line(_explanation(body))
        told = f" ({words})" if words else ""
        return self.fault(f"answers HTTP {status}{told}; {self._fix(status)}")

    def _fix(self, status: int) -> str:
        if status in (401, 403) and self._key_env is None:
            return f"name the variable that holds its key with {KEY_OPTION}"
        if status in (401, 403):
            return f"check the key in {variable(self._key_env or '', KEY_OPTION)}"
        if status in (408, 429) or status >= 500:
            return "try again later"
        return f"{CHECK_PATH}; the older transport HTTP+SSE is not supported"

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Raise what an exception of HTTP means; `from None`, since it may hold the key."""
        try:
            yield
        except httpx.TimeoutException:
            raise self.fault(LATE) from None
        except (httpx.ConnectError, httpx.UnsupportedProtocol, httpx.ProxyError) as error:
            why = self._redaction.line(str(error))
            raise self.fault(
                f"cannot be reached: {why}; is it running, and its URL right?"
            ) from None
        except httpx.HTTPError as error:
            why = self._redaction.line(str(error) or type(error).__name__)
            raise self.fault(f"breaks off: {why}; is it an MCP server?") from None
        except (Malformed, EventTooLong) as error:
            raise self.fault(f"is not understood: {error}; {CHECK_PATH}") from None


def _streamed(chunks: Iterator[bytes]) -> Iterator[Event]:
    parser = SSEParser(max_event_bytes=MAX_BYTES)
    for chunk in chunks:
        yield from parser.feed(chunk)
    yield from parser.end()


def _secrets(url: httpx.URL) -> Iterator[str]:
    """The parts of a URL that no message shows."""
    for _, value in url.params.multi_items():
        if len(value) >= SHORTEST_SECRET:
            yield value
    yield from filter(looks_like_a_key, url.path.split("/"))


def _explanation(body: str) -> str:
    """The message of a JSON-RPC error, "" for a body that holds none."""
    try:
        error = json_object(body).get("error")
    except Malformed:
        return ""
    words = error.get("message") if isinstance(error, dict) else error
    return words if isinstance(words, str) else ""
