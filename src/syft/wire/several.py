"""This module puts several values into one, and takes them apart again without decoding any of them.

A run in the sandbox gives one value back; a plan may have several results, each of which is kept by itself.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from syft.errors import DecodeError
from syft.wire import codec
from syft.wire.layout import take_apart
from syft.wire.tags import Tag

_MAX_NAME: Final = 200
_MAX_DIMENSIONS: Final = 64  # as many as numpy has


class Said(msgspec.Struct, frozen=True, array_like=True):
    """What is said of one of the values by whoever put them together; for display only."""

    type_name: str
    shape: tuple[int, ...] | None


class One(NamedTuple):
    """One of several values.

    Args:
        said: of it.
        data: its bytes, encoded: a view of the whole.
    """

    said: Said
    data: memoryview


@dataclass(frozen=True)
class _Extension:
    tag: int
    payload: memoryview


_whole: Final = msgspec.msgpack.Decoder(ext_hook=_Extension)
_said: Final = msgspec.json.Decoder(tuple[Said, ...])


def together(values: Sequence[object]) -> list[bytes]:
    """The values as one that can be returned: what is said of each, then each, encoded.

    Raises:
        UnsupportedType: one of them cannot travel.
    """
    encoded = [codec.encode(value) for value in values]
    said = [Said(one.type_name[:_MAX_NAME], one.shape) for one in encoded]
    return [msgspec.json.encode(said), *(one.to_bytes() for one in encoded)]


def apart(data: memoryview | mmap.mmap, count: int) -> list[One]:
    """The values that `together` put into one, which was then encoded.

    Args:
        data: all of the bytes; they come from a run and are hostile.
        count: how many there must be.
    Raises:
        DecodeError: they are no such value.
    """
    view = memoryview(data)
    header, buffers = take_apart(view)
    try:
        parts = _whole.decode(header)
        if type(parts) is not list or len(parts) != count + 1:
            raise DecodeError("not as many values as there should be")
        pieces = [_bytes_of(part, buffers) for part in parts]
        said = _said.decode(pieces[0])
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        raise DecodeError("these bytes are not several values", type(error).__name__) from None
    if len(said) != count or any(not _is_short(one) for one in said):
        raise DecodeError("what is said of several values is not one thing of each")
    return [One(one, piece) for one, piece in zip(said, pieces[1:], strict=True)]


def alone(data: memoryview | mmap.mmap) -> bytes:
    """The bytes in a list of one value that is bytes.

    Args:
        data: all of the encoded list; it comes from a run and is hostile.
    Raises:
        DecodeError: it is no such value.
    """
    header, buffers = take_apart(memoryview(data))
    try:
        parts = _whole.decode(header)
        if type(parts) is not list or len(parts) != 1:
            raise DecodeError("not one value in a list")
        return bytes(_bytes_of(parts[0], buffers))
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        raise DecodeError("these bytes are not bytes in a list", type(error).__name__) from None


def _is_short(said: Said) -> bool:
    return len(said.type_name) <= _MAX_NAME and len(said.shape or ()) <= _MAX_DIMENSIONS


def _bytes_of(part: object, buffers: list[memoryview | None]) -> memoryview:
    """The bytes that a part stands for: in the header where they are few, else a buffer that nothing else names."""
    if type(part) is bytes:
        return memoryview(part)
    if isinstance(part, _Extension) and part.tag == Tag.BYTES:
        inner = _whole.decode(part.payload)
        if isinstance(inner, _Extension) and inner.tag == Tag.BUFFER:
            index = _whole.decode(inner.payload)
            if type(index) is int and 0 <= index < len(buffers):
                found, buffers[index] = buffers[index], None
                if found is not None:
                    return found
    raise DecodeError("one of several values is not there")
