"""This module takes Arrow arrays (text, and what pandas keeps in Arrow) apart into buffers and makes them again.

A column of text is the buffers of a `large_string` array: which of them are there, where each ends, the text. Arrow's
own files are not used: to read one is to believe somebody else's compression, extension types and nesting, before any
of it can be checked. Text under a null, and around a slice, does not travel.
"""

from __future__ import annotations

from typing import Any

from syft.errors import DecodeError
from syft.wire.parts import fields, of_kind, text_or_none
from syft.wire.tags import Packer, Unpacker
from syft.wire.types_data import NESTED_TYPES, flat

_ARROW_NUMBERS = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "halffloat", "float", "double",
)  # fmt: skip
_ARROW_CARRIED = {  # counts of something, kept as integers: the type's name, and its integer's
    "date32": "int32", "date64": "int64", "time32": "int32", "time64": "int64",
    "timestamp": "int64", "duration": "int64",
}  # fmt: skip
_ARROW_TEXT = ("large_string", "string", "large_binary", "binary")


def describe_arrow(kind: Any, packer: Packer) -> list[object]:
    """An Arrow type: its name and parameters, a nested one's as descriptions again."""
    import pyarrow as pa

    name = _arrow_name(kind)
    if name in ("timestamp", "duration", "time32", "time64"):
        zone = [text_or_none(kind.tz)] if name == "timestamp" else []
        return [name, kind.unit, *zone]
    if name in ("decimal128", "decimal256"):
        return [name, kind.precision, kind.scale]
    if name in ("list", "large_list"):
        return [name, describe_arrow(kind.value_type, packer)]
    if name == "struct":
        inner = [kind.field(index) for index in range(kind.num_fields)]
        return [
            name,
            [field.name for field in inner],
            [describe_arrow(field.type, packer) for field in inner],
        ]
    if name not in (*_ARROW_NUMBERS, *_ARROW_TEXT, "date32", "date64", "null"):
        packer.refuse(pa.DataType, f"of Arrow's types, {kind} does not: convert the column with .astype(...)")
    return [name]


def _arrow_name(kind: Any) -> str:
    return str(kind).partition("[")[0].partition("<")[0].partition("(")[0]


def arrow_type(part: object, depth: int = 0) -> Any:
    """The Arrow type that `describe_arrow` described."""
    import pyarrow as pa

    if depth > NESTED_TYPES:
        raise DecodeError("a type within types within types")
    name, *rest = of_kind(part, list)
    if name in ("timestamp", "duration", "time32", "time64", "decimal128", "decimal256"):
        make = {
            "timestamp": pa.timestamp, "duration": pa.duration, "time32": pa.time32, "time64": pa.time64,
            "decimal128": pa.decimal128, "decimal256": pa.decimal256,
        }[name]  # fmt: skip
        return make(*rest)
    if name in ("list", "large_list"):
        (inner,) = rest
        return {"list": pa.list_, "large_list": pa.large_list}[name](arrow_type(inner, depth + 1))
    if name == "struct":
        names, kinds = rest
        inner_types = [arrow_type(kind, depth + 1) for kind in of_kind(kinds, list)]
        return pa.struct(list(zip(of_kind(names, list), inner_types, strict=True)))
    if rest:
        raise DecodeError("a type with parameters it does not have")
    plain = {
        "bool": pa.bool_, "int8": pa.int8, "int16": pa.int16, "int32": pa.int32, "int64": pa.int64,
        "uint8": pa.uint8, "uint16": pa.uint16, "uint32": pa.uint32, "uint64": pa.uint64,
        "halffloat": pa.float16, "float": pa.float32, "double": pa.float64, "null": pa.null,
        "date32": pa.date32, "date64": pa.date64,
        "string": pa.string, "large_string": pa.large_string, "binary": pa.binary, "large_binary": pa.large_binary,
    }  # fmt: skip
    return plain[of_kind(name, str)]()


