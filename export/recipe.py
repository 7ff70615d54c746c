"""One command from outcome tables to a verified artifact; a killed run goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edge_router.artifact import RouterArtifact
from edge_router.calibration import sigmoid
from edge_router.encoder import open_session
from edge_router.experts import PROFILES
from edge_router.text import TEMPLATE, RouterTokenizer

from .calibrate import calibrate
from .card import write_card
from .data import OutcomeSet, load_outcomes
from .embedding import base_folder
from .evaluate import evaluate_table
from .heads import LinearHead, fit_model_head, fit_profile_heads, mean_score
from .package import package
from .parity import parity, require_parity
from .quantize import QUANTIZATION, quantize
from .rows import BadData

__all__ = ["Recipe", "run"]

Floats = npt.NDArray[np.float64]

TOOLS = ("torch", "transformers", "optimum", "optimum-onnx", "onnx", "onnxruntime", "tokenizers")
PARITY_QUERIES = 2000


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a recipe file says; `path` is the file itself, own outcome files lie relative to it."""

    path: Path
    name: str
    base_package: str
    base_model: str
    licence: str
    max_chars: int
    own_outcomes: tuple[Path, ...]
    training: Mapping[str, Any]
    pairs: Mapping[str, tuple[str, str]]
    profiles: Mapping[str, tuple[str, ...]]
    reference: Mapping[str, Mapping[str, Any]]

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read a recipe. Raises FileNotFoundError, or BadData for what is not a recipe."""
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:  # not TOML, or not UTF-8
            raise BadData(f"{path} is not TOML: {error}") from None
        known = {field.name for field in fields(cls)} - {"path"}
        if odd := sorted(known ^ found.keys()):
            raise BadData(f"{path} has missing or unknown keys: {', '.join(odd)}")
        own = tuple((path.parent / file).resolve() for file in found.pop("own_outcomes"))
        return cls(path=path, own_outcomes=own, **found)

    @property
    def base(self) -> Path:
        """The folder of the base model's weights inside the installed package."""
        return base_folder(self.base_package)


def run(recipe: Recipe, *, data: Path, work: Path, target: Path) -> RouterArtifact:
    """Train, export, quantise, fit heads, calibrate, check parity, evaluate and package.

    Intermediate files lie in `work`; delete it to start afresh. The artifact is written to
    `target`. Prints each step's time.
    """
    from .to_onnx import export_onnx
    from .train import TrainingPlan, task_kinds, train

    work.mkdir(parents=True, exist_ok=True)
    plan = TrainingPlan(**recipe.training)
    with _step("load outcomes"):
        outcomes = load_outcomes(data, recipe.own_outcomes, recipe.max_chars)
    with _step("train"):
        network = train(outcomes, plan, recipe.base, work)
    with _step("export"):
        fp32, int8 = export_onnx(network, work), work / "encoder.int8.onnx"
        quantize(fp32, int8)
    tokenizer = RouterTokenizer(recipe.base / "tokenizer.json", max_tokens=plan.max_tokens)
    with _step("represent"):
        vectors, log_tokens = represent(int8, tokenizer, outcomes.texts)
    with _step("fit heads"):
        heads = fit_heads(recipe, outcomes, vectors)
    with _step("calibrate"):
        dev = _profile_scores(recipe, outcomes, vectors, "dev")
        calibration = calibrate(*dev, heads["profiles"])
    with _step("parity"):
        chosen = np.flatnonzero(outcomes.splits == "test")[:: _stride(outcomes)]
        exact, _ = represent(fp32, tokenizer, [outcomes.texts[number] for number in chosen])
        checked = parity(vectors[chosen], exact, heads["profiles"], calibration)
        require_parity(checked)
    with _step("evaluate"):
        metrics = evaluate(recipe, outcomes, vectors, heads, calibration["temperature"])
    about = _about(recipe, outcomes) | {
        "max_tokens": plan.max_tokens,
        "representation_dim": vectors.shape[1],
        "task_kinds": task_kinds(outcomes),
        "parity": checked,
        "metrics": {"test": metrics},
    }
    with _step("package"):
        return package(
            target,
            encoder=int8,
            tokenizer=recipe.base / "tokenizer.json",
            experts=_experts_json(recipe, outcomes, heads, log_tokens),
            calibration=calibration,
            card=write_card(about, calibration),
            about=about,
        )


def _about(recipe: Recipe, outcomes: OutcomeSet) -> dict[str, Any]:
    """What the manifest says that no step computes."""
    from .to_onnx import OPSET

    return {
        "name": recipe.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "base_model": recipe.base_model,
        "licence": recipe.licence,
        "input_template": TEMPLATE,
        "max_chars": recipe.max_chars,
        "truncation": "head and tail",
        "opset": OPSET,
        "quantization": QUANTIZATION,
        "training_data": _training_data(outcomes),
        "tool_versions": {tool: version(tool) for tool in TOOLS},
        "command": f"edge-router export run export/recipes/{recipe.path.name} --data DATA",
    }


