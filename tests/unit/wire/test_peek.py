"""The type of a value, told from its first bytes."""

import mmap
import tempfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syft.errors import DecodeError
from syft.wire.codec import encode
from syft.wire.peek import type_of

plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
values = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner)
    ),
    max_leaves=8,
)


@given(values | st.sets(st.integers()) | st.frozensets(st.text()) | st.complex_numbers())
def test_it_is_what_python_says(value: object) -> None:
    assert type_of(encode(value).to_bytes()) == type(value).__name__


@pytest.mark.parametrize(
    "value", [list(range(100_000)), {str(n): n for n in range(50_000)}, "x" * 100_000, b"x" * 100_000]
)
def test_also_where_it_lies_in_a_buffer(value: object) -> None:
    data = encode(value).to_bytes()
    assert type_of(data) == type(value).__name__
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            assert type_of(mapped) == type(value).__name__


@pytest.mark.parametrize(
    "value", [pd.DataFrame({"a": [1]}), np.arange(3), np.float64(1), pd.Timestamp(0), range(3)]
)
def test_the_rest_is_another_type(value: object) -> None:
    assert type_of(encode(value).to_bytes()) == "another type"


@pytest.mark.parametrize("data", [b"", b"SYFTVAL1", bytes(40), encode(5).to_bytes()[:-1]])
def test_what_is_no_value_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        type_of(data)
