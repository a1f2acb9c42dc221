"""Workers: who they are, whom they know, what they keep."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest

import syft as sy
from syft.exceptions import GetNotPermittedError, ObjectNotFoundError, WorkerNotFoundException
from syft.model.object import ObjectKind
from syft.model.uid import UID
from syft.workers import AbstractWorker, BaseWorker, id_of, known
from syft.workers.finding import fetch, point_with
from syft.workers.values import tags_of


def test_two_of_one_id_are_one_worker(alice: sy.VirtualWorker) -> None:
    again = sy.VirtualWorker(id="alice", data=[np.arange(2)])
    assert again is alice
    assert len(alice) == 1, "what is said again adds its data, and takes nothing away"
    assert sy.VirtualWorker(None, "alice") is alice


def test_an_id_is_one_type_s(alice: sy.VirtualWorker) -> None:
    class Other(sy.VirtualWorker):
        pass

    with pytest.raises(RuntimeError, match=r"^Worker initialized with the same id and different types\.$"):
        Other(id="alice")
    with pytest.raises(sy.SyftException, match=r'VirtualWorker\(id="alice"\)'):
        sy.VirtualWorker("alice")


def test_many_threads_make_one_worker() -> None:
    made: list[object] = []
    threads = [threading.Thread(target=lambda: made.append(sy.VirtualWorker(id="shared"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 16
    assert len(set(map(id, made))) == 1
    sy.VirtualWorker(id="shared").close()


def test_a_worker_costs_nothing_until_it_keeps_something() -> None:
    before = threading.active_count()
    workers = [sy.VirtualWorker() for _ in range(100)]
    assert len({worker.id for worker in workers}) == 100
    assert not any(worker.node.is_open for worker in workers)
    assert repr(workers[0]) == f"<VirtualWorker id:{workers[0].id} #objects:0>"
    assert not workers[0].node.is_open, "to show it opens nothing"
    assert threading.active_count() == before
    for worker in workers:
        worker.close()


def test_a_client_is_a_worker_by_its_node_s_name(alice: sy.VirtualWorker) -> None:
    hospital = sy.Domain(name="hospital")
    client = hospital.get_root_client()
    for worker in (alice, client, sy.Client(client.session)):
        assert isinstance(worker, BaseWorker)
        assert isinstance(worker, AbstractWorker)
    assert not isinstance(hospital, BaseWorker), "a node is where a worker is, and nobody's way there"
    assert (id_of(alice), id_of(alice.client), id_of(client)) == ("alice", "alice", "hospital")
    assert sy.local_worker.get_worker("hospital") == "hospital"
    alice.add_workers([client])
    assert sy.local_worker.get_worker("hospital", fail_hard=True) is client
    alice.remove_worker_from_registry("hospital")
    hospital.close()


def test_all_workers_of_a_process_know_each_other(alice: sy.VirtualWorker, bob: sy.VirtualWorker) -> None:
    assert sy.local_worker.id == "me"
    assert alice.get_worker("bob") is bob
    assert bob.get_worker(alice) is alice
    apart = sy.VirtualWorker(id="alone", auto_add=False)
    assert alice.get_worker("alone") == "alone"
    with pytest.raises(WorkerNotFoundException, match=r"'nobody'.*alice, bob"):
        alice.get_worker("nobody", fail_hard=True)
    with pytest.raises(sy.SyftException, match="'nobody'"):
        sy.send(1, "nobody")
    apart.close()


def test_no_node_takes_another_s_id_by_calling_itself_so(alice: sy.VirtualWorker) -> None:
    impostor = sy.Domain(name="alice")
    with pytest.raises(RuntimeError, match="same id"):
        sy.local_worker.add_worker(impostor.get_root_client())
    assert sy.local_worker.get_worker("alice") is alice
    with pytest.raises(TypeError, match="not a str"):
        sy.local_worker.add_worker("alice")
    impostor.close()


def test_no_node_takes_another_s_place_by_saying_that_it_has_its_uid() -> None:
    hospital, impostor = sy.Domain(name="hospital"), sy.Domain(name="hospital")
    mine, theirs = hospital.get_root_client(), impostor.get_root_client()
    sy.local_worker.add_worker(mine)
    theirs.session.info = msgspec.structs.replace(theirs.session.info, uid=mine.session.info.uid)
    with pytest.raises(RuntimeError, match="same id"):
        sy.local_worker.add_worker(theirs)
    assert sy.local_worker.get_worker("hospital") is mine
    sy.local_worker.remove_worker_from_registry("hospital")
    hospital.close()
    impostor.close()


def test_what_a_worker_is_sent_with_it_keeps(alice: sy.VirtualWorker) -> None:
    alice.load_data([sy.lib.numpy.array([1, 2]).tag("numbers").describe("two"), "text"])
    assert (len(alice), alice.objects_count(), repr(alice)) == (2, 2, "<VirtualWorker id:alice #objects:2>")
    (pointer,) = alice.search("numbers")
    assert not pointer.gc
    value = alice.get_obj(pointer.id)
    assert (list(value), tags_of(value), value.description) == ([1, 2], ["numbers"], "two")
    assert pointer in alice
    assert pointer.id in alice
    assert UID() not in alice
    assert 1.5 not in alice
    assert set(alice.current_objects()) == {one.id for one in alice.search()}
    alice.de_register_obj(pointer)
    with pytest.raises(ObjectNotFoundError, match=r'^Object "'):
        alice.get_obj(pointer.id)
    assert len(alice.clear_objects()) == 0
    assert bool(alice), "an empty worker is one all the same"


def test_an_object_is_kept_by_the_id_it_is_given(alice: sy.VirtualWorker) -> None:
    uid = UID()
    assert alice.register_obj(5, uid).id == uid
    assert alice.get_obj(uid.hex) == 5
    with alice.registration_enabled() as worker:
        worker.rm_obj(uid)
    assert uid not in alice


def test_what_may_not_be_read_is_not_handed_out(alice: sy.VirtualWorker) -> None:
    pointer = alice.register_obj(5)

    class Guest(BaseWorker):
        pass

    guest = Guest("guest", alice.node.get_client())
    with pytest.raises(GetNotPermittedError, match=r"request\(reason"):
        guest.get_obj(pointer.id)
    guest.clear_objects()
    assert alice.get_obj(pointer.id) == 5, "another's object stays"


def test_messages_are_noted_where_it_is_asked_for(
    alice: sy.VirtualWorker, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = sy.VirtualWorker(id="quiet")
    loud = sy.VirtualWorker(id="loud", log_msgs=True, verbose=True)
    for worker in (quiet, loud):
        worker.send(1).get()
    assert list(quiet.msg_history) == []
    assert list(loud.msg_history)[:2] == ["PutObject", "ReadValue"]
    assert capsys.readouterr().out.splitlines()[0] == "loud: PutObject"
    quiet.close()
    loud.close()


def test_a_closed_worker_s_id_is_free_again(alice: sy.VirtualWorker) -> None:
    first = sy.VirtualWorker(id="short")
    first.send(1)
    first.close()
    first.close()
    assert repr(first) == "<VirtualWorker id:short (closed)>"
    second = sy.VirtualWorker(id="short")
    assert second is not first
    assert len(second) == 0
    second.close()


@pytest.fixture
def kinds() -> Iterator[None]:
    """Nothing is known of plans and protocols, as before `syft.messaging` is imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("syft.workers.finding._pointers", {})
        patch.setattr("syft.workers.finding._fetchers", {})
        yield


def test_other_kinds_are_pointed_to_by_who_has_their_classes(alice: sy.VirtualWorker, kinds: None) -> None:
    kind = ObjectKind.VALUE
    pointer = alice.send("x").tag("#p")
    with pytest.raises(sy.SyftException, match="imported"):
        fetch(alice, kind, pointer.id)
    point_with(kind, lambda worker, view: (id_of(worker), view.uid), lambda worker, view: view.tags)
    assert alice.search("#p") == [("alice", pointer.id)]
    assert fetch("alice", kind, pointer.id) == ("#p",)
    point_with(ObjectKind.PLAN, lambda worker, view: view, lambda worker, view: view)
    with pytest.raises(ObjectNotFoundError):
        alice.fetch_plan(pointer.id)  # it is there, and no plan
    with pytest.raises(AssertionError, match="twice"):
        point_with(kind, lambda worker, view: None, lambda worker, view: None)


def test_the_local_worker_is_a_worker() -> None:
    assert known.find("me") is sy.local_worker
    assert isinstance(sy.local_worker, sy.VirtualWorker)
