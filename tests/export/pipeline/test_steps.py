"""A whole router from outcome rows, on a few made rows: every step real, only small."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra `export` is not installed")
pytest.importorskip("optimum", reason="the extra `export` is not installed")

from edge_router import Router
from edge_router.export.cli import main
from edge_router.export.data.rows import query_key, write_rows
from edge_router.export.graphs import parity
from edge_router.learning.outcomes.rows import Row
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.experts.expert import PROFILES

RECIPE = Path(__file__).parents[3] / "export" / "recipes" / "router-small.toml"


def rows() -> list[Row]:
    """Sums are hard for the small models, capitals are not."""
    made = []
    for number in range(120):
        hard = number % 2
        query = f"What is {number} + {number * 7}?" if hard else f"Name capital number {number}."
        made.append(
            {
                "source": "made",
                "id": number,
                "qkey": query_key(query),
                "split": ("train", "train", "train", "dev", "test")[number // 2 % 5],
                "task": "sums" if hard else "capitals",
                "lang": "en",
                "query": query,
                "score": {
                    profile: float(not hard or size > 2) for size, profile in enumerate(PROFILES)
                },
                "out_chars": dict.fromkeys(PROFILES, 40 + 100 * hard),
            }
        )
    return made


TEACHER = """epochs = 1
batch_size = 16
encoder_rate = 6e-5
head_rate = 1e-2
kind_weight = 0.5
difficulties = 2
max_tokens = 16
dropout = 0.0
"""


def recipe(folder: Path) -> Path:
    """The shipped recipe with one short epoch, a tiny student, and our made experts."""
    text = RECIPE.read_text()
    start = text.index("[transfer]")
    plans = f"""[recombined]
made = 10

[teachers.first]
seed = 0
{TEACHER}varied = 0.5

[teachers.second]
seed = 1
{TEACHER}draws = {{ made = 1, "*" = 0 }}

[students.tiny]
layers = [0]
width = 64
feed_forward = 64
words = 3000
seed = 0
epochs = 2
batch_size = 16
encoder_rate = 1e-3
head_rate = 1e-2
kind_weight = 0.5
teacher_weight = 0.5
gap_weight = 0.2
difficulties = 2
max_tokens = 16
dropout = 0.0
varied = 0.5
embedding = 384
size_weight = 0.5

[students.tiny_hardened]
after = "tiny"
epochs = 1
attacked = 0.5

[pairs]
made = ["135m", "frontier"]

[[unseen]]
table = "made"
weak = "135m"
weak_profile = "135m"
strong = "frontier"
strong_profile = "frontier"

[profiles]
"""
    plans += "\n".join(f'{profile} = ["{profile}"]' for profile in PROFILES) + "\n\n"
    head = re.sub(r"own_outcomes = .*", "own_outcomes = []", text[:start])
    head = re.sub(r"(?s)without_heads = .*?\n\]\n", "", head)
    head = re.sub(r"ships = .*", 'ships = "tiny_hardened"', head)
    file = folder / "tiny.toml"
    reference = text[text.index("[reference.135m]") :]
    file.write_text(f"{head}{plans}{reference}")
    return file


@pytest.mark.filterwarnings("ignore")  # torch and optimum warn about themselves while exporting
def test_every_command_makes_its_part_and_nothing_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The artifact loads and decides; what one command made, the next one uses."""
    for limit in ("MAX_FLIP_RATE", "MAX_PAIR_FLIP_RATE"):  # 24 test queries: one flip is 4 %
        monkeypatch.setattr(parity, limit, 1.0)
    monkeypatch.setattr(parity, "MAX_AUC_DROP", 1.0)
    (tmp_path / "outcomes" / "open").mkdir(parents=True)
    write_rows(tmp_path / "outcomes" / "open" / "made.jsonl.gz", rows())
    common = [str(recipe(tmp_path)), "--data", str(tmp_path), "--work", str(tmp_path / "work")]
    assert main(["train", *common]) == 0
    teachers = sorted((tmp_path / "work" / "router-small").glob("teacher-*.pt"))
    assert len(teachers) == 2
    trained_at = [teacher.stat().st_mtime_ns for teacher in teachers]
    for command in ("distill", "quantize", "calibrate", "parity"):
        assert main([command, *common]) == 0, command
    assert main(["run", *common, "--out", str(tmp_path / "router")]) == 0
    message = capsys.readouterr().out
    assert message.count("teacher  ") == 6  # found again five times
    assert [teacher.stat().st_mtime_ns for teacher in teachers] == trained_at
    assert len(list(teachers[0].parent.glob("student-*.pt"))) == 2
    artifact = RouterArtifact.load(tmp_path / "router")
    capsys.readouterr()
    command = ["held-out", str(artifact.path), "--recipe", common[0], "--tables", "open", "--json"]
    assert main([*command, "--data", str(tmp_path), "--work", str(tmp_path)]) == 0
    (unseen,) = json.loads(capsys.readouterr().out)
    assert unseen["queries"] == 48  # of 120; the others were trained on
    assert unseen["apgr"]["oracle"][0] == pytest.approx(0.75, abs=0.01)
    assert "task only" not in unseen["apgr"]  # it would be fitted on what it is tested on
    assert set(artifact.manifest.metrics) == {"test", "teacher"}
    router = Router.bundled(str(artifact.path))
    easy, hard = (router.estimate(query) for query in ("Name capital number 4.", "What is 5 + 35?"))
    assert easy["135m"].quality > hard["135m"].quality
    assert artifact.manifest.embedding_dim == 384
    same, other = (router.embed(query) for query in ("What is 5 + 35?", "Name capital number 4."))
    assert same.shape == (384,)
    assert float(same @ same) == pytest.approx(1.0, abs=1e-5)
    assert float(same @ other) < 0.999
