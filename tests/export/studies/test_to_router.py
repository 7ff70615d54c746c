"""TO-Router's experiment: questions, examples, folds, and the figures on made answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from edge_router.export.cli import main
from edge_router.export.data.rows import BadData
from edge_router.export.studies.to_router import study as study_module
from edge_router.export.studies.to_router.answers import complete_rows
from edge_router.export.studies.to_router.experts import EXPERTS, AfterExamples
from edge_router.export.studies.to_router.questions import KINDS, study_questions
from edge_router.export.studies.to_router.report import (
    to_router_figures,
    to_router_json,
    to_router_markdown,
)
from edge_router.export.studies.to_router.study import FOLDS, ToRouterStudy, folds_of
from edge_router.learning.outcomes.rows import query_key

DATA = Path("/work/shared/data")
EACH_KIND = 10


def made_rows() -> list[dict[str, Any]]:
    """Answers of which each kind has an expert that is the best at it."""
    random = np.random.default_rng(0)
    rows = []
    for kind_number, kind in enumerate(KINDS):
        for number in range(EACH_KIND):
            query = f"{kind} question number {number}"
            similarity = {
                name: 0.9 if place == kind_number else round(0.3 + 0.1 * random.random(), 4)
                for place, name in enumerate(EXPERTS)
            }
            rows.append(
                {
                    "source": f"to-router/{kind}",
                    "id": f"{kind}-{number}",
                    "qkey": query_key(query),
                    "split": "train",
                    "task": kind,
                    "lang": "en",
                    "query": query,
                    "similarity": similarity,
                    "score": {name: float(value > 0.5) for name, value in similarity.items()},
                    "nll": {name: 2 - value for name, value in similarity.items()},
                    "latency_s": dict.fromkeys(EXPERTS, 0.5),
                    "output_tokens": dict.fromkeys(EXPERTS, 10),
                    "cost_usd": dict.fromkeys(EXPERTS, 1e-5),
                }
            )
    return rows


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> ToRouterStudy:
    """With embeddings that tell the kind, and the one router that needs no training."""
    patch = pytest.MonkeyPatch()
    kinds = list(KINDS)

    def embedded(texts: Sequence[str], *_paths: Path) -> Any:
        return np.eye(len(kinds))[[kinds.index(text.split()[0]) for text in texts]]

    patch.setattr(study_module, "embed_cached", embedded)
    patch.setattr(study_module, "base_folder", Path)
    patch.setattr(study_module, "LEARNED", ("1NN", "MLP", "BERT"))
    patch.setattr(study_module, "make_router", lambda _name, _tuning: _nearest())
    made = study_module.to_router_study(made_rows(), tmp_path_factory.mktemp("work"), repeats=50)
    patch.undo()
    return made


def _nearest() -> Any:
    from edge_router.export.routers.lookups.neighbours import NearestNeighbour

    return NearestNeighbour()


def test_a_router_that_learns_the_kind_is_optimal(study: ToRouterStudy) -> None:
    """Every query by a router that has not seen it, and the bounds around it."""
    similar = {one.name: study.mean(one, "similarity").value for one in study.methods}
    assert similar["1NN"] == pytest.approx(0.9)
    assert similar["Optimal by similarity"] == pytest.approx(0.9)
    assert similar["Random"] < similar["best single"] < similar["1NN"]
    assert similar["Zero"] == pytest.approx(np.mean([similar[name] for name in EXPERTS]))
    assert study.best_of_each("similarity").value == pytest.approx(0.9)
    gain = study.difference(study.named("1NN"), study.named("Random"), "similarity")
    assert gain.low > 0


def test_costs_are_summed_and_the_rest_is_averaged(study: ToRouterStudy) -> None:
    """As in the paper's section 4.1."""
    questions = EACH_KIND * len(KINDS)
    assert study.mean(study.named("BERT"), "cost_usd").value == pytest.approx(questions * 1e-5)
    assert study.mean(study.named("BERT"), "tokens_per_s").value == pytest.approx(20.0)
    assert study.mean(study.named("BERT"), "nll").value == pytest.approx(1.1)


