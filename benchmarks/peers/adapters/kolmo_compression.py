"""kolmo: distance to two compression dictionaries, trained on the examples of each expert."""

from collections.abc import Callable

from kolmo import KolmoRouter

Example = tuple[str, float, float]


def load(examples: list[Example], weak: str, strong: str) -> Callable[[str], float]:
    router = KolmoRouter(default_model=weak)
    gains = [query for query, weak_score, strong_score in examples if strong_score > weak_score]
    others = [query for query, weak_score, strong_score in examples if strong_score <= weak_score]
    router.add_domain(name="strong", samples=gains, target_model=strong)
    router.add_domain(name="weak", samples=others, target_model=weak)

    def decide(text: str) -> float:
        scores = router.route(text).scores  # a distance each; none for very short texts
        return scores["weak"] - scores["strong"] if scores else 0.0

    return decide
