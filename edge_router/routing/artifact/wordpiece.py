"""BERT's WordPiece tokenizer, made from the few settings of a tokenizer.json that it needs.

The file itself is never given to the tokenizers library: other normalisers and models in it may
multiply a text, run for ever or abort the process. It is read here, compared with what is allowed,
and the tokenizer is built from the values.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

from edge_router.errors import ArtifactCorrupt, ArtifactIncompatible

from .file import read_json
from .schema import Checked

__all__ = ["END", "START", "WordPiece"]

log = logging.getLogger("edge_router")

START, END = "[CLS]", "[SEP]"
MAX_WORDS, MAX_ADDED = 300_000, 1_000
MAX_CHARS_PER_WORD = 200  # a longer one is unknown; time grows with the square

# Of each part the types that may stand there. The last four change nothing for us.
TYPES: Mapping[str, Sequence[str | None]] = {
    "model": ("WordPiece",),
    "normalizer": ("BertNormalizer",),
    "pre_tokenizer": ("BertPreTokenizer",),
    "post_processor": (None, "TemplateProcessing", "BertProcessing"),
    "decoder": (None, "WordPiece"),
}
IGNORED = ("version", "truncation", "padding", "post_processor", "decoder")
MODEL = ("type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab")
CLEANING = ("clean_text", "handle_chinese_chars", "strip_accents", "lowercase")
MATCHING = ("single_word", "lstrip", "rstrip", "normalized", "special")


@dataclass(frozen=True, slots=True)
class WordPiece:
    """What a tokenizer is built from: `vocabulary` numbers its words from 0 on, `model`, `cleaning`
    and `added` are settings as the file names them."""

    vocabulary: dict[str, int]
    model: Mapping[str, Any]
    cleaning: Mapping[str, Any]
    added: Sequence[Mapping[str, Any]]

    @classmethod
    def read(cls, content: bytes, where: str) -> Self:
        """Read the settings from the content of the file `where`. Raises ArtifactCorrupt, also
        for a tokenizer of another kind."""
        settings, check = read_json(content, where, long_objects=True), Checked(where)
        check.fields(settings, "its top level", ("model", "normalizer", "pre_tokenizer",
                     "added_tokens"), IGNORED)  # fmt: skip
        for part, types in TYPES.items():
            _check_type(check, settings.get(part), part, types)
        model, normalizer = settings["model"], settings["normalizer"]
        _check_model(check, model)
        check.fields(normalizer, "normalizer", ("type", *CLEANING))
        for name in CLEANING:
            if type(normalizer[name]) is not bool and (name, normalizer[name]) != (
                "strip_accents",
                None,
            ):
                check.refuse(normalizer[name], f"normalizer.{name}", "true or false")
        check.fields(settings["pre_tokenizer"], "pre_tokenizer", ("type",))
        vocabulary = model["vocab"]
        _check_added(check, settings["added_tokens"], vocabulary)
        return cls(
            vocabulary,
            {name: model[name] for name in MODEL[1:4]},
            {name: normalizer[name] for name in CLEANING},
            settings["added_tokens"],
        )

    def tokenizer(self) -> Any:
        """The library's own, or one in Python alone where the library cannot be imported; neither
        truncates nor pads nor adds tokens around a text."""
        try:
            from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers
        except ImportError as error:
            return self._plain(error)
        made = Tokenizer(models.WordPiece(vocab=self.vocabulary, **self.model))
        made.normalizer = normalizers.BertNormalizer(**self.cleaning)
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        made.add_tokens(
            [AddedToken(one["content"], **{n: one[n] for n in MATCHING}) for one in self.added]
        )
        return made

    def _plain(self, error: ImportError) -> Any:
        from .plain_wordpiece import PlainWordPiece

        if any(one[name] for one in self.added for name in ("single_word", "lstrip", "rstrip")):
            raise ArtifactIncompatible(
                "this artifact's tokenizer.json strips blanks around added tokens, which needs the "
                f"tokenizers library ({error}); pip install 'tokenizers>=0.22,<0.24'"
            )
        _say_plain(str(error))
        return PlainWordPiece(self.vocabulary, self.model, self.cleaning, self.added)


@cache
def _say_plain(reason: str) -> None:
    log.info("tokenizers cannot be imported (%s): texts are split in Python alone", reason)


def _check_type(check: Checked, value: Any, part: str, types: Sequence[str | None]) -> None:
    if value is None and None in types:
        return
    check.object(value, part)
    if type(value.get("type")) is not str or value["type"] not in types:
        allowed = ", ".join(kind for kind in types if kind)
        check.refuse(value.get("type"), f"{part}.type", f"one that is allowed ({allowed})")


def _check_model(check: Checked, model: Mapping[str, Any]) -> None:
    check.fields(model, "model", MODEL)
    for name in ("unk_token", "continuing_subword_prefix"):
        check.text(model[name], f"model.{name}", 50)
    check.whole(
        model["max_input_chars_per_word"],
        "model.max_input_chars_per_word",
        1,
        MAX_CHARS_PER_WORD,
    )
    words = model["vocab"]
    check.object(words, "model.vocab")
    numbers = words.values()
    counted = len(words) <= MAX_WORDS and set(map(type, numbers)) == {int}
    distinct = len(set(numbers)) == len(words) if counted else False
    if not distinct or min(numbers) != 0 or max(numbers) != len(words) - 1:
        check.refuse(words, "model.vocab", f"at most {MAX_WORDS} words, numbered from 0 on")
    for needed in (START, END, model["unk_token"]):
        if needed not in words:
            raise ArtifactCorrupt(f"{check.where}: model.vocab has no {needed!r}")


def _check_added(check: Checked, added: Any, words: Mapping[str, int]) -> None:
    check.listed(added, "added_tokens", _check_added_token)
    if len(added) > MAX_ADDED:
        check.refuse(added, "added_tokens", f"{MAX_ADDED} at most")
    for one in added:
        if type(one["id"]) is not int or words.get(one["content"]) != one["id"]:
            check.refuse(one["id"], f"the id of {one['content']!r}", "its number in model.vocab")


def _check_added_token(check: Checked, one: Any, field: str) -> None:
    check.fields(one, field, ("id", "content", *MATCHING))
    check.text(one["content"], f"{field}.content", 100)
    if not one["content"]:
        check.refuse(one["content"], f"{field}.content", "a text")
    for name in MATCHING:
        if type(one[name]) is not bool:
            check.refuse(one[name], f"{field}.{name}", "true or false")
