"""A recipe file: what it may leave out, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_router.export.data.rows import BadData
from edge_router.export.recipe import POINTS, SHIPPED, PointPlan, Recipe


def with_points(tmp_path: Path, points: str) -> Path:
    """The shipped recipe with a table of points."""
    path = tmp_path / "mine.toml"
    path.write_text(SHIPPED.read_text(encoding="utf-8") + points, encoding="utf-8")
    return path


def test_a_recipe_without_points_has_the_usual_ones() -> None:
    """Three prices."""
    assert Recipe.load(SHIPPED).points == POINTS


def test_a_shipped_recipe_goes_by_its_name_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the examples of `export` have it; a file of that name comes first."""
    monkeypatch.chdir(tmp_path)
    assert Recipe.load(Path("router-small")) == Recipe.load(SHIPPED)
    Path("router-small").write_text("nothing = 1\n", encoding="utf-8")
    with pytest.raises(BadData, match="nothing"):
        Recipe.load(Path("router-small"))


def test_a_recipe_may_state_points_of_its_own(tmp_path: Path) -> None:
    """They replace the usual ones."""
    path = with_points(tmp_path, "[points.thrifty]\nprice = 0.5\nleast_quality = 0.1\n")
    assert Recipe.load(path).points == {"thrifty": PointPlan(0.5, 0.1)}


def test_a_point_that_lacks_something_is_refused(tmp_path: Path) -> None:
    """By its name."""
    path = with_points(tmp_path, "[points.thrifty]\nprice = 0.5\n")
    with pytest.raises(BadData, match=r"\[points\.thrifty\] .* keys: least_quality"):
        Recipe.load(path)


@pytest.mark.parametrize(
    ("was", "becomes", "fault"),
    [
        ('"*" = 1 ', "", r'draws in \[teachers\.broad\] of .* lacks "\*"'),
        ("everyday_rated = 2", "everyday_rated = -2", r"has everyday_rated = -2; .* 0 or more"),
        (
            "everyday_rated = 2",
            'everyday_rated = "2"',
            r"has everyday_rated = '2'; .* whole number",
        ),
        ("clinc150 = 6000", "clinc150 = 0.5", r"\[transfer\] of .* has clinc150 = 0\.5"),
        ("tengu_en_6sizes = 600", "tengu_en_6sizes = -1", r"\[recombined\] of .* = -1; .* 0 or"),
    ],
)
def test_a_count_that_is_none_is_refused(
    tmp_path: Path, was: str, becomes: str, fault: str
) -> None:
    """With its table, its name and its value."""
    text = SHIPPED.read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(was, becomes, 1), encoding="utf-8")
    assert text.count(was) > 0
    with pytest.raises(BadData, match=fault):
        Recipe.load(path)


def test_a_recipe_has_a_teacher(tmp_path: Path) -> None:
    """Students are cut out of the first."""
    text = SHIPPED.read_text(encoding="utf-8")
    start, end = text.index("[teachers.broad]"), text.index("[students.4x256]")
    path = tmp_path / "mine.toml"
    path.write_text(f"{text[:start]}[teachers]\n\n{text[end:]}", encoding="utf-8")
    with pytest.raises(BadData, match=r"has no teacher; add a table \[teachers\.NAME\]"):
        Recipe.load(path)


def test_a_student_that_goes_on_is_like_the_one_before_it() -> None:
    """But for what it states."""
    students = Recipe.load(SHIPPED).students
    first, hardened = students["4x256"], students["4x256_hardened"]
    assert (first.after, hardened.after, hardened.attacked > 0) == ("", "4x256", True)
    assert (hardened.layers, hardened.draws) == (first.layers, first.draws)


