"""The whole evaluation on small tables: its numbers, its JSON, and that it can be killed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tqdm", reason="the extra `export` is not installed")
from edge_router.export.data.rows import BadData
from edge_router.export.evaluation import (
    BASELINES,
    Predictions,
    RouterContender,
    Side,
    Tables,
    Task,
    evaluate,
    measure,
    research_contenders,
)
from edge_router.export.evaluation.pool_groups import pool_groups
from edge_router.export.evaluation.results import judge
from edge_router.export.evaluation.tasks.draws import Draws
from edge_router.export.evaluation.to_router import to_router_table
from edge_router.export.evaluation.tradeoff import cost_quality
from edge_router.export.metrics.apgr import apgr
from edge_router.export.report.markdown import markdown
from fake_routers import KilledRouter, KindRouter, NoNumberRouter, OneColumnRouter
from small_tables import EIGHT, PAIR, small_outcomes, small_rows

KIND = RouterContender.of(KindRouter)


@pytest.fixture(scope="module")
def tables() -> Tables:
    """A pair, a pair without a gap and a table of eight, with costs."""
    outcomes = small_outcomes(
        small_rows("easy", PAIR, count=400),
        small_rows("level", {"small": 0.0, "large": 0.0}),
        small_rows("many", EIGHT, seed=1),
    )
    costs = np.broadcast_to(np.arange(len(outcomes.experts), 0, -1.0), outcomes.scores.shape)
    return Tables(outcomes, measured=replace(measure(outcomes), cost_usd=costs))


@pytest.fixture(scope="module")
def tasks(tables: Tables) -> list[Task]:
    pairs = tables.pairs({"easy": ("small", "large"), "level": ("small", "large")})
    return [*pairs, *tables.pools("many", sizes=(3,))]


@pytest.fixture(scope="module")
def evaluation(
    tables: Tables, tasks: list[Task], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """One evaluation of everything."""
    work = tmp_path_factory.mktemp("work")
    return evaluate([KIND], tasks, work=work, repeats=100, scaling=[tables.scaling("many")])


def result(evaluation: dict[str, Any], task: str, contender: str) -> dict[str, Any]:
    (one,) = (one for one in evaluation["tasks"] if one["name"] == task)
    return dict(one["results"][contender])


def test_it_is_json_without_nan(evaluation: dict[str, Any]) -> None:
    """What has no value is null, and a second writing is the same."""
    text = json.dumps(evaluation, allow_nan=False)
    assert json.loads(text) == json.loads(json.dumps(json.loads(text)))


def test_everyday_and_exam_means_stand_apart_and_together(tmp_path: Path) -> None:
    """The mean of all tables, and those of either kind, which say nothing of the other."""
    outcomes = small_outcomes(
        small_rows("everyday_asked", PAIR, count=400), small_rows("exam", PAIR, seed=2, count=400)
    )
    tables = Tables(outcomes)
    tasks = tables.pairs(dict.fromkeys(("everyday_asked", "exam"), ("small", "large")))
    evaluation = evaluate([KIND], tasks, work=tmp_path, repeats=20)
    boards = {"together": evaluation["leaderboard"], **evaluation["apart"]}
    means = {
        kind: next(row["mean"][0] for row in board if row["contender"] == KIND.name)
        for kind, board in boards.items()
    }
    assert means["together"] == pytest.approx((means["everyday"] + means["exam"]) / 2, abs=1e-6)
    text = markdown(evaluation)
    assert "| mean APGR | mean APGR, everyday | mean APGR, exam |" in text
    assert f"{means['everyday']:.3f} [" in text


def test_random_and_oracle_stand_where_they_must(
    evaluation: dict[str, Any], tasks: list[Task]
) -> None:
    """Random recovers half, the oracle most; what knows the kind lies between them."""
    random = result(evaluation, "easy", "random")
    assert random["apgr"] == pytest.approx([0.5] * 3)
    assert random["cpt80"] == pytest.approx([0.8] * 3)
    assert random["e_p"] == pytest.approx([1.0] * 3)
    weak, strong = tasks[0].test.scores.T
    assert result(evaluation, "easy", "oracle")["apgr"][0] == pytest.approx(
        apgr(strong - weak, weak, strong), abs=1e-6
    )
    assert (
        0.5
        < result(evaluation, "easy", "by kind")["apgr"][0]
        < result(evaluation, "easy", "oracle")["apgr"][0]
    )


def test_what_a_contender_chooses(evaluation: dict[str, Any], tasks: list[Task]) -> None:
    """mu_o, V_R and V_B of always asking the best, of the oracle and of a coin."""
    scores = tasks[0].test.scores
    single, oracle = result(evaluation, "easy", "best single"), result(evaluation, "easy", "oracle")
    half = result(evaluation, "easy", "r_o(0.5)")
    assert single["mu_o"][0] == pytest.approx(scores[:, 1].mean())
    assert single["v_r"] == single["v_b"] == [1.0, 1.0, 1.0]
    assert single["allocation"] == [0.0, len(scores)]
    assert single["e_p"][0] == 0.0
    assert oracle["mu_o"][0] == pytest.approx(scores.max(axis=1).mean())
    assert half["mu_o"][0] == pytest.approx((scores.max(axis=1).mean() + scores.mean()) / 2)
    assert half["apgr"] is None


def test_a_router_that_always_picks_one_expert_has_0_bits(tasks: list[Task]) -> None:
    """Whatever its utilities: E_p is the entropy of what it states, else of its picks' shares."""
    rows, pool = len(tasks[0].test), tasks[0]
    alike = np.tile([0.5, 0.6], (rows, 1))
    halves = np.eye(2)[np.arange(rows) % 2]
    draws = Draws.of(pool, repeats=20, seed=0)
    bits = {
        "picks one": judge(KIND, pool, Predictions(alike), draws).result["e_p"],
        "picks both": judge(KIND, pool, Predictions(halves), draws).result["e_p"],
        "states": judge(KIND, pool, Predictions(alike, stated=alike * 0 + 0.5), draws).result[
            "e_p"
        ],
        "sure": judge(KIND, pool, Predictions(halves, stated=halves), draws).result["e_p"],
    }
    assert bits["picks one"] == bits["sure"] == [0.0, 0.0, 0.0]
    assert bits["picks both"][0] == 1.0
    assert bits["states"] == [1.0, 1.0, 1.0]


