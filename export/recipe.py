"""A recipe file: its data, teacher and student plans, and the models behind each profile."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from edge_router.routing.experts.expert import PROFILES

from .data.packaged import BASE_PACKAGE, base_folder
from .data.rows import BadData, require_there
from .data.toml_checks import require_counts, require_keys

__all__ = [
    "RECIPES",
    "SHIPPED",
    "PointPlan",
    "ProbePlan",
    "Recipe",
    "StudentPlan",
    "TeacherPlan",
    "UnseenPair",
]


RECIPES = Path(str(files("edge_router.export"))) / "recipes"
SHIPPED = RECIPES / "router-small.toml"
SHAPE = ("layers", "width", "feed_forward", "words", "difficulties", "embedding")  # of a student
MOST_NAMED = 12
ONCE = {"*": 1}  # every table's queries in every epoch


@dataclass(frozen=True, slots=True)
class TeacherPlan:
    """Hyperparameters of one network of the teacher.

    `draws` says how often an epoch sees the queries of a table, "*" stands for every other table;
    `varied` (0..1) is the share of the texts that it sees in other words around them; `soft_weight`
    that of the squared error in log-odds, for scores that are neither 0 nor 1.
    """

    seed: int = 0
    epochs: int = 2
    batch_size: int = 32
    encoder_rate: float = 6e-5
    head_rate: float = 1e-3
    kind_weight: float = 0.5
    difficulties: int = 32
    max_tokens: int = 128
    dropout: float = 0.1
    varied: float = 0.0
    soft_weight: float = 0.0
    draws: Mapping[str, int] = field(default_factory=lambda: ONCE)


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """Kernel ridge regression on the frozen hidden states of a language model, which joins the
    teacher's networks and counts as `weight` of its specialists.

    `package` is an installed package with the model's GGUF file, `layer` how many of its blocks a
    query goes through, `tables` those that it learns from. `sharpness` is that of the Gaussian
    kernel, on states of which two lie a squared distance of about 2 apart, `ridge` what is added to
    the kernel's diagonal.
    """

    package: str
    layer: int
    tables: tuple[str, ...]
    max_tokens: int = 128
    sharpness: float = 1.0
    ridge: float = 0.3
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class StudentPlan:
    """A student's shape and hyperparameters.

    `draws`, `varied` and `soft_weight` are as in TeacherPlan, the texts to transfer are the table
    "transfer". `layers` are the numbers of the teacher's layers that it keeps, `width` its hidden
    size, `feed_forward` the inner size of its feed-forward blocks, `words` the size of its
    vocabulary.
    `teacher_weight` (0..1) is the share of the loss that comes from the teacher, the rest comes
    from the outcomes; `gap_weight` that of matching the differences between experts, `size_weight`
    that of the squared error in the log-odds of the six profiles. `embedding` is how many numbers
    its sentence embedding has, `embedding_weight` how much that counts. `attacked` (0..1) is the
    share of the messages that carry a trigger, see export/training/triggers.py. One that
    `weighs_tokens` learns which tokens are part of the message. `after` names a student above it
    that it goes on from, and whose values hold where it states none; without one it is cut out of
    the teacher.
    """

    layers: tuple[int, ...] = (0, 1, 3, 5)
    width: int = 256
    feed_forward: int = 1024
    words: int = 16_000
    seed: int = 0
    epochs: int = 4
    batch_size: int = 64
    encoder_rate: float = 4e-4
    head_rate: float = 2e-3
    kind_weight: float = 0.3
    teacher_weight: float = 0.7
    gap_weight: float = 0.2
    difficulties: int = 32
    max_tokens: int = 128
    dropout: float = 0.0
    varied: float = 0.0
    soft_weight: float = 0.0
    embedding: int = 0
    embedding_weight: float = 1.0
    size_weight: float = 0.0
    attacked: float = 0.0
    weighs_tokens: bool = False
    after: str = ""
    draws: Mapping[str, int] = field(default_factory=lambda: ONCE)


@dataclass(frozen=True, slots=True)
class UnseenPair:
    """A weak and a strong expert of a table that nothing is fitted on, each with the size profile
    it is taken for."""

    table: str
    weak: str
    weak_profile: str
    strong: str
    strong_profile: str


@dataclass(frozen=True, slots=True)
class PointPlan:
    """An operating point: its price and its least quality, see `OperatingPoint`."""

    price: float
    least_quality: float


POINTS = {
    "economy": PointPlan(0.35, 0.25),
    "balanced": PointPlan(0.2, 0.25),
    "quality": PointPlan(0.07, 0.25),
}

Plan = TypeVar("Plan", TeacherPlan, ProbePlan, StudentPlan, UnseenPair, PointPlan)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe file; `path` is the file itself, own outcome files lie relative to it. `ships` names
    the student that the artifact carries, the last one where it states none; the others are for the
    frontier. `points` are POINTS where it states none, `name` is that of its file or, of a
    `recipe.toml`, of its folder; `pairs` are found in the tables (see `pipeline.readiness`).

    The networks of `teachers` have one opinion together, which `probes` join; students are cut out
    of the first.
    `transfer` says how many questions without outcomes a student learns from it, by source, and
    `recombined` how many made of the messages of a table.
    The experts of the tables `without_heads` only teach: no user has them, or they were seen on too
    few queries to be told from their profile.
    `profiles` maps each of PROFILES to its models, `groups` other names of one's own, which become
    experts; `reference` has the prices and speeds of PROFILES, the shipped ones where it states
    none.
    """

    path: Path
    name: str = ""
    base_package: str = BASE_PACKAGE
    base_model: str = "sentence-transformers/all-MiniLM-L6-v2"
    licence: str = "not stated"
    max_chars: int = 1024
    own_outcomes: tuple[Path, ...] = ()
    teachers: Mapping[str, TeacherPlan] = field(default_factory=lambda: {"first": TeacherPlan()})
    probes: Mapping[str, ProbePlan] = field(default_factory=dict)
    students: Mapping[str, StudentPlan] = field(default_factory=lambda: {"4x256": StudentPlan()})
    ships: str = ""
    pairs: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    unseen: tuple[UnseenPair, ...] = ()
    profiles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reference: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    points: Mapping[str, PointPlan] = field(default_factory=lambda: POINTS)
    transfer: Mapping[str, int] = field(default_factory=dict)
    recombined: Mapping[str, int] = field(default_factory=dict)
    without_heads: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read a recipe: a file, or a shipped one by its name. Raises NoSuchFile, or BadData for
        what is not a recipe."""
        path = _file_of(path)
        content = _content(path)
        require_keys(cls, content, str(path), ignore={"path", "groups"})
        stated: dict[str, Any] = {
            "name": path.parent.resolve().name if path.stem == "recipe" else path.stem,
            **content,
            "own_outcomes": tuple(
                (path.parent / file).resolve() for file in content.get("own_outcomes", ())
            ),
            "reference": _shipped_reference() | content.get("reference", {}),
        }
        if "teachers" in content:
            stated["teachers"] = _plans(TeacherPlan, content["teachers"], "teachers", path)
        if "probes" in content:
            stated["probes"] = _plans(ProbePlan, content["probes"], "probes", path)
        if "points" in content:
            stated["points"] = _plans(PointPlan, content["points"], "points", path)
        if "students" in content:
            stated["students"] = _students(content["students"], path)
        stated["unseen"] = tuple(
            _plan(UnseenPair, table, f"[[unseen]] of {path}") for table in content.get("unseen", ())
        )
        for counted in ("transfer", "recombined"):
            require_counts(content.get(counted, {}), f"[{counted}] of {path}")
        for key in ("pairs", "profiles"):
            for name, experts in content.get(key, {}).items():
                if not isinstance(experts, list) or (key == "pairs" and len(experts) != 2):
                    raise BadData(
                        f"[{key}] of {path} has {name} = {experts!r}; list names of experts"
                    )
        stated["pairs"] = {name: tuple(pair) for name, pair in content.get("pairs", {}).items()}
        models = {name: tuple(names) for name, names in content.get("profiles", {}).items()}
        if near := [name for name in models if name not in PROFILES and name.lower() in PROFILES]:
            raise BadData(f"[profiles] of {path} has {near[0]}; the size is {near[0].lower()}")
        stated["profiles"] = {name: models.pop(name, ()) for name in PROFILES}
        return _complete(cls(path=path, groups=models, **stated))

    def unknown(self, experts: Collection[str], tables: Collection[str]) -> Iterator[str]:
        """A sentence for each table, and each expert of a pair or profile, that is not there."""
        for where, named in (("pairs", self.pairs), ("recombined", self.recombined)):
            for table in named:
                if table not in tables:
                    yield f"the table {table!r} in [{where}]; there is {_some(tables)}"
        for where, names in {**self.pairs, **self.profiles, **self.groups}.items():
            for name in names:
                if name not in experts:
                    yield f"the expert {name!r} for {where!r}; there is {_some(experts)}"

    @property
    def base(self) -> Path:
        """The folder of the base model's weights inside the installed package."""
        return base_folder(self.base_package)


