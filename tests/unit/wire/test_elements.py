"""How many elements a value has, without making it."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

from syft.errors import DecodeError
from syft.model.uid import UID
from syft.wire.codec import encode
from syft.wire.elements import count_elements


def count(value: object) -> int:
    return count_elements(encode(value).to_bytes())


@pytest.mark.parametrize(
    ("value", "elements"),
    [
        (None, 1),
        (7, 1),
        (2**70, 2),
        (1.5, 1),
        (True, 1),
        (1j, 1),
        ("eightchr", 1),
        ("nine char", 2),
        ("x" * 80_000, 10_000),
        (b"x" * 80_000, 10_000),
        (bytearray(80), 10),
        ([], 0),
        ([1, 2, 3], 3),
        (list(range(50_000)), 50_000),
        ([[1, 2], [3, [4]]], 4),
        ((1, 2), 2),
        ({1, 2, 3}, 3),
        ({"a": 1, "b": [2, 3]}, 5),
        ({1: 2}, 2),
        ({str(key): key for key in range(5_000)}, 10_000),
        (datetime.datetime(2026, 1, 1), 1),
        (UID.from_string("0" * 32), 1),
        (np.float32(1), 1),
        (np.zeros(5), 5),
        (np.zeros((0, 7)), 0),
        (np.zeros((300, 400)), 120_000),
        (np.asfortranarray(np.zeros((300, 40))), 12_000),
        (np.array(["a", None], dtype=object), 2),
        ([np.zeros(3), np.zeros((2, 2))], 7),
        (pd.DataFrame({"a": [1, 2, 3], "b": [1.0, 2.0, 3.0]}), 6),
        (pd.DataFrame(np.zeros((1_000, 7)), columns=list("abcdefg")), 7_000),
        (pd.DataFrame(), 0),
        (pd.Series([1, 2, 3]), 3),
        (pd.Series([1, 2, 3], index=[7, 8, 9]), 6),
        (pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_tuples([(1, 2), (1, 3)])), 9),
    ],
    ids=lambda value: f"{type(value).__name__} {value!r}"[:40],
)
def test_a_value_has_so_many(value: object, elements: int) -> None:
    assert count(value) == elements


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame({"a": ["x", "y"], "b": pd.Categorical(["p", "q"])}),
        pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": pd.to_datetime(["2026", "2027"])}),
        pd.Series(["some text", "and more of it"] * 100),
    ],
)
def test_of_other_columns_never_too_few(value: pd.DataFrame) -> None:
    assert count(value) >= value.size


def test_too_long_to_read_counts_as_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    value = list(range(50_000))
    monkeypatch.setattr("syft.wire.elements.MOST_TO_READ", 1_000)
    assert count(value) >= 50_000
    assert count([{"a": (one,)} for one in range(1_000)]) >= 1_000


@pytest.mark.parametrize("data", [b"", b"junk", encode([1]).to_bytes()[:-1], encode(1).to_bytes() + b"x"])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        count_elements(data)
