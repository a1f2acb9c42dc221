"""Clients of real servers as workers, beside virtual ones."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import syft as sy
from support.people import ROOT
from support.servers import ServerProcess
from syft.exceptions import (
    GetNotPermittedError,
    ObjectNotFoundError,
    SendNotPermittedError,
    TensorsNotCollocatedException,
)
from syft.workers import find, id_of, search
from syft.workers.pointers import PointerTensor

LARGE = np.random.default_rng(0).random(1_310_720)  # 10 MiB: goes and comes in parts


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("hospital"), "hospital") as server:
        owner = sy.Client.guest(server.route()).login(*ROOT)
        owner.settings.allow_guest_signup(enable=True)
        owner.register(name="Ada", email="ada@example.org", password="123")
        yield server


@pytest.fixture
def owner(hospital: ServerProcess) -> sy.Client:
    return sy.Client.guest(hospital.route()).login(*ROOT)


@pytest.fixture
def ada(hospital: ServerProcess) -> sy.Client:
    return sy.Client.guest(hospital.route()).login("ada@example.org", "123")


@pytest.fixture
def alice() -> Iterator[sy.VirtualWorker]:
    worker = sy.VirtualWorker(id="alice")
    yield worker
    worker.close()


def test_two_clients_of_a_server_are_workers_beside_a_virtual_one(
    owner: sy.Client, ada: sy.Client, alice: sy.VirtualWorker
) -> None:
    sent = sy.lib.numpy.array([81, 82]).tag("#ages").describe("of two people").send(owner)
    assert isinstance(ada, sy.BaseWorker)
    assert (id_of(owner), id_of(ada), id_of(alice)) == ("hospital", "hospital", "alice")
    (found,) = sy.local_worker.request_search(["#ages", "people"], location=ada)
    assert type(found) is PointerTensor
    assert (found.id, found.location) == (sent.id, ada)

    # Found is not read: neither taken, nor moved, nor computed with and then read.
    assert found.shape is None
    for act in (found.get, lambda: found.move(alice), (found + 1).get):
        with pytest.raises(GetNotPermittedError):
            act()
    assert len(alice) == 0
    with pytest.raises(TensorsNotCollocatedException):
        _ = found + sy.send(1, alice)

    # Once the owner agrees it is read, and moved as a copy: what is another's stays where it is.
    found.request(reason="I count")
    owner.requests[0].accept()
    moved = found.move(alice)
    assert (moved.tags, moved.description) == (["#ages"], "of two people")
    assert (moved + sy.lib.numpy.array([1, 1])).get().tolist() == [82, 83]
    assert sent.get().tolist() == [81, 82]
    with pytest.raises(ObjectNotFoundError):
        found.get()
    with pytest.raises(ObjectNotFoundError):
        find(ada, found.id)


def test_what_is_not_findable_is_its_maker_s_alone(owner: sy.Client, ada: sy.Client) -> None:
    mine = sy.send("note", ada, tags=["#mine"], garbage_collect_data=True)
    other = sy.Client.guest(ada.route)
    assert [pointer.id for pointer in search(ada, "#mine")] == [mine.id]
    assert search(other, "#mine") == search(other, mine.id) == []
    with pytest.raises(SendNotPermittedError):
        sy.send("note", other)
    del mine
    gc.collect()
    ada.session.drop()
    assert search(ada, "#mine") == []


def test_both_at_one_server_are_at_one_place(owner: sy.Client, ada: sy.Client) -> None:
    sent = sy.send([1], owner, tags=["#one"])
    (found,) = search(ada, "#one")
    assert found.move(owner) is found, "it is there already, whoever asks"
    sent.delete()


@pytest.mark.parametrize("large", [False, True])
def test_a_value_moves_between_two_servers(owner: sy.Client, tmp_path: Path, large: bool) -> None:
    value = LARGE if large else LARGE[:10]
    with ServerProcess(tmp_path, "clinic") as server:
        clinic = sy.Client.guest(server.route()).login(*ROOT)
        before = len(owner.objects)
        pointer = sy.send(value, owner, tags=["#v"], description="numbers")
        moved = pointer.move(clinic)
        assert (len(owner.objects), len(clinic.objects)) == (before, 1)
        assert moved.location is clinic
        assert (moved.tags, moved.description) == (["#v"], "numbers")
        assert moved.sum().get() == pytest.approx(value.sum())
        parts = sy.send(np.ones(2), owner, clinic)
        assert parts.get(sum_results=True).tolist() == [2.0, 2.0]
        assert np.array_equal(moved.get(), value)
        assert len(clinic.objects) == 0
