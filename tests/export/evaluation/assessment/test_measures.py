"""Every measure on small tables: its rows, what is missing, and figures that can be recomputed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_router.export.data.rows import BadData
from edge_router.export.evaluation.assessment import Setting, assess
from edge_router.export.evaluation.assessment.everyday_messages import everyday_messages
from edge_router.export.evaluation.assessment.intents import clinc150, same_intent_pairs
from edge_router.export.evaluation.assessment.measures import MEASURES
from edge_router.export.evaluation.assessment.measures.attack import JUDGED, SEARCHED
from edge_router.export.evaluation.assessment.measures.calibration import equal_mass_error
from edge_router.export.evaluation.assessment.measures.pairs import pairs_of_rows
from edge_router.export.evaluation.assessment.measures.sanity import QUERIES
from edge_router.export.evaluation.assessment.random_search import Place, attacked
from edge_router.export.evaluation.assessment.setting import PricePoint, _own_points
from edge_router.export.evaluation.assessment.split_rows import SplitRows
from edge_router.export.evaluation.assessment.subject import Subject
from edge_router.export.metrics.apgr import apgr
from edge_router.routing.artifact.manifest import RouterArtifact
from small_assessment import small_setting, write_commands

WITHOUT_COMMANDS = [name for name in MEASURES if name != "embedding"]


@pytest.fixture(scope="module")
def assessment(setting: Setting) -> dict[str, Any]:
    """All measures but the embedding, which reads commands."""
    return assess(setting, WITHOUT_COMMANDS)


def rows_of(assessment: Mapping[str, Any], name: str, table: int = 0) -> list[dict[str, Any]]:
    (result,) = (one for one in assessment["results"] if one["name"] == name)
    rows: list[dict[str, Any]] = result["tables"][table]["rows"]
    return rows


def test_every_measure_reports(assessment: dict[str, Any]) -> None:
    """In order, and as JSON without NaN."""
    assert [result["name"] for result in assessment["results"]] == WITHOUT_COMMANDS
    assert all(result["tables"] or result["plots"] for result in assessment["results"])
    assert json.loads(json.dumps(assessment, allow_nan=False))["split"] == "dev"


def test_the_gain_is_correlated_with_the_rated_gain(
    assessment: dict[str, Any], setting: Setting
) -> None:
    """The same number as numpy's, for the router at 8b."""
    rows = setting.rows.measured("everyday_rated")
    expected = setting.subject.read([row["query"] for row in rows]).gain("8b")
    rated = [row["score"]["rated/frontier"] - row["score"]["rated/8b"] for row in rows]
    of_router = rows_of(assessment, "rated")[0]
    assert of_router["table and contender"] == "everyday_rated: router"
    assert of_router["queries"] == len(rows) == 20
    assert of_router["8b"][0] == pytest.approx(np.corrcoef(expected, rated)[0, 1], abs=1e-6)
    names = [row["table and contender"] for row in rows_of(assessment, "rated")[:3]]
    assert names[1:] == ["everyday_rated: prompt length", "everyday_rated: TF-IDF and ridge"]


def test_graded_pairs_have_their_apgr(assessment: dict[str, Any], setting: Setting) -> None:
    """The same number as the field's formula gives."""
    rows = setting.rows.measured("tengu_en_6sizes")
    gains = setting.subject.read([row["query"] for row in rows]).gain("1b")
    weak, strong = (
        np.array([row["score"][f"class/{size}"] for row in rows]) for size in ("1b", "frontier")
    )
    measured = rows_of(assessment, "graded")[0]["router"][0]
    assert measured == pytest.approx(apgr(gains, weak, strong), abs=1e-6)


def test_pairs_need_an_easy_and_a_hard_one(setting: Setting) -> None:
    """A row without its partner is left out."""
    rows = setting.rows.measured("everyday_pairs_made")
    assert len(pairs_of_rows(rows)) == len(rows) / 2 == 10
    assert len(pairs_of_rows(rows[:-1])) == 9


def test_an_artifact_without_the_head_says_so(
    assessment: dict[str, Any], setting: Setting, tmp_path: Path
) -> None:
    """Instead of a figure; the others have theirs."""
    artifact = setting.subject.artifact
    experts = {name: part for name, part in artifact.experts.items() if name != "needs_tools"}
    bare = replace(setting, subject=Subject.of(replace(artifact, experts=experts), tmp_path))
    for measured, absent in ((assessment, False), (assess(bare, ["rated"]), True)):
        by_name = {row["table and contender"]: row["F1"] for row in rows_of(measured, "rated", 3)}
        assert (by_name["everyday_rated: router"] == "not in this artifact") is absent
        assert by_name["everyday_rated: TF-IDF and ridge"] != "not in this artifact"


