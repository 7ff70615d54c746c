"""From a network to a verified artifact, with the real tools on a small real encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_router.export.metrics.table import evaluate_table
from edge_router.routing.artifact.encoder import open_session
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.text import RouterTokenizer

torch = pytest.importorskip("torch", reason="the extra `export` is not installed")
pytest.importorskip("optimum", reason="the extra `export` is not installed")

from edge_router.export.cli import main  # noqa: E402
from edge_router.export.data import outcome_set as outcome_data  # noqa: E402
from edge_router.export.data.grade import INSTRUCTIONS  # noqa: E402
from edge_router.export.data.questions import gold_questions  # noqa: E402
from edge_router.export.data.rows import BadData, letters_of, read_partial_rows  # noqa: E402
from edge_router.export.graphs.quantize import quantize  # noqa: E402
from edge_router.export.graphs.to_onnx import export_onnx  # noqa: E402
from edge_router.export.pipeline.package import package  # noqa: E402
from edge_router.export.recipe import Recipe  # noqa: E402
from edge_router.export.training.grid import hold_to_grid, settle_on_grid  # noqa: E402
from edge_router.export.training.model import RouterNetwork  # noqa: E402
from edge_router.export.training.shrink import shrink  # noqa: E402

RECIPE = Path(__file__).parents[3] / "export" / "recipes" / "router-small.toml"
TEXTS = ["What is the capital of France?", "Prove that e is irrational. " * 10]


def minilm() -> RouterNetwork:
    """The real MiniLM under untrained read-outs."""
    base = Recipe.load(RECIPE).base
    return RouterNetwork.from_pretrained(base, difficulties=4, kinds=3, experts=2)


@pytest.fixture(scope="module", params=[False, True], ids=["mean", "weighed"])
def network(request: pytest.FixtureRequest) -> RouterNetwork:
    """An untrained read-out on half of the real MiniLM, its weights on the int8 grid; its tokens
    count alike or are weighed."""
    torch.manual_seed(0)
    whole = RouterNetwork.from_pretrained(
        Recipe.load(RECIPE).base, difficulties=4, kinds=3, experts=2
    )
    bert = shrink(whole.bert, layers=[0, 2, 4], width=256, feed_forward=1024)
    network = RouterNetwork(bert, difficulties=4, kinds=3, experts=2, weighs_tokens=request.param)
    if network.token_weight is not None:
        torch.nn.init.normal_(network.token_weight.weight, std=0.02)
    hold_to_grid(network)
    settle_on_grid(network)
    return network.eval()


@pytest.fixture(scope="module")
def tokenizer() -> RouterTokenizer:
    return RouterTokenizer(Recipe.load(RECIPE).base / "tokenizer.json", max_tokens=128)


@pytest.fixture(scope="module")
def int8(
    network: RouterNetwork, tokenizer: RouterTokenizer, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The network's int8 graph."""
    path = tmp_path_factory.mktemp("graphs") / "int8.onnx"
    quantize(network, path, [tokenizer.input_ids(text) for text in TEXTS], max_tokens=128)
    return path


@pytest.mark.filterwarnings("ignore")  # torch and optimum warn about themselves while exporting
def test_export_and_quantization_keep_the_numbers(
    network: RouterNetwork, tokenizer: RouterTokenizer, int8: Path, tmp_path: Path
) -> None:
    """fp32 equals torch; int8 is close, since the weights already lie on its grid."""
    fp32 = tmp_path / "fp32.onnx"
    export_onnx(network, fp32, max_tokens=128)
    for text in TEXTS:
        ids, mask = tokenizer.batch([text])
        feed = {"input_ids": ids, "attention_mask": mask}
        with torch.no_grad():
            expected = network(torch.from_numpy(ids), torch.from_numpy(mask))[0].numpy()
        exact = open_session(fp32).run(["representation"], feed)[0]
        rounded = open_session(int8).run(["representation"], feed)[0]
        assert np.abs(exact - expected).max() < 1e-4
        assert np.abs(rounded - expected).max() < 0.02
    assert int8.stat().st_size < fp32.stat().st_size / 3


def test_another_activation_is_refused(tmp_path: Path) -> None:
    """By name, before anything is written."""
    network = minilm()
    network.bert.config.hidden_act = "silu"
    with pytest.raises(BadData, match="'silu' has no exact graph; use 'gelu'"):
        quantize(network, tmp_path / "x.onnx", [[101, 102]], max_tokens=128)


def test_weights_on_the_grid_stay_there(network: RouterNetwork) -> None:
    """Rounding twice changes nothing."""
    before = {name: value.clone() for name, value in network.state_dict().items()}
    hold_to_grid(network)
    settle_on_grid(network)
    for name, value in network.state_dict().items():
        assert torch.allclose(value, before[name], atol=1e-6), name