def test_random_is_ten_trials_as_in_to_router(tasks: list[Task], tmp_path: Path) -> None:
    """Ten draws of an expert for each query: shares are tenths, the mean is near the expectation,
    and another seed draws otherwise."""
    (random,) = research_contenders(["Random"])
    drawn = [random.predict(tasks[0], work=tmp_path, seed=seed).shares for seed in (0, 0, 1)]
    assert (drawn[0] * 10) == pytest.approx(np.rint(drawn[0] * 10))
    assert drawn[0].sum(axis=1) == pytest.approx(1.0)
    assert drawn[0].mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.05)
    assert (drawn[0] == drawn[1]).all()
    assert (drawn[0] != drawn[2]).any()
    result = evaluate([random], tasks[:1], work=tmp_path, repeats=2)["tasks"][0]["results"]
    assert result["Random"]["e_p"][0] == pytest.approx(1.0)


def test_optimal_by_similarity_and_the_best_of_each_column(tables: Tables) -> None:
    """TO-Router's two bounds: the most similar answer to every query, and of each column the best
    that an expert or a router reached; what knows the outcomes counts for neither."""
    shape = tables.outcomes.scores.shape
    random = np.random.default_rng(0)
    assert tables.measured is not None
    measured = replace(
        tables.measured,
        latency_s=np.ones(shape),
        similarity=random.random(shape),
        nll=random.random(shape),
    )
    task = replace(tables, measured=measured).pair("easy", "small", "large")
    assert task.measured is not None
    similarity, oracle = task.measured.similarity, Predictions(task.test.scores)
    cheap = Predictions(-task.measured.cost_usd)
    decided = {"cheap": cheap, "oracle": oracle}
    rows = {row["name"]: row for row in to_router_table(task, decided, bounds={"oracle"})}
    best, each = rows["Optimal by similarity"], rows["Optimal of each"]
    assert best["similarity"] == pytest.approx(similarity.max(axis=1).mean())
    picked = task.measured.nll[np.arange(len(similarity)), similarity.argmax(axis=1)]
    assert best["nll"] == pytest.approx(picked.mean())
    reached = [rows[name] for name in ("small", "large", "cheap")]
    assert each["cost_usd"] == min(row["cost_usd"] for row in reached)
    assert each["score"] == max(row["score"] for row in reached) < rows["oracle"]["score"]
    assert {each["kind"], best["kind"], rows["oracle"]["kind"]} == {"bound"}


def test_pools_of_one_size_are_averaged_over_their_groups() -> None:
    """RouterEval's tables: a mean over the groups there are; what one lacks has none."""

    def pool(kind: str, score: float, ratio: list[float] | None) -> dict[str, Any]:
        measures = {"mu_o": [score, 0, 1], "v_r": ratio, "v_b": [1.0, 1, 1], "e_p": [0.5, 0, 1]}
        return {
            "table": "t", "kind": kind, "experts": ["a", "b", "c"], "reference": "r",
            "results": {"LinearR": measures},
        }  # fmt: skip

    (one,) = pool_groups([pool("all-strong", 0.8, [1.2, 1, 2]), pool("all-weak", 0.4, None)])
    assert (one["table"], one["size"], one["groups"]) == ("t", 3, ["all-strong", "all-weak"])
    assert one["results"]["LinearR"] == {"mu_o": 0.6, "v_r": None, "v_b": 1.0, "e_p": 0.5}


