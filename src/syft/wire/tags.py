"""This module holds the closed table of what can travel: for each type a tag, how to take it apart and make it again.

The `types_*` modules fill the table when they are imported; `freeze()`
closes it when the first node or client starts. Nothing is ever looked up by a name that came off the wire: a
tag is a number in this table or it is refused.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NoReturn, Protocol

from syft.wire.layout import Encoded


class Tag(IntEnum):
    """What the number before a value means. No number is used twice, and parts are only added at the end."""

    # The codec's own.
    PLACEHOLDER = 0  # number of a value that whoever decodes puts in its place
    BUFFER = 1  # index of a buffer after the header; only inside the parts of another value
    PACKED = 2  # a long list, or dict with text keys, of plain values: its msgpack, in a buffer
    # The standard library (types_std).
    BYTES = 3  # too long for the header
    TEXT = 4  # str that is long, or is not valid Unicode: UTF-8 with surrogates passed
    INT = 5  # beyond 64 bits: little-endian, two's complement
    COMPLEX = 6  # real, imaginary
    BYTEARRAY = 7  # its bytes
    TUPLE = 8  # items
    SET = 9  # items
    FROZENSET = 10  # items
    DICT = 11  # key, value, key, value, ... in order
    ORDERED_DICT = 12  # key, value, key, value, ... in order
    DEFAULT_DICT = 13  # name of the factory or None, the entries as a dict
    RANGE = 14  # start, stop, step
    SLICE = 15  # start, stop, step
    ELLIPSIS = 16  # None
    PATH = 17  # kind of path, text
    DECIMAL = 18  # text
    UUID = 19  # 16 bytes
    TIMEDELTA = 20  # days, seconds, microseconds
    DATE = 21  # year, month, day
    TIME = 22  # hour, minute, second, microsecond, fold, tzinfo
    DATETIME = 23  # year, month, day, hour, minute, second, microsecond, fold, tzinfo
    TIMEZONE = 24  # offset as a timedelta, name or None
    ZONE_INFO = 25  # key
    BYTES_IO = 26  # content
    STRING_IO = 27  # content
    TYPE = 28  # a name in the closed table of types_std
    PARAMETER = 29  # name, kind, default, annotation
    SIGNATURE = 30  # annotation of what is returned, parameters
    # numpy (types_data).
    ARRAY = 40  # dtype, shape, order ("C" or "F"), buffer in that order (of objects: list)
    SCALAR = 41  # dtype, bytes
    DTYPE = 42  # text, or the fields of a structured dtype
    # pandas (types_pandas).
    FRAME = 48  # columns as an index, index, an array for each column
    SERIES = 49  # array, index, name
    INDEX = 50  # array, names, frequency or None
    RANGE_INDEX = 51  # start, stop, step, name
    MULTI_INDEX = 52  # names, levels, as many arrays of codes
    EXTENSION_DTYPE = 53  # kind, parameters
    EXTENSION_ARRAY = 54  # dtype, what its kind needs
    TIMESTAMP = 55  # count since 1970, unit, tzinfo
    PANDAS_TIMEDELTA = 56  # count, unit
    NOT_A_TIME = 57  # None
    NOT_AVAILABLE = 58  # None
    PERIOD = 59  # ordinal, frequency
    INTERVAL = 60  # left, right, closed
    # Other packages (types_extra).
    OK = 72  # value
    ERR = 73  # value
    COLLECTION = 74  # name, documents, whether there were more
    OBJECT_ID = 75  # 12 bytes
    TENSOR = 76  # dtype, shape, whether it asks for gradients, buffer in C order (types_torch)
    # 96 to 127 are for our own types.
    PARTITIONED = 112  # size of each part, a buffer for each, filled up with zeros to what a buffer must have
    UID = 96  # 16 bytes
    PLAN = 97  # a `model.plan.Plan`, as records are written
    PROTOCOL = 98  # a `model.protocol.SharedProtocol`, likewise


LARGEST_TAG = 127  # msgpack's extension types are a signed byte, and the negative ones are msgpack's own


class Packer(Protocol):
    """What a `pack` function is given to take a value apart with."""

    def pack(self, value: object, label: str = "") -> object:
        """The part that stands for `value`; `label` says where it is, for errors: `.name` or `[0]`."""

    def items(self, values: Collection[object], labels: Sequence[str] | None = None) -> object:
        """The parts that stand for many values; only as the whole of what a `pack` function returns."""

    def unordered(self, values: Collection[object]) -> object:
        """As `items`, for values whose order means nothing."""

    def buffer(self, data: bytes | memoryview) -> object:
        """The part that stands for these bytes, kept out of the header if there are many; not copied."""

    def encoded(self, value: object, label: str) -> Encoded:
        """A value encoded for itself, to be decoded for itself; nothing in it may be put in place later."""

    def refuse(self, kind: type, hint: str = "") -> NoReturn:
        """Raise `UnsupportedType` for a value of this type, here; `hint` says what to use instead."""


class Unpacker(Protocol):
    """What an `unpack` function is given to make a value with."""

    @property
    def zero_copy(self) -> bool:
        """Whether to make read-only views of the bytes rather than copies."""

    @property
    def trusted(self) -> bool:
        """Whether contents may go unchecked, being our own."""

    def view(self, part: object) -> memoryview:
        """The read-only bytes that a part made by `Packer.buffer` stands for."""

    @property
    def decode_later(self) -> Callable[[memoryview], object]:
        """Decodes what `Packer.encoded` has encoded, in the same way as the whole, when it is asked for."""


# (value, Packer) -> parts: plain values, and what the Packer's methods returned
Pack = Callable[..., object]
# (parts, Unpacker) -> value; may raise anything for parts that are not as they should be
Unpack = Callable[..., object]
TypeKey = tuple[str, str]


@dataclass(frozen=True)
class Entry:
    """One row of the table."""

    tag: int
    pack: Pack
    unpack: Unpack


_by_tag: dict[int, Entry] = {}
_by_type: dict[type, Entry] = {}
_by_key: dict[TypeKey, Entry] = {}
_frozen = False


def register(
    tag: int, kind: type | TypeKey, pack: Pack, unpack: Unpack, *, also: Sequence[type | TypeKey] = ()
) -> None:
    """Add a row to the table.

    Args:
        tag: a number of `Tag`, not yet in the table.
        kind: the type itself; or, of a package that may not be installed, (module, qualified name), where the
            package's name will do as the module. Exactly this type: a subclass could carry behaviour.
        pack: `pack(value, packer)` gives the parts.
        unpack: `unpack(parts, unpacker)` gives the value; it must expect anything at all as parts.
        also: other types that travel as this one.
    Raises:
        ValueError: the tag or a type is taken, or the tag is out of range.
        RuntimeError: the table is frozen.
    """
    if _frozen:
        raise RuntimeError(f"the table of tags is frozen: register {kind} when its module is imported")
    if not 0 <= tag <= LARGEST_TAG:
        raise ValueError(f"tag {tag} is not between 0 and {LARGEST_TAG}")
    if tag in _by_tag:
        raise ValueError(f"tag {tag} is taken")
    kinds = (kind, *also)
    for key in kinds:
        if key in _by_type or key in _by_key:
            raise ValueError(f"{key} has a tag already")
    entry = Entry(int(tag), pack, unpack)
    _by_tag[entry.tag] = entry
    for key in kinds:
        if isinstance(key, type):
            _by_type[key] = entry
        else:
            _by_key[key] = entry


def freeze() -> None:
    """Close the table; registering raises from here on. May be called again."""
    global _frozen
    _frozen = True


def find_by_tag(tag: int) -> Entry | None:
    """The row for a tag, if it is in the table."""
    return _by_tag.get(tag)


def find_by_type(kind: type) -> Entry | None:
    """The row for exactly this type, if there is one."""
    entry = _by_type.get(kind)
    if entry is not None:
        return entry
    module, name = kind.__module__, kind.__qualname__
    entry = _by_key.get((module, name)) or _by_key.get((module.partition(".")[0], name))
    if entry is None or not _is_at(kind, module, name):
        return None
    return entry


def display_name(kind: type) -> str:
    """A type's name as people know it: `int`, `pandas.DataFrame`, `io.BytesIO`."""
    package = kind.__module__.partition(".")[0].lstrip("_")
    return kind.__qualname__ if package == "builtins" else f"{package}.{kind.__qualname__}"


def _is_at(kind: type, module: str, name: str) -> bool:
    """Whether the type is what its module holds under its name: another may have been given the same name."""
    found: object = sys.modules.get(module)
    for step in name.split("."):
        found = getattr(found, step, None)
    return found is kind
