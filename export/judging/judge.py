"""Has an expert judge answers, one line in a journal for each verdict, and joins them to rows."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean

from tqdm import tqdm

from edge_router.backends.base import Backend
from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import CHARACTERS_PER_TOKEN, ChatCompletion, ChatRequest
from edge_router.errors import ConfigError
from edge_router.learning.enrolment.asking import Retries, outcome_row, record
from edge_router.learning.outcomes.rows import Row
from edge_router.routing.experts.expert import Pricing

from ..collecting.collect import journal_of
from ..data.rows import write_rows
from .cases import Case, Mode, Questionnaire, cases
from .verdict import verdict

__all__ = ["Judge", "Judgement", "judge_answers", "judged_rows"]

SOURCE = "judge"
ATTEMPTS = 3
FIRST_PAUSE_S = 0.5
DEADLINE_S = 120.0
FAILURES_IN_A_ROW = 20
KEPT_REPLY_CHARS = 200
COPIED = ("source", "id", "qkey", "split", "task", "lang", "query")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge said of one case: `value` 0..1 for its first expert, None where the reply
    could not be read."""

    case: Case
    value: float | None


@dataclass(frozen=True, slots=True)
class Judge:
    """An expert that judges. `budget_usd` bounds what all its verdicts may cost at `pricing`, those
    of former runs included; None means no bound."""

    name: str
    backend: Backend
    pricing: Pricing | None = None
    budget_usd: float | None = None
    first_pause_s: float = FIRST_PAUSE_S

    def ask(self, request: ChatRequest, mode: Mode) -> dict[str, object]:
        """The verdict, or the reply where there is none in it, and what it cost. Raises
        BackendError."""
        retries = Retries(ATTEMPTS, self.first_pause_s)
        answer = retries.run(
            lambda: self.backend.complete(request, deadline=Deadline.after(DEADLINE_S))
        )
        value = verdict(answer.text, mode)
        return {
            "score": value,
            "reply": answer.text[:KEPT_REPLY_CHARS] if value is None else None,
            "cost_usd": self._cost(request, answer),
        }

    def _cost(self, request: ChatRequest, answer: ChatCompletion | None = None) -> float:
        """Dollars; the most it may cost while the answer is not there, or was not counted."""
        if self.pricing is None:
            return 0.0
        usage = answer.usage if answer else None
        if usage is not None:
            return self.pricing.cost(usage.prompt_tokens, usage.completion_tokens)
        return self.pricing.cost(request.characters / CHARACTERS_PER_TOKEN, request.max_tokens)

    def check_budget(self, request: ChatRequest, spent: float) -> None:
        """Raises ConfigError where what is left does not pay for one more verdict."""
        if self.budget_usd is None:
            return
        if self.pricing is None:
            raise ConfigError(f"a budget is set, and the price of {self.name!r} is not known")
        if spent + self._cost(request) > self.budget_usd:
            raise ConfigError(
                f"the budget of ${self.budget_usd:g} is spent; the verdicts are kept, raise it to "
                "go on"
            )


def judge_answers(
    rows: Sequence[Row],
    questionnaire: Questionnaire,
    one: Judge,
    out: Path,
    *,
    seed: int = 0,
) -> list[Judgement]:
    """Verdicts on all answers of `rows`; writes the judged rows to `out`.

    Every verdict is a line in a journal beside `out`, known by a hash of what the judge read: the
    same question with the same answers, rubric and prompt is never asked again, by a run that was
    killed, one whose budget was raised or one over more rows. A reply that cannot be read is kept
    as such; a judge that fails is asked three times, and again by the next run. Raises
    ExpertKeepsFailing after 20 failures in a row, ConfigError where the budget is spent or another
    process judges into `out`, BadData.
    """
    asked = {
        each: questionnaire.request(each) for each in cases(rows, questionnaire.mode, seed=seed)
    }
    with journal_of(out).alone():
        return _judged(rows, questionnaire.mode, asked, one, out)


def _judged(
    rows: Sequence[Row], mode: Mode, asked: Mapping[Case, ChatRequest], one: Judge, out: Path
) -> list[Judgement]:
    journal = journal_of(out)
    known = {
        str(line["id"]): line
        for line in journal.rows()
        if line["source"] == SOURCE and _answered(line, one.name)
    }
    spent = sum(_number(line, "cost_usd", one.name) for line in known.values())
    pending = {_identity(request): request for request in asked.values()}
    outcomes = _outcomes(
        {name: request for name, request in pending.items() if name not in known},
        mode,
        one,
        spent,
    )
    for line in record(outcomes, one.name, journal, most_failures=FAILURES_IN_A_ROW):
        if _answered(line, one.name):
            known[str(line["id"])] = line
    verdicts = [
        Judgement(each, known[name]["score"].get(one.name))
        for each, request in asked.items()
        if (name := _identity(request)) in known
    ]
    write_rows(out, judged_rows(rows, verdicts, one.name))
    return verdicts


def _identity(request: ChatRequest) -> str:
    text = request.messages[0].text
    if request.response_format is not None:
        text += "\0bound"
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:24]


def _answered(line: Row, name: str) -> bool:
    return name in line["score"] or name in (line.get("reply") or {})


def _number(line: Row, field: str, name: str) -> float:
    return float((line.get(field) or {}).get(name) or 0.0)


def _outcomes(
    pending: Mapping[str, ChatRequest], mode: Mode, one: Judge, spent: float
) -> Iterator[Row]:
    for name, request in tqdm(pending.items(), desc=f"judge {one.name}", unit="verdict"):
        one.check_budget(request, spent)
        stored = {"source": SOURCE, "id": name, "score": {}}
        line = outcome_row(stored, one.name, partial(one.ask, request, mode))
        spent += _number(line, "cost_usd", one.name)
        yield line


def judged_rows(rows: Sequence[Row], verdicts: Sequence[Judgement], name: str) -> list[Row]:
    """Outcome rows whose `score` is the judge's: an expert's rating, or the mean of its results
    against each other expert, in both orders. Rows without a verdict are left out."""
    values: defaultdict[tuple[int, str], list[float]] = defaultdict(list)
    for one in verdicts:
        if one.value is None:
            continue
        results = (one.value, 1 - one.value)
        for expert, value in zip(one.case.experts, results, strict=False):
            values[one.case.number, expert].append(value)
    judged = []
    for number, row in enumerate(rows):
        experts = sorted(row.get("answer") or {})
        score = {
            expert: round(fmean(found), 6)
            for expert in experts
            if (found := values.get((number, expert)))
        }
        if score:
            kept = {field: row[field] for field in COPIED if field in row}
            judged.append(kept | {"judged_by": name, "score": score})
    return judged
