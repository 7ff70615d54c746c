"""The budget of a table [budget]: kept in a file, by caller and period, with free experts left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge_router import Config, ConfigError, Constraints, EdgeRouter, Placement
from edge_router.errors import BudgetReached, NoExpertFits
from edge_router.layers.ledger import FILE
from edge_router.settings.budget_config import Allowance, BudgetConfig
from edge_router.settings.expert_config import ExpertConfig
from edge_router.testing import FakeBackend
from made_experts import LOCAL
from made_settings import load

QUESTION = "What is a fair price?"
BIG = ExpertConfig(
    "openai", "big", "frontier", location="cloud", base_url="http://127.0.0.1:9/v1",
    input_usd_per_million=0.0, output_usd_per_million=1_000.0,
)  # fmt: skip
TEN_CENTS = ("word " * 100).strip()


def router(folder: Path, budget: BudgetConfig, *, alone: bool = True, **how: object) -> EdgeRouter:
    """A cloud at ten cents an answer, alone or with a free expert beside it."""
    experts = {"big": BIG} if alone else {"big": BIG, "local": LOCAL}
    backends = {"big": FakeBackend(TEN_CENTS), "local": FakeBackend("from here")}
    settings: dict[str, object] = {
        "experts": experts, "placement": Placement.PREFER_IN_CLOUD, "data_dir": str(folder),
        "budget": budget,
    }  # fmt: skip
    config = Config(**settings | how)  # type: ignore[arg-type]
    return EdgeRouter(config, backends={name: backends[name] for name in experts})


def spent(folder: Path, budget: BudgetConfig, caller: str | None = None) -> float:
    with router(folder, budget) as one:
        left = one.constraints(caller).budget_left_usd
    assert left is not None
    return 1.0 - left


DAY = BudgetConfig(usd_per_day=1.0)


def test_another_router_goes_on_where_one_stopped(tmp_path: Path) -> None:
    """And after the last dollar nothing that costs is asked; the error says until when."""
    for _ in range(9):
        with router(tmp_path, DAY) as one:
            assert one.complete(QUESTION).record.cost_usd == pytest.approx(0.1)
    assert spent(tmp_path, DAY) == pytest.approx(0.9)
    with router(tmp_path, DAY) as one:
        assert one.complete(QUESTION).record.cost_limited
        with pytest.raises(
            BudgetReached, match=r"this day is free again at \d{4}-\d\d-\d\d"
        ) as caught:
            one.complete(QUESTION)
    assert caught.value.excluded == {"big": "budget"}
    assert 0 < caught.value.retry_after_s <= 86_400


def test_a_free_expert_answers_when_the_budget_is_spent(tmp_path: Path) -> None:
    """With the reason "budget"; what is free takes nothing of it."""
    small = BudgetConfig(usd_per_hour=0.001)
    with router(tmp_path, small, alone=False) as one:
        answer = one.complete(QUESTION)
    assert (answer.text, answer.record.reason) == ("from here", "budget")
    assert not (tmp_path / FILE).exists()


def test_each_caller_has_a_budget_of_its_own(tmp_path: Path) -> None:
    """Beside that of everyone; callers that are not named share a rule and no money."""
    callers = {"phone": Allowance(usd_per_month=0.1), "*": Allowance(usd_per_month=0.25)}
    budget = BudgetConfig(usd_per_month=1.0, callers=callers)
    with router(tmp_path, budget, alone=False) as one:

        def answers(caller: str | None) -> list[str]:
            limits = Constraints(caller=caller)
            return [one.complete(QUESTION, constraints=limits).record.answered_by for _ in "123"]

        assert answers("phone") == ["big", "local", "local"]
        assert answers("tablet") == answers("watch") == ["big", "big", "local"]
        assert answers(None) == ["big"] * 3
        assert answers("phone") == ["local"] * 3
        assert one.constraints("tablet").budget_left_usd == pytest.approx(0.05)


def test_tokens_of_the_cloud_are_limited(tmp_path: Path) -> None:
    """An answer is shortened to what is left, then the free expert answers: "token_budget"."""
    budget = BudgetConfig(tokens_per_hour=215, tokens_per_answer=150)
    with router(tmp_path, budget, alone=False) as one:
        first, second, third = (one.complete(QUESTION).record for _ in range(3))
    assert (first.answered_by, first.max_tokens) == ("big", 135)
    assert second.max_tokens is not None
    assert second.max_tokens < 135
    assert (third.answered_by, third.reason) == ("local", "token_budget")


def test_tokens_of_ones_own_machines_are_not_limited(tmp_path: Path) -> None:
    """A priced machine of the lan spends dollars of the budget, and no tokens of it."""
    budget = BudgetConfig(usd_per_day=1.0, tokens_per_hour=10, tokens_per_answer=10)
    experts = {"big": replace(BIG, location="lan")}
    with router(tmp_path, budget, experts=experts) as one:
        first, second = (one.complete(QUESTION).record for _ in range(2))
    assert (first.cost_usd, first.cost_limited) == (pytest.approx(0.1), False)
    assert (second.cost_usd, second.cost_limited) == (pytest.approx(0.1), False)
    assert spent(tmp_path, budget) == pytest.approx(0.2)


def test_money_of_a_routers_own_is_not_said_to_come_back(tmp_path: Path) -> None:
    """Where `budget_usd` leaves less than the file, no period frees it."""
    with router(tmp_path, DAY, budget_usd=1e-6) as one, pytest.raises(NoExpertFits) as caught:
        one.complete(QUESTION)
    assert type(caught.value) is NoExpertFits
    assert caught.value.excluded == {"big": "budget"}


def test_no_token_is_left_for_anybody(tmp_path: Path) -> None:
    """Where nothing free is configured the error names the tokens."""
    budget = BudgetConfig(tokens_per_day=10)
    with router(tmp_path, budget) as one, pytest.raises(BudgetReached, match="10 tokens are left"):
        one.complete(QUESTION)


def test_an_unknown_price_is_refused_while_dollars_are_limited(tmp_path: Path) -> None:
    """Tokens are known without a price."""
    unknown = replace(BIG, input_usd_per_million=None, output_usd_per_million=None)
    one = router(tmp_path, DAY, experts={"big": unknown})
    with one, pytest.raises(NoExpertFits) as caught:
        one.complete(QUESTION)
    assert caught.value.excluded == {"big": "price_unknown"}
    tokens = BudgetConfig(tokens_per_day=1000)
    with router(tmp_path, tokens, experts={"big": unknown}) as one:
        assert one.complete(QUESTION).text == TEN_CENTS


@pytest.mark.parametrize("alone", [True, False])
def test_a_budget_that_cannot_be_read_lets_only_free_experts_answer(
    tmp_path: Path, alone: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning says why; alone the error names the file."""
    (tmp_path / FILE).write_bytes(b"no database " * 1000)
    with router(tmp_path, DAY, alone=alone) as one:
        if alone:
            with pytest.raises(NoExpertFits, match=r"budget\.sqlite3 cannot be") as caught:
                one.complete(QUESTION)
            assert caught.value.excluded == {"big": "budget_unknown"}
        else:
            records = [one.complete(QUESTION).record for _ in range(2)]
            assert [record.answered_by for record in records] == ["local", "local"]
            assert records[0].reason == "budget_unknown"
    assert len([r for r in caplog.records if "nothing that costs is asked" in r.message]) == 1


