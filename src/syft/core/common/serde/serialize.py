"""This module is a door: to bytes and back, by the names of PySyft 0.5 and in the one format of this library."""

from __future__ import annotations

from typing import Any

from syft.core.common.message import SyftMessage
from syft.core.common.signed import (
    SignedEventualSyftMessageWithoutReply,
    SignedImmediateSyftMessageWithoutReply,
    SignedImmediateSyftMessageWithReply,
    SignedMessage,
)
from syft.core.common.vocabulary import read
from syft.errors import InvalidInput, UnsupportedType
from syft.wire import codec
from syft.wire.envelope import MAGIC, draft, inspect

_SIGNED = (
    SignedImmediateSyftMessageWithoutReply,
    SignedImmediateSyftMessageWithReply,
    SignedEventualSyftMessageWithoutReply,
)


def serialize(obj: Any, to_proto: bool = False, to_bytes: bool = True) -> bytes:
    """The bytes of a message, a signed message, or any value that can travel.

    Args:
        obj: what to write. A signed message is its envelope, byte for byte.
        to_proto: kept for the old signature; there is one format.
        to_bytes: likewise.
    Raises:
        UnsupportedType: it cannot travel.
    """
    if isinstance(obj, SignedMessage):
        return obj.envelope
    if isinstance(obj, SyftMessage):
        return draft(obj.core, obj.address.core, obj.id)
    return codec.encode(obj).to_bytes()


def deserialize(blob: bytes, from_proto: bool = False, from_bytes: bool = True) -> Any:
    """What `serialize` wrote. The bytes may be anybody's: they become values of a closed table, or an error.

    Args:
        blob: the bytes.
        from_proto: kept for the old signature.
        from_bytes: likewise.
    Raises:
        InvalidInput: not bytes.
        WireError: bytes of something else.
    """
    if not isinstance(blob, bytes | bytearray | memoryview):
        raise InvalidInput(
            f"You tried to deserialize an unsupported type: {type(blob).__name__}; give bytes."
        )
    data = bytes(blob)
    if data[: len(MAGIC)] != MAGIC:
        return codec.decode(data)
    if not _is_signed(data):
        return read(data)
    message = read(inspect(data).as_draft())
    kind = next((one for one in _SIGNED if one is message.signed_type), None)
    if kind is None:
        raise UnsupportedType(f"{message.class_name} has no signed form.")
    return kind(data, message)


def _is_signed(data: bytes) -> bool:
    """Whether there is more than a draft has; whether the signature is good, `inspect` says."""
    head, payload = int.from_bytes(data[4:8], "little"), int.from_bytes(data[8:12], "little")
    return len(data) != len(MAGIC) + 8 + head + payload
