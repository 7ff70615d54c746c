"""The context-aware finite state machine of MoMA (equations 22 to 25): states of a conversation
decide which agents may be called."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from edge_router.errors import InvalidAgent
from edge_router.guards.redaction import quoted_json
from edge_router.routing.arrays import Float32s

from ..catalog.agent import Agent
from ..catalog.embedding import Embedder
from .rules import GENERIC, JOINT, Rule, State

__all__ = ["START", "ConversationState", "StateMachine", "require_state"]

log = logging.getLogger("edge_router")

NEAR = 0.45  # cosine with a state prompt from which the state is entered
SURE = 0.6  # the same, for a state to be added to that of a rule
ALMOST = 0.9  # of the nearest prompt's cosine: such states make a composite one
MOST_ATOMS = 3
RULES_S = 0.5  # for the rules of a turn together; later ones do not count in it then
LASTING = 3  # turns that a state survives without any new sign of it
MOST_NAMED, LONGEST, MOST_QUIET = 16, 512, 1_000_000  # in a state, which clients give back


def _is_short(text: object) -> bool:
    return isinstance(text, str) and len(text) <= LONGEST


@dataclass(frozen=True, slots=True)
class ConversationState:
    """Where a conversation stands. `atoms` are its atomic states, several in a composite state.

    `quiet` counts the turns since a rule or a prompt last spoke for it; `reason` says which did.
    Raises InvalidAgent for values of other types.
    """

    atoms: tuple[str, ...] = ()
    quiet: int = 0
    reason: str = "start"

    def __post_init__(self) -> None:
        if isinstance(self.atoms, list):
            object.__setattr__(self, "atoms", tuple(self.atoms))
        named = isinstance(self.atoms, tuple) and all(map(_is_short, self.atoms))
        counted = type(self.quiet) is int and 0 <= self.quiet <= MOST_QUIET
        if not (named and len(self.atoms) <= MOST_NAMED and counted and _is_short(self.reason)):
            quiet = self.quiet if counted else type(self.quiet).__name__
            raise InvalidAgent(
                f"a state of a conversation has atoms {self.atoms!r:.80}, quiet {quiet} and "
                f"reason {self.reason!r:.80}; it needs at most {MOST_NAMED} names, a whole number "
                f"up to {MOST_QUIET} and a text, none of over {LONGEST} characters"
            )

    @classmethod
    def from_json(cls, stated: Any) -> Self:
        """From the `state` of a decision's JSON: a conversation goes on after a restart.

        Raises InvalidAgent.
        """
        if not isinstance(stated, Mapping) or not {"atoms", "quiet", "reason"} <= stated.keys():
            raise InvalidAgent(
                f"a state of a conversation is {quoted_json(stated)}; give the `state` of a "
                "decision, an object with atoms, quiet and reason"
            )
        return cls(stated["atoms"], stated["quiet"], stated["reason"])

    @property
    def name(self) -> str:
        """TRAVEL, TRAVEL_AND_FOOD, or GENERIC."""
        return JOINT.join(self.atoms) or GENERIC


START = ConversationState()


def require_state(state: object) -> None:
    """Raise InvalidAgent for anything but a ConversationState."""
    if not isinstance(state, ConversationState):
        raise InvalidAgent(
            f"the state is {state!r:.80}; give `decision.state` of the turn before, or START"
        )


class StateMachine:
    """States, rules, and the transition and action functions. Immutable, thread-safe.

    Raises InvalidAgent for two states of one name and for a rule with an unknown state.
    """

    def __init__(
        self,
        states: Sequence[State],
        rules: Sequence[Rule],
        embedder: Embedder,
        *,
        near: float = NEAR,
        sure: float = SURE,
    ) -> None:
        self.states = {state.name: state for state in states}
        self.rules = tuple(rules)
        self.near, self.sure = near, sure
        if len(self.states) < len(states):
            raise InvalidAgent("two states have one name")
        for name in (name for rule in rules for name in (*rule.states, *rule.since)):
            if name not in self.states:
                raise InvalidAgent(f"a rule names the state {name!r}, which is not defined")
        self._prompted = [state.name for state in states if state.prompt.strip()]
        prompts = [self.states[name].prompt for name in self._prompted]
        self._prompts = embedder.embed(prompts) if prompts else np.zeros((0, 0), np.float32)

    def next(
        self,
        state: ConversationState,
        text: str,
        vector: Float32s,
        events: Sequence[str] = (),
    ) -> ConversationState:
        """The transition function: rules first, then prompts by cosine, combined.

        `vector` (dim,) embeds the text. Where neither says anything the state stays, for LASTING
        turns at most. A rule for GENERIC alone leaves every state. Raises InvalidAgent for a state
        that is not defined here.
        """
        self._require_defined(state)
        applying = self._applying(text, events, state)
        ruled = [name for rule in applying for name in rule.states]
        near = self._near(vector)
        if applying:
            joined = [name for name, cosine in near if cosine >= self.sure] if ruled else []
            reason = f"rule: {applying[0].words}"
            return ConversationState(self._ordered([*ruled, *joined]), 0, reason)
        if near:
            return ConversationState(self._ordered([name for name, _ in near]), 0, "state prompt")
        if state.atoms and state.quiet < LASTING:
            return ConversationState(state.atoms, state.quiet + 1, "kept from an earlier turn")
        return ConversationState(reason="nothing names a state")

    def _require_defined(self, state: ConversationState) -> None:
        for name in state.atoms:
            if name not in self.states:
                raise InvalidAgent(
                    f"the conversation is in the state {name!r:.80}, which is not defined; defined "
                    f"are {', '.join(self.states) or 'none'}; begin it anew with START"
                )

    def _applying(self, text: str, events: Sequence[str], state: ConversationState) -> list[Rule]:
        """The rules whose conditions hold, of those that can be looked at within RULES_S."""
        until = time.monotonic() + RULES_S
        applying = []
        for number, rule in enumerate(self.rules):
            if time.monotonic() > until:
                left = len(self.rules) - number
                log.warning("%d rules of states did not count: those before took too long", left)
                break
            if rule.applies(text, events, state.atoms):
                applying.append(rule)
        return applying

    def _near(self, vector: Float32s) -> list[tuple[str, float]]:
        """States whose prompts are near (equation 24), the nearest first."""
        if not self._prompted:
            return []
        cosines = self._prompts @ vector
        order = np.argsort(-cosines, kind="stable")[:MOST_ATOMS]
        least = max(self.near, ALMOST * float(cosines[order[0]]))
        return [
            (self._prompted[at], float(cosines[at])) for at in order if float(cosines[at]) >= least
        ]

    def _ordered(self, names: Sequence[str]) -> tuple[str, ...]:
        """The first MOST_ATOMS in the order of definition: a composite state has one name."""
        first = list(dict.fromkeys(names))[:MOST_ATOMS]
        return tuple(name for name in self.states if name in first)

    def asks_categories(self, state: ConversationState) -> bool:
        """Whether it matters in a state which category an agent is of."""
        return any(name in self.states and self.states[name].categories for name in state.atoms)

    def callable_agents(
        self, state: ConversationState, agents: Sequence[Agent], categories: Sequence[str]
    ) -> list[int]:
        """The action function: the rows of `agents` that may be called in a state.

        `categories` names the category of each agent, "" for none. An atomic state without prefixes
        and categories lets every agent be called, and so does GENERIC. Raises InvalidAgent for a
        state that is not defined here.
        """
        self._require_defined(state)
        atoms = [self.states[name] for name in state.atoms]
        if not atoms or not all(one.prefixes or one.categories for one in atoms):
            return list(range(len(agents)))
        prefixes = tuple({prefix for one in atoms for prefix in one.prefixes})
        wanted = {category for one in atoms for category in one.categories}
        return [
            row
            for row, (agent, category) in enumerate(zip(agents, categories, strict=True))
            if category in wanted or agent.prefix in prefixes or agent.name.startswith(prefixes)
        ]
