"""Pointers between workers: values there, on to others, and back."""

from __future__ import annotations

import gc
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import syft as sy
from support.people import ROOT
from support.sites import opened
from syft.errors import InvalidInput, InvalidState, LocalError, StorageError
from syft.exceptions import (
    GetNotPermittedError,
    ObjectNotFoundError,
    SendNotPermittedError,
    TensorsNotCollocatedException,
)
from syft.generic.pointers.multi_pointer import MultiPointerTensor
from syft.generic.pointers.object_pointer import ObjectPointer
from syft.generic.pointers.pointer_tensor import PointerTensor
from syft.lib.python import Dict, Float, Int, List, String
from syft.node.node import utc_now
from syft.transport.memory import MemoryRoute
from syft.workers import search
from syft.workers.pointers import digits

TAGS, TEXT = ["#a", "#b"], "of two people"


def tagged(value: Any) -> Any:
    return value.tag(*TAGS).describe(TEXT)


@pytest.mark.parametrize(
    "value",
    [
        sy.lib.numpy.array([[1.0, 2.0]]),
        Int(5),
        Float(0.5),
        String("text"),
        List([1, "two"]),
        Dict({"a": 1}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_tags_and_description_go_along_and_come_back(alice: sy.VirtualWorker, value: Any) -> None:
    pointer = tagged(value).send(alice)
    assert (pointer.tags, pointer.description) == (TAGS, TEXT)
    back = pointer.get()
    assert type(back) is type(value)
    assert np.array_equal(back, value)
    assert (back.tags, back.description) == (TAGS, TEXT)
    assert len(alice) == 0


def test_tables_keep_theirs_and_their_own_methods(alice: sy.VirtualWorker) -> None:
    sy.TorchHook()
    frame: Any = pd.DataFrame({"tags": [1, 2], "plain": [3, 4]})
    back = frame.tag("#t").send(alice).get()
    pd.testing.assert_frame_equal(back, frame)
    again = back.send(alice)
    assert again.tags == ["#t"]
    assert list(back.tags) == [1, 2], "a column's name is the column's"


def test_values_of_any_type_are_sent_by_a_function(alice: sy.VirtualWorker) -> None:
    for value in (np.arange(3), 5, 0.5, "text", [1, 2], None, True):
        assert np.array_equal(sy.send(value, alice, tags=["#v"]).get(), value)
        assert np.array_equal(alice.send(value).get(), value)
        assert np.array_equal(sy.local_worker.send(value, "alice").get(), value)


def test_get_takes_the_value_and_a_copy_leaves_it(alice: sy.VirtualWorker) -> None:
    pointer = Int(5).send(alice)
    assert pointer.copy().get() == 5
    assert pointer.clone().get() == 5
    copy = pointer.copy()
    assert pointer.get() == 5
    with pytest.raises(ReferenceError, match="exhausted"):
        pointer.get()
    assert copy.get() == 5, "a copy is a value of its own"
    assert len(alice) == 0


def test_an_object_that_is_gone_is_said_to_be(alice: sy.VirtualWorker) -> None:
    pointer = Int(5).tag("#five").send(alice)
    found = alice.search("#five")[0]
    pointer.get()
    acts: list[Any] = [found.get, found.copy, lambda: found.move(sy.local_worker), lambda: found + 1]
    for act in acts:
        with pytest.raises(ObjectNotFoundError, match=f'^Object "{digits(found.id)}" not found on worker'):
            act()
    other = Int(1).send(alice)
    with pytest.raises(ObjectNotFoundError, match=f'^Object "{digits(found.id)}"'):
        _ = other + found


def test_what_may_be_found_but_not_read(alice: sy.VirtualWorker, bob: sy.VirtualWorker) -> None:
    Int(5).tag("#five").send(alice, garbage_collect_data=False)
    guest = alice.node.get_client()
    (found,) = search(guest, "#five")
    acts: list[Any] = [found.get, found.copy, lambda: found.move(bob)]
    for act in acts:
        with pytest.raises(GetNotPermittedError, match="request"):
            act()
    assert (len(alice), len(bob)) == (1, 0)
    # Whoever is allowed to reads it, moves a copy of it, and takes nothing away.
    found.request()
    alice.client.requests[0].accept()
    assert found.move(bob).get() == 5
    assert alice.search("#five")[0].get() == 5


def test_move_empties_its_source_and_keeps_what_is_said(
    alice: sy.VirtualWorker, bob: sy.VirtualWorker
) -> None:
    pointer = tagged(sy.lib.numpy.array([1, 2])).send(alice)
    moved = pointer.move(bob)
    assert (len(alice), len(bob)) == (0, 1)
    assert moved.location is bob
    assert (moved.tags, moved.description) == (TAGS, TEXT)
    with pytest.raises(ReferenceError):
        pointer.get()
    assert moved.move(bob) is moved
    back = moved.move("alice")
    assert back.location is alice
    assert list(back.get()) == [1, 2]


def test_what_is_large_moves_whole(alice: sy.VirtualWorker, bob: sy.VirtualWorker) -> None:
    value = np.random.default_rng(0).random(1_310_720)  # 10 MiB, in parts
    moved = sy.send(value, alice).move(bob)
    assert (len(alice), len(bob)) == (0, 1)
    assert np.array_equal(moved.get(), value)


def test_a_twin_moves_with_its_mock(alice: sy.VirtualWorker, bob: sy.VirtualWorker) -> None:
    alice.client.objects.send([1, 2], tags=["twin"], mock=[0, 0])
    moved = alice.search("twin")[0].move(bob)
    assert not moved.gc, "what was kept there is kept here"
    assert moved.mock == [0, 0]
    (found,) = search(bob.node.get_client(), "twin")
    assert found.mock == [0, 0]


def test_nothing_is_lost_where_a_move_fails(alice: sy.VirtualWorker) -> None:
    gone = sy.VirtualWorker(id="gone")
    gone.close()
    pointer = Int(5).send(alice)
    with pytest.raises((LocalError, StorageError)):
        pointer.move(gone)
    assert pointer.get() == 5


def test_remote_send_and_back(alice: sy.VirtualWorker, bob: sy.VirtualWorker) -> None:
    away = Int(5).send(alice).remote_send(bob)
    assert away.location is bob
    home = away.remote_get()
    assert home.location is alice
    assert home.remote_get() is home
    gone = home.remote_send(bob, change_location=True)
    assert gone.remote_get() is gone
    assert gone.location is bob


def test_what_a_pointer_says_of_itself(alice: sy.VirtualWorker) -> None:
    pointer = tagged(sy.lib.numpy.array([[1.0, 2.0]])).send(alice)
    number = digits(pointer.id)
    assert (
        repr(pointer)
        == str(pointer)
        == (
            f"(Wrapper)>[PointerTensor | me:{number} -> alice:{number}]\n"
            f"\tTags: #a #b\n\tShape: (1, 2)\n\tDescription: {TEXT}"
        )
    )
    assert pointer.location is alice
    assert pointer.owner is sy.local_worker
    assert pointer.shape == (1, 2)
    assert pointer.id_at_location == pointer.id
    assert (ObjectPointer, sy.PointerTensor) == (PointerTensor, PointerTensor)
    with pytest.raises(
        RuntimeError, match=r'^Error, Please consider calling "\.get" method instead of "\.item" method'
    ):
        pointer.item()


def test_what_others_named_cannot_write_on_the_terminal() -> None:
    hostile = sy.VirtualWorker(id="a\x1b[2Jb")
    pointer = hostile.send(1)
    pointer.describe("line\n\x1b]0;title")
    assert "\x1b" not in repr(pointer)
    assert len(repr(pointer).splitlines()) == 2
    hostile.close()


def test_results_are_pointers_of_their_kind(alice: sy.VirtualWorker) -> None:
    pointer = sy.lib.numpy.array([1, 2]).send(alice)
    result = (2 * pointer + np.array([1, 1]))[0]
    assert type(result) is PointerTensor
    assert (pointer + sy.lib.numpy.array([1, 1])).get().tolist() == [2, 3]
    assert (pointer * Int(2)).get().tolist() == [2, 4]
    assert result.get() == 3
    assert type(alice.numpy.zeros(2)) is PointerTensor
    assert list(alice.remote.numpy.arange(2).get()) == [0, 1]
    assert alice.python.Int(5).get() == 5


def test_what_is_apart_is_not_computed_with(alice: sy.VirtualWorker, bob: sy.VirtualWorker) -> None:
    here, there = Int(1).send(alice), Int(2).send(bob)
    with pytest.raises(
        TensorsNotCollocatedException, match=r"'alice' while the other is on 'bob'\. .*\.move\(\)"
    ):
        _ = here + there
    assert (here + there.move(alice)).get() == 3


def test_what_a_pointer_was_made_for_goes_with_it(alice: sy.VirtualWorker) -> None:
    pointer = Int(5).tag("#five").send(alice)
    assert pointer.garbage_collect_data
    found = alice.search("#five")
    assert not found[0].gc
    del found
    gc.collect()
    assert len(alice) == 1, "a found pointer takes nothing with it"
    del pointer
    assert len(alice) == 0


def test_what_is_to_stay_stays(alice: sy.VirtualWorker) -> None:
    Int(1).send(alice, garbage_collect_data=False)
    pointer = Int(2).send(alice)
    pointer.gc = False
    assert not pointer.gc
    with pytest.raises(InvalidState, match="kept"):
        pointer.gc = True
    del pointer
    assert len(alice) == 2


def test_a_node_keeps_what_it_is_sent_unless_told(alice: sy.VirtualWorker) -> None:
    hospital = sy.Domain(name="hospital")
    client = hospital.get_root_client()
    Int(1).send(client)
    assert len(client.store) == 1
    pointer = Int(2).send(client, garbage_collect_data=True)
    assert type(pointer) is PointerTensor
    assert len(client.store) == 2
    del pointer
    assert len(client.store) == 1
    hospital.close()


def test_how_it_was_said_before_is_understood(alice: sy.VirtualWorker) -> None:
    client = alice.client
    assert Int(1).send(client, False).gc
    assert not Int(1).send(client, True).gc
    assert not Int(1).send(client=client, searchable=True).gc
    with pytest.raises(InvalidInput, match="say one of the two"):
        Int(1).send(alice, pointable=True, garbage_collect_data=True)
    with pytest.raises(InvalidInput, match=r"x = x\.send"):
        Int(1).send(alice, inplace=True)
    with pytest.raises(InvalidInput, match="where to"):
        Int(1).send()
    with pytest.raises(InvalidInput, match="not to a float"):
        Int(1).send(1.5)
    with pytest.raises(InvalidInput, match="list of texts"):
        sy.send(1, alice, tags="ages")


def test_several_workers_at_once(alice: sy.VirtualWorker, bob: sy.VirtualWorker) -> None:
    pointer = sy.lib.numpy.array([1, 2]).send(alice, bob)
    assert type(pointer) is MultiPointerTensor is sy.MultiPointerTensor
    assert pointer.location == [alice, bob]
    assert [list(value) for value in (pointer + pointer).get()] == [[2, 4], [2, 4]]
    assert repr(pointer).count("PointerTensor | me:") == 2
    assert list(pointer.get(sum_results=True)) == [2, 4]
    assert (len(alice), len(bob)) == (0, 0)
    with pytest.raises(InvalidInput, match="same id"):
        sy.send(1, alice, alice)
    with pytest.raises(InvalidInput, match="different workers"):
        _ = sy.send(1, alice, bob) + sy.send(1, alice, sy.local_worker)


def test_who_may_not_send_is_told_so(alice: sy.VirtualWorker) -> None:
    alice.client.settings.update(key_accounts=False)
    with pytest.raises(SendNotPermittedError):
        Int(1).send(alice.node.get_client())
    assert len(alice) == 0


def test_a_pointer_in_this_process_outlives_a_weekend(tmp_path: Path) -> None:
    now = [utc_now()]
    worker = sy.VirtualWorker(id="weekend")
    worker.node._clock = lambda: now[0]
    with opened(tmp_path, start=False, clock=lambda: now[0]) as node:
        site = sy.Client.guest(MemoryRoute(node)).login(*ROOT)
        here = [sy.send(5, worker), sy.send(5, worker) + 1]
        there = [sy.send(5, site, garbage_collect_data=True), sy.send(5, site, garbage_collect_data=True) + 1]
        now[0] += timedelta(days=3)
        assert [pointer.get() for pointer in here] == [5, 6]
        for pointer in there:  # whose holder may have fallen silent: it is leased for an hour
            with pytest.raises(ObjectNotFoundError):
                pointer.get()
    worker.close()
