"""This module turns values (arguments, assets, results) into bytes and back, by the closed table in `tags`.

None, bool, integers of 64 bits, float, str, short bytes, list and dict with text keys are msgpack's own; everything
else is an extension: its tag, and the msgpack of its parts. Anything of 4 KiB or more is a buffer beside the msgpack
(see `layout`), so that the header stays small whatever the value. Every buffer belongs to exactly one value, so that
nothing can be larger in memory than it was on the wire.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

import msgspec

from syft.errors import DecodeError, MissingExtra, SyftException, TooLarge, UnsupportedType
from syft.wire import (  # noqa: F401  they fill the table
    types_data,
    types_extra,
    types_pandas,
    types_partitioned,
    types_plans,
    types_std,
    types_torch,
)
from syft.wire.hints import hint_for
from syft.wire.layout import INLINE_LIMIT_BYTES, Encoded, lay_out, take_apart
from syft.wire.tags import Tag, display_name, find_by_tag, find_by_type, freeze, register

__all__ = [
    "Encoded",
    "Placeholder",
    "Tag",
    "canonical",
    "decode",
    "encode",
    "freeze",
    "placeholder_in",
    "register",
]

MAX_DEPTH = (
    100  # people's data nests some ten deep; Python's own limit is 1,000 calls, of which a level takes four
)
EXTENSION_LIMIT_BYTES = 2**32 - 1  # msgpack's
_DEPTH_SLACK = 8  # a dtype of dtypes nests a little within its value; what could be encoded must decode

_SCALARS = frozenset({type(None), bool, float})
_PLAIN = frozenset({type(None), bool, int, float, str})
_ATOMS = _PLAIN | {bytes}
_NATIVE = _ATOMS | {list, dict}
_EXTRA_OF = {
    "numpy": "data",
    "pandas": "data",
    "pyarrow": "data",
    "result": "types",
    "bson": "types",
    "pymongo": "types",
    "torch": "torch",
}

_NOT_CANONICAL = range(Tag.ARRAY, Tag.UID)  # other packages': their versions may tell equal values apart

_PLACEHOLDER_BYTES_MAX = 64  # its number is 64 bits at most

_encoder = msgspec.msgpack.Encoder()


@dataclass(frozen=True)
class Placeholder:
    """Stands in an encoded value for one that is put there when it is decoded. Only who decodes knows which.

    Args:
        number: of the value, from 0.
    """

    number: int


def encode(
    value: object,
    *,
    max_depth: int = MAX_DEPTH,
    name: str = "value",
    stand_in: Callable[[object], object] | None = None,
) -> Encoded:
    """The value as bytes, without copying what is large in it.

    Args:
        value: of a type in the table, nested in any way.
        max_depth: how deep it may be nested.
        name: what to call it in errors.
        stand_in: what to encode in the place of a value of a type that is not in the table: a `Placeholder`, another
            value, or itself where there is nothing. Without it, placeholders do not travel either.
    Raises:
        UnsupportedType: it, or something in it, is of a type that cannot travel; says where, and what to use instead.
        TooLarge: nested too deeply (as a value that contains itself is), or beyond what msgpack can hold.
        MissingExtra: a package is needed to encode it.
    """
    packer = _Packer(name, max_depth, stand_in=stand_in)
    header = packer.header(value)
    shape = getattr(value, "shape", None) if find_by_type(type(value)) else None
    return Encoded(
        parts=tuple(lay_out(header, packer.buffers)),
        type_name=display_name(type(value)),
        shape=shape if isinstance(shape, tuple) else None,
    )


def canonical(value: object) -> bytes:
    """Bytes that are the same whenever the value is: for digests.

    Entries of a dict are in the dict's order, elements of a set in the order of their bytes.

    Args:
        value: of types of the standard library, nested in any way.
    Raises:
        UnsupportedType: it, or something in it, is of a type that cannot travel.
        TooLarge: nested too deeply.
    """
    return _Packer("value", MAX_DEPTH, canonical=True).header(value)


def decode(
    data: bytes | bytearray | memoryview | mmap.mmap,
    *,
    zero_copy: bool = False,
    trusted: bool = False,
    max_depth: int = MAX_DEPTH,
    placed: Sequence[object] = (),
) -> object:
    """The value that was encoded.

    Args:
        data: all of the bytes, and no more.
        zero_copy: make arrays and frames read-only views of `data`, which must then not change while they are used;
            otherwise they own their memory and can be written to.
        trusted: do not look through large contents for what would make later use of them fail or crash. Only for what
            the same party encoded: an asset of the owner's, inside the sandboxed job.
        max_depth: how deep it may be nested.
        placed: the values that placeholders stand for, by their number; each is put wherever it is named.
    Raises:
        DecodeError: these are not the bytes of a value, or a placeholder in it stands for nothing.
        TooLarge: nested too deeply, or there is not enough memory.
        MissingExtra: a package is needed to decode it; says which to install.
    """
    try:
        return _Unpacker(
            data, zero_copy=zero_copy, trusted=trusted, max_depth=max_depth, placed=placed
        ).value()
    except (DecodeError, TooLarge, MissingExtra):
        raise
    except (RecursionError, MemoryError) as error:
        raise TooLarge("the value is too large or too deeply nested to decode") from error
    except ImportError as error:
        raise _missing(error) from error
    except Exception as error:  # the bytes are anybody's, and other people's parsers raise anything
        raise DecodeError("these bytes are not a value", f"{type(error).__name__}: {error}") from error


def placeholder_in(data: bytes) -> int | None:
    """The number of the placeholder that an encoded value is, and nothing else is; None for any other value."""
    if len(data) > _PLACEHOLDER_BYTES_MAX:
        return None
    try:
        header, _ = take_apart(memoryview(data))
        node = _parts_decoder.decode(header)
        number = _parts_decoder.decode(node.payload) if isinstance(node, _Extension) else None
    except (DecodeError, msgspec.MsgspecError):
        return None
    return number if type(number) is int and number >= 0 and node.tag == Tag.PLACEHOLDER else None


class _Packer:
    """Takes one value apart. See `tags.Packer` for what `pack` functions may ask of it."""

    def __init__(
        self,
        name: str,
        max_depth: int,
        *,
        canonical: bool = False,
        stand_in: Callable[[object], object] | None = None,
    ) -> None:
        self.buffers: list[memoryview] = []
        self._stand_in = stand_in
        self._canonical = canonical
        self._path = [name]
        self._max_depth = max_depth

    def header(self, value: object) -> bytes:
        try:
            return _encoder.encode(self.pack(value))
        except (RecursionError, MemoryError) as error:
            raise TooLarge("the value is too large or too deeply nested to encode") from error
        except ImportError as error:
            raise _missing(error) from error

    def pack(self, value: object, label: str = "") -> object:
        if type(value) in _SCALARS or self._is_native(value):
            return value
        self._path.append(label)
        if len(self._path) - 2 >= self._max_depth:
            raise TooLarge(
                f"nested more than {self._max_depth} deep (does it contain itself?), at {self._where()}"
            )
        node = self._pack(value)
        self._path.pop()
        return node

    def _pack(self, value: object) -> object:
        kind = type(value)
        if kind is list:
            return self.items(value)  # type: ignore[arg-type]
        if kind is dict and _has_text_keys(value):  # type: ignore[arg-type]
            return self._text_dict(value)  # type: ignore[arg-type]
        entry = find_by_type(kind)
        if entry is None:
            return self._standing_in(value)
        if self._canonical and entry.tag in _NOT_CANONICAL:
            raise UnsupportedType(f"{display_name(kind)} has no canonical bytes, at {self._where()}")
        return self._extension(entry.tag, entry.pack(value, self))

    def _standing_in(self, value: object) -> object:
        """The node for a value of a type that is not in the table."""
        if self._stand_in is None:
            self.refuse(type(value))
        if type(value) is Placeholder:
            return self._extension(Tag.PLACEHOLDER, value.number)
        other = self._stand_in(value)
        if other is value:
            self.refuse(type(value))
        return self.pack(other)

    def encoded(self, value: object, label: str) -> Encoded:
        return encode(value, max_depth=self._max_depth - len(self._path), name=self._where() + label)

    def items(self, values: Collection[object], labels: Sequence[str] | None = None) -> object:
        plain = self._plain(values if type(values) in (list, tuple) else list(values))
        if plain is not None:
            return plain
        if labels is None:
            return [self.pack(value, f"[{index}]") for index, value in enumerate(values)]
        return [self.pack(value, label) for value, label in zip(values, labels, strict=True)]

    def unordered(self, values: Collection[object]) -> object:
        if not self._canonical:
            return self.items(values)
        return [
            msgspec.Raw(data) for data in sorted(_encoder.encode(self.pack(value, "[*]")) for value in values)
        ]

    def buffer(self, data: bytes | memoryview) -> object:
        if len(data) < INLINE_LIMIT_BYTES or self._canonical:
            return bytes(data)
        self.buffers.append(memoryview(data))
        return self._extension(Tag.BUFFER, len(self.buffers) - 1)

    def _is_native(self, value: object) -> bool:
        """Whether msgpack can hold it, and should."""
        if type(value) is int:
            return -(2**63) <= value < 2**64
        if type(value) is bytes:
            return len(value) < INLINE_LIMIT_BYTES or self._canonical
        if type(value) is str:
            return (len(value) < INLINE_LIMIT_BYTES or self._canonical) and _is_unicode(value)
        return False

    def _text_dict(self, entries: dict[str, object]) -> object:
        plain = self._plain(entries)
        if plain is not None:
            return plain
        return {key: self.pack(value, f"[{key!r}]") for key, value in entries.items()}

    def _plain(self, values: Collection[object]) -> object:
        """The node for a list of plain values, or a dict of them by text, in one step; None if not so simple."""
        of = values.values() if isinstance(values, dict) else values
        if not set(map(type, of)) <= _PLAIN:
            return None
        try:
            raw = _encoder.encode(values)
        except (OverflowError, UnicodeEncodeError):  # an integer beyond 64 bits, text that is not Unicode
            return None
        if len(raw) < INLINE_LIMIT_BYTES or self._canonical:
            return msgspec.Raw(raw)
        return self._extension(Tag.PACKED, self.buffer(raw))

    def _extension(self, tag: int, parts: object) -> msgspec.msgpack.Ext:
        payload = _encoder.encode(parts)
        if len(payload) > EXTENSION_LIMIT_BYTES:
            raise TooLarge(f"too many small values to encode, at {self._where()}")
        return msgspec.msgpack.Ext(int(tag), payload)

    def refuse(self, kind: type, hint: str = "") -> NoReturn:
        known = (base for base in kind.__mro__[1:] if base in _NATIVE or find_by_type(base))
        nearest = next(map(display_name, known), None)
        raise UnsupportedType(
            f"a value of type {display_name(kind)} cannot travel, at {self._where()}; {hint or hint_for(kind, nearest)}"
        )

    def _where(self) -> str:
        return "".join(self._path)


@dataclass
class _Extension:
    """A tag and the msgpack of its parts, not yet looked at."""

    tag: int
    payload: memoryview


@dataclass
class _Reference:
    """A buffer that a value has named, until the value takes it."""

    buffer: memoryview | None


_parts_decoder = msgspec.msgpack.Decoder(ext_hook=_Extension)


class _Unpacker:
    """Makes one value. See `tags.Unpacker` for what `unpack` functions may ask of it."""

    def __init__(
        self,
        data: bytes | bytearray | memoryview | mmap.mmap,
        *,
        zero_copy: bool,
        trusted: bool,
        max_depth: int,
        placed: Sequence[object],
    ) -> None:
        self._placed = placed
        self._max_depth = max_depth
        self.zero_copy = zero_copy
        self.trusted = trusted
        self._limit = max_depth + _DEPTH_SLACK
        self._header, self._buffers = take_apart(memoryview(data).cast("B").toreadonly())
        self._untaken = len(self._buffers)
        self._decoder = msgspec.msgpack.Decoder(ext_hook=_Extension)

    def value(self) -> object:
        value = self._make(self._decoder.decode(self._header), 0)
        if self._untaken:
            raise DecodeError("a buffer belongs to no value")
        return value

    def view(self, part: object) -> memoryview:
        if type(part) is bytes:
            return memoryview(part)
        if type(part) is not _Reference or part.buffer is None:
            raise DecodeError("a buffer is missing")
        buffer, part.buffer = part.buffer, None
        self._untaken -= 1
        return buffer

    @property
    def decode_later(self) -> Callable[[memoryview], object]:
        return partial(decode, zero_copy=self.zero_copy, trusted=self.trusted, max_depth=self._max_depth)

    def _make(self, node: object, depth: int) -> object:
        """The value for a node; lists and dicts are filled in where they are."""
        kind = type(node)
        if kind in _ATOMS:
            return node
        if depth > self._limit:
            raise TooLarge(f"nested more than {self._limit} deep")
        if kind is list:
            if not set(map(type, node)) <= _ATOMS:  # type: ignore[call-overload]
                node[:] = [self._make(child, depth + 1) for child in node]  # type: ignore[index, attr-defined]
            return node
        if kind is dict:
            if not set(map(type, node)) <= {str}:  # type: ignore[call-overload]
                raise DecodeError("a dict with keys that are not text")
            if not set(map(type, node.values())) <= _ATOMS:  # type: ignore[attr-defined]
                for key, child in node.items():  # type: ignore[attr-defined]
                    node[key] = self._make(child, depth + 1)  # type: ignore[index]
            return node
        if kind is _Extension:
            return self._extension(node, depth)  # type: ignore[arg-type]
        raise DecodeError("not a plain value")  # msgpack's own timestamps

    def _extension(self, node: _Extension, depth: int) -> object:
        payload = self._decoder.decode(node.payload)
        parts = self._make(payload, depth if type(payload) is list else depth + 1)
        if node.tag == Tag.BUFFER:
            return self._reference(parts)
        if node.tag == Tag.PACKED:
            return self._packed(parts)
        if node.tag == Tag.PLACEHOLDER:
            return self._in_place(parts)
        entry = find_by_tag(node.tag)
        if entry is None:
            raise DecodeError(f"unknown tag {node.tag}; was it sent by a later version?")
        return entry.unpack(parts, self)

    def _reference(self, index: object) -> _Reference:
        if type(index) is not int or not 0 <= index < len(self._buffers):
            raise DecodeError("no such buffer")
        buffer, self._buffers[index] = self._buffers[index], None
        if buffer is None:  # a second value of the same bytes would take memory that nobody sent
            raise DecodeError("a buffer belongs to two values")
        return _Reference(buffer)

    def _in_place(self, number: object) -> object:
        # Only a run's inputs may have placeholders: in anything else somebody wants to be given what is another's.
        if type(number) is not int or not 0 <= number < len(self._placed):
            raise DecodeError("a placeholder that stands for nothing")
        return self._placed[number]

    def _packed(self, part: object) -> object:
        values = msgspec.msgpack.decode(self.view(part))
        if type(values) is dict and set(map(type, values)) <= {str}:
            inner = set(map(type, values.values()))
        elif type(values) is list:
            inner = set(map(type, values))
        else:
            raise DecodeError("not a list of plain values")
        if not inner <= _PLAIN:
            raise DecodeError("not a list of plain values")
        return values


def _has_text_keys(entries: dict[object, object]) -> bool:
    return set(map(type, entries)) <= {str} and _is_unicode("".join(entries))  # type: ignore[arg-type]


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _missing(error: ImportError) -> SyftException:
    package = (error.name or "").partition(".")[0]
    extra = _EXTRA_OF.get(package, "all")
    return MissingExtra(f'this value needs {package or "a package"}: pip install "datasite[{extra}]"')
