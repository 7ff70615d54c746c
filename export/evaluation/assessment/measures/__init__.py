"""The measures by name, in the order of a report; each takes a Setting and gives a Result."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..result import Result
from ..setting import Setting
from .attack import attack
from .calibration import calibration
from .curves import curves
from .embedding import embedding
from .graded import graded
from .pairs import pairs
from .pools import pools
from .rated import rated
from .robustness import robustness
from .sanity import sanity

__all__ = ["MEASURES"]

MEASURES: Mapping[str, Callable[[Setting], Result]] = {
    "curves": curves,
    "rated": rated,
    "pairs": pairs,
    "graded": graded,
    "pools": pools,
    "calibration": calibration,
    "robustness": robustness,
    "attack": attack,
    "embedding": embedding,
    "sanity": sanity,
}
