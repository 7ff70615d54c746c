"""edge-router chat: a conversation, each turn routed."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_router.errors import EdgeRouterError

from ...consent import terminal_consent
from ...options import (
    add_caller,
    add_command,
    add_continue,
    as_typed,
    config_of,
    limits_of,
    request_of,
)
from ...printing import print_dim, print_error, print_stream
from .route import print_explanation

if TYPE_CHECKING:
    from edge_router.chat.message import Message
    from edge_router.client.answer import AnswerStream
    from edge_router.client.sync_client import EdgeRouter
    from edge_router.routing.deciding.decision import Decision
    from edge_router.routing.deciding.ranked_rule import RankedRule
    from edge_router.settings.constraints import Constraints

    from ...talking.last_conversation import Conversation, LastConversation

__all__ = ["add"]


HELP = """\
/system TEXT  tell the expert TEXT before all else; nothing takes it back
/expert NAME  have NAME answer from now on; nothing or auto leaves it to the router
/explain      what the last decision rests on
/exit         leave, as the end of input does
//...         say a line that begins with /"""


def add(commands: Any) -> None:
    """Register the command."""
    chat = add_command(commands, "chat", _chat, json=False)
    add_continue(chat)
    chat.add_argument("--max-tokens", type=int, default=None, help="length limit of an answer")
    chat.add_argument("--system", metavar="TEXT", help="what the expert is told before all else")
    add_caller(chat)
    chat.epilog = "Lines that begin with / are commands: /help lists them."


def _chat(options: argparse.Namespace) -> None:
    from edge_router.client.sync_client import EdgeRouter

    from ...talking.last_conversation import NOTHING_SAID, LastConversation
    from ...talking.typed_lines import TypedLines

    limit = request_of("Hello", options.max_tokens).max_tokens
    config = config_of(options)
    last, limits = LastConversation.of(config), limits_of(options)
    so_far = last.read() if options.goes_on else NOTHING_SAID
    with EdgeRouter(config, consent=terminal_consent()) as router:
        talk = Talk(router, limit, last, so_far, limits, as_typed(options.system or ""))
        lines = iter(TypedLines.of(config, last.is_private))
        with closing(lines):  # so that they are kept whatever ends the talk
            talk.listen_to(lines)


@dataclass(slots=True)
class Talk:
    """A conversation under way; `expert` answers all of it, None for whom the router picks."""

    router: EdgeRouter
    max_tokens: int
    last: LastConversation
    so_far: Conversation
    limits: Constraints | None = None
    system: str = ""
    expert: str | None = None
    decision: Decision | None = None

    def listen_to(self, lines: Iterable[str]) -> None:
        """Answer each line, or do what it asks for, until the last one or /exit."""
        for line in lines:
            if line.startswith("/") and not line.startswith("//"):
                if not self.command(line):
                    return
            else:
                self.say(line.removeprefix("/") if line.startswith("//") else line)

    def say(self, line: str) -> None:
        """Print the answer to a line. One that fails or is cancelled leaves the history as it was,
        without the line."""
        from edge_router.chat.message import Message

        from ...talking.loading import loading_words

        try:
            said = Message("user", line)
            answer = print_stream(self._asked(said), loading_words(self.router))
            self.so_far = self.so_far.with_turns(said, answer, self.router.constraints())
            self.last.keep(self.so_far)
        except KeyboardInterrupt:
            print_dim("cancelled")
        except EdgeRouterError as error:
            print_error(error)

    def _asked(self, said: Message) -> AnswerStream:
        from edge_router.chat.message import Message
        from edge_router.chat.request import ChatRequest

        first = [Message("system", self.system)] if self.system else []
        rule = None if self.expert is None else _named(self.expert)
        messages = (*first, *self.so_far.messages, said)
        request = ChatRequest(messages, max_tokens=self.max_tokens)
        limits = self.so_far.within(self.limits)
        stream = self.router.stream(request, constraints=limits, rule=rule)
        self.decision = stream.decision
        return stream

    def command(self, line: str) -> bool:
        """Do what a line that begins with / asks for; False ends the conversation."""
        name, _, rest = line[1:].partition(" ")
        rest = rest.strip()
        if name in ("exit", "quit", "bye"):
            return False
        if name == "system":
            self.system = rest
            print_dim(f"system: {rest or 'none'}")
        elif name == "expert":
            self._choose(rest)
        elif name == "explain":
            self._explain()
        else:
            print_dim(HELP if name in ("help", "?") else f"/{name} is unknown\n{HELP}")
        return True

    def _choose(self, name: str) -> None:
        experts = list(self.router.config.experts)
        if name and name != "auto" and name not in experts:
            print_dim(f"no expert is called {name!r}; there are {', '.join(experts)}")
            return
        self.expert = name if name and name != "auto" else None
        print_dim(f"{self.expert or 'the expert that the router picks'} answers from now on")

    def _explain(self) -> None:
        if self.decision is None:
            print_dim("nothing was asked yet")
        else:
            print_explanation(self.router.router.explain(self.decision), as_json=False)


def _named(expert: str) -> RankedRule:
    """The rule that prefers one expert; where it may not answer, the others follow."""
    from edge_router.routing.deciding.ranked_rule import RankedRule
    from edge_router.routing.deciding.reason import Reason

    return RankedRule((expert,), label="your choice", reason=Reason.ASKED_BY_NAME)