@pytest.mark.parametrize(
    ("was", "becomes", "fault"),
    [
        ('after = "4x256"', 'after = "5x256"', r"goes on after '5x256'; name one above it: \['4x2"),
        ('after = "4x256"', 'after = "3x256"', r"goes on after '3x256'; name one above it"),
        ('after = "4x256"', 'after = "4x256"\nwidth = 128', r"another width than '4x256', which"),
        ('after = "4x256"', 'after = ["4x256"]', r"goes on after \['4x256'\]; name one above it"),
        ("embedding = 384\n", "", r"another embedding than '4x256', which"),
        ("attacked = 0.5", "attacke = 0.5", r"\[students\.4x256_hardened\] .* keys: attacke"),
    ],
)
def test_a_student_goes_on_from_one_above_it_of_its_shape(
    tmp_path: Path, was: str, becomes: str, fault: str
) -> None:
    """Weights of other shapes cannot be taken over."""
    path = tmp_path / "mine.toml"
    text = SHIPPED.read_text(encoding="utf-8")
    text = text.replace("attacked = 0.5", "attacked = 0.5\nembedding = 384")
    path.write_text(text.replace(was, becomes, 1), encoding="utf-8")
    with pytest.raises(BadData, match=fault):
        Recipe.load(path)


def test_a_third_student_takes_over_what_the_second_did(tmp_path: Path) -> None:
    """And states only what differs."""
    path = tmp_path / "mine.toml"
    text = SHIPPED.read_text(encoding="utf-8")
    third = '[students.third]\nafter = "4x256_hardened"\nseed = 7\n\n[students.3x256]'
    path.write_text(text.replace("[students.3x256]", third, 1), encoding="utf-8")
    students = Recipe.load(path).students
    second, last = students["4x256_hardened"], students["third"]
    assert (last.after, last.seed, last.attacked) == ("4x256_hardened", 7, second.attacked)
    assert (last.layers, last.draws) == (second.layers, second.draws)


def test_every_key_has_a_default(tmp_path: Path) -> None:
    """An empty recipe is one, named after its folder, with the shipped prices and speeds."""
    (tmp_path / "recipe.toml").write_text("")
    empty, shipped = Recipe.load(tmp_path / "recipe.toml"), Recipe.load(SHIPPED)
    assert (empty.name, empty.ships) == (tmp_path.name, "4x256")
    assert (empty.points, empty.reference) == (POINTS, shipped.reference)
    assert (empty.base_package, empty.max_chars) == (shipped.base_package, shipped.max_chars)
    shape = ("layers", "width", "feed_forward", "words", "max_tokens")
    assert all(
        getattr(empty.students["4x256"], key) == getattr(shipped.students["4x256"], key)
        for key in shape
    )
    (tmp_path / "partly.toml").write_text("[students.wide]\nwidth = 384\n[teachers.long]\n")
    partly = Recipe.load(tmp_path / "partly.toml")
    assert (partly.name, partly.ships, partly.students["wide"].epochs) == ("partly", "wide", 4)


def test_a_profile_of_another_name_is_a_group(tmp_path: Path) -> None:
    """The six sizes stay apart from it."""
    (tmp_path / "mine.toml").write_text('[profiles]\n3b = ["a"]\nmine = ["a", "b"]\n')
    recipe = Recipe.load(tmp_path / "mine.toml")
    assert recipe.groups == {"mine": ("a", "b")}
    assert {name for name, models in recipe.profiles.items() if models} == {"3b"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("name = 1\n", "has name = 1; it must be a text"),
        ("[students.s]\nepochs = 1.5\n", r"\[students\.s\] of .* epochs = 1\.5; .* whole number"),
        ("[students.s]\nlayers = 3\n", "layers = 3; it must be a list"),
        ("teachers = 3\n", "teachers = 3; it must be a table"),
        ("depth = 3\n", r"unknown keys: depth; its keys are base_model, .*without_heads$"),
        ('[pairs]\nmine = ["a"]\n', r"\[pairs\] of .* has mine = \['a'\]; list names"),
        ('[profiles]\n3b = "a"\n', r"\[profiles\] of .* has 3b = 'a'; list names of experts"),
        ('[profiles]\n3B = ["a"]\n', r"\[profiles\] of .* has 3B; the size is 3b"),
        ('ships = "b"\n', "ships 'b', no student; it has"),
    ],
)
def test_a_value_of_another_kind_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    """With its key, before anything is read or trained."""
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(BadData, match=fault):
        Recipe.load(tmp_path / "mine.toml")