@contextmanager
def _step(name: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    print(f"{name:16} {time.monotonic() - start:8.1f} s", flush=True)


def represent(
    encoder: Path, tokenizer: RouterTokenizer, texts: Sequence[str]
) -> tuple[Floats, Floats]:
    """Vectors (queries, dim) and log_tokens (queries,), one query at a time as in serving.

    Kept beside the encoder under a name made of both, so that a second run need not repeat it.
    """
    digest = hashlib.sha256(encoder.read_bytes())
    digest.update("\0".join(texts).encode())
    kept = encoder.with_name(f"vectors-{digest.hexdigest()[:16]}.npz")
    if not kept.exists():
        session = open_session(encoder)
        outputs = partial(_outputs, session, tokenizer)
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # onnxruntime lets Python's lock go
            found = list(
                tqdm(
                    pool.map(outputs, texts), f"represent {encoder.name}", len(texts), unit="query"
                )
            )
        np.savez(
            kept,
            vectors=np.array([vector for vector, _ in found], dtype=np.float64),
            log_tokens=np.array([length for _, length in found], dtype=np.float64),
        )
    with np.load(kept) as loaded:
        return loaded["vectors"], loaded["log_tokens"]


def _outputs(session: Any, tokenizer: RouterTokenizer, text: str) -> tuple[Floats, float]:
    ids, mask = tokenizer.batch([text])
    feed = {"input_ids": ids, "attention_mask": mask}
    vectors, log_tokens = session.run(["representation", "log_tokens"], feed)
    return vectors[0], float(log_tokens[0, 0])


def fit_heads(
    recipe: Recipe, outcomes: OutcomeSet, vectors: Floats
) -> dict[str, dict[str, LinearHead]]:
    """Heads of the six profiles and of every model with training rows, on the train split."""
    train = outcomes.splits == "train"
    profiles = fit_profile_heads(*_profile_scores(recipe, outcomes, vectors, "train"))
    profile_of = {model: p for p, models in recipe.profiles.items() for model in models}
    models = {}
    for expert in tqdm(outcomes.experts, desc="heads"):
        seen = train & ~np.isnan(outcomes.column(expert))
        prior = profiles[profile_of.get(expert, "8b")]
        scores = outcomes.column(expert)[seen].astype(np.float64)
        models[expert] = fit_model_head(vectors[seen], scores, prior)
    return {"profiles": profiles, "experts": models}


def evaluate(
    recipe: Recipe,
    outcomes: OutcomeSet,
    vectors: Floats,
    heads: Mapping[str, Mapping[str, LinearHead]],
    temperature: float,
) -> list[dict[str, Any]]:
    """Every table's pair on its test split."""
    results = []
    for table, (weak, strong) in tqdm(recipe.pairs.items(), desc="evaluate"):
        low, high = (
            sigmoid(heads["experts"][name].log_odds(vectors) / temperature)
            for name in (weak, strong)
        )
        results.append(evaluate_table(outcomes, table, weak, strong, high - low))
    return results


def _profile_scores(
    recipe: Recipe, outcomes: OutcomeSet, vectors: Floats, split: str
) -> tuple[Floats, dict[str, Floats]]:
    rows = outcomes.splits == split
    columns = {
        profile: [outcomes.experts.index(model) for model in recipe.profiles[profile]]
        for profile in PROFILES
    }
    scores = outcomes.scores[rows].astype(np.float64)
    return vectors[rows], {p: mean_score(scores, found) for p, found in columns.items()}


def _stride(outcomes: OutcomeSet) -> int:
    return max(1, int((outcomes.splits == "test").sum()) // PARITY_QUERIES)


def _training_data(outcomes: OutcomeSet) -> list[dict[str, Any]]:
    licences = json.loads((Path(__file__).parent / "recipes" / "sources.json").read_text())
    train = outcomes.splits == "train"
    return [
        {
            "source": table,
            **licences[table],
            "rows": int((train & (outcomes.tables == table)).sum()),
        }
        for table in sorted(set(outcomes.tables.tolist()))
    ]


def _experts_json(
    recipe: Recipe,
    outcomes: OutcomeSet,
    heads: Mapping[str, Mapping[str, LinearHead]],
    log_tokens: Floats,
) -> dict[str, Any]:
    """The content of experts.json: heads with their length offsets, and the reference values."""
    offsets = {
        expert: _length_offset(outcomes, number, log_tokens)
        for number, expert in enumerate(outcomes.experts)
    }
    groups = {
        profile: float(np.mean([offsets[model] for model in recipe.profiles[profile]]))
        for profile in PROFILES
    }
    return {
        "profiles": {
            profile: {
                "head": _head_json(heads["profiles"][profile], groups[profile]),
                "reference": recipe.reference[profile],
                "models": list(recipe.profiles[profile]),
            }
            for profile in PROFILES
        },
        "experts": {
            expert: {"head": _head_json(heads["experts"][expert], offsets[expert])}
            for expert in outcomes.experts
        },
    }


def _length_offset(outcomes: OutcomeSet, expert: int, log_tokens: Floats) -> float:
    """How much longer this expert's answers are than the encoder expects, as a logarithm."""
    train = outcomes.splits == "train"
    known = outcomes.log_tokens[:, expert]
    seen = train & ~np.isnan(known)
    return float(np.mean(known[seen] - log_tokens[seen])) if seen.any() else 0.0


def _head_json(head: LinearHead, log_tokens: float) -> dict[str, Any]:
    return {
        "bias": _rounded(head.bias),
        "weights": [_rounded(weight) for weight in head.weights],
        "log_tokens": _rounded(log_tokens),
    }


def _rounded(value: float) -> float:
    return round(float(value), 5)
