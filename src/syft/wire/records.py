"""This module turns our own records into bytes and back, by their declared types."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from syft.errors import DecodeError, SyftException
from syft.model.uid import UID

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


def encode_record(record: msgspec.Struct) -> bytes:
    """The bytes of a message or record."""
    return _encoder.encode(record)


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
