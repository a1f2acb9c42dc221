"""This module holds the standard library's types in the table of tags."""

from __future__ import annotations

import collections
import datetime
import decimal
import inspect
import io
import pathlib
import uuid
import zoneinfo
from collections.abc import Collection

from syft.errors import DecodeError
from syft.wire.parts import fields, integers, of_kind
from syft.wire.tags import Packer, Tag, Unpacker, display_name, register

# As `type` objects these travel, and no others: as annotations, as factories, as arguments such as dtype=float.
TYPES: dict[str, type] = {
    display_name(kind): kind
    for kind in (
        type(None), bool, int, float, complex, str, bytes, bytearray, memoryview, list, tuple, set, frozenset, dict,
        range, slice, object, type, collections.OrderedDict, collections.defaultdict, decimal.Decimal, uuid.UUID,
        datetime.date, datetime.time, datetime.datetime, datetime.timedelta, datetime.timezone, pathlib.Path,
        pathlib.PurePath, io.BytesIO, io.StringIO, inspect.Signature, inspect.Parameter, inspect.Parameter.empty,
    )
}  # fmt: skip
_NAMES = {kind: name for name, kind in TYPES.items()}
_FACTORIES = (
    "list",
    "dict",
    "set",
    "int",
    "float",
    "str",
)  # of defaultdict: what a missing entry is made with
_PATHS: dict[str, type[pathlib.PurePath]] = {
    "path": pathlib.Path,
    "posix": pathlib.PurePosixPath,
    "windows": pathlib.PureWindowsPath,
}
# A dict or set takes as many steps for a key as there are others of its hash: 100,000 of one would take minutes.
# Honest keys share theirs with a few at most: -1 and -2 do, and so do tuples of them.
_ONE_HASH_ALLOWED = 100


def _pack_bytes(value: bytes, packer: Packer) -> object:
    return packer.buffer(value)


def _unpack_bytes(parts: object, unpacker: Unpacker) -> bytes:
    return bytes(unpacker.view(parts))


def _pack_bytearray(value: bytearray, packer: Packer) -> object:
    return packer.buffer(bytes(value))  # a view would keep the owner from resizing it


def _unpack_bytearray(parts: object, unpacker: Unpacker) -> bytearray:
    return bytearray(unpacker.view(parts))


def _pack_text(value: str, packer: Packer) -> object:
    return packer.buffer(value.encode("utf-8", "surrogatepass"))


def _unpack_text(parts: object, unpacker: Unpacker) -> str:
    return str(unpacker.view(parts), "utf-8", "surrogatepass")


def _pack_int(value: int, packer: Packer) -> object:
    return packer.buffer(value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))


def _unpack_int(parts: object, unpacker: Unpacker) -> int:
    return int.from_bytes(unpacker.view(parts), "little", signed=True)


def _pack_complex(value: complex, packer: Packer) -> object:
    return [value.real, value.imag]


def _unpack_complex(parts: object, unpacker: Unpacker) -> complex:
    real, imaginary = fields(parts, 2)
    return complex(of_kind(real, float), of_kind(imaginary, float))


def _pack_items(value: Collection[object], packer: Packer) -> object:
    return packer.items(value)


def _unpack_tuple(parts: object, unpacker: Unpacker) -> tuple[object, ...]:
    return tuple(of_kind(parts, list))


def _pack_set(value: Collection[object], packer: Packer) -> object:
    return packer.unordered(value)


def _unpack_set(parts: object, unpacker: Unpacker) -> set[object]:
    return set(_unpack_frozenset(parts, unpacker))


def _unpack_frozenset(parts: object, unpacker: Unpacker) -> frozenset[object]:
    items = of_kind(parts, list)
    _check_hashes(items)
    found = frozenset(items)
    if len(found) != len(items):
        raise DecodeError("an element is there twice")
    return found


def _pack_dict(value: dict[object, object], packer: Packer) -> object:
    labels: list[str] = []
    for key in value:
        labels += [f".keys()[{len(labels) // 2}]", f"[{key!r}]"]
    return packer.items([part for entry in value.items() for part in entry], labels)


def _unpack_dict(parts: object, unpacker: Unpacker) -> dict[object, object]:
    items = of_kind(parts, list)
    keys = items[::2]
    _check_hashes(keys)
    found = dict(zip(keys, items[1::2], strict=True))
    if len(found) != len(keys):
        raise DecodeError("a key is there twice")
    return found


def _unpack_ordered_dict(parts: object, unpacker: Unpacker) -> collections.OrderedDict[object, object]:
    return collections.OrderedDict(_unpack_dict(parts, unpacker))


def _pack_default_dict(value: collections.defaultdict[object, object], packer: Packer) -> object:
    factory = value.default_factory
    name = None if factory is None else _NAMES.get(factory) if isinstance(factory, type) else ""
    if name is not None and name not in _FACTORIES:
        packer.refuse(
            type(value), f"its factory must be None or one of {', '.join(_FACTORIES)}: use dict(...) of it"
        )
    return [name, packer.pack(dict(value))]


