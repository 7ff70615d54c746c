"""Each public format, from a small made sample in its shape to the exact outcome rows."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_router.export.data.importers import FORMATS, import_outcomes
from edge_router.export.data.importers.expected import EXPECTED
from edge_router.export.data.rows import query_key, read_rows, split_of, write_rows

SAMPLES = Path(__file__).parents[3] / "made" / "samples"


def row(query: str, score: dict[str, float], **known: Any) -> dict[str, Any]:
    """The row that is expected of a query, in English and split by its key unless known."""
    key = query_key(query)
    return {
        "qkey": key,
        "split": split_of(key),
        "lang": "en",
        "query": query,
        "score": score,
    } | known


def saved(path: Path, arrays: dict[str, Any]) -> None:
    """An .npz of these arrays."""
    stored: Any = {name: np.array(value) for name, value in arrays.items()}
    np.savez(path, **stored)


def test_routellm_with_answers() -> None:
    """True and False are scores, the response columns answers; a cell may span lines."""
    assert import_outcomes("routellm", [SAMPLES / "gsm8k_responses.csv"]) == [
        row(
            "Ann has 3 pears and eats one. How many are left?",
            {"small-8x7b": 1.0, "large-1106": 1.0},
            source="routellm/gsm8k_responses",
            id="gsm8k_responses-0",
            task="gsm8k",
            answer={"small-8x7b": "3 - 1 = 2\n#### 2", "large-1106": "2"},
            out_chars={"small-8x7b": 16, "large-1106": 1},
        ),
        row(
            'A hat costs $4, "two for $7". What do four hats cost?',
            {"small-8x7b": 0.0, "large-1106": 1.0},
            source="routellm/gsm8k_responses",
            id="gsm8k_responses-1",
            task="gsm8k",
            answer={"small-8x7b": "16", "large-1106": "They cost 2 x 7 = $14."},
            out_chars={"small-8x7b": 2, "large-1106": 22},
        ),
    ]


def test_routellm_with_an_index_column() -> None:
    """The unnamed first column numbers the lines and is no expert; 0 and 1 are scores too."""
    assert import_outcomes("routellm", [SAMPLES / "mmlu_birds.csv"], task="mmlu/birds") == [
        row(
            f"Which bird {rest}\nAnswer:",
            {"vendor/small-8x7b": small, "large-1106": 1.0},
            source="routellm/mmlu_birds",
            id=f"mmlu_birds-{number}",
            task="mmlu/birds",
        )
        for number, (rest, small) in enumerate(
            [
                ("cannot fly?\nA. Gull\nB. Penguin", 0.0),
                ("sings at night?\nA. Nightingale\nB. Hen", 1.0),
            ]
        )
    ]


@pytest.mark.parametrize(
    "name", ["routerbench_tiny.pkl", "routerbench_numpy2.pkl", "routerbench_tiny.csv"]
)
def test_routerbench(name: str) -> None:
    """Turns are joined, costs and answers kept; a pickle needs no pandas."""
    source = f"routerbench/{name.partition('.')[0]}"
    assert import_outcomes("routerbench", [SAMPLES / name]) == [
        row(
            "Which is a metal?\nA) Tin\nB) Oak",
            {"vendor/small-chat": 0.0, "large-1106": 1.0},
            source=source,
            id="arc-challenge.test.7",
            task="arc-challenge",
            cost_usd={"vendor/small-chat": 6.2e-05, "large-1106": 0.0021},
            answer={"vendor/small-chat": "I'd say B", "large-1106": "A"},
            out_chars={"vendor/small-chat": 9, "large-1106": 1},
        ),
        row(
            "Solve the riddle.\n\nWhat has keys and opens no door?",
            {"vendor/small-chat": 0.75, "large-1106": 1.0},
            source=source,
            id="riddles.dev.0",
            task="riddles",
            cost_usd={"vendor/small-chat": 0.0001, "large-1106": 0.003},
            answer={"vendor/small-chat": "A map", "large-1106": "A piano"},
            out_chars={"vendor/small-chat": 5, "large-1106": 7},
        ),
    ]


def test_routereval_with_prompts() -> None:
    """The pools of a data set join into one row a query; one of eleven models is left out."""
    assert import_outcomes("routereval", [SAMPLES / "tiny_router_dataset.pkl"]) == [
        row(
            f"What is {number} + {number}?",
            {"weak": weak, "strong": strong, "odd": odd},
            source="routereval/tiny_router_dataset",
            id=f"tiny_router_dataset-{number - 1}",
            task="tiny",
            split=split,
        )
        for number, weak, strong, odd, split in [
            (1, 0.0, 1.0, 0.5, "train"),
            (2, 1.0, 1.0, 0.0, "dev"),
            (3, 0.0, 0.0, 1.0, "test"),
        ]
    ]


@pytest.mark.parametrize(
    "arrays",
    [
        {"train_score": [[0, 1]], "test_score": [[1, 0.5]], "train_embed": [[0.1]]},
        {"X": [[0.1], [0.2]], "Y": [[0, 1], [1, 0.5]]},
    ],
)
@pytest.mark.parametrize("prompts", ['["One?", "Two?"]', '{"query": "One?"}\n{"prompt": "Two?"}\n'])
def test_routereval_without_prompts(tmp_path: Path, arrays: dict[str, Any], prompts: str) -> None:
    """Scores beside embeddings take their texts from another file; unnamed models are numbered."""
    saved(tmp_path / "pool.npz", arrays)
    (tmp_path / "prompts.json").write_text(prompts)
    rows = import_outcomes("routereval", [tmp_path / "pool.npz"], texts=tmp_path / "prompts.json")
    assert [(result["query"], result["score"]) for result in rows] == [
        ("One?", {"pool-0": 0.0, "pool-1": 1.0}),
        ("Two?", {"pool-0": 1.0, "pool-1": 0.5}),
    ]


def test_routereval_keeps_its_own_split(tmp_path: Path) -> None:
    """8:1:1 as published, val is dev; a question that stands in two splits goes to the later one,
    with its letters alone."""
    prompts = [f"Question {number}?" for number in range(8)]
    parts: dict[str, Any] = {
        "train_score": [[0, 1]] * 8,
        "train_prompt": prompts,
        "val_score": [[1, 1]],
        "val_prompt": ["Validation?"],
        "test_score": [[1, 0], [1, 0]],
        "test_prompt": ["Test?", "question 7 !"],
    }
    saved(tmp_path / "pool.npz", parts)
    rows = import_outcomes("routereval", [tmp_path / "pool.npz"])
    splits = {result["query"]: result["split"] for result in rows}
    assert [splits.pop(name) for name in ("Validation?", "Test?")] == ["dev", "test"]
    assert splits.pop("Question 7?") == splits.pop("question 7 !") == "test"
    assert set(splits.values()) == {"train"}


def test_routereval_of_one_matrix(tmp_path: Path) -> None:
    """A bare .npy is the matrix Y; an .npz that holds prompts and names needs nothing else."""
    np.save(tmp_path / "y.npy", np.array([[True, False]]))
    (tmp_path / "texts.jsonl").write_text('"Why?"\n')
    (result,) = import_outcomes("routereval", [tmp_path / "y.npy"], texts=tmp_path / "texts.jsonl")
    assert result["score"] == {"y-0": 1.0, "y-1": 0.0}
    parts = {"val_score": [[0.5, 1]], "val_prompt": ["Why?"], "model": ["a", "b"]}
    saved(tmp_path / "z.npz", parts)
    (result,) = import_outcomes("routereval", [tmp_path / "z.npz"])
    assert (result["query"], result["score"]) == ("Why?", {"a": 0.5, "b": 1.0})


def test_alpacaeval() -> None:
    """One file a model, joined by instruction; null is not judged, and the old 0 is a draw."""
    files = [SAMPLES / "annotations_small.json", SAMPLES / "annotations_large.json"]
    shared = {"judged_against": "reference"}
    assert import_outcomes("alpacaeval", files) == [
        row(
            "Name a red fruit.",
            {"small": 0.2500000001, "large": 1.0},
            source="alpacaeval/annotations_small",
            id="annotations_small-0",
            task="fruits",
            out_chars={"small": 6, "large": 14},
            **shared,
        ),
        row(
            "Say hello in Basque.",
            {"small": 0.0},
            source="alpacaeval/annotations_small",
            id="annotations_small-1",
            task="greetings",
            out_chars={"small": 4},
            **shared,
        ),
        row(
            "Draw a circle.",
            {"large": 0.5},
            source="alpacaeval/annotations_large",
            id="annotations_large-2",
            task="drawings",
            out_chars={"large": 2},
            **shared,
        ),
    ]


LLMROUTER = [
    row(
        "What is 3 + 4?",
        {"small-7b": 0.0, "large-70b": 1.0},
        source="llmrouter/default_routing_data",
        id="default_routing_data-0",
        task="sums",
        metric="GSM8K",
        gold="7",
        input_tokens={"small-7b": 20, "large-70b": 20},
        output_tokens={"small-7b": 1, "large-70b": 4},
        out_chars={"small-7b": 1, "large-70b": 8},
        latency_s={"small-7b": 0.25, "large-70b": 1.5},
        answer={"small-7b": "8", "large-70b": "It is 7."},
    ),
    row(
        "Which sea is salt-free?",
        {"small-7b": 1.0},
        source="llmrouter/default_routing_data",
        id="default_routing_data-1",
        task="seas",
        metric="em_mc",
        gold="B",
        choices='{"text": ["Red Sea", "none"], "labels": ["A", "B"]}',
        input_tokens={"small-7b": 28},
        output_tokens={"small-7b": 2},
        out_chars={"small-7b": 3},
        latency_s={"small-7b": 0.5},
        answer={"small-7b": "(B)"},
    ),
]


def test_llmrouter() -> None:
    """A line a query and model; a call that failed says nothing about its model."""
    assert import_outcomes("llmrouter", [SAMPLES / "default_routing_data.jsonl"]) == LLMROUTER


def test_llmrouter_as_a_json_list(tmp_path: Path) -> None:
    """The same lines as one list give the same rows."""
    lines = (SAMPLES / "default_routing_data.jsonl").read_text().splitlines()
    path = tmp_path / "default_routing_data.json"
    path.write_text(json.dumps([json.loads(line) for line in lines], indent=1))
    assert import_outcomes("llmrouter", [path]) == LLMROUTER


def test_an_answer_may_begin_like_a_failed_call(tmp_path: Path) -> None:
    """What was generated counts, whatever it says; only a call without tokens failed."""
    line = {"query": "What does 404 mean?", "model_name": "a", "performance": 1}
    answered = line | {"response": "ERROR: page not found", "output_tokens": 5}
    lines = [answered, line | {"model_name": "b", "response": "It is a code."}]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    (result,) = import_outcomes("llmrouter", [tmp_path / "x.jsonl"])
    assert result["score"] == {"a": 1.0, "b": 1.0}


def test_plain_csv() -> None:
    """With a byte-order mark, a colon in an expert's name, unknown cells, and a foreign split."""
    assert import_outcomes("csv", [SAMPLES / "plain.csv"]) == [
        row(
            "Wie spät\nist es?",
            {"llama3:8b": 0.5, "cloud": 1.0},
            source="csv/plain",
            id="a-1",
            task="time",
            lang="de",
            gold="noon",
            cost_usd={"cloud": 0.002},
            output_tokens={"cloud": 12},
            latency_s={"llama3:8b": 0.4},
        ),
        row("Why?", {"cloud": 1.0}, source="csv/plain", id="plain-1", task="plain"),
    ]