def test_the_hard_one_of_a_pair_has_the_lower_quality(
    assessment: dict[str, Any], setting: Setting
) -> None:
    """The share of pairs in which the router expects that, and the larger gain."""
    pairs = pairs_of_rows(setting.rows.measured("everyday_pairs_made"))
    easy = setting.subject.read([pair.easy for pair in pairs])
    hard = setting.subject.read([pair.hard for pair in pairs])
    (row,) = (
        row
        for row in rows_of(assessment, "pairs")
        if (row["pairs"], row["at"]) == ("everyday_pairs_made", "1b")
    )
    assert row["by quality"][0] == (easy.quality("1b") > hard.quality("1b")).mean()
    assert row["by gain"][0] == (easy.gain("1b") < hard.gain("1b")).mean()
    ours = {row["at"]: row for row in rows_of(assessment, "pairs") if row["pairs"] == "our own"}
    assert ours["mean"]["count"] == 100
    assert ours["mean"]["by quality"][0] > 0.5


def test_too_high_is_expected_less_rated(assessment: dict[str, Any], setting: Setting) -> None:
    """On the rows of both rated tables."""
    rows = [
        row
        for table in ("everyday_rated", "everyday_rated_more")
        for row in setting.rows.measured(table)
    ]
    expected = setting.subject.read([row["query"] for row in rows]).quality("8b")
    rated = np.array([row["score"]["rated/8b"] for row in rows])
    (row,) = (
        row for row in rows_of(assessment, "calibration") if row["source and size"] == "ratings: 8b"
    )
    assert row["answers"] == len(rows)
    assert row["too high"][0] == pytest.approx((expected - rated).mean(), abs=1e-6)


def test_thirty_queries_are_read_by_eye(assessment: dict[str, Any]) -> None:
    """Each with six estimates and a choice at each point."""
    rows = rows_of(assessment, "sanity")
    assert [row["query"] for row in rows] == list(QUERIES)
    assert len(QUERIES) == len(set(QUERIES)) == 30
    france = rows[3]
    assert france["135m or frontier"].startswith("local local")  # economy, balanced
    assert set(france) >= {"135m", "frontier", "economy (0.35)", "quality (0.07)"}


def test_blanks_never_change_a_choice(assessment: dict[str, Any]) -> None:
    """And nothing moves then."""
    (blanks,) = (
        row for row in rows_of(assessment, "robustness") if row["change"] == "blanks behind"
    )
    assert blanks["same choice, stored"][0] == 1
    assert blanks["cloud share moves by, stored"] == 0


def test_words_around_a_message_change_some_choices(setting: Setting) -> None:
    """Among six sizes at a low price; as many as the means by language say."""
    low = assess(replace(setting, points={"balanced": PricePoint(0.05)}), ["robustness"])
    same = [row["same choice, six"][0] for row in rows_of(low, "robustness")]
    assert min(same) < 1
    of_all, *_ = rows_of(low, "robustness", 1)
    assert of_all["same choice, six"] == pytest.approx(np.mean(same), abs=1e-6)


def test_the_attack_reports_half_way_and_at_the_end(
    assessment: dict[str, Any], setting: Setting
) -> None:
    """In front and behind, up and down; the shares are those of the words in the table."""
    searches = [row["search"] for row in rows_of(assessment, "attack")]
    assert len(searches) == 8
    assert searches[:2] == ["prefix, up, after 2", "prefix, up, after 4"]
    judged = [one.text for one in everyday_messages(setting, SEARCHED + JUDGED)][SEARCHED:]
    clean = setting.subject.read_once(judged).gain("135m")
    least, half = setting.subject.least_gain("135m", "balanced"), np.median(clean)
    triggers = rows_of(assessment, "attack", 1)
    for row, found in zip(rows_of(assessment, "attack"), triggers, strict=True):
        place: Place = "prefix" if row["search"].startswith("prefix") else "suffix"
        texts = [attacked(text, found["words"], place) for text in judged]
        gain = setting.subject.read_once(texts).gain("135m")
        shares = [(gains >= bound).mean() for gains in (clean, gain) for bound in (least, half)]
        assert row["messages"] == len(judged) > 0
        assert row["clean cloud share"] == pytest.approx(shares[0], abs=1e-6)
        assert row["attacked"] == pytest.approx(shares[2], abs=1e-6)
        assert row["moved by"] == pytest.approx(shares[2] - shares[0], abs=1e-6)
        assert row["at half, moved by"] == pytest.approx(shares[3] - shares[1], abs=1e-6)


def test_curves_span_the_costs(assessment: dict[str, Any]) -> None:
    """From the free expert alone to always asking the dearest; no router beats the oracle."""
    (curves,) = (one for one in assessment["results"] if one["name"] == "curves")
    for plot in curves["plots"]:
        lines = {line["name"]: line for line in plot["lines"]}
        assert list(lines) == ["router", "prompt length", "coin", "oracle"]
        assert (lines["oracle"]["x"][0], lines["oracle"]["x"][-1]) == pytest.approx((0, 100))
        for name in ("router", "prompt length", "coin"):
            reached = np.interp(lines[name]["x"], lines["oracle"]["x"], lines["oracle"]["y"])
            assert (reached >= np.array(lines[name]["y"]) - 0.01).all()