def test_a_repackaged_artifact_is_the_same_artifact(
    artifact: RouterArtifact, tmp_path: Path
) -> None:
    """Files, hashes and manifest survive; the copy loads verified."""
    manifest = {
        field: getattr(artifact.manifest, field)
        for field in artifact.manifest.__dataclass_fields__
        if field not in ("schema_version", "files")
    }
    known = artifact.known_queries()
    assert known is not None
    copy = package(
        tmp_path / "copy",
        encoder=artifact.encoder_path,
        tokenizer=artifact.tokenizer_path,
        experts=artifact.experts,
        calibration=artifact.calibration,
        known=known,
        card=(artifact.path / "README.md").read_text(),
        about=manifest,
    )
    assert copy.manifest.files == artifact.manifest.files


def test_outcomes_join_tables_with_our_own_measurement(data: Path) -> None:
    """SmolLM2's score stands beside GPT-4's on the same row, and no query on two sides."""
    recipe = Recipe.load(RECIPE)
    outcomes = outcome_data.load_outcomes(data, recipe.own_outcomes, recipe.max_chars)
    both = ~np.isnan(outcomes.column("SmolLM2-135M-Instruct-Q4_1"))
    both &= ~np.isnan(outcomes.column("gpt-4-1106-preview"))
    assert both.sum() > 800
    sides: dict[str, set[str]] = {}
    for key, split in zip(outcomes.qkeys, outcomes.splits.tolist(), strict=True):
        sides.setdefault(key, set()).add(split)
    assert all(len(result) == 1 for result in sides.values())


def test_a_query_on_both_sides_of_a_split_is_refused() -> None:
    """It would let training see the test."""
    row = {"qkey": "k", "split": "train", "task": "t", "query": "q", "score": {"a": 1.0}}
    for other in (row, row | {"qkey": "other", "query": "Q?"}):  # by key, and by its letters
        with pytest.raises(BadData, match="stands in two splits: 'test' there, 'train' in 'one'"):
            outcome_data.outcome_set({"one": [row], "two": [other | {"split": "test"}]}, 100)
    with pytest.raises(BadData, match="'none' is empty"):
        outcome_data.outcome_set({"none": []}, 100)


def test_baselines_are_what_they_say(data: Path) -> None:
    """Random is one half, the oracle is the best, for any router."""
    recipe = Recipe.load(RECIPE)
    outcomes = outcome_data.load_outcomes(data, recipe.own_outcomes, recipe.max_chars)
    table, (weak, strong) = next(iter(recipe.pairs.items()))
    result = evaluate_table(outcomes, table, weak, strong, np.zeros(len(outcomes)))["apgr"]
    assert result["random"][0] == result["router"][0] == pytest.approx(0.5)
    assert result["oracle"][0] == max(value for value, _, _ in result.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [("nam = 1\n", "missing or unknown keys: nam"), ("not toml", "not TOML")],
)
def test_what_is_not_a_recipe_is_refused(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on standard error, no traceback."""
    (tmp_path / "x.toml").write_text(text)
    assert main(["run", str(tmp_path / "x.toml"), "--data", str(tmp_path)]) == 1
    assert message in capsys.readouterr().err


def test_a_recipe_that_names_what_no_table_has_is_refused() -> None:
    """All tables and experts, with where the recipe names them."""
    recipe = Recipe.load(RECIPE)
    lacking = [*recipe.unknown({"a"}, {"t"})]
    assert "the table 'mmlu_test_joint' in [pairs]; there is 't'" in lacking
    assert "the table 'everyday_rated' in [recombined]; there is 't'" in lacking
    assert "the expert 'mixtral-8x7b-instruct' for 'mmlu_test_joint'; there is 'a'" in lacking


def test_a_folder_without_tables_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message says where it looked."""
    command = ["run", str(RECIPE), "--data", str(tmp_path), "--work", str(tmp_path / "work")]
    assert main(command) == 1
    assert "no outcome tables in" in capsys.readouterr().err


def test_questions_stand_once_and_on_the_side_of_the_tables(data: Path) -> None:
    """At least 8,000 of them, as many as were asked; equal letters have equal splits."""
    questions = list(gold_questions(data))
    assert len({row["qkey"] for row in questions}) >= 8000
    side: dict[str, str] = {}
    for row in questions:
        assert side.setdefault(letters_of(row["query"]), row["split"]) == row["split"]
        assert row["metric"] in INSTRUCTIONS
    measured = read_partial_rows(Recipe.load(RECIPE).own_outcomes[0])
    asked = {(row["source"], str(row["id"])) for row in measured}
    assert {(row["source"], str(row["id"])) for row in questions} <= asked
