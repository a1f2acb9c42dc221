"""This module seals messages, and opens them: the one place where bytes from outside become a message.

The order is the protection: size, signature, addressee, freshness, replay, attachment, and only then decode.
Permission comes after, in `node/dispatch`. Code that holds a `Sealed` holds a header and bytes; nothing but
`Sealed.open` reaches the message.

Layout: magic (4) | length of header (4) | length of payload (4) | header | payload | signature (64).
The signature is over everything before it. The magic names the format and its version and the lengths stand
before what they measure, so that no two different envelopes have the same signed bytes (the idea of DSSE's
pre-authentication encoding).
"""

from __future__ import annotations

import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec
from blake3 import blake3

from syft.errors import EnvelopeError, StaleMessage, TooLarge, TooManyAttempts
from syft.model.address import Address
from syft.model.identity import KEY_BYTES, SIGNATURE_BYTES, Identity, is_signed_by, seal_for
from syft.model.message import Message
from syft.model.uid import UID
from syft.wire.records import decode_record, encode_record
from syft.wire.types_model import decode_message

MAGIC: Final = b"SYE1"
PROTOCOL: Final = 1
_LENGTHS: Final = struct.Struct("<II")
_PREFIX: Final = len(MAGIC) + _LENGTHS.size

# A header is some 200 bytes; an address with four locations and an attachment's digest stay under 400.
MAX_HEADER: Final = 1024
# Values above 1 MiB travel as attachments; a message is a page of records at most.
MAX_PAYLOAD: Final = 8 * 1024 * 1024
MAX_ATTACHMENT: Final = 8 * 1024 * 1024
# What hiding adds: a sealed box, and in it the sender's key and the message's UID.
_BOUND_TO: Final = KEY_BYTES + 16
HIDING_BYTES: Final = 48 + _BOUND_TO
MAX_ENVELOPE: Final = _PREFIX + MAX_HEADER + MAX_PAYLOAD + HIDING_BYTES + SIGNATURE_BYTES

# How far the sender's clock may be from ours. Kerberos allows 300 s; a shorter past keeps the memory of
# what has been seen small, and laptops that keep time by the network are within a second.
MAX_AGE_MS: Final = 120_000
MAX_AHEAD_MS: Final = 60_000
# Eventual messages wait for nodes that are away for a long weekend. Whoever takes one remembers it, on disk, as long.
MAX_EVENTUAL_AGE_MS: Final = 7 * 24 * 3600 * 1000
# They are kept by others on the way: small enough that many fit.
MAX_EVENTUAL: Final = 64 * 1024
# 16 bytes and a Python object each: some 60 MB at the very most, at 2,700 messages a second.
MAX_REMEMBERED: Final = 500_000


class Header(msgspec.Struct, frozen=True, array_like=True):
    """What is said about a message, signed with it and readable without decoding it.

    Args:
        sender: the 32-byte key that signed.
        recipient: the 32-byte key of whoever may open it.
        address: the node it goes to; what lies between reads this and nothing else.
        uid: the message's own.
        time_ms: the sender's clock, milliseconds since 1970.
        reply_to: the message this answers.
        attachment: BLAKE3 of the bytes that travel beside the envelope; empty when there are none.
        eventual: it may be kept on the way, and is acknowledged and not answered.
        hidden: what follows, and what travels beside, can be read by the recipient's key only.
    """

    sender: bytes
    recipient: bytes
    address: Address
    uid: UID
    time_ms: int
    reply_to: UID | None = None
    attachment: bytes = b""
    eventual: bool = False
    hidden: bool = False

    @property
    def max_age_ms(self) -> int:
        """How old it may be, by its sender's clock."""
        return MAX_EVENTUAL_AGE_MS if self.eventual else MAX_AGE_MS


# Opens what was hidden for a key; None when it was not for it.
Unhide = Callable[[bytes], bytes | None]


