"""This module tells before it is computed whether a result is small and quick: such are computed in the node itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from syft.ops.arrays import count_made
from syft.ops.kinds import Kind, kind_of
from syft.ops.operation import Growth, Operation

# What goes in, and what comes out, of what a node computes itself: some milliseconds at the most.
INLINE_BYTES: Final = 1 << 20
# Bits of a whole number: arithmetic with these takes microseconds.
_INT_BITS: Final = 4096
_MULTIPLICATIONS: Final = 10_000_000
_WIDEST: Final = 16  # bytes of complex128
_NUMBERS: Final = "biufc"
_FITTING: Final = INLINE_BYTES // _WIDEST


def is_small(row: Operation, inputs: Sequence[Any]) -> bool:
    """Whether the operation on these is sure to be quick, and its result sure to be small.

    Args:
        row: of the table.
        inputs: values that are small themselves.
    """
    if any(kind_of(value) not in row.takes for value in inputs):
        return True  # an error, and a quick one
    if not all(_is_plain(value) for value in inputs):
        return False
    match row.growth:
        case Growth.EACH:
            return _fits_stretched(inputs) and _ints_stay_small(row.name, inputs)
        case Growth.PRODUCT:
            return _product_fits(inputs)
        case Growth.MADE:
            return count_made(row.name, tuple(inputs)) <= _FITTING
        case Growth.UNKNOWN:
            # Only parts of an array, by plain numbers, slices and one mask: never more than there was.
            return (
                row.name == "getitem" and kind_of(inputs[0]) is Kind.ARRAY and _is_part(inputs[0], inputs[1])
            )


def _is_plain(value: Any) -> bool:
    match kind_of(value):
        case Kind.NUMBER:
            return type(value) is not int or value.bit_length() <= _INT_BITS
        case Kind.ARRAY:
            return value.dtype.kind in _NUMBERS and value.dtype.itemsize <= _WIDEST
        case Kind.KEY | Kind.NOTHING:
            return True
        case _:
            return False


def _fits_stretched(inputs: Sequence[Any]) -> bool:
    shapes = [value.shape for value in inputs if kind_of(value) is Kind.ARRAY]
    depth = max((len(shape) for shape in shapes), default=0)
    longest = [max((s[-i] for s in shapes if len(s) >= i), default=1) for i in range(1, depth + 1)]
    # A side of length 0 hides how long the others are; summed along it, their product is made.
    return _room(longest) <= _FITTING


def _room(lengths: Iterable[int]) -> int:
    return math.prod(max(1, length) for length in lengths)


def _ints_stay_small(name: str, inputs: Sequence[Any]) -> bool:
    whole = [int(one) for one in inputs if type(one) in (int, bool)]
    if name == "pow" and len(whole) == 2:
        return whole[1] <= 0 or abs(whole[0]) <= 1 or whole[0].bit_length() * whole[1] <= _INT_BITS
    if name == "lshift" and len(whole) == 2:
        return whole[1] <= _INT_BITS
    return True


def _product_fits(inputs: Sequence[Any]) -> bool:
    if any(kind_of(value) is not Kind.ARRAY or value.ndim > 2 for value in inputs):
        # Of numbers there is none: an error, and a quick one. Stacks of matrices stretch.
        return all(kind_of(value) is Kind.NUMBER for value in inputs)
    left, right = inputs
    rows = left.shape[0] if left.ndim == 2 else 1
    columns = right.shape[1] if right.ndim == 2 else 1
    inner = left.shape[-1] if left.ndim else 1
    return _room((rows, columns)) <= _FITTING and _room((rows, columns, inner)) <= _MULTIPLICATIONS


def _is_part(value: Any, key: Any) -> bool:
    if kind_of(key) is Kind.ARRAY:
        return bool(key.dtype.kind == "b" and key.ndim == value.ndim)
    keys = key if type(key) is tuple else (key,)
    return all(type(one) in (int, slice, type(...), type(None)) for one in keys)