@pytest.mark.parametrize("name", ["plain.jsonl", "plain.jsonl.gz"])
def test_plain_jsonl(tmp_path: Path, name: str) -> None:
    """Only the whole outcome row keeps its own qkey and split."""
    text = (SAMPLES / "plain.jsonl").read_bytes()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    assert import_outcomes("jsonl", [tmp_path / name]) == [
        row(
            "Why?",
            {"local": 0.0, "cloud": 0.5},
            source="jsonl/plain",
            id="plain-0",
            task="plain",
        ),
        {
            "source": "mine",
            "id": 7,
            "qkey": "00000000000000aa",
            "split": "dev",
            "task": "chat",
            "lang": "fr",
            "query": "Pourquoi ?",
            "gold": "parce que",
            "context": "none",
            "score": {"local": 0.25, "cloud": 1.0},
            "output_tokens": {"cloud": 3},
        },
    ]


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("routellm", ["gsm8k_responses.csv"]),
        ("routerbench", ["routerbench_tiny.pkl"]),
        ("routereval", ["tiny_router_dataset.pkl"]),
        ("alpacaeval", ["annotations_small.json", "annotations_large.json"]),
        ("llmrouter", ["default_routing_data.jsonl"]),
        ("csv", ["plain.csv"]),
        ("jsonl", ["plain.jsonl"]),
    ],
)
def test_imported_rows_are_outcome_rows(tmp_path: Path, name: str, files: list[str]) -> None:
    """What is written can be read back by the toolchain, and imported again without a change."""
    assert name in FORMATS
    rows = import_outcomes(name, [SAMPLES / file for file in files])
    write_rows(tmp_path / "rows.jsonl.gz", rows)
    assert list(read_rows(tmp_path / "rows.jsonl.gz")) == rows
    assert import_outcomes("jsonl", [tmp_path / "rows.jsonl.gz"]) == rows


def test_rows_read_like_the_format(tmp_path: Path) -> None:
    """Fields stand in the order in which the format names them."""
    first, _ = import_outcomes("csv", [SAMPLES / "plain.csv"])
    assert [*first] == (
        "source id qkey split task lang query gold score cost_usd output_tokens latency_s".split()
    )


def test_parquet(tmp_path: Path) -> None:
    """RouterBench and LLMRouter also come as parquet; nulls and NaN are not known."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    text = (SAMPLES / "default_routing_data.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    path = tmp_path / "default_routing_data.parquet"
    parquet.write_table(pyarrow.Table.from_pylist(lines), path)
    assert import_outcomes("llmrouter", [path]) == LLMROUTER
    wide = {"prompt": ["a?", "b?"], "m": [1.0, float("nan")], "n": [None, 0.5]}
    parquet.write_table(pyarrow.table(wide), tmp_path / "wide.parquet")
    rows = import_outcomes("routerbench", [tmp_path / "wide.parquet"])
    assert [result["score"] for result in rows] == [{"m": 1.0}, {"n": 0.5}]


def test_every_format_says_what_it_expects() -> None:
    """In a line, for messages and for help."""
    assert EXPECTED.keys() == FORMATS.keys()
