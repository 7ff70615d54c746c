"""Edge Router with its shipped artifact; the pair are two experts that it knows."""

from collections.abc import Callable

from edge_router import Config, ExpertConfig, Router

Example = tuple[str, float, float]


def load(examples: list[Example], weak: str, strong: str) -> Callable[[str], float]:
    nowhere = "http://127.0.0.1:9/v1"
    experts = {
        "weak": ExpertConfig("openai", weak, weak, location="device", base_url=nowhere),
        "strong": ExpertConfig("openai", strong, strong, location="cloud", base_url=nowhere),
    }
    router = Router.from_config(Config(experts=experts))

    def decide(text: str) -> float:
        estimates = router.route(text).estimates
        return estimates["strong"].quality - estimates["weak"].quality

    return decide
