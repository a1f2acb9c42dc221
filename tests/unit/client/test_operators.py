"""What is written with pointers: what comes of it, and what needs the value itself."""

from __future__ import annotations

import gc

import numpy as np
import pandas as pd
import pytest

from support.sites import opened
from syft.client.client import Client
from syft.client.login import login
from syft.client.pointer import Pointer
from syft.config import DEFAULT_EMAIL, DEFAULT_PASSWORD
from syft.errors import CodeFailed, InvalidInput, NotFound, UnsupportedType
from syft.transport.memory import MemoryRoute


@pytest.fixture
def numbers(admin: Client) -> Pointer:
    return admin.objects.send(np.arange(3.0), tags=["numbers"], mock=np.zeros(2))


@pytest.mark.parametrize(
    "act",
    [
        bool,
        len,
        list,
        lambda pointer: 1 in pointer,
        np.asarray,
        lambda pointer: 1 if pointer > 1 else 0,
        lambda pointer: pointer == 1 and pointer,
        float,
    ],
)
def test_what_needs_the_value_is_a_clear_error(numbers: Pointer, act: object) -> None:
    assert callable(act)
    with pytest.raises((InvalidInput, TypeError), match=r"at its node|must be a string or a real number"):
        act(numbers)


def test_a_pointer_is_a_key_of_its_own(numbers: Pointer, admin: Client) -> None:
    again = admin.objects[numbers.id]
    assert len({numbers, again}) == 2
    assert {numbers: 1}[numbers] == 1
    here = Pointer.to_value(5)
    assert here == here
    assert here != Pointer.to_value(5)


def test_results_go_with_their_pointers(numbers: Pointer, admin: Client) -> None:
    result = numbers + 1
    assert result.gc_enabled
    uid = result.id
    del result
    gc.collect()
    admin.session.drop()
    with pytest.raises(NotFound):
        admin.objects[uid]


def test_the_line_that_asks_is_the_line_that_fails(numbers: Pointer) -> None:
    with pytest.raises(CodeFailed, match="'getitem' failed: IndexError: index 9 is out of bounds"):
        numbers[9]
    with pytest.raises(InvalidInput, match="no option 'out'"):
        numbers.sum(out=1)
    with pytest.raises(UnsupportedType):
        numbers + object()
    with pytest.raises(InvalidInput, match=r"numpy's 'hypot' is no operation"):
        np.hypot(numbers, 1)
    with pytest.raises(InvalidInput, match=r"numpy's 'linspace'|numpy's 'fft'|no operation"):
        np.median(numbers)


def test_pointers_to_two_nodes_do_not_mix(numbers: Pointer, tmp_path_factory: pytest.TempPathFactory) -> None:
    with opened(tmp_path_factory.mktemp("other"), start=False) as node:
        elsewhere = login(DEFAULT_EMAIL, DEFAULT_PASSWORD, route=MemoryRoute(node)).objects.send(1)
        with pytest.raises(InvalidInput, match="at another node"):
            numbers + elsewhere
    with pytest.raises(InvalidInput, match="at another node, or at none"):
        numbers + Pointer.to_value(5)


def test_the_mock_can_be_looked_at(numbers: Pointer, scientist: Client) -> None:
    found = scientist.objects[numbers.id]
    assert found.mock.tolist() == [0, 0]
    assert (found + 1).mock.tolist() == [1, 1]
    assert (found + 1).sum().mock == 2
    with pytest.raises(NotFound):
        found.get()


def test_describe_without_a_text_is_a_summary(admin: Client) -> None:
    table = pd.DataFrame({"a": [1, 2, 3]})
    pointer = admin.objects.send(table)
    pd.testing.assert_frame_equal(pointer.describe().get(), table.describe())
    assert pointer.describe("a table").description == "a table"