def test_an_equal_mass_error_by_hand() -> None:
    """Two bins of two: one right on the mean, one off by 0.4."""
    expected, real = np.array([0.1, 0.3, 0.8, 1.0]), np.array([0.0, 0.4, 0.5, 0.5])
    assert equal_mass_error(expected, real, bins=2) == pytest.approx(0.2)


def test_a_missing_table_is_said(setting: Setting, tmp_path: Path) -> None:
    """The other measures go on."""
    bare = replace(setting, rows=SplitRows(tmp_path, "dev"))
    rated, sanity = assess(bare, ["rated", "sanity"])["results"]
    assert "is not there" in rated["text"][0]
    assert sanity["tables"]


def test_an_unknown_measure_is_refused(setting: Setting) -> None:
    """With those that there are."""
    with pytest.raises(BadData, match="no measure 'speed'; there are curves, rated"):
        assess(setting, ["speed"])


def test_every_row_of_an_unseen_table_counts(small_data: Path) -> None:
    """And none is left to fit a baseline on."""
    rows = SplitRows(small_data, "dev", frozenset({"tengu_en_6sizes"}))
    assert len(rows.measured("tengu_en_6sizes")) == 40
    assert rows.train("tengu_en_6sizes") == []
    assert len(rows.measured("gsm8k_test_joint")) == 20


def test_a_head_for_tools_is_read(tmp_path: Path) -> None:
    """An optional head of the artifact's: log-odds on the representation."""
    artifact = RouterArtifact.load("router-small")
    dim = artifact.manifest.representation_dim
    head = {"bias": 2.0, "weights": [0.0] * dim}
    changed = replace(artifact, experts={**artifact.experts, "needs_tools": head})
    read = Subject.of(changed, tmp_path).read_once(["turn on the lights"])
    assert read.needs_tools is not None
    assert read.needs_tools.tolist() == pytest.approx([1 / (1 + np.exp(-2))])


def test_points_that_are_prices_are_the_artifacts_own(tmp_path: Path) -> None:
    """One made before points were prices asks its gain of each pair of sizes."""
    artifact = RouterArtifact.load("router-small")

    def stating(point: dict[str, Any]) -> RouterArtifact:
        calibration = {**artifact.calibration, "operating_points": {"balanced": point}}
        return replace(artifact, calibration=calibration)

    priced = stating({"promise": "some", "price": 0.15, "least_quality": 0.25})
    assert _own_points(priced) == {"balanced": PricePoint(0.15, 0.25)}
    assert Subject.of(priced, tmp_path).least_gain("135m", "balanced") == 0.15
    paired = stating({"promise": "some", "default": 0.3, "min_gain": {"135m>frontier": 0.5}})
    assert _own_points(paired) == {}
    assert Subject.of(paired, tmp_path).least_gain("135m", "balanced") == 0.5
    assert Subject.of(paired, tmp_path).least_gain("3b", "balanced") == 0.3


def test_commands_and_their_pairs(tmp_path: Path) -> None:
    """Pairs of one intent, and of two intents of one domain."""
    write_commands(tmp_path)
    commands = clinc150(tmp_path, "dev")
    assert set(commands.domains.tolist()) == {"banking"}
    same, different = same_intent_pairs(commands, 5, seed=0)
    assert all(commands.intents[one] == commands.intents[other] for one, other in same)
    assert all(commands.intents[one] != commands.intents[other] for one, other in different)


def test_the_embedding_stands_beside_minilm(
    tmp_path: Path,
) -> None:
    """An artifact without one says so; the others are measured all the same."""
    pytest.importorskip("transformers", reason="the extra `export` is not installed")
    write_commands(tmp_path)
    shipped = small_setting(tmp_path, tmp_path / "work")
    artifact = shipped.subject.artifact
    without = replace(artifact, manifest=replace(artifact.manifest, embedding_dim=0))
    bare = replace(shipped, subject=replace(shipped.subject, artifact=without))
    nothing, *_ = rows_of(assess(bare, ["embedding"]), "embedding")
    assert nothing["CLINC150 1-NN accuracy"] == "not in this artifact"
    ours, minilm, own = rows_of(assess(shipped, ["embedding"]), "embedding")
    assert ours["CLINC150 1-NN accuracy"][0] > 0.5
    assert minilm["CLINC150 1-NN accuracy"][0] == 1
    assert minilm["BANKING77 AUC"] > 0.8
    assert own["CLINC150 1-NN accuracy"][0] > 0.5