def _unpack_default_dict(parts: object, unpacker: Unpacker) -> collections.defaultdict[object, object]:
    name, entries = fields(parts, 2)
    if name is not None and name not in _FACTORIES:
        raise DecodeError("not a factory")
    return collections.defaultdict(
        None if name is None else TYPES[of_kind(name, str)], of_kind(entries, dict)
    )


def _check_hashes(keys: list[object]) -> None:
    if (
        len(keys) > _ONE_HASH_ALLOWED
        and max(collections.Counter(map(hash, keys)).values()) > _ONE_HASH_ALLOWED
    ):
        raise DecodeError("too many keys of one hash")


def _pack_span(value: range | slice, packer: Packer) -> object:
    return [packer.pack(part) for part in (value.start, value.stop, value.step)]


def _unpack_range(parts: object, unpacker: Unpacker) -> range:
    start, stop, step = integers(fields(parts, 3))
    return range(start, stop, step)


def _unpack_slice(parts: object, unpacker: Unpacker) -> slice:
    start, stop, step = fields(parts, 3)
    return slice(start, stop, step)


def _pack_nothing(value: object, packer: Packer) -> object:
    return None


def _unpack_ellipsis(parts: object, unpacker: Unpacker) -> object:
    of_kind(parts, type(None))
    return ...


def _pack_path(value: pathlib.PurePath, packer: Packer) -> object:
    if isinstance(value, pathlib.Path):
        kind = "path"
    else:
        kind = "windows" if isinstance(value, pathlib.PureWindowsPath) else "posix"
    return [kind, packer.pack(str(value))]


def _unpack_path(parts: object, unpacker: Unpacker) -> pathlib.PurePath:
    kind, text = fields(parts, 2)
    return _PATHS[of_kind(kind, str)](of_kind(text, str))


def _pack_decimal(value: decimal.Decimal, packer: Packer) -> object:
    return packer.pack(str(value))


def _unpack_decimal(parts: object, unpacker: Unpacker) -> decimal.Decimal:
    return decimal.Decimal(of_kind(parts, str))


def _pack_uuid(value: uuid.UUID, packer: Packer) -> object:
    return value.bytes


def _unpack_uuid(parts: object, unpacker: Unpacker) -> uuid.UUID:
    return uuid.UUID(bytes=of_kind(parts, bytes))


def _pack_timedelta(value: datetime.timedelta, packer: Packer) -> object:
    return [value.days, value.seconds, value.microseconds]


def _unpack_timedelta(parts: object, unpacker: Unpacker) -> datetime.timedelta:
    return datetime.timedelta(*integers(fields(parts, 3)))


def _pack_date(value: datetime.date, packer: Packer) -> object:
    return [value.year, value.month, value.day]


def _unpack_date(parts: object, unpacker: Unpacker) -> datetime.date:
    year, month, day = integers(fields(parts, 3))
    return datetime.date(year, month, day)


def _pack_time(value: datetime.time | datetime.datetime, packer: Packer) -> list[object]:
    clock = [value.hour, value.minute, value.second, value.microsecond, value.fold]
    return [*clock, packer.pack(value.tzinfo, ".tzinfo")]


def _unpack_time(parts: object, unpacker: Unpacker) -> datetime.time:
    *clock, zone = fields(parts, 6)
    hour, minute, second, microsecond, fold = integers(clock)
    return datetime.time(hour, minute, second, microsecond, _zone(zone), fold=fold)


def _pack_datetime(value: datetime.datetime, packer: Packer) -> object:
    return [value.year, value.month, value.day, *_pack_time(value, packer)]


def _unpack_datetime(parts: object, unpacker: Unpacker) -> datetime.datetime:
    *clock, zone = fields(parts, 9)
    year, month, day, hour, minute, second, microsecond, fold = integers(clock)
    return datetime.datetime(year, month, day, hour, minute, second, microsecond, _zone(zone), fold=fold)


def _zone(part: object) -> datetime.tzinfo | None:
    if part is not None and not isinstance(part, datetime.tzinfo):
        raise DecodeError("not a time zone")
    return part


def _pack_timezone(value: datetime.timezone, packer: Packer) -> object:
    initial = value.__getinitargs__()  # type: ignore[attr-defined]  # the only way to tell a name given from one made up
    return [packer.pack(initial[0]), packer.pack(initial[1]) if len(initial) > 1 else None]


def _unpack_timezone(parts: object, unpacker: Unpacker) -> datetime.timezone:
    offset, name = fields(parts, 2)
    delta = of_kind(offset, datetime.timedelta)
    if name is None:
        return datetime.UTC if not delta else datetime.timezone(delta)
    return datetime.timezone(delta, of_kind(name, str))


def _pack_zone_info(value: zoneinfo.ZoneInfo, packer: Packer) -> object:
    if value.key is None:
        packer.refuse(type(value), "it was read from a file and has no name: use ZoneInfo(name)")
    return value.key


def _unpack_zone_info(parts: object, unpacker: Unpacker) -> zoneinfo.ZoneInfo:
    return zoneinfo.ZoneInfo(of_kind(parts, str))  # it refuses names that would leave the folder of zones


