"""This module tells of which built-in type an encoded value is, from its first bytes, without decoding it.

A node asks this of values that callers bring along: it holds them to the approved type and opens nothing.
"""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from syft.errors import DecodeError
from syft.wire.layout import take_apart
from syft.wire.tags import Tag

# Our own kinds of value, as `type_of` and display call them.
PLAN: Final = "syft.Plan"
PROTOCOL: Final = "syft.Protocol"
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
    Tag.PLAN: PLAN,
    Tag.PROTOCOL: PROTOCOL,
}
_SHAPED: Final = frozenset({Tag.ARRAY, Tag.TENSOR})
_NAMED: Final = {
    Tag.ARRAY: "numpy.ndarray",
    Tag.TENSOR: "torch.Tensor",
    Tag.SCALAR: "a numpy number",
    Tag.FRAME: "pandas.DataFrame",
    Tag.SERIES: "pandas.Series",
}
_MAX_LITERAL: Final = 200
_MAX_WORD: Final = 40
_MAX_SIDES: Final = 64


@dataclass(frozen=True)
class _Extension:
    """A tag and the msgpack of its parts."""

    tag: int
    payload: memoryview


_decoder: Final = msgspec.msgpack.Decoder(ext_hook=_Extension)
# The first byte of a msgpack extension: how many bytes of length stand before its tag.
_EXTENSIONS: Final = {0xC7: 1, 0xC8: 2, 0xC9: 4, 0xD4: 0, 0xD5: 0, 0xD6: 0, 0xD7: 0, 0xD8: 0}


def type_of(data: bytes | memoryview | mmap.mmap) -> str:
    """The name of the value's type: "str", "int", "syft.Plan", ...; "another type" for what is not built in or ours.

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


class Described(NamedTuple):
    """An encoded value, as text for people.

    Args:
        literal: the value itself as Python writes it, in ASCII, where it is a short plain one; else empty.
        about: its type, and for an array what it is of and its shape.
    """

    literal: str
    about: str


def describe(data: bytes) -> Described:
    """What a value is, read from its header; the value is not made, and no library is loaded for it.

    Raises:
        DecodeError: these bytes are no value.
    """
    view = memoryview(data)
    header, _ = take_apart(view)
    try:
        node = _decoder.decode(header)
        if type(node) in (type(None), bool, int, float, str):
            plain = type(node) is float and not math.isfinite(node)
            literal = f'float("{node}")' if plain else ascii(node)
            return Described(literal if len(literal) <= _MAX_LITERAL else "", type_of(data))
        if isinstance(node, _Extension):
            return Described("", _about(node, type_of(data)))
    except (msgspec.MsgspecError, ValueError, TypeError, IndexError, RecursionError) as error:
        raise DecodeError("these bytes are not a value", type(error).__name__) from None
    return Described("", type_of(data))


def _about(node: _Extension, name: str) -> str:
    if node.tag in _NAMED:
        parts = _decoder.decode(node.payload)
        # Both are chosen by whoever made the value: a word and numbers, and no more of them than people read.
        kind = ascii(parts[0])[1:-1][:_MAX_WORD] if type(parts[0]) is str else ""
        shape = tuple(int(side) for side in parts[1][:_MAX_SIDES]) if node.tag in _SHAPED else ()
        return " ".join(
            [_NAMED[Tag(node.tag)], kind, str(shape)] if node.tag in _SHAPED else [_NAMED[Tag(node.tag)]]
        )
    return name


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