def test_the_page_has_the_papers_table_and_figures(study: ToRouterStudy) -> None:
    """Each method in the table with an interval, four figures that are XML, and plain JSON."""
    pytest.importorskip("matplotlib", reason="the extra `export` is not installed")
    page = to_router_markdown(study, "edge-router export to-router")
    for name in (*EXPERTS, "Random", "1NN", "MLP", "BERT", "Zero", "Optimal of each"):
        assert f"| {name} |" in page
    assert "1NN and MLP and BERT answer more similarly than Random" in " ".join(page.split())
    assert "| 1NN | 0.00040 [0.00040, 0.00040] | 20.0 [20.0, 20.0] | 0.900 [0.900, 0.900] |" in page
    assert "|  | science | gsm8k | mbpp | pubmedqa |" in page
    figures = to_router_figures(study)
    assert sorted(figures) == [
        f"to-router-{name}" for name in ("allocation", "nll", "similarity", "trilemma")
    ]
    for svg in figures.values():
        ET.fromstring(svg)
    assert json.loads(json.dumps(to_router_json(study), allow_nan=False))["questions"] == 40


def test_folds_have_an_equal_part_of_each_kind() -> None:
    """Whatever the order of the questions; too few are refused."""
    kinds = ["a"] * 10 + ["b"] * 15
    keys = [f"key {number}" for number in range(25)]
    folds = folds_of(kinds, keys)
    assert np.bincount(folds[:10]).tolist() == [2] * FOLDS
    assert np.bincount(folds[10:]).tolist() == [3] * FOLDS
    assert folds_of(kinds[::-1], keys[::-1]).tolist() == folds[::-1].tolist()
    with pytest.raises(BadData, match="4 questions of 'a'; 5 folds need as many each"):
        folds_of(["a"] * 4, keys[:4])


def test_examples_come_before_the_question() -> None:
    """As turns of the conversation; the rest of the request stays."""
    from edge_router.chat.message import Message
    from edge_router.chat.request import ChatRequest
    from edge_router.testing import FakeBackend

    asked: list[ChatRequest] = []

    class Listening(FakeBackend):
        def stream(self, request: ChatRequest, **options: Any) -> Any:
            asked.append(request)
            return super().stream(request, **options)

    turns = (Message("user", "1+1?"), Message("assistant", "2"))
    backend = AfterExamples(Listening(), turns)  # type: ignore[arg-type]
    from edge_router.backends.deadline import Deadline

    list(backend.stream(ChatRequest.of("2+2?"), deadline=Deadline.after(5)))
    assert [message.text for message in asked[0].messages] == ["1+1?", "2", "2+2?"]


@pytest.mark.skipif(not DATA.exists(), reason="needs the public questions")
def test_questions_have_short_references_and_are_not_ours() -> None:
    """A larger count holds those of a smaller one."""
    few, more = (study_questions(DATA, count) for count in (2, 4))
    assert {row["qkey"] for row in few} < {row["qkey"] for row in more}
    assert [row["task"] for row in few] == [kind for kind in KINDS for _ in range(2)]
    assert all(row["borrowed"] and 0 < len(row["reference"]) <= 150 for row in more)


@pytest.mark.skipif(not DATA.exists(), reason="needs the public questions")
def test_answers_without_all_measurements_are_left_out(tmp_path: Path) -> None:
    """Texts that are not ours to copy come from the public questions; no whole row is refused."""
    (question,) = study_questions(DATA, 1)[:1]
    kept = {key: question[key] for key in ("source", "id", "qkey", "split", "task", "lang")}
    measures = {
        name: dict.fromkeys(EXPERTS, 0.5)
        for name in ("score", "similarity", "nll", "latency_s", "output_tokens", "cost_usd")
    }
    path = tmp_path / "answers.jsonl"
    half = measures | {"nll": {"Q4_1": 1.0}}
    path.write_text("".join(json.dumps(kept | one) + "\n" for one in (half, measures)))
    (row,) = complete_rows(path, DATA)
    assert row["query"] == question["query"]
    path.write_text(json.dumps(kept | half) + "\n")
    with pytest.raises(BadData, match="has no row with all measurements of Q4_1, "):
        complete_rows(path, DATA)


def test_the_command_refuses_what_it_cannot_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No answers, and a count that is none."""
    with pytest.raises(SystemExit):
        main(["to-router", "--data", str(tmp_path)])
    argv = ["to-router", "--data", str(tmp_path), "--answers", str(tmp_path / "a.jsonl")]
    assert main([*argv, "--collect", "0"]) == 1
    assert "--collect is 0; it must be 1 or more" in capsys.readouterr().err
