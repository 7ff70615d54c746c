"""Types of numpy arrays by what they hold; shapes stand in the docstrings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["AnyFloats", "Bools", "Float32s", "Float64s", "Places"]

AnyFloats = npt.NDArray[np.floating]
Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]  # of rows in another array
