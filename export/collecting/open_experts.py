"""Opens configured experts for several questions at once, in this process or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from edge_router.backends.base import Backend
from edge_router.errors import ConfigError
from edge_router.routing.experts.expert import Pricing
from edge_router.routing.opening import open_backend
from edge_router.routing.roster import stated_pricing
from edge_router.settings.config import Config
from edge_router.settings.expert_config import ExpertConfig

from .asked_expert import AskedExpert
from .collect import Asked
from .outcome import likelihood
from .pace import Pace
from .ray_cluster import ray_cluster
from .ray_expert import SERVER_CPUS, SERVER_THREADS, RayExpert

__all__ = ["asked_experts", "configured_prices", "ray_experts", "scoring_experts"]


@contextmanager
def asked_experts(
    configured: Mapping[str, ExpertConfig],
    names: Sequence[str] | None,
    *,
    parallel: int,
    costs: bool,
) -> Iterator[list[AskedExpert]]:
    """The experts called `names` (all without), each for `parallel` questions at once.

    A local model is loaded once per question under way, with one thread each when there are
    several. Raises ConfigError for an unknown name, a `parallel` below 1, or, where `costs` are
    asked for, an expert without a price.
    """
    chosen = _chosen(configured, names, parallel=parallel, costs=costs)
    opened: list[Backend] = []
    try:
        yield [_open(name, expert, parallel, opened) for name, expert in chosen.items()]
    finally:
        for backend in opened:
            backend.close()


@contextmanager
def ray_experts(
    configured: Mapping[str, ExpertConfig],
    names: Sequence[str] | None,
    *,
    parallel: int,
    costs: bool,
    address: str | None,
) -> Iterator[list[RayExpert]]:
    """`asked_experts` on the Ray cluster at `address`, or on one of this machine alone.

    A local model takes its `n_threads` (default: 1) in Ray CPUs for each question under way.
    Raises ClusterError and MissingExtra too.
    """
    chosen = _chosen(configured, names, parallel=parallel, costs=costs)
    with ray_cluster(address) as ray:
        yield [_on_ray(ray, name, expert, parallel) for name, expert in chosen.items()]


@contextmanager
def scoring_experts(
    configured: Mapping[str, ExpertConfig],
    names: Sequence[str] | None,
    *,
    parallel: int,
    ray: object = None,
) -> Iterator[list[Asked]]:
    """The local models among the experts called `names` (all without), which tell the likelihood
    of references and answer nothing; on a connected cluster where `ray` is that module.

    Raises ConfigError also where none of them is a local model: a server states no likelihood.
    """
    chosen = _chosen(configured, names, parallel=parallel, costs=False)
    local = {name: one for name, one in chosen.items() if one.backend == "llama_cpp"}
    if not local or (names and len(local) < len(chosen)):
        odd = next((name for name in chosen if name not in local), "")
        raise ConfigError(
            f"the likelihood of references comes from local models (backend llama_cpp), and "
            f"{f'[experts.{odd}] is none' if odd else 'no expert is configured'}"
        )
    if ray is not None:
        on_ray = [_on_ray(ray, name, expert, parallel) for name, expert in local.items()]
        yield [replace(one, measure=likelihood) for one in on_ray]
        return
    with asked_experts(local, None, parallel=parallel, costs=False) as asked:
        yield [replace(one, measure=likelihood) for one in asked]


def configured_prices(path: str) -> dict[str, Pricing]:
    """The prices that a settings file states, by expert. Raises ConfigError where one is missing:
    an answer whose price is not known is not free."""
    return _require_prices(Config.load(path).experts)


def _chosen(
    configured: Mapping[str, ExpertConfig],
    names: Sequence[str] | None,
    *,
    parallel: int,
    costs: bool,
) -> dict[str, ExpertConfig]:
    if parallel < 1:
        raise ConfigError(f"parallel = {parallel} must be 1 or more")
    for name in names or ():
        if name not in configured:
            raise ConfigError(f"no expert {name!r}; configured are {', '.join(configured)}")
    chosen = {name: configured[name] for name in names or configured}
    if costs:
        _require_prices(chosen)
    return chosen


def _require_prices(experts: Mapping[str, ExpertConfig]) -> dict[str, Pricing]:
    prices = {}
    for name, expert in experts.items():
        price = stated_pricing(expert)
        if price is None:
            raise ConfigError(
                f"[experts.{name}] has no price; state input_usd_per_million and "
                "output_usd_per_million (0 where it costs nothing)"
            )
        prices[name] = price
    return prices


def _open(name: str, expert: ExpertConfig, parallel: int, opened: list[Backend]) -> AskedExpert:
    backends: tuple[Backend, ...]
    if expert.backend == "llama_cpp":
        single = replace(expert, n_threads=1) if parallel > 1 else expert
        backends = tuple(open_backend(single, confidence=True) for _ in range(parallel))
        opened += backends
    else:
        backend = open_backend(expert)  # safe to share
        backends = (backend,) * parallel
        opened.append(backend)
    return AskedExpert(name, backends, stated_pricing(expert), Pace(expert.requests_per_minute))


def _on_ray(ray: object, name: str, expert: ExpertConfig, parallel: int) -> RayExpert:
    local = expert.backend == "llama_cpp"
    cores = expert.n_threads or 1
    stated = replace(expert, n_threads=cores) if local else expert
    return RayExpert(
        ray,
        name,
        partial(open_backend, stated, confidence=local),
        parallel=parallel,
        cpus=cores if local else SERVER_CPUS,
        threads=1 if local else min(SERVER_THREADS, parallel),
        pricing=stated_pricing(expert),
        requests_per_minute=expert.requests_per_minute,
    )
