"""Objects as a person calls about them: sent, found, described, asked for, let go of."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from syft.client.access import AccessRequest
from syft.client.client import Client
from syft.client.coderequests import Request
from syft.client.datasets import AssetView
from syft.client.drops import Drops
from syft.client.login import connect
from syft.client.pointer import Pointer
from syft.errors import AlreadyExists, InvalidInput, InvalidState, NotFound, UnsupportedType
from syft.model.object import Face
from syft.model.request import RequestState
from syft.model.uid import UID
from syft.transport.memory import MemoryRoute


@pytest.fixture
def tag() -> str:
    """Of this test only: the node is shared."""
    return f"tag {UID().hex}"


@pytest.fixture
def sent(admin: Client, tag: str) -> Pointer:
    return admin.objects.send(np.arange(5), tags=[tag, "numbers", tag], description="five of them")


@pytest.fixture
def found(scientist: Client, sent: Pointer, tag: str) -> Pointer:
    return scientist.objects[tag]


@pytest.mark.parametrize(
    "value", [7, "text", [1, [2]], {"a": (1, 2)}, np.zeros((400, 500)), pd.DataFrame({"a": [1]})]
)
def test_what_is_sent_comes_back(admin: Client, value: object) -> None:
    pointer = admin.objects.send(value)
    back = admin.objects[pointer.id].get()
    assert type(back) is type(value)
    assert np.array_equal(back, value) if isinstance(value, np.ndarray) else str(back) == str(value)
    assert str(pointer.get_copy()) == str(value)


def test_a_pointer_says_what_it_points_to(found: Pointer, sent: Pointer, scientist: Client, tag: str) -> None:
    assert found.id == found.id_at_location == sent.id
    assert found.tags == [tag, "numbers"]
    assert (found.description, found.object_type, found.pointable) == ("five of them", "numpy.ndarray", True)
    assert found.client is scientist
    assert tag in repr(found)
    assert "asks its owner" in repr(found)
    assert "fetches it" in repr(sent)


def test_only_supported_values_are_sent(admin: Client) -> None:
    before = len(admin.objects)
    with pytest.raises(UnsupportedType):
        admin.objects.send(object())
    with pytest.raises(InvalidInput, match="list of texts"):
        admin.objects.send(1, tags="text")
    assert len(admin.objects) == before


def test_tags_and_words_can_be_changed(sent: Pointer, found: Pointer, tag: str) -> None:
    assert sent.tag("more", tag).tags == [tag, "numbers", "more"]
    assert sent.retag(["one", "one"]).describe("another").tags == ["one"]
    assert found.refresh().description == "another"
    with pytest.raises(NotFound):
        found.tag("mine")


def test_hidden_and_shown(sent: Pointer, scientist: Client, tag: str) -> None:
    sent.pointable = False
    assert not scientist.objects.search(tag)
    sent.update_searchability()
    assert [one.id for one in scientist.objects.search(tag)] == [sent.id]


def test_a_list_finds_by_place_tag_and_part_of_the_id(admin: Client, sent: Pointer, tag: str) -> None:
    assert admin.objects[-1].id == admin.objects[len(admin.objects) - 1].id == sent.id
    assert (
        admin.objects[tag].id == admin.objects[sent.id].id == admin.objects[sent.id.hex[4:24]].id == sent.id
    )
    twin = admin.objects.send(1, tags=[tag])
    with pytest.raises(KeyError, match=f"More than one item with tag:{tag}"):
        admin.objects[tag]
    assert [one.id for one in admin.objects.search(tag)] == [sent.id, twin.id]
    assert [one.id for one in admin.objects.search(tag, "numbers")] == [sent.id]
    with pytest.raises(
        KeyError,
        match="No such item found for tag: no, and we don't consider it as part of id string because its too short",
    ):
        admin.objects["no"]
    with pytest.raises(KeyError, match="No such item found for id:nothing like it"):
        admin.objects["nothing like it"]
    with pytest.raises(NotFound):
        admin.objects[10**6]


def test_a_table_of_them(admin: Client, sent: Pointer, tag: str) -> None:
    table = admin.objects.pandas
    assert list(table.columns) == ["ID", "Tags", "Description", "object_type"]
    row = table[table["ID"] == sent.id].iloc[0]
    assert (row["Tags"], row["Description"], row["object_type"]) == (
        [tag, "numbers"],
        "five of them",
        "numpy.ndarray",
    )
    assert tag in repr(admin.objects.search(tag))


def test_the_names_of_0_9_reach_the_same(admin: Client, sent: Pointer, tag: str) -> None:
    services = admin.api.services
    assert services.action[tag].id == services.objects[tag].id == services.object[tag].id == sent.id


def test_an_asset_is_found_with_the_same_uid(scientist: Client, asset: AssetView) -> None:
    pointer = scientist.objects["People"]
    assert pointer.id == asset.action_id
    assert [one.id for one in scientist.objects.search("People", "people")] == [asset.action_id]
    with pytest.raises(NotFound):
        pointer.get()
    mock = Pointer(pointer.id, client=scientist, face=Face.MOCK).get()
    assert mock.equals(asset.mock)


def test_what_was_deleted_is_gone(admin: Client, sent: Pointer, found: Pointer) -> None:
    with pytest.raises(NotFound):
        found.delete()
    assert sent.delete()
    for act in (sent.get, sent.get_copy, sent.refresh, sent.delete):
        with pytest.raises(InvalidState, match="exhausted"):
            act()
    with pytest.raises(NotFound):
        found.refresh()
    with pytest.raises(AlreadyExists):
        admin.objects.send(1, uid=sent.id)


def test_asking_and_accepting(admin: Client, scientist: Client, found: Pointer) -> None:
    assert not found.check_access()
    request = found.request("for my thesis")
    assert isinstance(request, AccessRequest)
    assert (request.status, request.reason, request.object_id) == (
        RequestState.PENDING,
        "for my thesis",
        found.id,
    )
    with pytest.raises(AlreadyExists, match=f"You have already requested {found.id}"):
        found.request()
    seen = admin.requests[request.id]
    assert isinstance(seen, AccessRequest)
    assert "Sheldon" in repr(seen)
    assert "for my thesis" in repr(seen)
    assert "Sheldon" in repr(admin.requests)
    assert admin.requests.get_request_id_from_object_id(found.id) == request.id
    assert seen.accept()
    assert request.status is RequestState.APPROVED
    assert found.check_access()
    assert found.get().tolist() == [0, 1, 2, 3, 4]
    assert seen.deny("enough")
    assert not found.check_access()
    assert request.status is RequestState.REVOKED
    assert request.deny_reason == "enough"


def test_denying_and_withdrawing(admin: Client, found: Pointer) -> None:
    request = found.request()
    admin.requests[request.id].reject()
    assert request.status is RequestState.REJECTED
    again = found.request()
    again.withdraw()
    assert again.status is RequestState.WITHDRAWN
    assert not found.check_access()


def test_reasons_are_short_enough_to_be_read(admin: Client, found: Pointer) -> None:
    with pytest.raises(InvalidInput, match="at most 5000 characters"):
        found.request("x" * 5001)
    request = found.request("x" * 5000)
    with pytest.raises(InvalidInput, match="1 to 5000 characters"):
        admin.requests[request.id].deny("x" * 5001)
    with pytest.raises(InvalidInput, match="1 to 5000 characters"):
        admin.requests[request.id].deny(" ")
    assert request.status is RequestState.PENDING
    request.withdraw()


def test_blocking_waits_for_the_answer(admin: Client, found: Pointer) -> None:
    answers: list[RequestState] = []
    thread = threading.Thread(
        target=lambda: answers.append(found.request(block=True, timeout_secs=300).status), daemon=True
    )
    thread.start()
    while not (
        pending := [one for one in admin.requests.get_all_pending() if isinstance(one, AccessRequest)]
    ):
        assert thread.is_alive()
    pending[-1].accept()
    thread.join(timeout=60)
    assert answers == [RequestState.APPROVED]


def test_blocking_ends_with_the_time_that_was_given(found: Pointer) -> None:
    request = found.request(block=True, timeout_secs=0.2)
    assert request.wait(5) is RequestState.WITHDRAWN
    assert found.request().status is RequestState.PENDING


def test_replacing_voids_what_was_granted(admin: Client, sent: Pointer, found: Pointer) -> None:
    request = found.request()
    admin.requests[request.id].accept()
    assert found.get_copy().tolist() == [0, 1, 2, 3, 4]
    admin.objects.replace(sent.id, np.arange(3))
    assert not found.check_access()
    assert sent.get_copy().tolist() == [0, 1, 2]
    assert request.status is RequestState.REVOKED


@pytest.fixture
def ruled(admin: Client) -> Iterator[Client]:
    yield admin
    admin.requests.clear_handlers()


def test_handlers(ruled: Client, found: Pointer, tag: str) -> None:
    handler = ruled.requests.add_handler("accept", tags=["numbers", tag], element_quota=5)
    ruled.requests.add_handler("deny")
    assert len(ruled.requests.handlers) == 2
    assert ruled.requests.handlers[0].id == ruled.requests.handlers[tag].id == handler.id
    assert (
        ruled.requests.handlers[handler.id].id == ruled.requests.handlers[handler.id.hex[:8]].id == handler.id
    )
    assert found.request().status is RequestState.APPROVED
    assert ruled.requests.handlers[0].elements_used == 5
    assert "5 of 5" in repr(ruled.requests.handlers)
    assert list(ruled.requests.handlers.pandas["Action"]) == ["accept", "deny"]
    ruled.requests.remove_handler(tag)
    with pytest.raises(KeyError, match="No such handler found for"):
        ruled.requests.remove_handler(tag)
    assert len(ruled.requests.handlers) == 1
    ruled.requests.clear_handlers()
    assert len(ruled.requests.handlers) == 0
    with pytest.raises(InvalidInput, match="'accept' or 'deny'"):
        ruled.requests.add_handler("maybe")


def test_requests_for_code_are_still_requests(admin: Client, found: Pointer) -> None:
    found.request()
    assert all(isinstance(one, Request | AccessRequest) for one in admin.requests)
    assert admin.requests.get_by_usercode_id(UID()) == []


# --- what was made in passing


def test_the_last_pointer_takes_what_was_made_in_passing_with_it(admin: Client) -> None:
    admin.gc.threshold = 2
    gc.collect()
    admin.session.drop()
    kept = admin.objects.send(1)
    passing = [admin.objects.send(number, pointable=False) for number in range(2)]
    assert [one.gc_enabled for one in (kept, *passing)] == [False, True, True]
    uids = [one.id for one in passing]
    found = admin.objects[uids[0]]
    del found
    gc.collect()
    assert admin.gc.waiting == 0, "a finder's pointer ends nothing"
    also = passing[0]
    passing.clear()
    del also, kept
    gc.collect()
    there = {one.id for one in admin.objects}
    assert admin.gc.waiting == 0
    assert not there & set(uids)
    admin.gc.threshold = 10


def test_what_is_shown_is_not_dropped(admin: Client) -> None:
    pointer = admin.objects.send(1, pointable=False)
    uid = pointer.id
    pointer.pointable = True
    assert not pointer.gc_enabled
    del pointer
    gc.collect()
    admin.session.drop()
    assert admin.objects[uid].get() == 1


def test_a_batch_that_cannot_be_told_is_nobodys_trouble(route: MemoryRoute, admin: Client) -> None:
    guest = connect(route=route)
    for _ in range(20):
        guest.gc.watch(Pointer(UID()), UID())
    gc.collect()
    assert guest.gc.are_due
    assert len(guest.objects) > 0
    assert guest.gc.waiting == 0


def test_drops_are_taken_in_order_and_once() -> None:
    drops = Drops(threshold=3)
    uids = [UID() for _ in range(5)]
    pointers = [Pointer(uid) for uid in uids]
    watches = [drops.watch(pointer, uid) for pointer, uid in zip(pointers, uids, strict=True)]
    watches[1].detach()
    while pointers:
        pointers.pop(0)
    gc.collect()
    assert drops.are_due
    assert drops.take(3) == (uids[0], uids[2], uids[3])
    assert not drops.are_due
    assert drops.take(3) == (uids[4],)
    assert drops.take(3) == ()
