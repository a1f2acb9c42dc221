"""One world: what is put in through one vocabulary is the same object, with the same rights, through the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import syft as sy
from syft.errors import NotFound
from syft.lib import hook
from syft.lib import numpy as sendable
from syft.lib.python import Int, List, String
from syft.model.request import RequestState


@pytest.fixture
def domain() -> Iterator[Any]:
    domain = sy.Domain(name="hospital")
    yield domain
    domain.close()


def test_an_object_of_2021_is_the_same_for_a_client_of_2024(domain: Any) -> None:
    owner, stranger = domain.get_root_client(), domain.get_client()
    pointer = sendable.array([1, 2, 3]).tag("ages").describe("of three people").send(owner)
    # The datasite's client of the same key, by its own names.
    datasite = sy.Client(owner.session)
    found = datasite.api.services.action["ages"]
    assert found.id == pointer.id_at_location == datasite.objects.get_by_uid(pointer.id).id
    assert (found.tags, found.description) == (["ages"], "of three people")
    np.testing.assert_array_equal(found.get(), [1, 2, 3])
    # And the same rights: found by all, read by nobody else.
    for client in (stranger, sy.Client(stranger.session)):
        assert client.objects["ages"].id == pointer.id
        with pytest.raises(NotFound):
            client.objects["ages"].get_copy()


def test_an_asset_of_2024_is_the_same_for_a_client_of_2021(domain: Any) -> None:
    owner, stranger = domain.get_root_client(), domain.get_client()
    frame, mock = pd.DataFrame({"age": [81, 82]}), pd.DataFrame({"age": [1, 2]})
    asset = sy.Asset(name="people", data=frame, mock=mock)
    sy.Client(owner.session).upload_dataset(sy.Dataset(name="study", asset_list=[asset]))
    uid = owner.datasets[0].assets[0].action_id
    assert uid in [pointer.id for pointer in stranger.store.store]
    pd.testing.assert_frame_equal(owner.store[uid].get_copy(), frame)
    with pytest.raises(sy.AuthorizationException, match="submit a request"):
        stranger.store[uid].get()
    pd.testing.assert_frame_equal(stranger.datasets[0].assets[0].mock, mock)


def test_get_takes_what_is_yours_and_leaves_what_is_not(domain: Any) -> None:
    owner, stranger = domain.get_root_client(), domain.get_client()
    mine = Int(5).tag("five").send(owner)
    theirs = stranger.store["five"]
    answer = theirs.request(reason="I count")
    owner.requests[0].accept()
    assert answer.status is RequestState.APPROVED
    assert theirs.get() == 5
    assert len(owner.store) == 1, "the original let anybody delete what they could name"
    assert mine.get() == 5
    assert len(owner.store) == 0
    with pytest.raises(ReferenceError, match="exhausted"):
        mine.get()


def test_a_request_is_asked_for_and_answered_in_one_breath(domain: Any) -> None:
    owner, stranger = domain.get_root_client(), domain.get_client()
    List([1, 2]).tag("open").send(owner)
    String("no").tag("closed").send(owner)
    owner.requests.add_handler(action="accept", tags=["open"])
    owner.requests.add_handler(action="deny", tags=["closed"])
    assert stranger.store["open"].get(request_block=True, reason="may I?") == [1, 2]
    assert stranger.store["closed"].get(request_block=True, reason="may I?") is None


def test_what_nobody_may_find_is_forgotten_with_its_pointer(domain: Any) -> None:
    owner, stranger = domain.get_root_client(), domain.get_client()
    pointer = Int(7).send(owner, pointable=False)
    assert len(stranger.store) == 0
    found = owner.store[pointer.id]
    assert pointer.gc_enabled
    assert not found.gc_enabled, "a finder's pointer ends nothing"
    del found
    assert len(owner.store) == 1
    del pointer
    assert len(owner.store) == 0


def test_a_store_is_asked_as_it_was(domain: Any) -> None:
    client = domain.get_root_client()
    for number in range(3):
        Int(number).tag("n", f"n{number}").send(client)
    assert len(client.store) == 3
    assert client.store[0].get_copy() == 0
    assert client.store[-1].get_copy() == 2
    assert list(client.store.pandas.columns) == ["ID", "Tags", "Description", "object_type"]
    for key, text in (("n", "More than one item"), ("zz", "too short"), ("nothing like it", "No such item")):
        with pytest.raises(KeyError, match=text):
            client.store[key]
    with pytest.raises(KeyError, match="string or int"):
        client.store[1.5]


def test_tables_are_sent_by_themselves_once_pandas_is_in_use(domain: Any) -> None:
    hook()
    client = domain.get_root_client()
    frame = pd.DataFrame({"a": [1, 2]})
    pd.testing.assert_frame_equal(frame.send(client, tags=["t"]).get_copy(), frame)
    assert frame.describe().loc["count", "a"] == 2, "a table's own method stays"