def test_without_a_budget_no_file_is_made(tmp_path: Path) -> None:
    """Nor is one looked for."""
    with router(tmp_path, BudgetConfig(), max_cost_usd=1.0, budget_usd=1.0) as one:
        one.complete(QUESTION)
    assert list(tmp_path.iterdir()) == []


def test_the_table_is_read_and_checked(tmp_path: Path) -> None:
    """Like every other; names of callers are the user's."""
    toml = '[budget]\nusd_per_day = "1.5"\n[budget.callers."*"]\ntokens_per_hour = 9\n'
    budget = load(tmp_path, toml).budget
    assert budget == BudgetConfig(usd_per_day=1.5, callers={"*": Allowance(tokens_per_hour=9)})
    config = Config(budget=budget)
    assert Config(**config.to_json()) == config
    assert (budget.of_caller(None), budget.of_caller("any")) == (None, budget.callers["*"])


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("budget = 3", "must be a table"),
        ("[budget]\nusd_per_dey = 1", "did you mean 'usd_per_day'"),
        ("[budget]\nusd_per_day = -1", "a number from 0"),
        ("[budget]\ntokens_per_day = 0.5", "a number from 1"),
        ("[budget]\ncallers = 3", "a table of tables"),
        ("[budget.callers]\nphone = 3", r"\[budget.callers.phone\] must be a table"),
        ("[budget.callers.phone]\nusd_pr_day = 3", "did you mean"),
        ('[budget.callers.""]\nusd_per_day = 3', "1 to 200 characters"),
    ],
)
def test_a_wrong_table_is_refused_by_name(tmp_path: Path, toml: str, words: str) -> None:
    """With what would be right."""
    with pytest.raises(ConfigError, match=words):
        load(tmp_path, toml)


@pytest.mark.parametrize("caller", ["", 3, "x" * 201, "\ud800"])
def test_a_caller_has_a_name(caller: object) -> None:
    """A text that a file can hold."""
    with pytest.raises(ConfigError, match="caller"):
        Constraints(caller=caller)  # type: ignore[arg-type]
    assert Constraints(caller="a").tightened(Constraints()).caller == "a"
    assert Constraints(caller="a").tightened(Constraints(caller="b")).caller == "b"


def test_constraints_of_another_type_are_refused(tmp_path: Path) -> None:
    """With a budget and without one: a caller in a dict would silently not count."""
    for budget in (BudgetConfig(), DAY):
        one = router(tmp_path, budget)
        with one, pytest.raises(ConfigError, match="must be Constraints, not dict"):
            one.complete(QUESTION, constraints={"caller": "phone"})  # type: ignore[arg-type]
