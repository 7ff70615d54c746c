"""The steps from outcome tables to a verified artifact; a finished step is not repeated."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import numpy as np

from edge_router.routing.arrays import Float64s
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.text import TEMPLATE, RouterTokenizer
from edge_router.routing.logistic import sigmoid

from ..data.outcome_set import OutcomeSet, load_outcomes, with_groups, with_unanswered
from ..data.transfer import transfer_texts
from ..graphs.parity import parity, require_parity
from ..graphs.represent import Representations
from ..metrics.table import evaluate_table
from ..recipe import RECIPES, Recipe, StudentPlan
from ..training.vocabulary import Vocabulary, cut_vocabulary
from .calibrate import calibrate, reference_expense
from .card import write_card
from .experts_json import Heads, experts_json, fit_heads, profile_scores
from .limits import limits_of
from .package import known_queries, package
from .readiness import completed, require_ready, require_tools

if TYPE_CHECKING:
    from ..training.heads import LinearHead
    from ..training.model import RouterNetwork
    from ..training.soft_labels import Opinion

__all__ = ["Making"]

T = TypeVar("T")

TOOLS = ("torch", "transformers", "optimum", "optimum-onnx", "onnx", "onnxruntime", "tokenizers")
PARITY_QUERIES = 2000
SAMPLE_QUERIES = 1000  # that tell how large numbers inside the encoder become


class _Step(Generic[T]):
    """A result that is made when first asked for; prints the seconds that it took itself."""

    def __init__(self, make: Callable[[Making], T]) -> None:
        self.make = make
        self.name = make.__name__

    @overload
    def __get__(self, making: None, owner: type[Making]) -> _Step[T]: ...
    @overload
    def __get__(self, making: Making, owner: type[Making]) -> T: ...
    def __get__(self, making: Making | None, owner: type[Making]) -> _Step[T] | T:
        if making is None:
            return self
        if self.name not in making.results:
            making.results[self.name] = self._timed(making)
        result: T = making.results[self.name]
        return result

    def _timed(self, making: Making) -> T:
        start, before = time.monotonic(), making.seconds
        result = self.make(making)
        within = making.seconds - before  # spent in steps that this one needed
        own = time.monotonic() - start - within
        making.seconds += own
        print(f"{self.name:16} {own:8.1f} s", flush=True)
        return result


class Making:
    """A recipe being followed. Each attribute below is a step and asks for those that it needs.

    What takes long lies in `work`: networks, graphs, representations. Delete it to start afresh.
    """

    def __init__(self, recipe: Recipe, *, data: Path, work: Path) -> None:
        self.recipe = recipe
        self.data = data
        self.work = work
        self.plan = recipe.students[recipe.ships]
        self.results: dict[str, Any] = {}
        self.seconds = 0.0
        work.mkdir(parents=True, exist_ok=True)

    def with_student(self, name: str) -> Making:
        """The same teacher with another of the recipe's students."""
        other = Making(replace(self.recipe, ships=name), data=self.data, work=self.work)
        other.results = {
            step: getattr(self, step) for step in ("outcomes", "studied", "teacher", "opinion")
        }
        return other

    @_Step
    def outcomes(self) -> OutcomeSet:
        """All outcome tables and our own measurements; they complete the recipe. Raises BadData
        with all that the two lack, and for a tool that is not installed."""
        require_tools(self.recipe)
        outcomes = load_outcomes(self.data, self.recipe.own_outcomes, self.recipe.max_chars)
        self.recipe = completed(self.recipe, outcomes)
        require_ready(self.recipe, outcomes)
        return with_groups(outcomes, self.recipe.groups)

    @_Step
    def teacher(self) -> list[RouterNetwork]:
        """The teacher's networks, one per seed."""
        from ..training.teacher import train

        return train(self.outcomes, self.recipe, self.work)

    @_Step
    def studied(self) -> OutcomeSet:
        """All outcomes, and behind them the questions of which only the teacher has an opinion."""
        recipe = self.recipe
        texts = transfer_texts(self.data, recipe.transfer, self.outcomes) if recipe.transfer else []
        if recipe.recombined:
            from ..training.recombination import recombined_texts

            texts += recombined_texts(self.outcomes, recipe.recombined, recipe.base)
        return with_unanswered(self.outcomes, texts, self.recipe.max_chars)

    @_Step
    def opinion(self) -> Opinion:
        """The teacher's soft labels of every query that is studied."""
        from .opinion import teacher_opinion

        return teacher_opinion(self.recipe, self.outcomes, self.studied, self.teacher, self.work)

    @_Step
    def vocabulary(self) -> Vocabulary:
        """The words that the student reads."""
        texts = self.studied.split("train").texts
        return cut_vocabulary(self.recipe.base / "tokenizer.json", texts, self.plan.words)

    @_Step
    def student(self) -> RouterNetwork:
        """The network that ships."""
        return self._student(self.plan)

    def _student(self, plan: StudentPlan) -> RouterNetwork:
        from ..training.student import distill

        before = self._student(self.recipe.students[plan.after]) if plan.after else None
        return distill(
            self.studied,
            self.opinion,
            self.teacher[0],
            plan,
            recipe=self.recipe,
            vocabulary=self.vocabulary,
            work=self.work,
            before=before,
        )

    @_Step
    def graphs(self) -> tuple[Path, Path]:
        """The student as fp32 and as int8 ONNX."""
        from ..graphs.quantize import quantize
        from ..graphs.to_onnx import export_onnx
        from ..training.model import digest

        name = f"encoder-{digest(self.student)}"
        fp32, int8 = self.work / f"{name}.fp32.onnx", self.work / f"{name}.int8.onnx"
        if not int8.exists():
            export_onnx(self.student, fp32, max_tokens=self.plan.max_tokens)
            quantize(self.student, int8, self._sample_ids(), max_tokens=self.plan.max_tokens)
        return fp32, int8

    def _sample_ids(self) -> list[list[int]]:
        """Some train queries, evenly spread, as the student reads them."""
        texts = self.outcomes.split("train").texts
        step = max(1, len(texts) // SAMPLE_QUERIES)
        return [self.tokenizer.input_ids(text) for text in texts[::step]]

    @property
    def tokenizer(self) -> RouterTokenizer:
        path = self.vocabulary.write(self.work)
        return RouterTokenizer(path, max_tokens=self.plan.max_tokens)

    @_Step
    def representations(self) -> tuple[Float64s, Float64s]:
        """Of every query by the int8 graph: vectors (queries, dim) and log_tokens (queries,)."""
        return self._represent(self.graphs[1]).with_lengths(self.outcomes.texts)

    def _represent(self, graph: Path) -> Representations:
        return Representations.of_graph(graph, self.tokenizer, self.work)

    @_Step
    def heads(self) -> Heads:
        """The experts' heads on the int8 graph's own representations."""
        from ..training.model import trained_heads, trained_sizes

        student, vectors = self.student, self.representations[0]
        trained = trained_heads(student, self.outcomes.experts)
        return fit_heads(self.recipe, self.outcomes, vectors, trained, trained_sizes(student))

    @_Step
    def calibration(self) -> dict[str, Any]:
        """Temperature and operating points, from the dev split."""
        outcomes, (vectors, log_tokens) = self.outcomes, self.representations
        dev = outcomes.splits == "dev"
        profiles = experts_json(self.recipe, outcomes, self.heads, log_tokens)["profiles"]
        return calibrate(
            *profile_scores(self.recipe, outcomes, vectors, "dev"),
            self.heads.profiles,
            points=self.recipe.points,
            expense=reference_expense(profiles, log_tokens[dev], outcomes.characters[dev].tolist()),
            tables=outcomes.tables[dev].tolist(),
        )

    @_Step
    def parity(self) -> dict[str, Any]:
        """int8 against fp32 on test queries. Raises ParityFailed."""
        test = np.flatnonzero(self.outcomes.splits == "test")
        step = max(1, len(test) // PARITY_QUERIES)
        chosen = test[::step]
        texts = [self.outcomes.texts[row] for row in chosen]
        exact = self._represent(self.graphs[0]).of(texts)
        vectors = self.representations[0]
        _, scores = profile_scores(self.recipe, self.outcomes, vectors, "test")
        checked = parity(
            vectors[chosen],
            exact,
            _seen(self.heads.profiles, self.recipe),
            self.calibration,
            scores={name: column[::step] for name, column in scores.items()},
        )
        require_parity(checked)
        return checked

    @_Step
    def metrics(self) -> dict[str, list[dict[str, Any]]]:
        """Every pair of the recipe on the test split, for the shipped student and its teacher."""
        return {
            "test": self.evaluated(self._student_quality, "test"),
            "teacher": self.evaluated(self._opinion_on, "test"),
        }

    @_Step
    def dev_metrics(self) -> dict[str, list[dict[str, Any]]]:
        """The same on the dev split, to choose by."""
        return {
            "student": self.evaluated(self._student_quality, "dev"),
            "teacher": self.evaluated(self._opinion_on, "dev"),
        }

    def evaluated(self, quality: Callable[[str], Float64s], split: str) -> list[dict[str, Any]]:
        """`evaluate_table` of every pair, with what `quality` expects of each expert."""
        return [
            evaluate_table(
                self.outcomes, table, weak, strong, quality(strong) - quality(weak), split=split
            )
            for table, (weak, strong) in self.recipe.pairs.items()
        ]

    def _student_quality(self, expert: str) -> Float64s:
        log_odds = self.heads.experts[expert].log_odds(self.representations[0])
        return sigmoid(log_odds / self.calibration["temperature"])

    def _opinion_on(self, expert: str) -> Float64s:
        column = self.outcomes.experts.index(expert)
        return sigmoid(self.opinion.experts[: len(self.outcomes), column].astype(np.float64))

    def package(self, target: Path) -> RouterArtifact:
        """Write the artifact to `target` and load it back, verified."""
        about = self._about() | {"parity": self.parity, "metrics": self.metrics}
        vectors, log_tokens = self.representations
        about |= {"representation_dim": vectors.shape[1]}
        limits = limits_of(self.outcomes, self.recipe.profiles)
        probes = [plan.package for plan in self.recipe.probes.values()]
        return package(
            target,
            encoder=self.graphs[1],
            tokenizer=self.vocabulary.write(self.work),
            experts=experts_json(self.recipe, self.outcomes, self.heads, log_tokens),
            calibration=self.calibration,
            known=known_queries(self.outcomes, vectors, log_tokens),
            card=write_card(about | {"probes": probes}, self.calibration, limits),
            about=about,
        )

    def _about(self) -> dict[str, Any]:
        """The manifest's fields that no step computes."""
        from ..graphs.quantize import OPSET, QUANTIZATION
        from ..training.teacher import task_kinds

        recipe = self.recipe
        return {
            "name": recipe.name,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "base_model": recipe.base_model,
            "licence": recipe.licence,
            "input_template": TEMPLATE,
            "max_chars": recipe.max_chars,
            "max_tokens": self.plan.max_tokens,
            "truncation": "head and tail",
            "opset": OPSET,
            "quantization": QUANTIZATION,
            "task_kinds": task_kinds(self.outcomes),
            "training_data": _training_data(self.studied),
            "tool_versions": {tool: version(tool) for tool in TOOLS},
            "embedding_dim": self.plan.embedding,
            "command": f"edge-router export run export/recipes/{recipe.path.name} --data DATA",
        }


def _seen(profiles: Mapping[str, LinearHead], recipe: Recipe) -> Mapping[str, LinearHead]:
    """The heads of profiles with models in the recipe; the others lie between them, and so close
    that rounding decides. All of them where fewer than two have any."""
    seen = {name: head for name, head in profiles.items() if recipe.profiles[name]}
    return seen if len(seen) > 1 else profiles


def _training_data(outcomes: OutcomeSet) -> list[dict[str, Any]]:
    licences = json.loads((RECIPES / "sources.json").read_text())
    train = outcomes.splits == "train"
    return [
        {
            "source": table,
            **licences.get(table, {"origin": "the user's own", "licence": "not stated"}),
            "rows": int((train & (outcomes.tables == table)).sum()),
        }
        for table in sorted(set(outcomes.tables.tolist()))
    ]
