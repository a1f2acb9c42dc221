"""What is hidden in an envelope is for one key, in one message; what may wait is told apart from what may not."""

from __future__ import annotations

import msgspec
import pytest

from syft.errors import EnvelopeError, StaleMessage, TooLarge
from syft.model.address import Address
from syft.model.identity import Identity
from syft.model.message import Message
from syft.model.messages.nodes import Custom, ShowNode
from syft.model.messages.users import GetAccount
from syft.model.uid import UID
from syft.wire.envelope import (
    HIDING_BYTES,
    MAX_AGE_MS,
    MAX_ATTACHMENT,
    MAX_ENVELOPE,
    MAX_EVENTUAL,
    MAX_EVENTUAL_AGE_MS,
    MAX_PAYLOAD,
    Opened,
    ReplayGuard,
    hide,
    inspect,
    seal,
)

SENDER, NODE, OTHER = (Identity.from_seed(bytes([number]) * 32) for number in (1, 2, 3))
NOW = 1_700_000_000_000


def sealed(message: Message, attachment: bytes = b"", **options: object) -> bytes:
    settings = {"recipient": NODE.verify_key, "address": Address(), "now_ms": NOW, "hidden": True} | options
    data, _ = seal(message, identity=SENDER, attachment=attachment, **settings)  # type: ignore[arg-type]
    return data


def opened(data: bytes, who: Identity = NODE, attachment: bytes = b"", **options: object) -> Opened:
    settings = {"now_ms": NOW, "guard": ReplayGuard(), "unhide": who.unseal} | options
    return inspect(data).open(recipient=NODE.verify_key, attachment=attachment, **settings)  # type: ignore[arg-type]


def test_there_and_back_with_what_travels_beside() -> None:
    uid, text = UID(), b"beside it"
    message = Custom("name", b"planted")
    beside = hide(text, recipient=NODE.verify_key, sender=SENDER.verify_key, uid=uid)
    data = sealed(message, beside, uid=uid)
    back = opened(data, attachment=beside)
    assert (back.message, bytes(back.attachment)) == (message, text)
    assert b"planted" not in data
    assert text not in beside
    assert len(beside) == len(text) + HIDING_BYTES
    assert b"planted" in sealed(message, hidden=False)


def test_for_one_key_only() -> None:
    data = sealed(ShowNode())
    with pytest.raises(EnvelopeError, match="cannot be read here"):
        opened(data, OTHER)
    with pytest.raises(EnvelopeError, match="cannot be read here"):
        opened(data, unhide=None)
    assert opened(data).message == ShowNode()


@pytest.mark.parametrize("what", ["sender", "uid"])
def test_for_one_message_only(what: str) -> None:
    """THREATS 2.7: put into another's message, or another message of the same sender's."""
    uid, message = UID(), Custom("x", b"beside it")
    right = {"recipient": NODE.verify_key, "sender": SENDER.verify_key, "uid": uid}
    moved = hide(b"abc", **(right | {what: OTHER.verify_key if what == "sender" else UID()}))  # type: ignore[arg-type]
    data = sealed(message, moved, uid=uid)
    with pytest.raises(EnvelopeError, match="cannot be read here"):
        opened(data, attachment=moved)
    kept = hide(b"abc", **right)  # type: ignore[arg-type]
    assert bytes(opened(sealed(message, kept, uid=uid), attachment=kept).attachment) == b"abc"


def test_what_is_sealed_but_not_marked_is_no_message() -> None:
    """THREATS 2.7: the mark is signed."""
    header = inspect(sealed(ShowNode())).header
    assert header.hidden
    assert msgspec.structs.replace(header, hidden=False) != header


def test_bounds_hold_with_hiding() -> None:
    largest = Custom("x", bytes(MAX_PAYLOAD - 30))
    data = sealed(largest)
    assert MAX_PAYLOAD < len(data) <= MAX_ENVELOPE
    assert opened(data).message == largest
    with pytest.raises(TooLarge):
        sealed(Custom("x", bytes(MAX_PAYLOAD)))
    full = bytes(MAX_ATTACHMENT + HIDING_BYTES)
    sealed(ShowNode(), full)
    with pytest.raises(TooLarge):
        sealed(ShowNode(), full + b"x")
    with pytest.raises(TooLarge):
        sealed(ShowNode(), full, hidden=False)


def test_what_may_wait_is_taken_by_who_remembers_it_only() -> None:
    """THREATS 2.5: the guard forgets after minutes: a letter opened with it could be repeated for a week."""
    late = NOW + MAX_AGE_MS + 1
    data = sealed(ShowNode(), eventual=True)
    assert opened(data, eventual=True, guard=None, now_ms=late).message == ShowNode()
    with pytest.raises(EnvelopeError, match="may wait"):
        opened(data)
    with pytest.raises(EnvelopeError, match="may wait"):
        opened(sealed(ShowNode()), eventual=True)
    with pytest.raises(StaleMessage):
        opened(data, eventual=True, guard=None, now_ms=NOW + MAX_EVENTUAL_AGE_MS + 1)
    with pytest.raises(StaleMessage):
        opened(sealed(ShowNode()), now_ms=late)


def test_what_is_answered_or_large_cannot_wait() -> None:
    with pytest.raises(EnvelopeError, match="cannot wait"):
        opened(sealed(GetAccount(), eventual=True), eventual=True)
    with pytest.raises(TooLarge):
        sealed(Custom("x", bytes(MAX_EVENTUAL)), eventual=True)
    with pytest.raises(TooLarge):
        sealed(ShowNode(), b"beside", eventual=True)
