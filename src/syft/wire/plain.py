"""This module reads what an owner may bound of an encoded value: a plain scalar itself, of a container its length.

The bytes are a caller's, and nothing of them is made but a number, a truth value or a text. What is in a container is
not looked at: its length is what its bytes claim, and bytes that claim otherwise than they are do not decode later.
"""

from __future__ import annotations

import mmap
from typing import Final, NamedTuple, cast

from syft.errors import DecodeError, TooLarge
from syft.wire.codec import decode
from syft.wire.layout import take_apart
from syft.wire.peek import type_of
from syft.wire.tags import Tag

Scalar = bool | int | float | str | None
# A scalar of more bytes is not made to be looked at: a text as long as anybody bounds one.
MAX_SCALAR: Final = 1 << 20

_SCALARS: Final = {"NoneType": type(None), "bool": bool, "int": int, "float": float, "str": str}
_CONTAINERS: Final = frozenset({"list", "dict", "set", "tuple"})
# Where the elements of a container of these stand in its parts: one after the other; of a dict, its keys between.
_TAGS: Final = {Tag.TUPLE: 1, Tag.SET: 1, Tag.DICT: 2}
# First byte of a msgpack extension: how many bytes of length there are; or one that says how long it is itself.
_VARIABLE: Final = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_FIXED: Final = frozenset({0xD4, 0xD5, 0xD6, 0xD7, 0xD8})
# First byte of a msgpack array or map: how many bytes say how long it is.
_COUNTED: Final = {0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}


class Plain(NamedTuple):
    """What can be bounded of a value.

    Args:
        type_name: of which built-in type it is (`wire.peek.type_of`).
        value: the value itself where it is a number, a truth value, a text or None.
        length: of a text in characters; of a list, dict, set or tuple in elements; of anything else None.
    """

    type_name: str
    value: Scalar = None
    length: int | None = None


def plain(data: bytes | memoryview | mmap.mmap) -> Plain:
    """What can be bounded of an encoded value.

    Raises:
        DecodeError: these bytes are no value.
        TooLarge: it is a scalar of more than `MAX_SCALAR` bytes.
    """
    name = type_of(data)
    if name in _SCALARS:
        if len(data) > MAX_SCALAR:
            raise TooLarge(f"A {name} of more than {MAX_SCALAR >> 20} MiB is not compared with a bound.")
        value = decode(bytes(data))
        if type(value) is not _SCALARS[name]:
            # Two readings of the same bytes: where they ever came to differ, nothing is told of the value.
            raise DecodeError("a value of another type")  # pragma: no cover - they do not
        return Plain(name, cast(Scalar, value), len(value) if isinstance(value, str) else None)
    if name not in _CONTAINERS:
        return Plain(name)
    with memoryview(data) as view:
        header, buffers = take_apart(view)
        try:
            found = _length(header, buffers)
        except IndexError:
            raise DecodeError("a container is cut short") from None
        finally:
            header.release()
            for one in buffers:
                if one is not None:
                    one.release()
    return Plain(name, None, found)


def _length(header: memoryview, buffers: list[memoryview | None]) -> int:
    """How many elements the list, dict, set or tuple has that this header begins."""
    if not _is_extension(header):
        return _claimed(header)
    tag, parts = _extension(header)
    if tag == Tag.PACKED:
        return _claimed(_buffer(parts, buffers))
    # `type_of` has looked: it is one of them.
    entries = _TAGS[Tag(tag)]
    if not _is_extension(parts):
        return -(-_claimed(parts) // entries)
    tag, within = _extension(parts)
    if tag != Tag.PACKED:
        # A placeholder, for one, would be as long as what a run puts in its place.
        raise DecodeError("no list where a container's elements stand")
    return -(-_claimed(_buffer(within, buffers)) // entries)


def _buffer(part: memoryview, buffers: list[memoryview | None]) -> memoryview:
    """The buffer after the header that a part names."""
    if not _is_extension(part):
        raise DecodeError("a long container without its elements")
    tag, number = _extension(part)
    place = int.from_bytes(number[1:] or number)
    found = buffers[place] if tag == Tag.BUFFER else None
    if found is None:
        raise DecodeError("a long container without its elements")
    return found


def _is_extension(node: memoryview) -> bool:
    return node[0] in _VARIABLE or node[0] in _FIXED


def _extension(node: memoryview) -> tuple[int, memoryview]:
    first = node[0]
    if first in _FIXED:
        return node[1], node[2:]
    digits = _VARIABLE[first]
    return node[1 + digits], node[2 + digits :]


def _claimed(node: memoryview) -> int:
    """How many elements a msgpack array or map says that it has; of a map, its entries."""
    first = node[0]
    if 0x80 <= first <= 0x9F:
        return first & 0x0F
    digits = _COUNTED.get(first)
    if digits is None:
        raise DecodeError("no list where a container's elements stand")
    return int.from_bytes(node[1 : 1 + digits])
