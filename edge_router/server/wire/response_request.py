"""The body of /v1/responses, put as that of a chat completion.

Nothing is kept between requests, so what refers to an earlier response is refused; `store`,
`include`, `truncation` and what only OpenAI's own service acts on (see DROPPED) change nothing.
Reasoning items of earlier turns are left out: experts differ in whether they may see them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edge_router.guards.redaction import quoted

from .body import Asked, asked_of, refuse_unsupported
from .errors import Refused

__all__ = ["asked"]

UNSUPPORTED = {
    "previous_response_id": "no response is kept; send the conversation as input",
    "conversation": "no conversation is kept; send it as input",
    "background": "an answer lasts as long as its request",
    "prompt": "there are no stored prompts; send instructions and input",
    "top_logprobs": "use /v1/chat/completions for log-probabilities",
    "max_tool_calls": "no tool is run here",
}
DROPPED = (
    *UNSUPPORTED, "input", "instructions", "tools", "tool_choice", "text", "reasoning", "store",
    "max_output_tokens", "include", "truncation", "service_tier", "stream_options",
    "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "context_management",
)  # fmt: skip
PARTS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}


def asked(body: Mapping[str, Any], *, max_tokens: int) -> Asked:
    """The request in a body. Raises Refused and InvalidRequest."""
    refuse_unsupported(body, UNSUPPORTED)
    chat = {name: value for name, value in body.items() if name not in DROPPED}
    chat["messages"] = list(_messages(body))
    chat["max_tokens"] = body.get("max_output_tokens")
    if (tools := body.get("tools")) is not None:
        chat["tools"] = [_tool(one) for one in _list(tools, "tools")]
    chat["tool_choice"] = _choice(body.get("tool_choice"))
    chat["response_format"] = _format(_table(body.get("text"), "text").get("format"))
    chat["reasoning_effort"] = _table(body.get("reasoning"), "reasoning").get("effort")
    return asked_of(body, chat, max_tokens=max_tokens)


def _messages(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The conversation: calls of tools that follow each other are one turn of the assistant."""
    if body.get("instructions") is not None:
        yield {"role": "system", "content": body["instructions"]}
    stated = body.get("input")
    if isinstance(stated, str):
        yield {"role": "user", "content": stated}
        return
    calls: list[dict[str, Any]] = []
    for item in _list(stated, "input"):
        kind = _kind(item)
        if kind == "function_call":
            function = {"name": item.get("name"), "arguments": item.get("arguments")}
            calls.append({"id": item.get("call_id"), "type": "function", "function": function})
            continue
        if calls and kind != "reasoning":
            yield {"role": "assistant", "content": None, "tool_calls": calls}
            calls = []
        if kind == "message":
            yield {"role": item.get("role"), "content": _content(item.get("content"))}
        elif kind == "function_call_output":
            content = _content(item.get("output"))
            yield {"role": "tool", "tool_call_id": item.get("call_id"), "content": content}
    if calls:
        yield {"role": "assistant", "content": None, "tool_calls": calls}


def _kind(item: Any) -> str:
    """The type of an item. Raises Refused for one that cannot be answered here."""
    kind = item.get("type", "message") if isinstance(item, Mapping) else None
    if kind in ("message", "function_call", "function_call_output", "reasoning"):
        return str(kind)
    words = f"an item of input is of type {quoted(kind)}; use message, function_call or its output"
    raise Refused(400, words, code="unsupported", param="input")


def _content(stated: Any) -> Any:
    """A text or parts, as the chat protocol has them; it checks the rest."""
    return [_part(one) for one in stated] if isinstance(stated, list) else stated


def _part(part: Any) -> Any:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if isinstance(kind, str) and kind in PARTS:
        name = PARTS[kind]
        return {"type": name, name: part.get(name)}
    if kind == "input_image":
        url = {"url": part.get("image_url"), "detail": part.get("detail")}
        return {"type": "image_url", "image_url": {k: v for k, v in url.items() if v is not None}}
    if kind == "input_file":
        names = ("file_data", "file_id", "filename")
        return {"type": "file", "file": {n: part[n] for n in names if part.get(n) is not None}}
    return part


def _tool(stated: Any) -> dict[str, Any]:
    kind = stated.get("type") if isinstance(stated, Mapping) else None
    if kind != "function":
        words = f"a tool is of type {quoted(kind)}; only 'function' can be called here"
        raise Refused(400, words, code="unsupported", param="tools")
    names = ("name", "description", "parameters", "strict")
    return {"type": "function", "function": {name: stated.get(name) for name in names}}


def _choice(stated: Any) -> Any:
    if not isinstance(stated, Mapping):
        return stated
    if stated.get("type") != "function":
        words = f"tool_choice is of type {quoted(stated.get('type'))}; use a word or a function"
        raise Refused(400, words, code="unsupported", param="tool_choice")
    return {"type": "function", "function": {"name": stated.get("name")}}


def _format(stated: Any) -> Any:
    if not isinstance(stated, Mapping) or stated.get("type") != "json_schema":
        return stated
    names = ("name", "schema", "description", "strict")
    return {"type": "json_schema", "json_schema": {name: stated.get(name) for name in names}}


def _list(stated: Any, name: str) -> list[Any]:
    if isinstance(stated, list):
        return stated
    raise Refused(400, f"{name} must be a list", code="invalid_value", param=name)


def _table(stated: Any, name: str) -> Mapping[str, Any]:
    if stated is None or isinstance(stated, Mapping):
        return stated or {}
    raise Refused(400, f"{name} must be an object", code="invalid_value", param=name)
