"""Envelopes that no honest sender would seal."""

from __future__ import annotations

import struct
import time
from typing import Any

import msgspec
from blake3 import blake3

from support.people import Person
from syft.errors import SyftException, from_code
from syft.model.address import Address
from syft.model.message import Message, Refusal
from syft.model.uid import UID
from syft.node.node import Node
from syft.transport.base import Parcel
from syft.wire.envelope import MAGIC, Header, inspect
from syft.wire.records import encode_record
from syft.wire.types_model import decode_message


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def header_for(person: Person, attachment: bytes = b"", **changes: Any) -> Header:
    """What an honest header would be, but for the changes."""
    header = Header(
        sender=person.identity.verify_key,
        recipient=bytes.fromhex(person.node.verify_key),
        address=Address(domain=person.node.uid),
        uid=UID(),
        time_ms=now_ms(),
        attachment=blake3(attachment).digest() if attachment else b"",
    )
    return msgspec.structs.replace(header, **changes)


def envelope(
    person: Person, message: Message | bytes, header: Header | bytes | None = None, **changes: Any
) -> bytes:
    """`message`, or these bytes in the place of one, signed by that person under that header."""
    payload = message if isinstance(message, bytes) else encode_record(message)
    head = header if isinstance(header, bytes) else encode_record(header or header_for(person, **changes))
    signed = MAGIC + struct.pack("<II", len(head), len(payload)) + head + payload
    return signed + person.identity.sign(signed)


def message_in(answer: Parcel | None) -> Message:
    """What a node's answer says, to whomever."""
    assert answer is not None
    return decode_message(inspect(answer.envelope)._payload)


def answer_to(node: Node, data: bytes, attachment: bytes = b"") -> Message:
    """What a node answers to an envelope."""
    return message_in(node.receive(Parcel(data, attachment)))


def error_of(message: Message) -> SyftException | None:
    """The error of a refusal; None for any other answer."""
    return from_code(message.code, message.text) if isinstance(message, Refusal) else None
