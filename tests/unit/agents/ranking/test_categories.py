"""Categories: clusters, folding, names, and where a new agent is placed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_router.agents.catalog.agent import Agent
from edge_router.agents.ranking.categories import Categories, k_means, silhouette
from made_agents import WordEmbedder, agent

MONEY = [agent(f"pay{n}", f"bank money transfer{n}") for n in range(4)]
FOOD = [agent(f"cook{n}", f"kitchen recipe meal{n}") for n in range(4)]


def spoken(agents: list[Agent]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return WordEmbedder().embed([one.spoken for one in agents])


def test_clusters_are_categories_named_from_their_descriptions() -> None:
    """Two subjects are two clusters; each is named by words that all of it share."""
    categories = Categories.of(MONEY + FOOD, spoken(MONEY + FOOD))
    assert [len(one.members) for one in categories.all] == [4, 4]
    assert {one.name for one in categories.all} == {"bank_money", "cook_kitchen"}
    assert categories.of_agent("pay2") == ("bank_money",)


def test_given_categories_come_first_and_take_in_their_like() -> None:
    """A cluster with almost the direction of a given category is folded into it."""
    given = [replace(one, category="Banking") for one in MONEY[:2]]
    same = [replace(one, name=f"x_{one.name}", prefix="x_") for one in MONEY[:2]]
    categories = Categories.of(given + same, spoken(given + same))
    (only,) = categories.all
    assert (only.name, only.given, len(only.members)) == ("Banking", True, 4)


def test_a_new_agent_joins_the_nearest_category() -> None:
    """By its description; a stated category goes before it."""
    categories = Categories.of(MONEY + FOOD, spoken(MONEY + FOOD))
    new = agent("pay9", "bank money loan")
    assert categories.placed(new, spoken([new])[0]).of_agent("pay9") == ("bank_money",)
    stated = replace(new, category="cook_kitchen")
    assert categories.placed(stated, spoken([new])[0]).of_agent("pay9") == ("cook_kitchen",)


def test_a_foreign_agent_gets_a_category_of_its_own() -> None:
    """It is named from the description, and no two have one name."""
    categories = Categories.of(MONEY, spoken(MONEY))
    one, other = agent("whale", "song"), agent("dolphin", "song")
    grown = categories.placed(one, spoken([one])[0])
    assert grown.of_agent("whale") == ("song_whale",)
    again = replace(other, name="whale2", description="song of a whale")
    assert len(grown.placed(again, -spoken([one])[0]).all) == len(grown.all) + 1
    assert Categories(()).placed(one, spoken([one])[0]).of_agent("whale") == ("song_whale",)


def test_the_last_agent_takes_its_category_with_it() -> None:
    """The others stay."""
    categories = Categories.of(MONEY + FOOD[:1], spoken(MONEY + FOOD[:1]))
    assert "cook0" not in [
        member for one in categories.without("cook0").all for member in one.members
    ]


def test_the_nearest_categories_are_ranked_by_cosine() -> None:
    """Equations 17 to 20."""
    categories = Categories.of(MONEY + FOOD, spoken(MONEY + FOOD))
    vector = WordEmbedder().embed(["a recipe for the kitchen"])[0]
    (name, cosine), (_, less) = [(one.name, cosine) for one, cosine in categories.ranked(vector)]
    assert name == "cook_kitchen"
    assert cosine > less
    assert [one.name for one in categories.top(vector, 1)] == ["cook_kitchen"]


def test_silhouette_agrees_with_its_definition() -> None:
    """Two pairs on a line at 0, 1 and 10, 11: within 1, beside 10.5 or 9.5."""
    line = np.array([[0], [1], [10], [11]], dtype=np.float32)
    labels = np.array([0, 0, 1, 1])
    expected = np.mean([1 - 1 / 10.5, 1 - 1 / 9.5] * 2)
    assert silhouette(line, labels) == pytest.approx(expected)
    assert silhouette(line, np.zeros(4, dtype=np.intp)) == 0.0


def test_k_means_is_repeatable_and_survives_equal_points() -> None:
    """Fewer different points than clusters leave some clusters empty."""
    points = np.repeat(np.eye(2, dtype=np.float32), 5, axis=0)
    labels = k_means(points, 3, seed=1)
    assert len(set(labels.tolist())) == 2
    assert labels.tolist() == k_means(points, 3, seed=1).tolist()


def test_the_rows_of_members_are_in_order() -> None:
    """A member that has no row, as a disabled agent's, is left out."""
    categories = Categories.of(MONEY + FOOD, spoken(MONEY + FOOD))
    place = {one.name: row for row, one in enumerate(reversed(MONEY[1:] + FOOD))}
    rows = categories.rows(place)
    assert {name: some.tolist() for name, some in rows.items()} == {
        "bank_money": [4, 5, 6],
        "cook_kitchen": [0, 1, 2, 3],
    }