def test_every_contender_has_its_difference_from_the_subject(evaluation: dict[str, Any]) -> None:
    """The subject is the first contender; the difference is that of the values."""
    assert evaluation["subject"] == "by kind"
    ours, random = result(evaluation, "easy", "by kind"), result(evaluation, "easy", "random")
    assert ours["behind_subject"] == [0.0, 0.0, 0.0]
    value, low, high = random["behind_subject"]
    assert value == pytest.approx(0.5 - ours["apgr"][0], abs=2e-6)
    assert low <= value <= high
    (row,) = (row for row in evaluation["leaderboard"] if row["contender"] == "random")
    assert row["behind_subject"] == pytest.approx(random["behind_subject"], abs=2e-6)


def test_groups_cover_the_rows(evaluation: dict[str, Any], tasks: list[Task]) -> None:
    """Languages and quarters by length: each row once."""
    one = result(evaluation, "easy", "prompt length")
    for groups in (one["languages"], one["lengths"]):
        assert sum(group["rows"] for group in groups) == len(tasks[0].test)
    assert [group["name"] for group in one["languages"]] == ["en", "de"]
    assert all(group["apgr"] for group in one["lengths"])


def test_where_there_is_no_gap_nothing_is_claimed(evaluation: dict[str, Any]) -> None:
    """No APGR, no first, and the leaderboard counts one table."""
    (level,) = (task for task in evaluation["tasks"] if task["name"] == "level")
    assert level["first"] is None
    assert level["results"]["by kind"]["apgr"] is None
    assert {row["tasks"] for row in evaluation["leaderboard"]} == {1}


def test_the_leaderboard_ranks_all_but_those_who_know(evaluation: dict[str, Any]) -> None:
    """The oracle leads without a rank; the first is level with itself."""
    board = evaluation["leaderboard"]
    assert board[0]["contender"] == "oracle"
    assert board[0]["rank"] is None
    assert [row["rank"] for row in board[1:]] == list(range(1, len(board)))
    assert board[1]["behind_first"] == [0.0, 0.0, 0.0]
    assert board[1]["level_with_first"]
    assert not board[0]["level_with_first"]
    assert not next(row for row in board if row["contender"] == "random")["level_with_first"]
    assert [row["mean"][0] for row in board] == sorted((r["mean"][0] for r in board), reverse=True)


def test_calibration_is_for_probabilities(evaluation: dict[str, Any], tasks: list[Task]) -> None:
    """A router without probabilities has none; the bins hold every cell."""
    assert result(evaluation, "easy", "by kind")["calibration"] is None
    bins = result(evaluation, "easy", "task only")["calibration"]["bins"]
    assert sum(one["count"] for one in bins) == tasks[0].test.scores.size


def test_cost_and_quality_of_a_random_pair(evaluation: dict[str, Any]) -> None:
    """Random's hull is the straight line between the experts: AIQ is their mean score."""
    random = result(evaluation, "easy", "random")
    (easy,) = (task for task in evaluation["tasks"] if task["name"] == "easy")
    assert random["aiq"][0] == pytest.approx(np.mean(easy["expert_scores"]), abs=1e-5)
    assert result(evaluation, "easy", "oracle")["aiq"][0] > random["aiq"][0]
    assert random["curve"]["score"][0] == pytest.approx(easy["expert_scores"][0])
    ends = random["curve"]["cost_usd"][0], random["curve"]["cost_usd"][-1]
    assert ends == (pytest.approx(1.0), pytest.approx(10.0))


def test_a_pool_has_costs_and_no_apgr(evaluation: dict[str, Any]) -> None:
    """Its oracle is the best at any price; every query goes to an expert."""
    name = "many/strong-to-weak/3"
    ours, oracle = result(evaluation, name, "by kind"), result(evaluation, name, "oracle")
    assert oracle["aiq"][0] >= ours["aiq"][0]
    assert ours["apgr"] is ours["curve"] is None
    assert sum(ours["allocation"]) == pytest.approx(40)


def test_a_pool_goes_from_the_cheapest_to_what_the_router_wants(tasks: list[Task]) -> None:
    """At one end costs alone count, at the other utilities alone."""
    pool, costs = tasks[-1], tasks[-1].costs()
    assert costs is not None
    once = np.ones((1, len(pool.test)), dtype=np.uint16)
    paid, score = cost_quality(pool, Predictions(pool.test.scores), costs, once)
    assert paid[0, 0] == pytest.approx(costs.mean(axis=0).min())
    assert score[0, 0] == pytest.approx(pool.test.scores[:, costs[0].argmin()].mean())
    assert score[0, -1] == pytest.approx(pool.test.scores.max(axis=1).mean())
    assert (np.diff(score[0]) >= -1e-9).all()


