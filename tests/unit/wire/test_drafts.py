"""Messages that nobody has signed, for keeping and comparing; and what of a signed one is read besides."""

from __future__ import annotations

import msgspec
import pytest

from syft.errors import DecodeError, EnvelopeError, TooLarge
from syft.model.address import Address
from syft.model.identity import Identity
from syft.model.messages.nodes import Custom, ShowNode
from syft.model.uid import UID
from syft.wire.envelope import (
    HIDING_BYTES,
    MAX_AGE_MS,
    MAX_AHEAD_MS,
    MAX_ENVELOPE,
    MAX_PAYLOAD,
    ReplayGuard,
    draft,
    hide,
    inspect,
    is_recent,
    read_draft,
    seal,
)
from syft.wire.records import encode_record

SENDER, NODE = (Identity.from_seed(bytes([number]) * 32) for number in (1, 2))
NOW = 1_700_000_000_000
WHERE, NAME = Address(domain=UID.with_seed("node")), UID.with_seed("message")
MESSAGE = Custom("name", b"planted")


def sealed(time_ms: int = NOW) -> bytes:
    data, _ = seal(
        MESSAGE, identity=SENDER, recipient=NODE.verify_key, address=WHERE, now_ms=time_ms, uid=NAME
    )
    return data


def test_a_draft_is_read_and_is_no_message() -> None:
    """THREATS 2.5: unsigned."""
    written = draft(MESSAGE, WHERE, NAME)
    header, message = read_draft(written)
    assert (header.address, header.uid, message) == (WHERE, NAME, MESSAGE)
    assert draft(encode_record(MESSAGE), WHERE, NAME) == written
    with pytest.raises(EnvelopeError):
        inspect(written)


def test_the_draft_of_a_signed_message_is_what_was_said() -> None:
    opened = inspect(sealed())
    assert opened.as_draft() == draft(MESSAGE, WHERE, NAME)
    assert SENDER.sign(opened.data[:-64]) == opened.signature == opened.data[-64:]


def test_what_is_no_draft_is_refused() -> None:
    written = draft(MESSAGE, WHERE, NAME)
    for data in (
        b"",
        written[:11],
        b"XXXX" + written[4:],
        written[:-1],
        written + b"x",
        bytes(MAX_ENVELOPE + 1),
    ):
        with pytest.raises(EnvelopeError):
            read_draft(data)
    with pytest.raises(DecodeError):
        read_draft(draft(b"\xc1", WHERE, NAME))


@pytest.mark.parametrize(
    ("off_ms", "recent"),
    [
        (0, True),
        (-MAX_AGE_MS, True),
        (-MAX_AGE_MS - 1, False),
        (MAX_AHEAD_MS, True),
        (MAX_AHEAD_MS + 1, False),
    ],
)
def test_when_a_message_is_recent(off_ms: int, recent: bool) -> None:
    assert is_recent(inspect(sealed(NOW + off_ms)).header, NOW) is recent


def test_an_attachment_over_the_bound_is_refused_before_it_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """THREATS 2.5: of another's making, signed and with its digest, hidden or not."""
    beside = hide(bytes(100), recipient=NODE.verify_key, sender=SENDER.verify_key, uid=NAME)
    data, _ = seal(
        ShowNode(),
        identity=SENDER,
        recipient=NODE.verify_key,
        address=WHERE,
        now_ms=NOW,
        uid=NAME,
        attachment=beside,
        hidden=True,
    )
    options = {"recipient": NODE.verify_key, "now_ms": NOW, "unhide": NODE.unseal}
    assert len(beside) == 100 + HIDING_BYTES
    monkeypatch.setattr("syft.wire.envelope.MAX_ATTACHMENT", 100)
    assert inspect(data).open(guard=ReplayGuard(), attachment=beside, **options).message == ShowNode()
    monkeypatch.setattr("syft.wire.envelope.MAX_ATTACHMENT", 99)
    monkeypatch.setattr("syft.wire.envelope.decode_message", pytest.fail)
    with pytest.raises(TooLarge, match=f"at most {MAX_PAYLOAD >> 20} MiB"):
        inspect(data).open(guard=ReplayGuard(), attachment=beside, **options)


def test_the_header_of_a_draft_names_nobody() -> None:
    header, _ = read_draft(draft(MESSAGE, WHERE, NAME))
    assert header == msgspec.structs.replace(header, sender=b"", recipient=b"", time_ms=0)
