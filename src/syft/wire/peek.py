"""This module tells of which built-in type an encoded value is, from its first bytes, without decoding it.

A node asks this of values that callers bring along: it holds them to the approved type and opens nothing.
"""

from __future__ import annotations

import mmap
from typing import Final

from syft.errors import DecodeError
from syft.wire.layout import take_apart
from syft.wire.tags import Tag

_TAGGED: Final = {
    Tag.BYTES: "bytes",
    Tag.TEXT: "str",
    Tag.INT: "int",
    Tag.COMPLEX: "complex",
    Tag.BYTEARRAY: "bytearray",
    Tag.TUPLE: "tuple",
    Tag.SET: "set",
    Tag.FROZENSET: "frozenset",
    Tag.DICT: "dict",
}
# The first byte of a msgpack extension: how many bytes of length stand before its tag.
_EXTENSIONS: Final = {0xC7: 1, 0xC8: 2, 0xC9: 4, 0xD4: 0, 0xD5: 0, 0xD6: 0, 0xD7: 0, 0xD8: 0}


def type_of(data: bytes | memoryview | mmap.mmap) -> str:
    """The name of the value's type: "str", "int", ...; "another type" for what is not built in.

    Args:
        data: an encoded value, all of it; only its beginning is looked at.
    Raises:
        DecodeError: these bytes are no value.
    Source:
        The formats of the msgpack specification, by their first byte.
    """
    with memoryview(data) as view:
        header, buffers = take_apart(view)
        if not len(header):
            raise DecodeError("a value without a header")
        name = _type_at(header, [buffer for buffer in buffers if buffer is not None])
        header.release()
        for buffer in buffers:
            if buffer is not None:
                buffer.release()
    return name


def is_numeric(data: bytes | memoryview | mmap.mmap) -> bool:
    """Whether the value is, by its first bytes, a number or an array: what can be decoded without pandas or torch.

    An array may still turn out to hold objects.

    Raises:
        DecodeError: these bytes are no value.
    """
    if type_of(data) in ("int", "float", "bool", "complex"):
        return True
    with memoryview(data) as view:
        header, buffers = take_apart(view)
        first = header[0]
        at = 1 + _EXTENSIONS.get(first, len(header))
        found = at < len(header) and header[at] in (Tag.ARRAY, Tag.SCALAR)
        header.release()
        for buffer in buffers:
            if buffer is not None:
                buffer.release()
    return found


def _type_at(header: memoryview, buffers: list[memoryview]) -> str:
    first = header[0]
    if first in _EXTENSIONS:
        at = 1 + _EXTENSIONS[first]
        tag = header[at] if at < len(header) else 0
        if tag == Tag.PACKED:
            # A long list or dict lies in a buffer of its own; there is one, and it holds nothing else.
            return _plain(buffers[0][0]) if len(buffers) == 1 else "another type"
        return _TAGGED.get(Tag(tag), "another type") if tag in Tag._value2member_map_ else "another type"
    return _plain(first)


def _plain(first: int) -> str:
    if first <= 0x7F or first >= 0xE0 or 0xCC <= first <= 0xD3:
        return "int"
    if 0x80 <= first <= 0x8F or first in (0xDE, 0xDF):
        return "dict"
    if 0x90 <= first <= 0x9F or first in (0xDC, 0xDD):
        return "list"
    if 0xA0 <= first <= 0xBF or first in (0xD9, 0xDA, 0xDB):
        return "str"
    named = {0xC0: "NoneType", 0xC2: "bool", 0xC3: "bool", 0xCA: "float", 0xCB: "float"}
    named |= dict.fromkeys((0xC4, 0xC5, 0xC6), "bytes")
    return named.get(first, "another type")
