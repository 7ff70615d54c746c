"""Bodies of requests to an OpenAI-compatible server."""

from __future__ import annotations

from edge_router.backends.openai.request import Dialect
from edge_router.chat.completion import ChatRequest

SCHEMA = {"type": "object", "properties": {"name": {"enum": ["a", "b"]}}}


def test_a_schema_is_sent_as_the_response_format() -> None:
    """In OpenAI's shape; a request without one has no such field."""
    request = ChatRequest(ChatRequest.of("x").messages, json_schema=SCHEMA)  # type: ignore[arg-type]
    body = Dialect().body("m", request, stream=False)
    assert body["response_format"]["type"] == "json_schema"
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert "response_format" not in Dialect().body("m", ChatRequest.of("x"), stream=False)


def test_a_server_that_refuses_schemas_gets_none() -> None:
    """The answer is checked where the schema was asked for."""
    dialect = Dialect()
    request = ChatRequest(ChatRequest.of("x").messages, json_schema=SCHEMA)  # type: ignore[arg-type]
    assert "response_format" in dialect.droppable(dialect.body("m", request, stream=False))
    dialect.adapt("response_format", who="the server")
    assert "response_format" not in dialect.body("m", request, stream=False)