def _file_of(path: Path) -> Path:
    """The file itself; a plain name that no file here has is that of a shipped recipe."""
    shipped = RECIPES / f"{path.name}.toml"
    named = path == Path(path.name) and not path.exists() and shipped.exists()
    return shipped if named else path


def _content(path: Path) -> dict[str, Any]:
    require_there(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # not TOML, or not UTF-8
        raise BadData(f"{path} is not TOML: {error}") from None


@cache
def _shipped_reference() -> dict[str, Any]:
    """The prices and speeds of the profiles in the shipped recipe."""
    reference: dict[str, Any] = _content(SHIPPED)["reference"]
    return reference


def _some(names: Collection[str]) -> str:
    named = [repr(name) for name in sorted(names)]
    return ", ".join(named[:MOST_NAMED]) + (", ..." if len(named) > MOST_NAMED else "")


def _complete(recipe: Recipe) -> Recipe:
    """With what it leaves out. Raises BadData for a recipe without a teacher or a student."""
    for kind in ("teacher", "student"):
        if not getattr(recipe, f"{kind}s"):
            raise BadData(f"{recipe.path} has no {kind}; add a table [{kind}s.NAME]")
    students = [*recipe.students]
    ships = recipe.ships or students[-1]
    if ships not in students:
        raise BadData(f"{recipe.path} ships {ships!r}, no student; it has {students}")
    return replace(recipe, ships=ships, points=recipe.points or POINTS)


def _plan(kind: type[Plan], content: Any, where: str) -> Plan:
    if not isinstance(content, dict):
        raise BadData(f"{where} must be a table")
    require_keys(kind, content, where)
    if "draws" in content:
        require_counts(content["draws"], f"draws in {where}")
        if "*" not in content["draws"]:
            raise BadData(f'draws in {where} lacks "*", which stands for every other table')
    lists = {key: tuple(value) for key, value in content.items() if isinstance(value, list)}
    return kind(**content | lists)


def _plans(kind: type[Plan], tables: Any, key: str, path: Path) -> dict[str, Plan]:
    """By name, of the tables [key.NAME]."""
    return {name: _plan(kind, table, f"[{key}.{name}] of {path}") for name, table in tables.items()}


def _students(tables: Any, path: Path) -> dict[str, StudentPlan]:
    """By name. What a student that goes on from another one does not state is as there."""
    if not isinstance(tables, dict):
        raise BadData(f"students of {path} must be tables [students.NAME]")
    whole: dict[str, Any] = {}  # the tables with what they take over
    students: dict[str, StudentPlan] = {}
    for name, table in tables.items():
        where = f"[students.{name}] of {path}"
        before = table.get("after") if isinstance(table, dict) else None
        if before and before not in (above := [*students]):  # a list: it may be no name at all
            raise BadData(f"{where} goes on after {before!r}; name one above it: {above}")
        whole[name] = whole[before] | table if before else table
        students[name] = _plan(StudentPlan, whole[name], where)
        if before:
            _require_shape(students[name], students[before], where)
    return students


def _require_shape(student: StudentPlan, before: StudentPlan, where: str) -> None:
    """Raise BadData where the weights of the student `before` do not fit."""
    for key in SHAPE:
        if getattr(student, key) != getattr(before, key):
            raise BadData(
                f"{where} has another {key} than {student.after!r}, which it goes on from"
            )
