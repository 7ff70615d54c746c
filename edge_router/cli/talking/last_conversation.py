"""The last conversation of `ask` and `chat`, in a file of this user alone, for `--continue`."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from edge_router.chat.message import Message, messages_of
from edge_router.chat.request import ChatRequest
from edge_router.errors import InvalidRequest
from edge_router.guards.data_folder import write_atomically
from edge_router.guards.stored_json import FAULTS, read_object
from edge_router.settings.constraints import Constraints, Placement

from ..printing import print_dim

if TYPE_CHECKING:
    from edge_router.layers.privacy.gate import PrivacyGate
    from edge_router.settings.config import Config

__all__ = ["NOTHING_SAID", "Conversation", "LastConversation"]

FILE = "last-conversation.json"
MOST_BYTES = 1 << 20
OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was said, without a system message, and where it must stay: `own_device` and `own_lan`
    hold for what is said in it later too."""

    messages: tuple[Message, ...] = ()
    own_device: bool = False
    own_lan: bool = False

    def within(self, stated: Constraints | None) -> Constraints | None:
        """The limits of an answer to it, which are the `stated` ones or stricter; None for none."""
        if not (self.own_device or self.own_lan):
            return stated
        own = Placement.ONLY_ON_DEVICE if self.own_device else Placement.ONLY_ON_LAN
        return Constraints(placement=own).tightened(stated or Constraints())

    def with_turns(self, said: Message, answer: str, limits: Constraints) -> Conversation:
        """The conversation with one more question, asked within `limits`, and its answer."""
        return Conversation(
            (*self.messages, said, Message("assistant", answer)),
            self.own_device or limits.nothing_leaves,
            self.own_lan or limits.own_machines_only,
        )

    def to_json(self) -> dict[str, Any]:
        """The file's content; `of_json` reads it."""
        turns = [{"role": str(one.role), "content": one.text} for one in self.messages]
        return {"own_device": self.own_device, "own_lan": self.own_lan, "messages": turns}

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> Self:
        """The inverse of `to_json`; what is not clearly False keeps the conversation here."""
        own = content.get("own_device") is not False, content.get("own_lan") is not False
        return cls(messages_of(content["messages"]), *own)


NOTHING_SAID = Conversation()


@dataclass(frozen=True, slots=True)
class LastConversation:
    """The file at `path`, None where nothing may be kept. `gate` finds what is private: by settings
    that keep private data from any expert, it is kept in no file either."""

    path: Path | None
    gate: PrivacyGate | None

    @classmethod
    def of(cls, config: Config) -> Self:
        """The last conversation by the settings `keep_conversation`, `data_dir` and `[privacy]`."""
        from edge_router.client.arguments import gate_of

        path = config.data_folder / FILE if config.keep_conversation else None
        return cls(path, gate_of(config))

    def read(self) -> Conversation:
        """The conversation to continue. Raises InvalidRequest where there is none."""
        if self.path is None:
            raise InvalidRequest("keep_conversation = false keeps no conversation to continue")
        try:
            return Conversation.of_json(read_object(self.path))
        except FileNotFoundError:
            raise InvalidRequest(
                "there is no conversation to continue; ask something without --continue first"
            ) from None
        except (*FAULTS, InvalidRequest) as error:
            raise InvalidRequest(
                f"{str(self.path)!r} is not as it was written ({error}); delete it"
            ) from None

    def keep(self, conversation: Conversation) -> None:
        """Replace the file; remove it where the conversation may not be kept. An answer that was
        given is no failure because its file cannot be written: that is said in a line."""
        if self.path is None:
            return
        why = self._obstacle(conversation)
        try:
            if why:
                self.path.unlink(missing_ok=True)
                print_dim(f"this conversation is not kept for --continue: {why}")
            else:
                content = json.dumps(conversation.to_json())
                write_atomically(self.path, content, mode=OWNER_ONLY, durable=False)
        except OSError as error:
            with suppress(OSError):  # else --continue would take up an older one, and its limits
                self.path.unlink(missing_ok=True)
            print_dim(f"this conversation is not kept for --continue: {error.strerror or error}")

    def is_private(self, line: str) -> bool:
        """Whether a line holds what the settings keep from any expert."""
        return self.gate is not None and self.gate.finds(ChatRequest((Message("user", line),)))

    def _obstacle(self, conversation: Conversation) -> str:
        """Why it may not be kept, "" if it may."""
        if sum(len(one.text.encode()) for one in conversation.messages) > MOST_BYTES:
            return f"it is longer than {MOST_BYTES:,} bytes"
        if self.gate is not None and self.gate.finds(ChatRequest(conversation.messages)):
            return "something private is in it, by the settings [privacy]"
        return ""
