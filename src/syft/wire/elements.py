"""This module counts the elements of an encoded value without making it: what an owner's quota is measured in.

A number, a truth value or a date is one; an array has as many as its shape says, a table its rows times its
columns; a list or dict what is in it, keys included; of text and bytes every eight count as one, since else a
long text would be one element.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from syft.errors import DecodeError
from syft.wire.layout import take_apart
from syft.wire.tags import Tag

BYTES_AN_ELEMENT: Final = 8
# Counting stops a node's other writes: beyond this, all the bytes count, which is never too few.
MOST_TO_READ: Final = 16 * 2**20
# Of these only some parts are content, the others names and dtypes. An index is, unless it just counts the rows.
_CONTENT: Final = {
    Tag.FRAME: slice(1, None),
    Tag.SERIES: slice(0, 2),
    Tag.INDEX: slice(0, 1),
    Tag.RANGE_INDEX: slice(0, 0),
    Tag.MULTI_INDEX: slice(1, None),
    Tag.EXTENSION_ARRAY: slice(1, None),
    Tag.PARTITIONED: slice(1, None),
}
_ONE: Final = frozenset(
    {
        Tag.COMPLEX,
        *range(Tag.RANGE, Tag.ELLIPSIS + 1),
        *range(Tag.DECIMAL, Tag.ZONE_INFO + 1),
        Tag.TYPE,
        Tag.SCALAR,
        Tag.DTYPE,
        *range(Tag.TIMESTAMP, Tag.INTERVAL + 1),
        Tag.OBJECT_ID,
        Tag.UID,
    }
)
_SHAPED: Final = frozenset({Tag.ARRAY, Tag.TENSOR})


@dataclass(frozen=True)
class _Extension:
    """A tag and the msgpack of its parts."""

    tag: int
    payload: memoryview


_decoder: Final = msgspec.msgpack.Decoder(ext_hook=_Extension)


def count_elements(data: bytes | memoryview | mmap.mmap) -> int:
    """How many elements the value has.

    Args:
        data: an encoded value, all of it.
    Raises:
        DecodeError: these bytes are no value.
    """
    with memoryview(data) as view:
        header, found = take_apart(view)
        buffers = [bytes(one) if _is_short(one) else len(one) for one in found if one is not None]
        size, content = len(view), bytes(header) if len(header) <= MOST_TO_READ else None
        header.release()
        for one in found:
            if one is not None:
                one.release()
    if content is None:
        return size
    try:
        return _count(_decoder.decode(content), buffers)
    except (msgspec.MsgspecError, ValueError, TypeError, IndexError, RecursionError) as error:
        raise DecodeError("these bytes are not a value", type(error).__name__) from error


def _is_short(buffer: memoryview | None) -> bool:
    return buffer is not None and len(buffer) <= MOST_TO_READ


def _of_bytes(length: int) -> int:
    return max(1, -(-length // BYTES_AN_ELEMENT))


def _count(node: Any, buffers: Sequence[bytes | int]) -> int:
    match node:
        case str():
            return _of_bytes(len(node.encode()))
        case bytes():
            return _of_bytes(len(node))
        case list():
            return sum(_count(child, buffers) for child in node)
        case dict():
            return sum(_count(key, buffers) + _count(value, buffers) for key, value in node.items())
        case _Extension(tag=tag, payload=payload):
            return _of_extension(tag, _decoder.decode(payload), buffers)
    return 1


def _of_extension(tag: int, parts: Any, buffers: Sequence[bytes | int]) -> int:
    if tag in _ONE:
        return 1
    if tag in _SHAPED:
        return math.prod(int(side) for side in parts[1])
    if tag == Tag.BUFFER:
        held = buffers[int(parts)]
        return _of_bytes(held if isinstance(held, int) else len(held))
    if tag == Tag.PACKED:
        return _of_packed(parts, buffers)
    kept = _CONTENT.get(Tag(tag))
    return _count(parts[kept] if kept is not None else parts, buffers)


def _of_packed(part: Any, buffers: Sequence[bytes | int]) -> int:
    """Of a long list or dict of plain values, which lies in a buffer as msgpack of its own."""
    if isinstance(part, _Extension) and part.tag == Tag.BUFFER:
        held = buffers[int(_decoder.decode(part.payload))]
    else:
        held = bytes(part)
    # An element takes a byte at least: too long a list counts as its bytes.
    return held if isinstance(held, int) else _count(_decoder.decode(held), buffers)
