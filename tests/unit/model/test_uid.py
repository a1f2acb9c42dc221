"""Names of things."""

import copy
import uuid

import pytest

from syft.model.uid import UID

# Values that PySyft 0.5 printed for these ids.
GOLDEN = {
    "3176a99e4a1f4d35b02dcdaba6459c5e": "<UID:🚸🚂>",
    "8e91e48ecbb64c918b89bab742a5b1d0": "<UID:🚩🙾>",
    "99155b5545314214b4268e08eecd1024": "<UID:🙉🜓>",
    "8c33192ccdd3f34ee2b0c60955df0275": "<UID:🙐🚶>",
}


@pytest.mark.parametrize(("text", "emoji"), GOLDEN.items())
def test_emoji_are_those_of_2021(text: str, emoji: str) -> None:
    assert UID.from_string(text).emoji() == emoji


def test_a_uid_reads_back_from_each_of_its_forms() -> None:
    uid = UID()
    assert UID.from_string(uid.hex) == UID.from_bytes(uid.raw) == UID.from_string(str(uid.value)) == uid
    assert repr(uid) == f"<UID: {uid.hex}>"
    assert uid.repr_short() == f"..{uid.hex[-5:]}"


def test_a_uid_never_changes() -> None:
    uid = UID()
    with pytest.raises(AttributeError):
        uid.value = uuid.uuid4()
    assert copy.deepcopy(uid) is uid
    assert len({uid, UID.from_string(uid.hex)}) == 1


def test_what_is_no_uid_is_refused() -> None:
    with pytest.raises(TypeError):
        UID("abc")
    with pytest.raises(ValueError):
        UID.from_string("abc")
    with pytest.raises(ValueError):
        UID.from_bytes(b"abc")
    assert UID() != "abc"
    assert UID.with_seed("a") == UID.with_seed("a") != UID.with_seed("b")
