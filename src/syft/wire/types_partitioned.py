"""This module holds partitioned values: many parts, one after the other, of which each is decoded when it is asked for.

A part lies in the bytes of the whole as a value of its own, aligned as every buffer is: a run can be given one part
as a range of the file that holds all of them (`places_of_parts`), and use it where it lies.
"""

from __future__ import annotations

import glob
import io
import mmap
import operator
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, cast, overload

import msgspec

from syft.errors import DecodeError, InvalidInput
from syft.wire.layout import INLINE_LIMIT_BYTES, find_buffers
from syft.wire.parts import integers, of_kind
from syft.wire.tags import Packer, Tag, Unpacker, register

# As many as one job may launch. Each is a buffer of the value, whose place is looked up by whoever reads it.
PARTS_MAX: Final = 10_000


class Partitioned(Sequence[Any]):
    """A sequence of values of which each is read when it is asked for, and not before: `data[i]`, `for part in data`.

    In a run it is read-only, and `datasite.launch_job(f, batch=data.part(i))` hands a part on without reading it.

    Args:
        parts: 1 to 10,000 values that can travel, such as tables or arrays. A path, or a text that ends with
            ".parquet", is a Parquet file: its table is a part, which is read when it is asked for.
    Raises:
        InvalidInput: there are none, or too many; there is no such file.
    Example:
        >>> data = Partitioned([[1, 2], [3]])
        >>> len(data), data[1], [sum(part) for part in data]
        (2, [3], [3, 3])
    """

    __slots__ = ("_parts",)

    def __init__(self, parts: Sequence[Any]) -> None:
        if isinstance(parts, str | bytes):
            raise InvalidInput("Partitioned takes a list of parts; for files, see Partitioned.from_parquet.")
        self._parts: tuple[Any, ...] = tuple(map(_file_or_value, parts))
        if not 0 < len(self._parts) <= PARTS_MAX:
            raise InvalidInput(f"A partitioned value has 1 to {PARTS_MAX:,} parts, not {len(self._parts):,}.")

    @classmethod
    def from_parquet(cls, pattern: str | os.PathLike[str]) -> Partitioned:
        """The tables in Parquet files, a part each, in the order of the files' names. One is in memory at a time.

        Args:
            pattern: of their names: "folder/*.parquet", or a folder for all those in it.
        Raises:
            InvalidInput: there is no such file.
        Example:
            `sy.Asset(name="trips", data=sy.Partitioned.from_parquet("trips/*.parquet"), mock=...)`
        """
        text = os.fspath(pattern)
        found = sorted(glob.glob(os.path.join(text, "*.parquet") if os.path.isdir(text) else text))
        if not found:
            raise InvalidInput(f"There is no Parquet file at '{text}'.")
        return cls([Path(one) for one in found])

    @property
    def shape(self) -> tuple[int, ...]:
        """How many parts there are, as the shape of an array of them."""
        return (len(self._parts),)

    def part(self, index: int) -> Part:
        """A part, not read: good for handing it to `datasite.launch_job`.

        Raises:
            IndexError: there is no such part.
        """
        return Part(self, range(len(self._parts))[operator.index(index)])

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every part, not read."""
        return tuple(Part(self, index) for index in range(len(self._parts)))

    @property
    def encoded(self) -> tuple[memoryview, ...]:
        """The bytes of the parts, of those that came encoded; none of them, where they are values still."""
        return tuple(part.buffer[: part.size] for part in self._parts if isinstance(part, _Lying))

    def __len__(self) -> int:
        return len(self._parts)

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self._parts)))]
        part = self._parts[index]
        return part() if isinstance(part, _Lying | _Parquet) else part

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self._parts)))

    def __repr__(self) -> str:
        return f"<partitioned: {len(self._parts)} parts>"


class Part(NamedTuple):
    """One part of a partitioned value, not read.

    Args:
        whole: what it is a part of.
        number: which, from 0.
    """

    whole: Partitioned
    number: int

    @property
    def value(self) -> Any:
        """The part, read."""
        return self.whole[self.number]


@dataclass(frozen=True)
class _Lying:
    """An encoded part.

    Args:
        buffer: it and the zeros after it.
        size: of it alone, in bytes.
        decode: how.
    """

    buffer: memoryview
    size: int
    decode: Callable[[memoryview], object]

    def __call__(self) -> object:
        return self.decode(self.buffer[: self.size])


@dataclass(frozen=True)
class _Parquet:
    """A table in a Parquet file that has not been read."""

    path: Path

    def __call__(self) -> object:
        import pandas as pd  # it is heavy, and may not be installed

        return pd.read_parquet(self.path)


def _file_or_value(part: Any) -> Any:
    if not (isinstance(part, os.PathLike) or (isinstance(part, str) and part.endswith(".parquet"))):
        return part
    path = Path(part)
    if not path.is_file():
        raise InvalidInput(f"There is no Parquet file at '{path}'.")
    return _Parquet(path.absolute())


class Range(NamedTuple):
    """Where a part lies in the bytes of the whole."""

    offset: int
    size: int


@dataclass(frozen=True)
class _Extension:
    tag: int
    payload: memoryview


_plain: Final = msgspec.msgpack.Decoder(ext_hook=_Extension)


def places_of_parts(data: memoryview) -> list[Range]:
    """Where the parts of an encoded partitioned value lie; nothing of it is decoded, and no part is looked at.

    Args:
        data: all of the bytes.
    Returns:
        None at all, if it is another type of value.
    Raises:
        DecodeError: these are not the bytes of a value.
    """
    header, places = find_buffers(data)
    try:
        sizes = _sizes_in(header)
    finally:
        header.release()
    if not sizes:
        return []
    if len(sizes) != len(places) or any(
        not 0 < size <= room for size, (_, room) in zip(sizes, places, strict=True)
    ):
        raise DecodeError("parts are not where they should be")
    return [Range(offset, size) for (offset, _), size in zip(places, sizes, strict=True)]


def _sizes_in(header: memoryview) -> list[int]:
    """The sizes of the parts as a header has them; none if it is of another type of value."""
    try:
        node = _plain.decode(header)
        if not isinstance(node, _Extension) or node.tag != Tag.PARTITIONED:
            return []
        return integers(_plain.decode(node.payload)[0])
    except (msgspec.MsgspecError, TypeError, IndexError, RecursionError) as error:
        raise DecodeError("these bytes are not a value", type(error).__name__) from None


def _pack_partitioned(value: Partitioned, packer: Packer) -> object:
    lying = [part for part in value._parts if isinstance(part, _Lying)]
    if len(lying) < len(value._parts):
        lying = _lay_down(value, packer)
    return [[part.size for part in lying], *(packer.buffer(part.buffer) for part in lying)]


def _lay_down(value: Partitioned, packer: Packer) -> list[_Lying]:
    """The parts, encoded one by one into a file without a name: all of them may be more than memory holds."""
    sizes, ends = [], [0]
    with tempfile.TemporaryFile() as file:
        for index, part in enumerate(value):
            encoded = packer.encoded(part, f"[{index}]")
            sizes.append(encoded.write_to(cast(BinaryIO, file)))
            ends.append(file.seek(max(0, INLINE_LIMIT_BYTES - encoded.size), io.SEEK_CUR))
        file.truncate()
        file.flush()
        whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return [
        _Lying(whole[begin:end], size, _not_here)
        for begin, end, size in zip(ends, ends[1:], sizes, strict=False)
    ]


def _not_here(_data: memoryview) -> object:
    raise AssertionError("what is being encoded is not read")


def _unpack_partitioned(parts: object, unpacker: Unpacker) -> Partitioned:
    first, *buffers = of_kind(parts, list)
    sizes = integers(first)
    if len(sizes) != len(buffers):
        raise DecodeError("not as many parts as there are sizes")
    lying = []
    for size, part in zip(sizes, buffers, strict=True):
        view = unpacker.view(part)
        if not 0 < size <= len(view) or len(view) != max(size, INLINE_LIMIT_BYTES) or any(view[size:]):
            raise DecodeError("a part does not fill what it lies in")
        # A copy of its own where views are not wanted, as for any other value.
        held = view if unpacker.zero_copy else memoryview(bytes(view))
        lying.append(_Lying(held, size, unpacker.decode_later))
    return Partitioned(lying)


register(Tag.PARTITIONED, Partitioned, _pack_partitioned, _unpack_partitioned)
