"""Types of numpy arrays by their precision; shapes stand in the docstrings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["AnyFloats", "Float32s", "Float64s"]

AnyFloats = npt.NDArray[np.floating]
Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