def hide(data: bytes | memoryview, *, recipient: bytes, sender: bytes, uid: UID) -> bytes:
    """`data`, readable by the recipient only, and only in that message.

    Without the sender and the message inside, somebody on the way could not read it, but put it into a message of
    their own, and be shown it by the node as theirs.

    Args:
        data: any bytes.
        recipient: the key of whoever may read it.
        sender: the key that will sign the message.
        uid: the message's own.
    """
    return seal_for(recipient, b"".join((sender, uid.raw, data)))


def _unhide(data: bytes | memoryview, header: Header, unhide: Unhide | None) -> memoryview:
    """What `hide` hid.

    Raises:
        EnvelopeError: it was hidden for somebody else, or for another message.
    """
    plain = unhide(bytes(data)) if unhide is not None else None
    if plain is None or plain[:_BOUND_TO] != header.sender + header.uid.raw:
        raise EnvelopeError("What this message hides cannot be read here; nothing was done with it.")
    return memoryview(plain)[_BOUND_TO:]


def check_fresh(header: Header, now_ms: int) -> None:
    """Raise unless a message was sent a short while ago.

    Raises:
        StaleMessage: it is too old, or from the future.
    """
    age_ms = now_ms - header.time_ms
    if age_ms > header.max_age_ms or age_ms < -MAX_AHEAD_MS:
        raise StaleMessage(
            f"This message is {abs(age_ms) / 1000:.0f} s {'old' if age_ms > 0 else 'in the future'}. "
            "Check that the clocks of both machines are right, and send it again."
        )


def is_recent(header: Header, now_ms: int) -> bool:
    """Whether a message, of whatever kind, was sent a short while ago."""
    return -MAX_AHEAD_MS <= now_ms - header.time_ms <= MAX_AGE_MS


def check_can_wait(header: Header, data: bytes, attachment: bytes | memoryview) -> None:
    """Raise unless an eventual message is small enough to be kept.

    Raises:
        TooLarge: it is not.
    """
    if len(data) > MAX_EVENTUAL or len(attachment) or header.attachment:
        raise TooLarge(
            f"A message that may wait on the way has at most {MAX_EVENTUAL >> 10} KiB, and nothing beside it."
        )


class ReplayGuard:
    """Remembers which messages have been seen for as long as they could be fresh.

    What it cannot remember is refused: at its bound the node says "too many", and forgets nothing early. What was
    said before it began to remember is refused too, so that a restart gives nobody a second try; writes are guarded
    once more, durably, by the event that each leaves behind.

    Args:
        since_ms: when it begins to remember, by our clock.
        limit: how many messages it remembers.
    """

    def __init__(self, since_ms: int = 0, limit: int = MAX_REMEMBERED) -> None:
        self._since_ms = since_ms
        self._limit = limit
        self._seen: set[bytes] = set()
        self._order: deque[tuple[int, bytes]] = deque()
        self._lock = threading.Lock()

    def check_first_time(self, uid: UID, time_ms: int, now_ms: int) -> None:
        """Raise unless this is the first message of that UID.

        Args:
            uid: of the message.
            time_ms: when it was sent, by its sender's clock.
            now_ms: our clock.
        Raises:
            StaleMessage: it was seen before, or could have been.
            TooManyAttempts: more messages than can be remembered came within the window.
        """
        if time_ms < self._since_ms:
            raise StaleMessage("This message was sent before the node was started; send it again.")
        with self._lock:
            horizon = now_ms - MAX_AGE_MS - MAX_AHEAD_MS
            while self._order and self._order[0][0] < horizon:
                self._seen.discard(self._order.popleft()[1])
            if uid.raw in self._seen:
                raise StaleMessage(
                    "This message was received before; send a new one instead of repeating it."
                )
            if len(self._order) >= self._limit:
                raise TooManyAttempts(
                    "The node is getting more messages than it can keep apart. Try again in a minute."
                )
            self._seen.add(uid.raw)
            self._order.append((now_ms, uid.raw))


@dataclass(frozen=True)
class Opened:
    """A message that has passed every check of its envelope."""

    header: Header
    message: Message
    attachment: bytes | memoryview