def _pack_bytes_io(value: io.BytesIO, packer: Packer) -> object:
    return packer.buffer(value.getvalue())


def _unpack_bytes_io(parts: object, unpacker: Unpacker) -> io.BytesIO:
    return io.BytesIO(unpacker.view(parts))


def _pack_string_io(value: io.StringIO, packer: Packer) -> object:
    return packer.pack(value.getvalue())


def _unpack_string_io(parts: object, unpacker: Unpacker) -> io.StringIO:
    return io.StringIO(of_kind(parts, str))


def _pack_type(value: type, packer: Packer) -> object:
    name = _NAMES.get(value)
    if name is None:
        packer.refuse(type, f"of classes only the built-in ones travel, not {display_name(value)}")
    return name


def _unpack_type(parts: object, unpacker: Unpacker) -> type:
    return TYPES[of_kind(parts, str)]


def _pack_annotation(value: object, packer: Packer) -> object:
    if isinstance(value, type) and type(value) is type:
        return packer.pack(value if value in _NAMES else display_name(value))
    return packer.pack(value if type(value) is str else inspect.formatannotation(value))


def _annotation(part: object) -> object:
    return part if type(part) is type else of_kind(part, str)


def _pack_parameter(value: inspect.Parameter, packer: Packer) -> object:
    default = packer.pack(value.default, ".default")
    return [value.name, int(value.kind), default, _pack_annotation(value.annotation, packer)]


def _unpack_parameter(parts: object, unpacker: Unpacker) -> inspect.Parameter:
    name, kind, default, annotation = fields(parts, 4)
    return inspect.Parameter(
        of_kind(name, str), inspect._ParameterKind(of_kind(kind, int)),
        default=default, annotation=_annotation(annotation),
    )  # fmt: skip


def _pack_signature(value: inspect.Signature, packer: Packer) -> object:
    parameters = value.parameters.items()
    packed = [packer.pack(parameter, f".parameters[{name!r}]") for name, parameter in parameters]
    return [_pack_annotation(value.return_annotation, packer), *packed]


def _unpack_signature(parts: object, unpacker: Unpacker) -> inspect.Signature:
    returned, *parameters = of_kind(parts, list)
    found = [of_kind(parameter, inspect.Parameter) for parameter in parameters]
    return inspect.Signature(found, return_annotation=_annotation(returned))


register(Tag.BYTES, bytes, _pack_bytes, _unpack_bytes)
register(Tag.TEXT, str, _pack_text, _unpack_text)
register(Tag.INT, int, _pack_int, _unpack_int)
register(Tag.COMPLEX, complex, _pack_complex, _unpack_complex)
register(Tag.BYTEARRAY, bytearray, _pack_bytearray, _unpack_bytearray)
register(Tag.TUPLE, tuple, _pack_items, _unpack_tuple)
register(Tag.SET, set, _pack_set, _unpack_set)
register(Tag.FROZENSET, frozenset, _pack_set, _unpack_frozenset)
register(Tag.DICT, dict, _pack_dict, _unpack_dict)
register(Tag.ORDERED_DICT, collections.OrderedDict, _pack_dict, _unpack_ordered_dict)
register(Tag.DEFAULT_DICT, collections.defaultdict, _pack_default_dict, _unpack_default_dict)
register(Tag.RANGE, range, _pack_span, _unpack_range)
register(Tag.SLICE, slice, _pack_span, _unpack_slice)
register(Tag.ELLIPSIS, type(...), _pack_nothing, _unpack_ellipsis)
register(
    Tag.PATH,
    type(pathlib.Path()),
    _pack_path,
    _unpack_path,
    also=(pathlib.PurePosixPath, pathlib.PureWindowsPath),
)
register(Tag.DECIMAL, decimal.Decimal, _pack_decimal, _unpack_decimal)
register(Tag.UUID, uuid.UUID, _pack_uuid, _unpack_uuid)
register(Tag.TIMEDELTA, datetime.timedelta, _pack_timedelta, _unpack_timedelta)
register(Tag.DATE, datetime.date, _pack_date, _unpack_date)
register(Tag.TIME, datetime.time, _pack_time, _unpack_time)
register(Tag.DATETIME, datetime.datetime, _pack_datetime, _unpack_datetime)
register(Tag.TIMEZONE, datetime.timezone, _pack_timezone, _unpack_timezone)
register(Tag.ZONE_INFO, zoneinfo.ZoneInfo, _pack_zone_info, _unpack_zone_info)
register(Tag.BYTES_IO, io.BytesIO, _pack_bytes_io, _unpack_bytes_io)
register(Tag.STRING_IO, io.StringIO, _pack_string_io, _unpack_string_io)
register(Tag.TYPE, type, _pack_type, _unpack_type)
register(Tag.PARAMETER, inspect.Parameter, _pack_parameter, _unpack_parameter)
register(Tag.SIGNATURE, inspect.Signature, _pack_signature, _unpack_signature)
