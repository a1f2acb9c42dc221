"""The rows of the table: what they take, and how they are told."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

from syft.errors import InvalidInput
from syft.model.step import Items, Of, Step
from syft.model.uid import UID
from syft.ops.apply import apply, run
from syft.ops.arrays import count_made
from syft.ops.kinds import Kind, kind_of
from syft.ops.table import MAX_TEXT, OPERATIONS, check_step, describe, operation


class Sneaky(np.ndarray):
    """An array with behaviour of its own."""


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, Kind.NUMBER),
        (np.int8(1), Kind.NUMBER),
        (np.str_("a"), Kind.TEXT),
        (np.datetime64("2020-01-01"), Kind.MOMENT),
        (pd.Timestamp(0), Kind.MOMENT),
        (pd.NaT, Kind.NOTHING),
        (np.ones(1), Kind.ARRAY),
        (np.ones(1).view(Sneaky), None),
        (pd.Index([1]), None),
        (b"x", None),
        (print, None),
        (type, None),
        ({}, None),
        (np.void(b"x"), None),
    ],
)
def test_kinds_are_told_by_the_exact_type(value: Any, kind: Kind | None) -> None:
    assert kind_of(value) is kind


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        OPERATIONS["new"] = OPERATIONS["add"]  # type: ignore[index]
    with pytest.raises(InvalidInput, match="no operation 'nothing'"):
        operation("nothing")


@pytest.mark.parametrize(
    ("op", "inputs"),
    [
        ("add", ["a", "b"]),
        ("mul", [pd.Series(["a"]), "b"]),
        ("mul", ["a", 10]),
        ("mod", ["%s", pd.Series([1])]),
        ("getitem", [5, 0]),
        ("head", [np.ones(3)]),
        ("corr", [pd.Series([1])]),
        ("groupby_agg", [pd.Series([1])]),
        ("merge", [pd.DataFrame(), np.ones(3)]),
        ("isin", [pd.Series([1]), np.str_("a")]),
        ("sum", [print]),
        ("getitem", [np.array([print], dtype=object), 0]),
    ],
)
def test_what_makes_no_sense_is_an_error_of_python(op: str, inputs: list[Any]) -> None:
    with pytest.raises(TypeError):
        apply(OPERATIONS[op], inputs, {"by": "a", "agg": "sum"} if op == "groupby_agg" else {})


@pytest.mark.parametrize(
    ("op", "inputs"), [("pow", [7, 10**12]), ("lshift", [1, 10**12]), ("ones", [10**12])]
)
def test_bombs_do_not_go_off(op: str, inputs: list[Any]) -> None:
    with pytest.raises(MemoryError):
        apply(OPERATIONS[op], inputs, {})


def test_whole_numbers_end_somewhere_also_by_multiplying() -> None:
    many = (1 << (1 << 20)) - 1
    with pytest.raises(MemoryError):
        apply(OPERATIONS["mul"], [many, many], {})


@pytest.mark.parametrize(
    ("name", "inputs", "count"),
    [
        ("zeros", (3,), 3),
        ("zeros", ((2, 3),), 6),
        ("eye", (3,), 9),
        ("eye", (3, 4), 12),
        ("arange", (5,), 5),
        ("arange", (0, 1, 0.25), 4),
        ("arange", (5, 0, -1), 5),
    ],
)
def test_what_will_be_made_is_counted_before(name: str, inputs: tuple[Any, ...], count: int) -> None:
    assert count_made(name, inputs) == count
    assert apply(OPERATIONS[name], inputs, {}).size == count


def test_an_empty_side_does_not_hide_how_long_the_others_are() -> None:
    assert count_made("zeros", ((0, 10**9),)) == 10**9
    with pytest.raises(MemoryError):
        apply(OPERATIONS["zeros"], [(0, 10**9)], {})


@pytest.mark.parametrize(
    "inputs", [("a",), (None,), (1, 2, 0), (float("nan"),), (0, float("inf")), (0.0, 1.0, 0.0)]
)
def test_what_cannot_be_counted_is_too_much(inputs: tuple[Any, ...]) -> None:
    with pytest.raises(MemoryError):
        OPERATIONS["arange"].call(*inputs)


def test_the_story_names_what_was_sent_and_cannot_be_led_astray() -> None:
    one, two = UID(), UID()
    step = Step(op="where", inputs=(Of(one), Of(two), "{0} {1}"), output=UID())
    assert describe(step, {one: "'{1}'", two: "'two'"}) == "where('{1}', 'two', '{0} {1}')"
    made = Step(op="zeros", inputs=(Items("tuple", (2, 3)),), output=UID(), constants={"dtype": "int8"})
    assert describe(made, {}) == "zeros((2, 3)) [dtype='int8']"
    long = Step(op="neg", inputs=(Of(one),), output=UID())
    assert len(describe(long, {one: "x" * 10_000})) == MAX_TEXT


def test_a_step_runs_in_the_sandbox_as_it_stands() -> None:
    asked = {"op": "sub", "plain": [[0, 10]], "options": {}}
    assert run(asked, {"input_1": np.array([1, 2])}).tolist() == [9, 8]


def test_a_constructor_takes_no_objects() -> None:
    with pytest.raises(InvalidInput, match="takes plain numbers"):
        check_step(Step(op="zeros", inputs=(Of(UID()),), output=UID()))


def test_the_table_is_read_without_loading_libraries() -> None:
    code = (
        "import sys, syft.ops.apply, syft.ops.predict, syft.client.client; "
        "print([name for name in sys.modules if name in ('numpy', 'pandas', 'torch')])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert loaded.strip() == "[]"
