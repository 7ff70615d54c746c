"""An agent: a tool, a skill or a service that a request can be handed to."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from edge_router.errors import ConfigError, InvalidAgent
from edge_router.guards.checks import FrozenDict, any_text, checked, flag, text, texts
from edge_router.guards.json_lines import is_unicode
from edge_router.guards.redaction import quoted_json

from .look_alikes import has_hidden_characters, looks_of
from .schema import check_schema

__all__ = ["NONE", "Agent"]

NONE = "none"
"""The choice of no agent; no agent may have this name."""

MAX_NAME = 128  # characters
MAX_DESCRIPTION = 16_384
MAX_EXAMPLES = 10_000
MAX_EXAMPLE = 16_384  # characters
MARKS = {"Mn", "Mc", "Me", "Cf"}  # Unicode's categories of what a letter carries
MAX_SPOKEN = 600  # characters of a description that is embedded and prompted
ASKED_FOR = ("what is my ", "can you ")  # before a name; chosen on four sets of intents' dev splits

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_WORDS = re.compile("A?a+|A+(?!a)|1+|x+")  # in the kinds of a name's characters, see `_kinds`


@dataclass(frozen=True, slots=True)
class Agent:
    """What is known of an agent. `input_schema` and `output_schema` are JSON schemas.

    `examples` are requests that it does. `prefix` groups agents of one provider ("browser_");
    states filter by it. `category` is given top-down; without one, it is assigned by similarity.
    A disabled agent is never chosen. Raises InvalidAgent for a name that is empty, too long, has
    control characters or is "none", and for a schema that is none.
    """

    name: str
    description: str = ""
    input_schema: Mapping[str, Any] = field(default_factory=dict)
    output_schema: Mapping[str, Any] = field(default_factory=dict)
    examples: tuple[str, ...] = ()
    prefix: str = ""
    category: str | None = None
    enabled: bool = True

    def __post_init__(self) -> None:
        try:
            for key, value in checked(asdict(self), CHECKS, "an agent").items():
                object.__setattr__(self, key, value)
        except ConfigError as error:
            raise InvalidAgent(str(error)) from None
        _check_name(self.name)
        who = f"agent {self.name!r}"
        self._check_lengths(who)
        for key in ("input_schema", "output_schema"):
            schema = check_schema(getattr(self, key), f"{key} of {who}")
            object.__setattr__(self, key, FrozenDict(schema))

    def _check_lengths(self, who: str) -> None:
        if len(self.description) > MAX_DESCRIPTION:
            raise InvalidAgent(f"the description of {who} is over {MAX_DESCRIPTION:,} characters")
        if len(self.examples) > MAX_EXAMPLES:
            raise InvalidAgent(f"{who} has over {MAX_EXAMPLES:,} examples")
        if not all(0 < len(one) <= MAX_EXAMPLE and not one.isspace() for one in self.examples):
            raise InvalidAgent(f"an example of {who} is empty or over {MAX_EXAMPLE:,} characters")
        written = (self.name, self.description, self.prefix, self.category or "", *self.examples)
        if not all(map(is_unicode, written)):
            raise InvalidAgent(f"a text of {who} cannot be written as UTF-8")

    @property
    def spoken_name(self) -> str:
        """The name as words: "bookFlight_v2" is "book flight v 2"."""
        name = self.name.removeprefix(self.prefix) or self.name
        words = (name[slice(*one.span())] for one in _WORDS.finditer(_kinds(name)))
        return " ".join(word.lower() for word in words) or self.name

    @property
    def spoken(self) -> str:
        """Name and description as the text that is embedded."""
        described = self.description[:MAX_SPOKEN].strip()
        return f"{self.spoken_name}: {described}" if described else self.spoken_name

    @property
    def phrasings(self) -> tuple[str, ...]:
        """The texts whose mean embedding stands for name and description.

        A name alone is unlike the requests that mean it, so it is phrased as a question and as a
        command too. The phrases are English: a name in another script stays as it is.
        """
        if self.examples or self.description.strip() or not self.name.isascii():
            return (self.spoken,)
        return (self.spoken, *(before + self.spoken_name for before in ASKED_FOR))

    @classmethod
    def from_json(cls, stated: Any, name: str | None = None) -> Agent:
        """An agent from the object that `to_json` gives; `name` if the object has none.

        Raises InvalidAgent for anything else, and for keys that are unknown.
        """
        if not isinstance(stated, Mapping):
            raise InvalidAgent(
                f"an agent is {quoted_json(stated)}; it must be a table or an object"
            )
        fields = dict(stated) if name is None else {"name": name, **stated}
        if "name" not in fields:
            raise InvalidAgent(f"an agent has no name: {quoted_json(stated)}")
        try:
            return cls(**checked(fields, CHECKS, f"agent {fields['name']!r}"))
        except ConfigError as error:
            raise InvalidAgent(str(error)) from None

    def to_json(self) -> dict[str, Any]:
        """Every field by its name."""
        fields = {name: getattr(self, name) for name in CHECKS}
        return fields | {"examples": list(self.examples)}


def _kinds(name: str) -> str:
    """A for each upper-case letter, a for lower-case ones, x for those without case, 1 for digits,
    "-" for the rest; a mark and a joiner belong to the letter before them."""
    kinds = ""
    for letter in name:
        if kinds and unicodedata.category(letter) in MARKS:
            kinds += kinds[-1]
        elif letter.isdecimal():
            kinds += "1"
        elif letter.isalnum():
            kinds += "A" if letter.isupper() else "a" if letter.islower() else "x"
        else:
            kinds += "-"
    return kinds


def _check_name(name: str) -> None:
    unseen = _CONTROL.search(name) or has_hidden_characters(name)
    if not name.strip() or len(name) > MAX_NAME or unseen:
        raise InvalidAgent(
            f"an agent is called {ascii(name[:MAX_NAME]) if unseen else repr(name[:MAX_NAME])}; a "
            f"name has 1 to {MAX_NAME} characters, none of them a control character or invisible"
        )
    if looks_of(name).lower() == NONE:
        raise InvalidAgent(f"an agent is called {name!r}, which stands for no agent; rename it")


def _schema(value: Any, fault: str) -> Any:
    """Checked with the agent's name at hand; None means no parameters."""
    del fault
    return {} if value is None else value


def _category(value: Any, fault: str) -> str | None:
    return None if value is None else text(value, fault)


CHECKS = {
    "name": any_text,
    "description": any_text,
    "input_schema": _schema,
    "output_schema": _schema,
    "examples": texts,
    "prefix": any_text,
    "category": _category,
    "enabled": flag,
}
