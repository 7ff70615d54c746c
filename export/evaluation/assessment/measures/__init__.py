"""The measures by name, in the order of a report; each takes a Setting and gives a Result."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..result import Result
from ..setting import Setting
from .calibration import calibration
from .curves import curves
from .graded import graded
from .pairs import pairs
from .pools import pools
from .rated import rated
from .sanity import sanity

__all__ = ["MEASURES"]

MEASURES: Mapping[str, Callable[[Setting], Result]] = {
    "curves": curves,
    "rated": rated,
    "pairs": pairs,
    "graded": graded,
    "pools": pools,
    "calibration": calibration,
    "sanity": sanity,
}
