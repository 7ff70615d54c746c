"""The tokenizer of a model that llama-cpp-python has loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from ..prompt import Encoded, Fragment

__all__ = ["TokenVocabulary"]

UNKNOWN, CONTROL = 1, 8  # llama.cpp's attributes of tokens that text is not searched for


@dataclass(frozen=True, slots=True, eq=False)
class TokenVocabulary:
    """Thread-safe: llama.cpp only reads it."""

    model: Any
    marks: frozenset[str]
    bos: int

    @classmethod
    def of(cls, llama_cpp: Any, model: Any) -> Self:
        inner = model._model  # noqa: SLF001 - its tokenizer takes `special`, and any thread
        attributes = llama_cpp.llama_vocab_get_attr
        marks = {
            _text_of(inner, token)
            for token in range(model.n_vocab())
            if attributes(inner.vocab, token) & (UNKNOWN | CONTROL)
        }
        return cls(inner, frozenset(marks - {""}), model.token_bos())

    def encode(self, fragments: Sequence[Fragment]) -> Encoded:
        """The tokens of the fragments, one after another."""
        tokens: list[int] = []
        for text, marks, add_bos in fragments:
            tokens += self.model.tokenize(text.encode(), add_bos=add_bos, special=marks)
        if tokens[:2] == [self.bos] * 2:
            del tokens[0]  # written by the template and by the tokenizer
        return Encoded(tokens, len(tokens))

    def text_of(self, token: int) -> str:
        return "" if token < 0 else _text_of(self.model, token)


def _text_of(inner: Any, token: int) -> str:
    try:
        text: str = inner.token_get_text(token)
    except UnicodeDecodeError:
        return ""
    return text