def pack_arrow(array: Any, packer: Packer) -> list[object]:
    """What is in an Arrow array: [numbers, mask or None], the buffers of text, or [items]."""
    import pyarrow as pa

    name = _arrow_name(array.type)
    if name in _ARROW_TEXT:
        large = pa.large_string() if "string" in name else pa.large_binary()
        return _pack_text_array(_one_chunk(array.cast(large)), packer)
    array = _one_chunk(array)
    if name in _ARROW_CARRIED:
        array = array.view(getattr(pa, _ARROW_CARRIED[name])())
    elif name not in _ARROW_NUMBERS:
        return [packer.pack(array.to_pylist())]
    mask = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
    filled = array if mask is None else array.fill_null(False if name == "bool" else 0)
    return [packer.pack(filled.to_numpy(zero_copy_only=False)), packer.pack(mask)]


def unpack_arrow(parts: object, kind: Any, unpacker: Unpacker) -> Any:
    """The Arrow array of type `kind` that `pack_arrow` took apart; valid throughout, unless trusted."""
    import numpy as np
    import pyarrow as pa

    name, found = _arrow_name(kind), of_kind(parts, list)
    if name in _ARROW_TEXT:
        large = pa.large_string() if "string" in name else pa.large_binary()
        return _unpack_text_array(found, large, unpacker).cast(kind)
    if name not in _ARROW_NUMBERS and name not in _ARROW_CARRIED:
        (items,) = found
        return pa.array(of_kind(items, list), kind)
    numbers, mask = fields(found, 2)
    carrier = getattr(pa, _ARROW_CARRIED[name])() if name in _ARROW_CARRIED else kind
    if carrier.to_pandas_dtype() != flat(numbers).dtype:
        raise DecodeError("numbers of another type")
    if mask is not None and flat(mask).dtype != np.bool_:
        raise DecodeError("not a mask")
    array = pa.array(numbers, carrier, mask=mask, from_pandas=False)
    if name in _ARROW_CARRIED:
        array = array.view(kind)
    if not unpacker.trusted:
        array.validate(full=True)
    return array


def _one_chunk(array: Any) -> Any:
    """An Arrow array of one piece, without copying if it was."""
    import pyarrow as pa

    if not isinstance(array, pa.ChunkedArray):
        return array
    return (
        array.chunk(0)
        if array.num_chunks == 1
        else pa.concat_arrays(array.chunks)
        if array.chunks
        else pa.array([], array.type)
    )


def _pack_text_array(array: Any, packer: Packer) -> list[object]:
    """The buffers of a `large_string` or `large_binary` array: [length, what is there or None, ends, content]."""
    import numpy as np
    import pyarrow as pa

    length, valid = len(array), None
    if array.null_count:
        valid = packer.buffer(
            np.packbits(array.is_valid().to_numpy(zero_copy_only=False), bitorder="little").data
        )
        array = array.fill_null(
            "" if pa.types.is_large_string(array.type) else b""
        )  # there may be text under a null
    _, ends_buffer, content = array.buffers()
    ends = (
        np.frombuffer(ends_buffer, np.int64)[array.offset : array.offset + length + 1]
        if length
        else np.zeros(1, np.int64)
    )
    start, stop = int(ends[0]), int(ends[-1])
    return [
        length,
        valid,
        packer.buffer(
            (ends - start if start else ends).view(np.uint8).data
        ),  # of a slice, only what is in it
        packer.buffer(memoryview(content)[start:stop].cast("B") if content is not None else b""),
    ]


def _unpack_text_array(parts: list[object], kind: Any, unpacker: Unpacker) -> Any:
    import pyarrow as pa

    length, valid, ends, content = fields(parts, 4)
    rows = of_kind(length, int)
    present = None if valid is None else _arrow_buffer(valid, unpacker)
    ends_buffer = _arrow_buffer(ends, unpacker)
    if rows < 0 or ends_buffer.size != 8 * (rows + 1) or (present and present.size != -(-rows // 8)):
        raise DecodeError("a column of text of another length")
    array = pa.Array.from_buffers(kind, rows, [present, ends_buffer, _arrow_buffer(content, unpacker)])
    if not unpacker.trusted:
        array.validate(full=True)
    return array


def _arrow_buffer(part: object, unpacker: Unpacker) -> Any:
    import numpy as np
    import pyarrow as pa

    data = unpacker.view(part)
    aligned = bool(data) and np.frombuffer(data, np.uint8).ctypes.data % 8 == 0
    return pa.py_buffer(data if unpacker.zero_copy and aligned else bytes(data))
