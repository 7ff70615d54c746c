"""`map` on a Ray cluster, for pieces of work that do not depend on each other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import edge_router
from edge_router.errors import EdgeRouterError

from .ray_cluster import ClusterError, ray_cluster, require_version, room_for

__all__ = ["RayMap", "ray_map"]

Piece = TypeVar("Piece")
Result = TypeVar("Result")

TASK_RETRIES = 3
LOOK_S = 5.0
NODE_S = 60.0  # for a lost node to come back


class RayMap:
    """Like `map` on the cluster that the module `ray` is connected to; each piece takes a CPU."""

    def __init__(self, ray: Any) -> None:
        self.ray = ray

    def __call__(
        self, function: Callable[[Piece], Result], pieces: Iterable[Piece]
    ) -> Iterator[Result]:
        """`function` of each piece, in their order; at most two pieces for each CPU are handed out.

        The function travels once, a piece with each call; what a lost node had is done again by
        Ray. Raises what the function raises, and ClusterError.
        """
        shared = self.ray.put(function)
        call = self.ray.remote(_call).options(num_cpus=1, max_retries=TASK_RETRIES)
        under_way: deque[Any] = deque()
        for piece in pieces:
            if len(under_way) >= 2 * max(1, int(self.ray.cluster_resources().get("CPU", 1))):
                yield self._result(under_way.popleft())
            under_way.append(call.remote(edge_router.__version__, shared, piece))
        while under_way:
            yield self._result(under_way.popleft())

    def _result(self, reference: Any) -> Any:
        idle_s = 0.0
        while not self.ray.wait([reference], timeout=LOOK_S)[0]:
            idle_s += LOOK_S
            if idle_s >= NODE_S and not room_for(self.ray, 1.0):
                raise ClusterError(
                    "no node that is up has a CPU to work with; join one with `ray start --address`"
                )
        errors = self.ray.exceptions
        try:
            return self.ray.get(reference)
        except errors.RayTaskError as error:
            if isinstance(error.cause, EdgeRouterError):
                raise error.cause from None
            raise ClusterError(f"a piece of work failed on a node: {error}") from error
        except errors.RayError as error:
            said = " ".join(str(error).split())
            raise ClusterError(f"a piece of work was lost: {said[:600]}") from error


def _call(version: str, function: Callable[[Piece], Result], piece: Piece) -> Result:
    """What a node does. Raises ClusterError where its Edge Router may count otherwise."""
    require_version(version)
    return function(piece)


@contextmanager
def ray_map(address: str | None) -> Iterator[RayMap]:
    """A RayMap on the cluster at `address`, or on one of this machine alone; raises as
    `ray_cluster` does."""
    with ray_cluster(address) as ray:
        yield RayMap(ray)
