"""This module turns our own records and messages into bytes and back, by their declared types."""

from __future__ import annotations

from typing import Any, TypeVar, Union

import msgspec

from syft.errors import DecodeError, SyftException
from syft.model.message import Message, message_types
from syft.model.messages import (
    codes,
    datasets,
    events,
    jobs,
    network,
    nodes,
    objects,
    plans,
    pools,
    protocols,
    requests,
    session,
    settings,
    users,
)
from syft.model.uid import UID

# Importing an area's messages is what puts them into the table: this list is the whole vocabulary of a node.
AREAS = (
    codes,
    datasets,
    events,
    jobs,
    network,
    nodes,
    objects,
    plans,
    pools,
    protocols,
    requests,
    session,
    settings,
    users,
)

R = TypeVar("R", bound=msgspec.Struct)


def to_plain(value: Any) -> bytes:
    """How a type of ours that msgspec does not know is written.

    Raises:
        NotImplementedError: not one of ours.
    """
    if isinstance(value, UID):
        return value.raw
    raise NotImplementedError(f"{type(value).__name__} has no place in a message")


def from_plain(kind: type, value: Any) -> Any:
    """The value of type `kind` that `to_plain` wrote.

    Raises:
        ValueError: not that.
    """
    if kind is UID and isinstance(value, bytes):
        return UID.from_bytes(value)
    raise ValueError(f"expected {kind.__name__}")


_encoder = msgspec.msgpack.Encoder(enc_hook=to_plain)


class _MessageDecoder:
    """Decodes any message there is; built at first use, when every area has been imported."""

    def __init__(self) -> None:
        self._decoder: msgspec.msgpack.Decoder[Message] | None = None

    def __call__(self, payload: bytes | memoryview) -> Message:
        if self._decoder is None:
            every: Any = Union[tuple(message_types().values())]  # noqa: UP007 - made at run time
            self._decoder = msgspec.msgpack.Decoder(every, dec_hook=from_plain)
        return self._decoder.decode(payload)


_decode_any = _MessageDecoder()


def encode_record(record: msgspec.Struct) -> bytes:
    """The bytes of a message or record."""
    return _encoder.encode(record)


def decode_message(payload: bytes | memoryview) -> Message:
    """The message whose bytes these are.

    Raises:
        DecodeError: no message of the closed table, or with a field of the wrong type.
        InvalidInput: a record in it refused its own fields.
    """
    try:
        return _decode_any(payload)
    except SyftException:
        raise
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise DecodeError(f"Not a message this version knows: {str(error)[:200]}") from None


def decode_record(kind: type[R], payload: bytes | memoryview) -> R:
    """The record of type `kind` whose bytes these are.

    Raises:
        DecodeError: they are not.
    """
    try:
        return msgspec.msgpack.decode(payload, type=kind, dec_hook=from_plain)
    except SyftException:
        raise
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise DecodeError(f"Not a {kind.__name__}: {str(error)[:200]}") from None
