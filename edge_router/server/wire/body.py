"""The JSON body of a request: read within bounds, with the fields that all endpoints share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_router.chat.request import ChatRequest
from edge_router.guards.json_lines import BadJson, json_value
from edge_router.guards.redaction import quoted

from .errors import Refused

__all__ = ["Asked", "asked_of", "flag_in", "json_object", "refuse_unsupported"]

MOST_VALUES = 250_000  # in a body; reading them takes about a tenth of a second
TEXT = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)  # one without end too


@dataclass(frozen=True, slots=True)
class Asked:
    """What a body asks for: a `request` of the model `model`, streamed or whole, and whether the
    stream is to tell its usage. `body` is as the client stated it."""

    body: Mapping[str, Any]
    request: ChatRequest
    model: Any
    stream: bool
    include_usage: bool


def json_object(content: bytes) -> dict[str, Any]:
    """The object in a body. Raises Refused, which quotes nothing of it."""
    try:
        text = content.decode("utf-8-sig")  # Windows writes a BOM before it
        _require_few_values(text)
        value = json_value(text, finite=True)
    except UnicodeDecodeError as error:
        raise Refused(
            400, f"the body is not UTF-8 (byte {error.start})", code="invalid_json"
        ) from None
    except BadJson as error:
        raise Refused(400, f"the body {error}", code="invalid_json") from None
    if not isinstance(value, dict):
        words = f"the body must be a JSON object, not {type(value).__name__}"
        raise Refused(400, words, code="invalid_json")
    return value


def _require_few_values(text: str) -> None:
    """Raise Refused for JSON that takes so long to read that every other request would wait for it;
    what stands in texts does not count."""
    if _separators(text) > MOST_VALUES and _separators(TEXT.sub("", text)) > MOST_VALUES:
        words = f"the body holds more than {MOST_VALUES:,} JSON values"
        raise Refused(413, words, code="request_too_large")


def _separators(text: str) -> int:
    return sum(map(text.count, ",[{"))


def asked_of(body: Mapping[str, Any], chat: Mapping[str, Any], *, max_tokens: int) -> Asked:
    """What `body` asks for, put as the body of a chat completion in `chat`.

    `max_tokens` is the limit where the client states none. Raises Refused and InvalidRequest.
    """
    stated = dict(chat)
    if stated.get("max_tokens") is None and stated.get("max_completion_tokens") is None:
        stated["max_tokens"] = max_tokens
    options = body.get("stream_options")
    if not isinstance(options, Mapping | None):
        raise Refused(400, "stream_options must be an object", code="invalid_value")
    return Asked(
        body,
        ChatRequest.from_openai(stated),
        body.get("model"),
        flag_in(body, "stream"),
        flag_in(options or {}, "include_usage"),
    )


def flag_in(body: Mapping[str, Any], name: str) -> bool:
    """A field that is true, false or unset. Raises Refused for anything else."""
    stated = body.get(name)
    if stated is None or isinstance(stated, bool):
        return bool(stated)
    words = f"{name} is {quoted(stated)}; use true or false"
    raise Refused(400, words, code="invalid_value", param=name)


def refuse_unsupported(body: Mapping[str, Any], fields: Mapping[str, str]) -> None:
    """Raise Refused for a field that is stated and cannot be honoured; `fields` says why."""
    for name, why in fields.items():
        if body.get(name) not in (None, False, "", 0, [], {}):
            raise Refused(400, f"{name} cannot be used here: {why}", code="unsupported", param=name)
