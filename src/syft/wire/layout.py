"""This module lays an encoded value out as one run of bytes, made to be memory-mapped and used where it lies.

    magic "SYFTVAL1" | u64 length of header | u64 number of buffers | (u64 offset, u64 length) a buffer
    | header | zeros to a multiple of 64 | buffer 0 | zeros to a multiple of 64 | buffer 1 ...

Numbers are little-endian. There is one way to lay buffers out, and there are no bytes left over: so nothing can hide
between them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from syft.errors import DecodeError

MAGIC = b"SYFTVAL1"
ALIGNMENT = 64  # a cache line, and what Arrow recommends
INLINE_LIMIT_BYTES = 4096  # below a page, a buffer of its own costs more than it saves

_START = struct.Struct("<8sQQ")
_BUFFER = struct.Struct("<QQ")


@dataclass(frozen=True)
class Encoded:
    """A value as bytes, in pieces, of which the large ones are views of the value itself.

    Send or write it before the value is changed.

    Args:
        parts: the pieces in order.
        type_name: `pandas.DataFrame`, `int`, `list`: for display.
        shape: of a frame, series or array.
    """

    parts: tuple[bytes | memoryview, ...]
    type_name: str
    shape: tuple[int, ...] | None

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(map(len, self.parts))

    def chunks(self, size: int) -> Iterator[memoryview | bytes]:
        """The bytes in consecutive pieces.

        Args:
            size: bytes a piece, above 0; only the last may have fewer.
        Returns:
            Views where a piece lies within one part, and copies of at most `size` bytes where it does not.
        Raises:
            ValueError: `size` is not above 0.
        """
        if size <= 0:
            raise ValueError(f"a chunk of {size} bytes")
        pending = bytearray()
        for part in self.parts:
            view = memoryview(part)
            start = 0
            if pending:
                start = min(size - len(pending), len(view))
                pending += view[:start]
                if len(pending) < size:
                    continue
                yield bytes(pending)
                pending.clear()
            whole = start + (len(view) - start) // size * size
            for at in range(start, whole, size):
                yield view[at : at + size]
            pending += view[whole:]
        if pending:
            yield bytes(pending)

    def to_bytes(self) -> bytes:
        """All of it as one object: a copy."""
        return b"".join(self.parts)

    def write_to(self, file: BinaryIO) -> int:
        """Write all of it to a file opened for bytes; returns how many."""
        for part in self.parts:
            view = memoryview(part)
            while view:  # a raw file may take less than it is offered
                view = view[file.write(view) :]
        return self.size


def lay_out(header: bytes, buffers: Sequence[memoryview]) -> Iterator[bytes | memoryview]:
    """The pieces of an encoded value: all up to the first buffer, and then buffers and the zeros between them."""
    at = _START.size + _BUFFER.size * len(buffers) + len(header)
    padding, table = [], []
    for buffer in buffers:
        padding.append(bytes(-at % ALIGNMENT))
        at += len(padding[-1])
        table.append(_BUFFER.pack(at, len(buffer)))
        at += len(buffer)
    yield b"".join([_START.pack(MAGIC, len(header), len(buffers)), *table, header, *padding[:1]])
    for number, buffer in enumerate(buffers):
        if number and padding[number]:
            yield padding[number]
        yield buffer


def take_apart(data: memoryview) -> tuple[memoryview, list[memoryview | None]]:
    """The header and the buffers, their sizes held against the size of the whole before anything is read."""
    header, places = find_buffers(data)
    return header, [data[offset : offset + length] for offset, length in places]


def find_buffers(data: memoryview) -> tuple[memoryview, list[tuple[int, int]]]:
    """The header, and offset and length of each buffer: checked as by `take_apart`."""
    if len(data) < _START.size:
        raise DecodeError("too short for a value")
    magic, header_length, count = _START.unpack_from(data)
    if magic != MAGIC:
        raise DecodeError("these bytes do not start as a value does")
    start = _START.size + _BUFFER.size * count
    at = start + header_length
    if at > len(data):
        raise DecodeError("cut short")
    header = data[start:at]
    places: list[tuple[int, int]] = []
    for offset, length in _BUFFER.iter_unpack(data[_START.size : start]):
        if offset != at + -at % ALIGNMENT or length < INLINE_LIMIT_BYTES or length > len(data) - offset:
            raise DecodeError("a buffer is not where it should be")
        if any(data[at:offset]):
            raise DecodeError("bytes between buffers")
        at = offset + length
        places.append((offset, length))
    if at != len(data):
        raise DecodeError("bytes after the value")
    return header, places
