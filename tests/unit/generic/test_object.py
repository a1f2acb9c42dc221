"""What everything has that a worker can have."""

from __future__ import annotations

import pytest

import syft as sy
from syft.errors import InvalidInput
from syft.generic.object import AbstractObject
from syft.model.uid import UID


def test_a_thing_without_a_name_is_somebody_s_all_the_same() -> None:
    thing = AbstractObject()
    assert isinstance(thing.id, UID)
    assert thing.owner is sy.local_worker
    assert (thing.tags, thing.description, thing.child) == (None, None, None)
    assert AbstractObject(id=0).id == 0, "an id that is said is kept, whatever it is"


def test_tags_are_a_set_whatever_they_came_in() -> None:
    thing = AbstractObject(id="p", tags=["#a"], description="before")
    assert thing.tag("#b", "#a") is thing
    assert thing.describe("after") is thing
    assert (thing.tags, thing.description) == ({"#a", "#b"}, "after")
    assert AbstractObject().tag("#c").tags == {"#c"}
    with pytest.raises(InvalidInput, match="list of texts"):
        AbstractObject(tags="#a")
