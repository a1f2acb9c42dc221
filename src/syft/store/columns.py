"""This module says how a value of each type rests in a column of a table, and how it comes back.

A UID is 32 hex digits, a time the microseconds since 1970 in UTC, an Enum its value; text, numbers and truth
values are themselves; anything nested is JSON text.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final, Union, get_args, get_origin

import msgspec
from sqlalchemy import BigInteger, Boolean, Float, Integer, LargeBinary, Text
from sqlalchemy.types import TypeEngine

from syft.errors import InvalidInput
from syft.model.uid import UID

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_INT_END: Final = 1 << 63

# What a column holds is one of a few Python types, told apart at run time; the types here say no more.
Coder = Callable[[Any], Any]


@dataclass(frozen=True)
class Codec:
    """How values of one type rest in a column.

    Args:
        column_type: of the column.
        encode: to what the column holds; TypeError, ValueError or OverflowError where it cannot.
        decode: and back.
        nullable: whether None is a value.
        searchable: whether a question may be asked about it; not about JSON text.
    """

    column_type: TypeEngine[Any]
    encode: Coder
    decode: Coder
    nullable: bool = False
    searchable: bool = True


def _hex_of(value: UID) -> str:
    if not isinstance(value, UID):
        raise TypeError("not a UID")
    return value.value.hex


def micros_of(moment: datetime) -> int:
    """Microseconds from 1970 to `moment`, which has a zone (TypeError where it has not)."""
    return (moment - _EPOCH) // _MICROSECOND


def time_of(micros: int) -> datetime:
    """The moment, in UTC, so many microseconds after 1970 began."""
    return _EPOCH + timedelta(microseconds=micros)


def same(value: Any) -> Any:
    """The value itself: it rests as it is."""
    return value


def _only(kind: type) -> Coder:
    def check(value: object) -> object:
        # bool is an int to Python, and not to a person who looks for 1.
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise TypeError(f"not {kind.__name__}")
        return value

    return check


def _truth(value: object) -> bool:
    """A truth value, which SQLite keeps as 0 or 1."""
    if value not in (0, 1):
        raise TypeError("not bool")
    return bool(value)


def _whole_number(value: object) -> object:
    if type(value) is not int:
        raise TypeError("not int")
    if not -_INT_END <= value < _INT_END:
        raise OverflowError("more than 64 bits")
    return value


def _text(value: object) -> object:
    if type(value) is not str:
        raise TypeError("not str")
    value.encode()  # a lone surrogate has no UTF-8
    return value


def _uid_to_json(value: object) -> str:
    if isinstance(value, UID):
        return value.hex
    raise TypeError(f"{type(value).__name__} has no place in a record")


def _uid_from_json(kind: type, value: object) -> UID:
    if kind is UID and isinstance(value, str):
        return UID.from_string(value)
    raise TypeError(f"{kind.__name__} has no place in a record")


_json_encoder = msgspec.json.Encoder(enc_hook=_uid_to_json)


def json_text(value: object) -> str:
    """The JSON text that stands for something nested."""
    return _json_encoder.encode(value).decode()


_PLAIN: Final[dict[type, tuple[TypeEngine[Any], Coder]]] = {
    str: (Text(), _text),
    bool: (Boolean(), _only(bool)),
    int: (BigInteger(), _whole_number),
    float: (Float(), _only(float)),
    bytes: (LargeBinary(), _only(bytes)),
}


def codec_for(kind: Any) -> Codec:
    """How values of the type `kind` (an annotation, already resolved) rest in a column.

    Raises:
        TypeError: they have no form there; such as a union of UID and another type.
    """
    if get_origin(kind) in (Union, types.UnionType):
        others = [one for one in get_args(kind) if one is not type(None)]
        if len(others) == 1:
            return _optional(codec_for(others[0]))
    if isinstance(kind, type) and get_origin(kind) is None:
        if issubclass(kind, UID):
            return Codec(Text(), _hex_of, UID.from_string)
        if issubclass(kind, datetime):
            return Codec(BigInteger(), micros_of, time_of)
        if issubclass(kind, Enum):
            stored = Integer() if isinstance(next(iter(kind)).value, int) else Text()
            return Codec(stored, lambda value: kind(value).value, kind)
        if kind in _PLAIN:
            column_type, encode = _PLAIN[kind]
            return Codec(column_type, encode, _truth if kind is bool else same)
    decode = msgspec.json.Decoder(kind, dec_hook=_uid_from_json).decode
    return Codec(Text(), json_text, decode, searchable=False)


def _optional(codec: Codec) -> Codec:
    def encode(value: Any) -> Any:
        return None if value is None else codec.encode(value)

    def decode(value: Any) -> Any:
        return None if value is None else codec.decode(value)

    return Codec(codec.column_type, encode, decode, nullable=True, searchable=codec.searchable)


def checked(encode: Coder, value: object, name: str) -> Any:
    """`value`, encoded.

    Args:
        encode: of a codec.
        value: what a record holds, or a question asks for.
        name: of the column, for the message.
    Raises:
        InvalidInput: the column cannot hold it.
    """
    try:
        return encode(value)
    except (TypeError, ValueError, AttributeError, OverflowError):
        # The error may quote the value, and values belong neither in messages nor in logs.
        raise InvalidInput(f"'{name}' cannot hold this value of type {type(value).__name__}.") from None
