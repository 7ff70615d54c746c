"""A folder for a router of one's own: outcome rows, recipe and settings, from a table of scores."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from statistics import fmean

from edge_router.cli.toml_text import toml_key, toml_value
from edge_router.guards.data_folder import write_atomically
from edge_router.learning.outcomes.rows import Row
from edge_router.routing.artifact.manifest import RouterArtifact

from ..data.importers import import_outcomes
from ..data.outcome_set import TRANSFER
from ..data.rows import BadData, require_there, write_rows
from ..recipe import POINTS

__all__ = ["OwnTable"]

FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
ENOUGH = 2000  # rows: with fewer, enrolment on the shipped router is tried first
LEAST = 100  # rows: fewer leave next to none to check with
LEAST_OF_SPLIT = 10  # rows to learn from, and to check with
SHIPPED_ROUTER = "router-small"
WRITTEN = ("config.toml", "learn.jsonl", "check.jsonl")  # beside the recipe
TAKEN = {TRANSFER, *POINTS}  # a table and operating points that mean something else
TEXTS_SEEN = 8000  # by a network in training, all epochs together
MOST_EPOCHS = 8


@dataclass(frozen=True, slots=True)
class OwnTable:
    """Outcome rows of a table, and which two of its experts a router is to tell apart.

    The experts are called so that `edge-router enroll` takes their names; `renamed` maps those of
    the table that had to change.
    """

    source: Path
    rows: Sequence[Row]
    weak: str
    strong: str
    renamed: Mapping[str, str]

    @classmethod
    def read(cls, path: Path, *, weak: str | None = None, strong: str | None = None) -> OwnTable:
        """From a CSV or JSON lines. Without names, the experts with the lowest and the highest mean
        score. Raises BadData with all that is missing."""
        require_there(path)
        ending = Path(path.name.removesuffix(".gz")).suffix.lower()
        if ending not in FORMATS:
            raise BadData(
                f"{path} is no .csv or .jsonl; make outcome rows of another format with "
                "edge-router export import FORMAT FILE --out mine.jsonl"
            )
        rows = import_outcomes(FORMATS[ending], [path])
        means = _means(rows)
        for name in (weak, strong):
            if name is not None and name not in means:
                raise BadData(f"{path} has no scores of {name!r}; it has {', '.join(means)}")
        order = sorted(means, key=means.__getitem__)
        weak = weak or next(name for name in order if name != strong)
        strong = strong or next(name for name in reversed(order) if name != weak)
        if lacking := [*_lacking(rows, weak, strong)]:
            raise BadData(f"{path} is no table for a router yet; it lacks {'; '.join(lacking)}")
        renamed = _names_to_enrol(means)
        for row in rows:
            for field, values in row.items():
                if isinstance(values, dict):
                    row[field] = {renamed.get(name, name): one for name, one in values.items()}
        return cls(path, rows, renamed.get(weak, weak), renamed.get(strong, strong), renamed)

    @property
    def name(self) -> str:
        """Of the router, the table and the operating point: the file's, as far as a name may be."""
        name = _plain(self.source.name.partition(".")[0]) or "mine"
        return f"my-{name}" if name in TAKEN else name

    @property
    def few(self) -> bool:
        return len(self.rows) < ENOUGH

    def write(self, folder: Path, *, replace: bool = False) -> None:
        """Outcome rows, the rows to learn from and those to check with, recipe and settings.

        Raises BadData where one of the files is there already, unless `replace`, and always where
        it is the table itself.
        """
        recipe = folder / "recipe.toml"
        for path in (recipe, *(folder / name for name in WRITTEN)):
            if not path.exists():
                continue
            if self.source.exists() and path.samefile(self.source):
                raise BadData(f"{path} is the table itself, which stays; give another --out")
            if not replace:
                raise BadData(f"{path} is there; give another --out, or --force to replace it")
        self.write_rows(folder)
        write_atomically(recipe, self.recipe)
        write_atomically(folder / "config.toml", self.settings(folder))

    def write_rows(self, folder: Path) -> None:
        """Only the outcome rows, and the rows to learn from and to check with."""
        tables = folder / "outcomes" / "open"
        tables.mkdir(parents=True, exist_ok=True)
        write_rows(tables / f"{self.name}.jsonl.gz", self.rows)
        learn = [row for row in self.rows if row["split"] == "train"]
        write_rows(folder / "learn.jsonl", learn)
        write_rows(folder / "check.jsonl", [row for row in self.rows if row["split"] != "train"])

    @property
    def recipe(self) -> str:
        """TOML with comments. Few rows are seen in more epochs."""
        train = sum(row["split"] == "train" for row in self.rows)
        epochs = max(2, min(MOST_EPOCHS, round(TEXTS_SEEN / max(1, train))))
        weak, strong = toml_value(self.weak), toml_value(self.strong)
        return f"""# A router from {json.dumps(self.source.name)}. Other keys have defaults.
name = {toml_value(self.name)}

[teachers.first]
epochs = {epochs}
varied = 0.35        # the share of the texts that is read in other words

[students.4x256]    # 4 layers of 256 numbers, as the shipped router
epochs = {2 * epochs}
varied = 0.5
embedding = 384      # numbers of Router.embed; 0 for none

[pairs]              # TABLE = [WEAK, STRONG]: what the router is measured on
{toml_key(self.name)} = [{weak}, {strong}]

[profiles]           # sizes that these are like, of 135m 1b 3b 8b 70b frontier; other names are
3b = [{weak}]        # groups of one's own
frontier = [{strong}]
"""

    def settings(self, folder: Path) -> str:
        """TOML with comments: who is asked, to be completed by its reader."""
        key = re.sub(r"\W", "_", self.strong.upper()) + "_API_KEY"
        return f"""# Who is asked. Put in where your two models are, then
# edge-router ask --config {" ".join(_in(folder, "config.toml").split())} "a question"
[router]
operating_point = {toml_value(self.name)}      # made by edge-router calibrate --name {self.name}

[experts.{toml_key(self.weak)}]
backend = "ollama"                # or openai with a base_url, or llama_cpp with a GGUF file
model = {toml_value(self.weak)}
profile = {toml_value(self.weak)} # what was learned of it

[experts.{toml_key(self.strong)}]
backend = "openai"                # any OpenAI-compatible server
base_url = "https://llm.example.com/v1"
model = {toml_value(self.strong)}
profile = {toml_value(self.strong)}
api_key_env = "{key}"   # the variable that holds the key
# input_usd_per_million = 2.5
# output_usd_per_million = 10.0
"""

    def next_steps(self, folder: Path) -> Iterator[str]:
        """Command lines: enrolment first where the rows are few."""
        steps = [self._enrolment(folder), self._training(folder)]
        for step in steps if self.few else reversed(steps):
            yield from step

    def _enrolment(self, folder: Path) -> Iterator[str]:
        few = f"; {len(self.rows):,} rows are few for one of your own" if self.few else ""
        yield f"in seconds, on the shipped router{few}:"
        for expert in (self.weak, self.strong):
            yield f"  edge-router enroll {expert} --outcomes {_in(folder, 'learn.jsonl')}"
        yield self._calibration(folder)
        yield f'  edge-router route --config {_in(folder, "config.toml")} "a question"'

    def _training(self, folder: Path) -> Iterator[str]:
        minutes = max(2, round(len(self.rows) / 150))
        few = f", better from {ENOUGH:,} rows" if self.few else ""
        artifact = _in(folder, "router")
        yield f"a router of your own, in about {minutes} minutes{few}:"
        yield (
            f"  edge-router export run {_in(folder, 'recipe.toml')} --data {quote(str(folder))} "
            f"--out {artifact}"
        )
        yield self._calibration(folder, f"--artifact {artifact} ")
        config = _in(folder, "config.toml")
        yield f'  edge-router route --artifact {artifact} --config {config} "a question"'

    def _calibration(self, folder: Path, artifact: str = "") -> str:
        return (
            f"  edge-router calibrate {artifact}--config {_in(folder, 'config.toml')} --outcomes "
            f"{_in(folder, 'check.jsonl')} --target 'quality>=0.9' --name {self.name}"
        )

    def summary(self) -> Iterator[str]:
        """What was read, and the names that had to change."""
        means = _means(self.rows)
        scores = ", ".join(f"{name} {mean:.2f}" for name, mean in means.items())
        yield f"{self.source}: {len(self.rows):,} queries; mean scores: {scores}"
        for old, new in self.renamed.items():
            yield f"{old!r} is called {new} here: the other name is taken, or no name of a file"
        if means[self.weak] >= means[self.strong]:
            yield f"{self.weak} scores no lower than {self.strong}: is it the weak one?"


