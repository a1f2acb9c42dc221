"""A step is data: what can be said in one, and what cannot."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syft.errors import InvalidInput, SyftException
from syft.model.messages.objects import Operate
from syft.model.step import (
    MAX_INPUTS,
    MAX_ITEMS,
    Of,
    Slice,
    Step,
    as_constant,
    constant_text,
    plain_value,
)
from syft.model.uid import UID
from syft.wire.records import encode_record
from syft.wire.types_model import decode_message

WHOLE = st.integers(-(2**63), 2**63 - 1)
ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    WHOLE,
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.builds(slice, st.none() | WHOLE, st.none() | WHOLE, st.none() | WHOLE),
    st.just(...),
)
PLAIN = st.one_of(ATOMS, st.lists(ATOMS, max_size=5), st.lists(ATOMS, max_size=5).map(tuple))


@given(PLAIN)
def test_plain_values_come_back_as_they_were(value: Any) -> None:
    step = Step(op="getitem", inputs=(Of(UID()), as_constant(value)), output=UID(), constants={"axis": 1})
    message = decode_message(encode_record(Operate(step)))
    assert isinstance(message, Operate)
    back = plain_value(message.step.inputs[1])  # type: ignore[arg-type]
    assert (type(back), back) == (type(value), value)


@given(PLAIN)
def test_the_text_of_a_constant_is_short_and_ascii(value: Any) -> None:
    text = constant_text(as_constant(value))
    assert text.isascii()
    assert text.isprintable()
    assert len(text) <= 60


@pytest.mark.parametrize("value", [2**64, object(), [[1]], (1, (2,)), {"a": 1}, b"x", slice("a"), print, 1j])
def test_other_values_are_no_constants(value: Any) -> None:
    with pytest.raises(TypeError):
        as_constant(value)


@pytest.mark.parametrize("name", ["__add__", "a.b", "add_", "_add", "a__b", "Add", "", "a b", "é", "a" * 80])
def test_names_are_words(name: str) -> None:
    for said in ({"op": name}, {"constants": {name: 1}}):
        with pytest.raises(InvalidInput, match="single underscores"):
            Step(**{"op": "add", "inputs": (), "output": UID(), **said})  # type: ignore[arg-type]


def test_too_much_of_anything_is_refused() -> None:
    for inputs in ((1,) * (MAX_INPUTS + 1), (as_constant([0] * (MAX_ITEMS + 1)),), ("x" * 10_001,)):
        with pytest.raises(InvalidInput):
            Step(op="add", inputs=inputs, output=UID())


def test_a_constant_of_another_kind_does_not_arrive() -> None:
    whole = encode_record(Operate(Step(op="add", inputs=(Slice(1), 2), output=UID())))
    with pytest.raises(SyftException):
        decode_message(whole.replace(b"slice", b"print"))


def test_objects_are_named_once_and_in_order() -> None:
    one, two = UID(), UID()
    assert Step(op="where", inputs=(Of(two), Of(one), Of(two)), output=UID()).objects == (two, one)
