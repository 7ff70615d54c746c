"""AgentRouter: from a request and the state of a conversation to an agent, or to none (MoMA)."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edge_router.backends.base import Backend
from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatRequest, Prompt
from edge_router.guards.checks import whole_number
from edge_router.routing.arrays import Float32s
from edge_router.routing.artifact.text import last_turn, router_input
from edge_router.settings.constraints import Constraints

from .cache import DecisionCache
from .catalog.agent import NONE, Agent
from .catalog.catalog import AgentCatalog, CatalogView
from .choosing.arguments import with_arguments
from .choosing.chooser import AgentChooser, Choice
from .choosing.models import Models
from .decision import AgentDecision, AgentReason, Candidate
from .ranking.abstention import FALSE_ALARMS, Abstention
from .ranking.categories import Categories
from .ranking.head import AgentHead
from .ranking.scorer import AgentScorer, EmbeddedQuery, Ranking
from .ranking.stored_head import fitted_head, head_file
from .states.state_machine import START, ConversationState, StateMachine, require_state

__all__ = ["AgentRouter"]

MAX_CHARACTERS = 4096  # of a request that is read
DEFAULT_CANDIDATES = 5
DECISION_S = 30.0
SMALLEST = 1e-6  # of a probability
NO_ROWS = np.zeros(0, dtype=np.intp)
UNCALIBRATED = Abstention(threshold=4.5)
"""Until `calibrate` is called: a cosine of about .3 with the nearest agent."""


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """What is computed once for a version of the catalogue."""

    view: CatalogView
    scorer: AgentScorer

    def agent(self, name: str) -> Agent:
        """The agent of that name in this version."""
        return self.view.agents[self.scorer.place[name]]


@dataclass(frozen=True, slots=True, eq=False)
class _Grouped:
    """The categories of a version of the catalogue, the rows of the agents in each, and the
    category of each agent, "" for none."""

    view: CatalogView
    categories: Categories
    rows: Mapping[str, npt.NDArray[np.intp]]
    category_of: tuple[str, ...]


class AgentRouter:
    """Chooses an agent of `catalog` for a request, or none. Thread-safe as its `chooser` is.

    First layer: the `top_categories` nearest categories; None for no such layer. Second layer: the
    `machine`'s state says which agents may be called, and the `candidates` best of them are kept.
    The `chooser` decides among them alone, or by its log-probabilities times `chooser_weight`
    beside the scores: a very small model knows less than the scores do. Without one, the best is
    taken. `writer` fills in arguments. Raises ConfigError for counts below 1.
    Changes of the catalogue count from the next request on, and empty the `cache`.
    """

    def __init__(
        self,
        catalog: AgentCatalog,
        *,
        machine: StateMachine | None = None,
        chooser: AgentChooser | None = None,
        chooser_weight: float | None = None,
        writer: Backend | None = None,
        abstention: Abstention = UNCALIBRATED,
        cache: DecisionCache | None = None,
        candidates: int = DEFAULT_CANDIDATES,
        top_categories: int | None = None,
    ) -> None:
        self.catalog = catalog
        self.abstention = abstention
        self._machine = machine
        self._models = Models(chooser, writer, cache)
        self._chooser_weight = chooser_weight
        self._candidates = whole_number(candidates, f"candidates is {candidates!r}; it")
        if (top := top_categories) is not None:
            whole_number(top, f"top_categories is {top!r}; it")
        self._top_categories = top
        self._head: AgentHead | None = None
        self._fits = 0
        self._lock = threading.Lock()
        self._now: _Prepared | None = None
        self._grouped: _Grouped | None = None

    def fit(self) -> bool:
        """Fit a head to the examples of the agents there are now; False for too few examples.

        About a second for 1,500 examples; milliseconds where the catalogue is kept in a file, and
        any process fitted one to the same examples before. Agents that are added later compete by
        similarity until it is called again. Confidences change with it: calibrate anew.
        """
        path = self.catalog.path
        head = fitted_head(
            self.catalog.view(),
            encoder=self.catalog.embedder.name,
            path=None if path is None else head_file(path),
        )
        with self._lock:
            self._head, self._now = head, None
            self._fits += 1
        return head is not None

    def calibrate(
        self,
        in_scope: Sequence[str],
        out_of_scope: Sequence[str] = (),
        *,
        false_alarms: float = FALSE_ALARMS,
    ) -> Abstention:
        """Set the threshold of abstention from requests that are no agent's examples."""
        scored = [
            [self.rank(text).confidence for text in some] for some in (in_scope, out_of_scope)
        ]
        self.abstention = Abstention.fit(scored[0], scored[1], false_alarms=false_alarms)
        self.clear_cache()
        return self.abstention

    @property
    def has_head(self) -> bool:
        """Whether a head was fitted."""
        return self._head is not None

    def clear_cache(self) -> None:
        if self._models.cache is not None:
            self._models.cache.clear()

    def rank(self, text: str, *, most: int | None = None) -> Ranking:
        """All enabled agents by score, whatever the state. Raises EmptyCatalog."""
        return self._prepared().scorer.rank(self._query(text), most=most)

    def categories(self) -> Categories:
        """The categories of the enabled agents. Raises EmptyCatalog."""
        return self._groups(self._prepared()).categories

    def route(
        self,
        prompt: Prompt,
        *,
        state: ConversationState = START,
        events: Sequence[str] = (),
        deadline: Deadline | None = None,
        constraints: Constraints | None = None,
    ) -> AgentDecision:
        """The decision. The state is read from the last turn alone; where that is short, agents are
        compared with the turn before it too. Where `constraints` keep the request on the user's own
        machines, neither chooser nor writer is asked over the network.

        Raises EmptyCatalog, InvalidRequest, CatalogError, InvalidAgent for a state that is not
        defined, and BackendError where a language model is asked and fails.
        """
        require_state(state)
        happened = (events,) if isinstance(events, str) else tuple(events)
        request = ChatRequest.of(prompt)
        asked = self._models.under(constraints)
        text, turn = (read(request, MAX_CHARACTERS) for read in (router_input, last_turn))
        earlier = "" if self._machine is None else text.removesuffix(turn)
        prepared = self._prepared()
        context = prepared.view.version, self._fits, state, happened, earlier

        def written(decision: AgentDecision) -> AgentDecision:
            agent = None if decision.agent is None else prepared.agent(decision.agent)
            until = deadline or Deadline.after(DECISION_S)
            return with_arguments(decision, agent, text, writer=asked.writer, deadline=until)

        if asked.cache and (hit := asked.cache.exact(text, context)) is not None:
            return hit if hit.faults else written(hit)
        query, moved = self._query(text), state
        if self._machine is not None:
            vector = self.catalog.embedder.embed([turn])[0] if earlier else query.vector
            moved = self._machine.next(state, turn, vector, happened)
        if asked.cache:
            hit = asked.cache.semantic(query.vector, context, moved.atoms)
            if hit is not None:
                return written(replace(hit, state=moved))
        decision = self._decide(prepared, query, moved, chooser=asked.chooser, deadline=deadline)
        decision = written(replace(decision, before=state))
        if asked.cache is not None:
            asked.cache.keep(query.text, query.vector, context, decision)
        return decision

    def _decide(
        self,
        prepared: _Prepared,
        query: EmbeddedQuery,
        state: ConversationState,
        *,
        chooser: AgentChooser | None,
        deadline: Deadline | None,
    ) -> AgentDecision:
        rows, categories = self._callable_rows(prepared, query, state)
        if rows is not None and not len(rows):
            none = AgentReason.NO_AGENT_IN_STATE
            return AgentDecision(None, none, state=state, categories=categories)
        ranking = prepared.scorer.rank(query, most=self._candidates, among=rows)
        choice = self._choice(prepared, query, ranking, state, chooser=chooser, deadline=deadline)
        decision = AgentDecision(
            ranking.best,
            AgentReason.HEAD if self._head else AgentReason.SIMILARITY,
            candidates=_candidates(ranking, choice),
            confidence=ranking.confidence,
            in_scope=self.abstention.probability(ranking.confidence),
            state=state,
            categories=categories,
        )
        if self.abstention.abstains(ranking.confidence):
            return replace(decision, agent=None, reason=AgentReason.OUT_OF_SCOPE)
        if choice is None or not choice.probabilities:
            return decision
        name = choice.name
        if self._chooser_weight is not None:
            name = _together(ranking, choice, self._chooser_weight)
        if name == NONE:
            return replace(decision, agent=None, reason=AgentReason.OUT_OF_SCOPE)
        return replace(decision, agent=name, reason=AgentReason.LANGUAGE_MODEL)

    def _callable_rows(
        self, prepared: _Prepared, query: EmbeddedQuery, state: ConversationState
    ) -> tuple[npt.NDArray[np.intp] | None, tuple[str, ...]]:
        """Rows of the agents that both layers leave, None for all; and the categories."""
        rows: npt.NDArray[np.intp] | None = None
        if self._machine is not None and state.atoms:
            agents, asks = prepared.view.agents, self._machine.asks_categories(state)
            names = self._groups(prepared).category_of if asks else ("",) * len(agents)
            rows = np.array(self._machine.callable_agents(state, agents, names), dtype=np.intp)
        if self._top_categories is None:
            return rows, ()
        groups = self._groups(prepared)
        top = [one.name for one in groups.categories.top(query.vector, self._top_categories)]
        near = np.unique(np.concatenate([NO_ROWS, *(groups.rows[name] for name in top)]))
        both = near if rows is None else np.intersect1d(near, rows)
        return both, tuple(top)

    def _choice(
        self,
        prepared: _Prepared,
        query: EmbeddedQuery,
        ranking: Ranking,
        state: ConversationState,
        *,
        chooser: AgentChooser | None,
        deadline: Deadline | None,
    ) -> Choice | None:
        """The language model's choice among the candidates, in the catalogue's order."""
        if chooser is None or self.abstention.abstains(ranking.confidence):
            return None
        rows = sorted(prepared.scorer.place[name] for name in ranking.names)
        return chooser.choose(
            [prepared.view.agents[row] for row in rows],
            query.text,
            deadline=deadline or Deadline.after(DECISION_S),
            state=state.name if state.atoms and self._machine is not None else "",
        )

    def _query(self, text: str) -> EmbeddedQuery:
        vector: Float32s = self.catalog.embedder.embed([text])[0]
        return EmbeddedQuery.of(text, vector)

    def _prepared(self) -> _Prepared:
        view = self.catalog.view()
        with self._lock:
            if self._now is None or self._now.view is not view:
                if self._now is not None and self._now.view.version != view.version:
                    self.clear_cache()
                self._now = _Prepared(view, AgentScorer(view, self._head))
            return self._now

    def _groups(self, prepared: _Prepared) -> _Grouped:
        """Made only where something asks for categories: with thousands of agents
        that state none, clustering takes seconds."""
        with self._lock:
            if self._grouped is None or self._grouped.view is not prepared.view:
                known = None if self._grouped is None else self._grouped.categories
                categories = _categories(prepared.scorer, known)
                own = {name: one.name for one in categories.all for name in one.members}
                agents = prepared.view.agents
                named = tuple(agent.category or own.get(agent.name, "") for agent in agents)
                rows = categories.rows(prepared.scorer.place)
                self._grouped = _Grouped(prepared.view, categories, rows, named)
            return self._grouped


def _candidates(ranking: Ranking, choice: Choice | None) -> tuple[Candidate, ...]:
    chosen = choice.probabilities if choice is not None else {}
    scored = zip(ranking.names, ranking.scores, ranking.similarities, strict=True)
    return tuple(Candidate(name, a, b, chosen.get(name)) for name, a, b in scored)


def _together(ranking: Ranking, choice: Choice, weight: float) -> str:
    """The best candidate by score and by the model's log-probability."""
    shares = np.array([choice.probabilities.get(name, 0.0) for name in ranking.names])
    both = np.array(ranking.scores) + weight * np.log(np.maximum(shares, SMALLEST))
    return ranking.names[int(both.argmax())]


def _categories(scorer: AgentScorer, known: Categories | None) -> Categories:
    """Those of the view: made at first, then with new agents placed and lost ones taken out."""
    view, centroids = scorer.view, scorer.centroids
    if known is None or not known.all:
        return Categories.of(view.agents, centroids)
    members = {name for category in known.all for name in category.members}
    for name in members - set(view.names):
        known = known.without(name)
    for row, agent in enumerate(view.agents):
        if agent.name not in members:
            known = known.placed(agent, centroids[row])
    return known