def test_to_routers_table(evaluation: dict[str, Any], tasks: list[Task]) -> None:
    """Experts alone, then contenders; what was not measured is null, never 0."""
    rows = {row["name"]: row for row in evaluation["tasks"][0]["to_router"]}
    queries = len(tasks[0].test)
    assert rows["large"]["cost_usd"] == pytest.approx(10.0 * queries)
    assert rows["random"]["cost_usd"] == pytest.approx((1.0 + 10.0) / 2 * queries)
    assert rows["large"]["tokens_per_s"] is rows["random"]["nll"] is None
    assert rows["best single"]["score"] == pytest.approx(tasks[0].test.scores[:, 1].mean())


def test_throughput_needs_seconds_of_every_answer(tables: Tables, tmp_path: Path) -> None:
    """Tokens per second by hand; with one answer's time unknown there is none."""
    assert tables.measured is not None
    seconds = np.full(tables.outcomes.scores.shape, 2.0)
    gap = np.where(np.arange(len(seconds))[:, None] == 16, np.nan, seconds)  # a test row
    rows = []
    for times in (seconds, gap):
        timed = replace(tables, measured=replace(tables.measured, latency_s=times))
        task = timed.pair("easy", "small", "large")
        rows.append(evaluate([], [task], work=tmp_path, repeats=2)["tasks"][0]["to_router"][0])
    assert task.measured is not None
    assert rows[0]["tokens_per_s"] == pytest.approx(task.measured.output_tokens[:, 0].mean() / 2)
    assert rows[1]["tokens_per_s"] is None


def test_a_killed_evaluation_goes_on_where_it_was(tasks: list[Task], tmp_path: Path) -> None:
    """What was fitted before the kill is not fitted again; the numbers are the same."""
    killed = RouterContender.of(KilledRouter)
    KindRouter.fits.clear()
    with pytest.raises(KeyboardInterrupt):
        evaluate([KIND, killed], tasks[:1], work=tmp_path, repeats=20)
    assert KindRouter.fits == [0]
    again = evaluate([KIND, killed], tasks[:1], work=tmp_path, repeats=20)
    assert KindRouter.fits == [0, 0]  # the killed one's; none for the first
    whole = evaluate([KIND, killed], tasks[:1], work=tmp_path / "afresh", repeats=20)
    assert again["tasks"] == whole["tasks"]
    assert not list(tmp_path.rglob("*.new"))


def test_another_seed_is_another_fit(tasks: list[Task], tmp_path: Path) -> None:
    """And is kept beside the first."""
    KindRouter.fits.clear()
    for seed in (0, 1, 0, 1):
        evaluate([KIND], tasks[:1], work=tmp_path, repeats=2, seed=seed)
    assert KindRouter.fits == [0, 1]


@pytest.mark.parametrize(
    ("router", "message"),
    [
        (NoNumberRouter, "'no number' on the task 'easy' gave utilities that are not finite"),
        (OneColumnRouter, r"'one column' on the task 'easy' gave utilities of shape \(80, 1\)"),
    ],
)
def test_bad_utilities_are_refused(
    router: type[KindRouter], message: str, tasks: list[Task], tmp_path: Path
) -> None:
    """The message names contender and task, and nothing is kept."""
    with pytest.raises(BadData, match=message) as refusal:
        evaluate([RouterContender.of(router)], tasks[:1], work=tmp_path, repeats=2)
    assert any("task 'easy'" in note for note in refusal.value.__notes__)
    assert not list(tmp_path.rglob("*.npz"))


def test_names_are_taken_once(tasks: list[Task], tmp_path: Path) -> None:
    """Of contenders and of tasks: results go by name."""
    with pytest.raises(BadData, match="contenders share the name 'by kind'"):
        evaluate([KIND, KIND], tasks, work=tmp_path)
    with pytest.raises(BadData, match="tasks share the name 'easy'"):
        evaluate([], [tasks[0], tasks[0]], work=tmp_path)


def test_the_fields_routers_take_part_by_name() -> None:
    """All of the registry but those that are baselines anyway."""
    names = {contender.name for contender in research_contenders(["Elo", "Zero", "prompt length"])}
    assert names == {"Elo", "Zero"}
    with pytest.raises(BadData, match="no router is called 'x'"):
        research_contenders(["x"])
    assert {c.side for c in BASELINES} == {Side.BASELINE, Side.BOUND}
