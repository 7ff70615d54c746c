"""Which conversations may be answered from a cache, and the keys under which they are kept.

A key covers everything that shapes an answer: each turn before the last one word for word, the
options of the answer, who asks, the settings, the limits of the query and the rule that decides.
So no answer is given under other settings than those that it was written under, and none to another
caller or user.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass, replace
from types import MappingProxyType
from typing import Any

from edge_router.chat.message import Message
from edge_router.chat.request import ChatRequest
from edge_router.settings.config import Config
from edge_router.settings.constraints import Constraints

__all__ = ["NONE", "Keys", "is_cacheable", "is_rewordable", "keys_of", "settings_key"]

LONGEST_REWORDED = 600  # characters of a last turn that is compared by its meaning
NO_MATTER = frozenset(
    "cache budget budget_usd deadline_s learn learn_prompts learn_rows exploration keep_speeds "
    "data_dir min_battery hedge_after_s tasks".split()
)
"""Settings that say nothing of what an answer is like, or who may read the query."""
NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Keys:
    """Hashes of a conversation: `whole` of all, `context` of all but the words of the last turn."""

    whole: bytes
    context: bytes


def is_cacheable(request: ChatRequest) -> bool:
    """Whether the same request may have the same answer: text only, no tools, no random choice that
    the caller asks for, and a last turn that is the user's."""
    return (
        not request.tools
        and not request.logprobs
        and not request.temperature
        and request.messages[-1].role == "user"
        and all(_is_plain(message) for message in request.messages)
    )


def is_rewordable(request: ChatRequest) -> bool:
    """Whether the same in other words may have the same answer: a last turn of ordinary length,
    and an answer in free text."""
    form = request.response_format
    return (
        0 < len(request.question.strip()) <= LONGEST_REWORDED
        and "\n" not in request.question.strip()
        and (form is None or form.type == "text")
    )


def _is_plain(message: Message) -> bool:
    return not (message.media or message.tool_calls or message.role == "tool")


def keys_of(
    request: ChatRequest, *, rule: object, limits: Constraints, settings: bytes
) -> Keys | None:
    """The keys of a request that a `rule` decides under `limits` and `settings` (as `settings_key`
    gives them). None for a rule that is no value, and so cannot be compared."""
    stated = _rule_key(rule)
    if stated is None:
        return None
    *before, last = request.messages
    around = replace(last, content="")
    content = {
        "settings": settings.hex(),
        "rule": stated,
        "limits": _limits(limits),
        "request": replace(request, messages=(*before, _MARK)).to_json(),
        "last": around.to_json(),
    }
    context = _hash(content)
    return Keys(_hash({"context": context.hex(), "question": last.text}), context)


def settings_key(config: Config, artifact: str, own: Mapping[str, str] = NONE) -> bytes:
    """The hash of all settings that shape an answer, of the router `artifact` (its hash), and of
    the classes of a program's `own` backends, which answer instead of those of the settings."""
    stated = {name: one for name, one in config.to_json().items() if name not in NO_MATTER}
    backends = {"own": own} if own else {}
    return _hash({"artifact": artifact, "settings": stated, **backends})


def _limits(limits: Constraints) -> Mapping[str, Any]:
    """The limits of a query, but for what is left of a budget, which falls with every answer."""
    return asdict(replace(limits, budget_left_usd=None))


def _rule_key(rule: object) -> str | None:
    """A rule's class and fields, where they are plain values. The rules for queries that need
    live data, and for a conversation with an expert, count as the usual one: which of them decides
    follows from the conversation."""
    rule = getattr(rule, "usual", rule)
    if not is_dataclass(rule) or " at 0x" in repr(rule):
        return None
    return f"{type(rule).__module__}.{rule!r}"


def _hash(content: Mapping[str, Any]) -> bytes:
    plain = json.dumps(content, sort_keys=True, ensure_ascii=True, default=_plain)
    return hashlib.sha256(plain.encode()).digest()


def _plain(value: Any) -> Any:
    """A value that JSON does not have, as one that it has."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    return f"{type(value).__qualname__}:{value!s}"


_MARK = Message("user", "?")
