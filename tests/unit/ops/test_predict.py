"""What is said to be small is small; what is not sure to be, is not said to be."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syft.ops.apply import apply
from syft.ops.predict import INLINE_BYTES, is_small
from syft.ops.table import OPERATIONS
from syft.wire.codec import encode

OPTIONS: dict[str, dict[str, Any]] = {"reshape": {"shape": -1}, "astype": {"dtype": "complex128"}}
LENGTHS = st.integers(1, 400)
SHAPES = st.one_of(
    st.just(()), st.tuples(LENGTHS), st.tuples(LENGTHS, st.just(1)), st.tuples(st.just(1), LENGTHS)
)
NUMBERS = st.one_of(
    st.integers(-(2**300), 2**300),
    st.integers(0, 2**40),
    st.floats(allow_nan=False),
    SHAPES.map(lambda shape: np.ones(shape, dtype="complex128")),
)


@settings(deadline=None, max_examples=15, derandomize=True)
@given(data=st.data())
@pytest.mark.parametrize("name", OPERATIONS)
def test_what_is_predicted_small_is_small(name: str, data: st.DataObject) -> None:
    row = OPERATIONS[name]
    inputs = [data.draw(NUMBERS) for _ in range(row.least)]
    if not is_small(row, inputs):
        return
    options = OPTIONS.get(name, {})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = apply(row, inputs, options)
    except (ArithmeticError, TypeError, ValueError, AttributeError, LookupError):
        return
    assert encode(result).size <= INLINE_BYTES + 4096


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("pow", [3, 10**9]),
        ("lshift", [1, 10**9]),
        ("add", [np.ones((300, 1)), np.ones((1, 300))]),
        ("matmul", [np.ones((300, 1)), np.ones((1, 300))]),
        ("matmul", [np.ones((2, 3, 3)), np.ones((3, 3))]),
        ("matmul", [np.ones((200, 600)), np.ones((600, 200))]),
        ("add", [1 << 5000, 1]),
        ("getitem", [np.ones(3), np.array([0, 1])]),
        ("add", [np.array(["a"]), 1]),
        ("add", [np.array([1], dtype=object), 1]),
        ("add", [pd.Series([1]), 1]),
        ("describe", [pd.DataFrame({"a": [1]})]),
        ("zeros", [10**6]),
        ("arange", [0.0, 1.0, 1e-9]),
        ("arange", [0, 1, 0]),
        # Empty, and as long the other way as one likes: summed along the empty side, it is all there.
        ("sum", [np.zeros((0, 10**6))]),
        ("matmul", [np.zeros((10**6, 0)), np.zeros((0, 0))]),
    ],
)
def test_what_may_grow_or_run_code_of_libraries_goes_behind_the_fence(name: str, inputs: list[Any]) -> None:
    assert not is_small(OPERATIONS[name], inputs)


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("add", [np.ones(100), 1]),
        ("sum", [np.ones((10, 10))]),
        ("getitem", [np.ones(9), slice(0, 2)]),
        ("getitem", [np.ones(9), np.ones(9, dtype=bool)]),
        ("pow", [3, 5]),
        ("matmul", [np.ones((9, 9)), np.ones(9)]),
        ("zeros", [9]),
    ],
)
def test_small_numbers_are_computed_at_once(name: str, inputs: list[Any]) -> None:
    assert is_small(OPERATIONS[name], inputs)
