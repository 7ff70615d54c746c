"""Types of numpy arrays by their precision; shapes stand in the docstrings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Float32s", "Float64s"]

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
