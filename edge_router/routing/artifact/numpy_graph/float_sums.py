"""Sums of floats in the order and with the roundings of onnxruntime, so that no last bit differs.

Nearly all that the encoder adds is whole numbers, which any order adds alike. Only its read-out
layers add fractions: `read_out` and `softmax` do so step by step as onnxruntime's kernels
(`core/mlas`: SgemmKernel*, TransKernel*) do. A kernel multiplies and adds with one rounding to
float32. Here float64 holds the product exactly, and the sum is rounded to float64 and then to
float32, which differs only where the first rounding ends halfway between two float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ...arrays import Float32s, Float64s

__all__ = ["read_out", "softmax"]

BLOCK = 256  # products that a kernel adds before it writes (MLAS_SGEMM_PACKED_STRIDEK)
BELOW_FLOAT32 = np.int64(2**29 - 1)  # the bits of a float64 that float32 has no room for
HALFWAY = np.int64(2**28)
LANES = 16  # sums that the AVX-512 kernel of softmax keeps; with fewer a last bit may differ

# exp(x) is 2^m times a polynomial of the rest (MlasExpConstants).
LEAST = np.float32(-103.9720840454)
PER_LN2 = 1.44269504088896341
ROUNDS = np.float32(12582912.0)  # a float32 of this size has no fraction left
LN2_HIGH, LN2_LOW = -6.93145752e-1, -1.42860677e-6
POLYNOMIAL = tuple(
    np.float32(float.fromhex(number))
    for number in (
        "0x1.694000p-10", "0x1.125edcp-7", "0x1.555b5ap-5", "0x1.555450p-3", "0x1.fffff6p-2",
        "0x1.0p0", "0x1.0p0",
    )
)  # fmt: skip


def read_out(states: Float32s, weight: Float64s, bias: Float32s) -> Float32s:
    """`states` (rows, in) times `weight` (in, out), float32 numbers in float64, plus `bias`."""
    rows = [_one_row(row.astype(np.float64), weight, bias) for row in states]
    return np.stack(rows)  # (rows, out)


def _one_row(states: Float64s, weight: Float64s, bias: Float32s) -> Float32s:
    total = bias
    for start in range(0, len(states), BLOCK):
        block = slice(start, start + BLOCK)
        products = states[block, None] * weight[block]  # exact
        total = total + _added_in_order(products)
    return total


def _added_in_order(products: Float64s) -> Float32s:
    """Sums over the first axis, each step rounded to float32."""
    sums = products.copy()
    rounded = np.zeros(sums.shape[1], dtype=np.float32)
    running = np.zeros(sums.shape[1])
    for row in sums:
        np.add(running, row, out=row)
        rounded[:] = row
        running[:] = rounded
    if (_bits(sums) == HALFWAY).any():  # about one query in 10,000
        rounded[:] = 0
        for row in products:
            rounded = _rounded_once(rounded.astype(np.float64), row)
    return rounded


def _bits(numbers: Float64s) -> npt.NDArray[np.int64]:
    return np.bitwise_and(numbers.view(np.int64), BELOW_FLOAT32)


def _rounded_once(first: Float64s, second: Any) -> Float32s:
    """The sum, rounded to float32 as if the float64 in between had all its bits."""
    total: Float64s = first + second
    if not (_bits(total) == HALFWAY).any():
        return total.astype(np.float32)
    back = total - first
    lost = (first - (total - back)) + (second - back)  # exact (Knuth's two-sum)
    between = (_bits(total) == HALFWAY) & (lost != 0)
    moved = np.nextafter(total, np.copysign(np.inf, lost))
    exact: Float64s = np.where(between, moved, total)
    return exact.astype(np.float32)


def _fused(first: Float32s, second: Any, third: Any) -> Float32s:
    """first * second + third with one rounding."""
    product = first.astype(np.float64) * np.float32(second)
    return _rounded_once(product, third)


def softmax(logits: Float32s) -> Float32s:
    """The softmax along the last axis of `logits` (..., size)."""
    rows = [_softmax(row) for row in logits.reshape(-1, logits.shape[-1])]
    return np.stack(rows).reshape(logits.shape)


def _softmax(logits: Float32s) -> Float32s:
    powers = _exp(logits - logits.max())
    share: Float32s = powers * (np.float32(1) / _sum_by_lanes(powers))
    return share


def _exp(exponents: Float32s) -> Float32s:
    """The exponential of numbers up to 0."""
    exponents = np.maximum(LEAST, exponents)
    twos = _fused(exponents, PER_LN2, ROUNDS) - ROUNDS
    rest = _fused(twos, LN2_HIGH, exponents)
    rest = _fused(twos, LN2_LOW, rest)
    power = np.full_like(rest, POLYNOMIAL[0])
    for coefficient in POLYNOMIAL[1:]:
        power = _fused(power, rest, coefficient)
    return np.ldexp(power, twos.astype(np.int32))


def _sum_by_lanes(numbers: Float32s) -> np.float32:
    padded = np.zeros(-(-len(numbers) // LANES) * LANES, dtype=np.float32)
    padded[: len(numbers)] = numbers
    lanes = np.add.accumulate(padded.reshape(-1, LANES))[-1]
    lanes = lanes[8:] + lanes[:8]
    fours = (lanes[0::4] + lanes[1::4]) + (lanes[2::4] + lanes[3::4])
    return np.float32(fours[0] + fours[1])