def _in(folder: Path, file: str) -> str:
    """The path in a command line, in letters that a file can hold whatever the locale is."""
    return quote(os.fsencode(folder / file).decode(errors="replace"))


def _means(rows: Sequence[Row]) -> dict[str, float]:
    names = sorted({name for row in rows for name in row["score"]})
    return {
        name: fmean(row["score"][name] for row in rows if name in row["score"]) for name in names
    }


def _lacking(rows: Sequence[Row], weak: str, strong: str) -> Iterator[str]:
    both = [row["score"] for row in rows if {weak, strong} <= row["score"].keys()]
    if weak == strong:
        yield f"a second expert: --weak and --strong are both {weak!r}"
        return
    if len(both) < LEAST:
        yield f"{LEAST - len(both)} more queries with scores of both {weak!r} and {strong!r}"
    for learns, splits in ((True, "'train'"), (False, "'dev' or 'test'")):
        count = sum((row["split"] == "train") is learns for row in rows)
        if len(both) >= LEAST and count < LEAST_OF_SPLIT:
            yield f"{LEAST_OF_SPLIT - count} more rows whose split is {splits}"
    if both and all(scores[weak] == scores[strong] for scores in both):
        yield f"a query on which {weak!r} and {strong!r} differ"


def _plain(name: str) -> str:
    """The name as the name of a file: letters without their marks, dashes for the rest."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", letters).strip("-._")[:48]


def _names_to_enrol(names: Mapping[str, float]) -> dict[str, str]:
    """By name, another one for what no enrolled expert can be called."""
    shipped = RouterArtifact.load(SHIPPED_ROUTER).experts
    taken = {*shipped["profiles"], *shipped["experts"]}
    renamed: dict[str, str] = {}
    for name in names:
        plain = _plain(name) or "expert"
        if plain == name and name not in taken:
            continue
        new, number = f"my-{plain}" if plain in taken else plain, 2
        while new in taken or new in names or new in renamed.values():
            new, number = f"{plain}-{number}", number + 1
        renamed[name] = new
    return renamed