@dataclass(frozen=True)
class Sealed:
    """An envelope whose signature is good; what is in it is still bytes."""

    header: Header
    data: bytes
    _payload: memoryview

    @property
    def signature(self) -> bytes:
        """The 64 bytes at its end."""
        return self.data[-SIGNATURE_BYTES:]

    def as_draft(self) -> bytes:
        """What was signed, without who signed it, for whom and when. See `draft`."""
        return draft(bytes(self._payload), self.header.address, self.header.uid)

    def open(
        self,
        *,
        recipient: bytes,
        unnamed: bool = False,
        now_ms: int,
        guard: ReplayGuard | None,
        attachment: bytes | memoryview = b"",
        reply_to: UID | None = None,
        unhide: Unhide | None = None,
        eventual: bool = False,
    ) -> Opened:
        """The message, if it is for us, fresh, new, and an answer where an answer is awaited.

        Args:
            recipient: our key.
            unnamed: whether the sender may have left our key open, and named us by the address alone.
            now_ms: our clock.
            guard: what we have seen; None where `reply_to` already allows only one message.
            attachment: what came beside the envelope.
            reply_to: the message of ours it must answer; None when it is not an answer.
            unhide: opens what was hidden for our key.
            eventual: whether the caller remembers, on disk, which eventual messages it has taken: `guard` forgets
                them too soon.
        Raises:
            EnvelopeError: for somebody else, answers something else, or its attachment was changed.
            StaleMessage: too old, from the future, or seen before.
            DecodeError: not a message.
        """
        header = self.header
        if header.recipient != recipient and not (unnamed and header.recipient == b""):
            raise EnvelopeError("This message is for another node; nothing was done with it.")
        if header.reply_to != reply_to:
            raise EnvelopeError("This answer belongs to another question.")
        # "from the future or the past": without this a recorded message would work for ever.
        # An answer is as fresh as the question it names.
        if reply_to is None:
            check_fresh(header, now_ms)
        if header.eventual != eventual:
            raise EnvelopeError("This message may wait on the way, and cannot be taken as one that may not.")
        if eventual:
            check_can_wait(header, self.data, attachment)
        elif guard is not None:
            guard.check_first_time(header.uid, header.time_ms, now_ms)
        if bool(header.attachment) != bool(len(attachment)) or (
            len(attachment) and blake3(attachment).digest() != header.attachment
        ):
            raise EnvelopeError("What came beside the message is not what its sender signed.")
        payload: bytes | memoryview = self._payload
        if header.hidden:
            payload = _unhide(payload, header, unhide)
            attachment = _unhide(attachment, header, unhide) if len(attachment) else attachment
        if len(payload) > MAX_PAYLOAD or len(attachment) > MAX_ATTACHMENT:
            raise TooLarge(f"A message holds at most {MAX_PAYLOAD >> 20} MiB.")
        message = decode_message(payload)
        if eventual and not message.may_wait:
            raise EnvelopeError("A message of this kind is answered at once or not at all; it cannot wait.")
        return Opened(header, message, attachment)


