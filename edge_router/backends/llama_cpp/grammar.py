"""The grammar of an answer that must fit a JSON schema."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from edge_router.chat.completion import ChatRequest
from edge_router.errors import BackendRejected

from .library import import_llama_cpp

__all__ = ["grammar_of"]


def grammar_of(request: ChatRequest) -> Any:
    """llama.cpp's grammar for the request's `json_schema`; None for a request without one.

    Raises BackendRejected for a schema that cannot be made into a grammar.
    """
    return None if request.json_schema is None else _grammar(request.json_schema)


@lru_cache(maxsize=64)
def _grammar(schema: str) -> Any:
    llama_cpp = import_llama_cpp()
    try:
        return llama_cpp.LlamaGrammar.from_json_schema(schema, verbose=False)
    except Exception as error:  # noqa: BLE001 - it raises what its converter happens to meet
        raise BackendRejected(f"the json_schema gives no grammar: {error}") from None