def seal(
    message: Message,
    *,
    identity: Identity,
    recipient: bytes,
    address: Address,
    now_ms: int,
    reply_to: UID | None = None,
    attachment: bytes | memoryview = b"",
    uid: UID | None = None,
    eventual: bool = False,
    hidden: bool = False,
) -> tuple[bytes, UID]:
    """`message` as signed bytes, and the UID under which it travels.

    Args:
        message: what to say.
        identity: who says it.
        recipient: the key of whoever may open it.
        address: the node it goes to.
        now_ms: the sender's clock, milliseconds since 1970.
        reply_to: the message it answers.
        attachment: bytes that will travel beside the envelope, as they will travel: where they are to be hidden,
            they are already, under the same `uid`. The signature covers their digest.
        uid: the message's own; a fresh one when left out.
        eventual: whether it may be kept on the way.
        hidden: whether only the recipient can read it.
    Raises:
        TooLarge: the message is over `MAX_PAYLOAD`, or the attachment over `MAX_ATTACHMENT`.
    """
    if len(attachment) > MAX_ATTACHMENT + HIDING_BYTES * hidden:
        raise TooLarge(f"At most {MAX_ATTACHMENT >> 20} MiB travel beside one message; send it in parts.")
    payload = encode_record(message)
    if len(payload) > MAX_PAYLOAD:
        raise TooLarge(f"A message holds at most {MAX_PAYLOAD >> 20} MiB; ask for a smaller page.")
    uid = uid or UID()
    if hidden:
        payload = hide(payload, recipient=recipient, sender=identity.verify_key, uid=uid)
    header = Header(
        sender=identity.verify_key,
        recipient=recipient,
        address=address,
        uid=uid,
        time_ms=now_ms,
        reply_to=reply_to,
        attachment=blake3(attachment).digest() if len(attachment) else b"",
        eventual=eventual,
        hidden=hidden,
    )
    head = encode_record(header)
    signed = b"".join((MAGIC, _LENGTHS.pack(len(head), len(payload)), head, payload))
    data = signed + identity.sign(signed)
    if eventual:
        check_can_wait(header, data, attachment)
    return data, uid


def draft(message: Message | bytes, address: Address, uid: UID) -> bytes:
    """A message as an envelope that nobody has signed: for keeping and comparing. No node takes one.

    Args:
        message: what is to be said, or its payload.
        address: of the node.
        uid: the message's own.
    """
    payload = message if isinstance(message, bytes) else encode_record(message)
    head = encode_record(Header(b"", b"", address, uid, 0))
    return b"".join((MAGIC, _LENGTHS.pack(len(head), len(payload)), head, payload))


def read_draft(data: bytes) -> tuple[Header, Message]:
    """What `draft` wrote. Nobody has vouched for it: for one's own bytes only.

    Raises:
        EnvelopeError: not a draft.
        DecodeError: not a message.
    """
    if len(data) < _PREFIX or len(data) > MAX_ENVELOPE or data[: len(MAGIC)] != MAGIC:
        raise EnvelopeError("These bytes are not a message of this version.")
    head_size, payload_size = _LENGTHS.unpack_from(data, len(MAGIC))
    if _PREFIX + head_size + payload_size != len(data):
        raise EnvelopeError("The message is truncated, or its lengths are wrong.")
    header = decode_record(Header, data[_PREFIX : _PREFIX + head_size])
    return header, decode_message(data[_PREFIX + head_size :])


def inspect(data: bytes) -> Sealed:
    """Check size and signature of an envelope, and read its header. This is all that a forwarder does.

    Raises:
        TooLarge: over a bound; nothing else was looked at.
        EnvelopeError: not an envelope, or not signed by the key it names.
    """
    if len(data) > MAX_ENVELOPE:
        raise TooLarge(f"A message is at most {MAX_ENVELOPE >> 20} MiB; this one has {len(data) >> 20} MiB.")
    if len(data) < _PREFIX + SIGNATURE_BYTES or data[: len(MAGIC)] != MAGIC:
        raise EnvelopeError("These bytes are not a message of this version.")
    head_size, payload_size = _LENGTHS.unpack_from(data, len(MAGIC))
    if head_size > MAX_HEADER or _PREFIX + head_size + payload_size + SIGNATURE_BYTES != len(data):
        raise EnvelopeError("The message is truncated, or its lengths are wrong.")
    body = memoryview(data)
    try:
        header = decode_record(Header, body[_PREFIX : _PREFIX + head_size])
    except Exception:  # whatever is wrong with it: nobody has vouched for these bytes yet
        raise EnvelopeError("The message has no readable header.") from None
    if len(header.sender) != KEY_BYTES or not is_signed_by(
        header.sender, data[-SIGNATURE_BYTES:], data[:-SIGNATURE_BYTES]
    ):
        raise EnvelopeError("The message is not signed by the key it names, or was changed on the way.")
    return Sealed(header, data, body[_PREFIX + head_size : -SIGNATURE_BYTES])
