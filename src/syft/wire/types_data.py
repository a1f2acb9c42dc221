"""This module holds numpy's types in the table of tags, where installed.

An array is the bytes of its items as they lie in memory: nothing is copied to encode it and, with `zero_copy`, nothing
to use it. Bytes between the fields of a structured array, which are whatever was in memory before, do not travel.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from syft.errors import DecodeError
from syft.wire.parts import fields, integers, of_kind
from syft.wire.tags import Packer, Tag, Unpacker, register

if TYPE_CHECKING:  # it is heavy, and may not be installed
    import numpy as np

NESTED_TYPES = 5  # types of types of types: nobody has been seen to need more
# What `numpy.dtype` may be asked to read: one type of a fixed size; never "O", which holds pointers.
_DTYPE = re.compile(r"[<>|=]?(?:[biufcSUV]\d{1,9}|[mM]8(?:\[\d{0,9}[a-zA-Zμ]{1,2}\])?)|[qQ]")


def _describe(dtype: np.dtype[Any], packer: Packer) -> object:
    """A dtype as text, or as fields: [names, dtypes, offsets, size, aligned], or with a shape: [dtype, shape]."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return [_describe(base, packer), list(shape)]
    if dtype.names is not None:
        inner = [dtype.fields[name] for name in dtype.names]  # type: ignore[index]
        kinds = [_describe(field[0], packer) for field in inner]
        return [
            list(dtype.names),
            kinds,
            [field[1] for field in inner],
            dtype.itemsize,
            dtype.isalignedstruct,
        ]
    text = dtype.char if dtype.char in "qQ" and dtype.isnative else dtype.str
    if not _DTYPE.fullmatch(text):
        packer.refuse(type(dtype))
    return text


def _dtype(part: object, depth: int = 0) -> np.dtype[Any]:
    import numpy as np

    if type(part) is str:
        if not _DTYPE.fullmatch(part):
            raise DecodeError("not a dtype")
        return np.dtype(part)
    if depth > NESTED_TYPES:
        raise DecodeError("a dtype within dtypes within dtypes")
    parts = of_kind(part, list)
    if len(parts) == 2:
        return np.dtype((_dtype(parts[0], depth + 1), tuple(integers(of_kind(parts[1], list)))))
    names, kinds, offsets, size, aligned = fields(parts, 5)
    return np.dtype(
        {
            "names": [of_kind(name, str) for name in of_kind(names, list)],
            "formats": [_dtype(kind, depth + 1) for kind in of_kind(kinds, list)],
            "offsets": integers(of_kind(offsets, list)),
            "itemsize": of_kind(size, int),
        },
        align=of_kind(aligned, bool),
    )


def _pack_dtype(value: np.dtype[Any], packer: Packer) -> object:
    return "O" if value.char == "O" else _describe(value, packer)


def _unpack_dtype(parts: object, unpacker: Unpacker) -> np.dtype[Any]:
    import numpy as np

    return np.dtype(object) if parts == "O" else _dtype(parts)


def _pack_array(value: np.ndarray[Any, Any], packer: Packer) -> object:
    import numpy as np

    order, rows = _in_order(np.asarray(value))
    if value.dtype.char == "O":
        return ["O", list(value.shape), order, packer.pack(rows.reshape(-1).tolist())]
    if (
        value.dtype.itemsize == 0
    ):  # any number of them is no bytes at all: nothing would bound the shape on arrival
        packer.refuse(type(value), f"its items have no size ({value.dtype})")
    dtype = _describe(value.dtype, packer)
    if value.dtype.names is not None:
        rows = _without_padding(rows)
    data = rows.reshape(-1).view(np.uint8).data
    return [dtype, list(value.shape), order, packer.buffer(data)]


def _unpack_array(parts: object, unpacker: Unpacker) -> np.ndarray[Any, Any]:
    import numpy as np

    dtype_part, shape_part, order, content = fields(parts, 4)
    shape = _shape(shape_part)
    if dtype_part == "O":
        values = of_kind(content, list)
        objects = np.empty(len(values), dtype=object)
        objects[:] = values
        return _in_shape(objects, shape, order)
    dtype = _dtype(dtype_part)
    if dtype.itemsize == 0:
        raise DecodeError("items of no size")
    data = unpacker.view(content)
    items = np.frombuffer(data, dtype) if len(data) else np.empty(0, dtype)
    if type(content) is bytes or not items.flags.aligned:  # small, or the memory starts where processors mind
        items = items.copy()
        items.flags.writeable = False
    if not unpacker.trusted:
        _check_contents(items)
    array = _in_shape(items, shape, order)
    return array if unpacker.zero_copy else array.copy(order="K")


def _pack_scalar(value: Any, packer: Packer) -> object:
    kind = type(value).__name__
    if kind in ("str_", "bytes_"):  # of any length, also of none
        return [kind, packer.pack(value.item())]
    data = _without_padding(value.reshape(1)) if value.dtype.names is not None else value
    return [_describe(value.dtype, packer), packer.buffer(data.tobytes())]


def _unpack_scalar(parts: object, unpacker: Unpacker) -> object:
    import numpy as np

    kind, content = fields(parts, 2)
    if kind == "str_":
        return np.str_(of_kind(content, str))
    if kind == "bytes_":
        return np.bytes_(of_kind(content, bytes))
    array = np.frombuffer(bytes(unpacker.view(content)), _dtype(kind))
    _check_contents(array)
    return _in_shape(array, (1,), "C").copy()[0]


def _in_order(array: np.ndarray[Any, Any]) -> tuple[str, np.ndarray[Any, Any]]:
    """The order of an array's items, and the array or its transpose with them next to one another in that order."""
    import numpy as np

    if array.flags.f_contiguous and not array.flags.c_contiguous:
        return "F", array.T
    return "C", np.ascontiguousarray(array)


def _in_shape(flat: np.ndarray[Any, Any], shape: tuple[int, ...], order: object) -> np.ndarray[Any, Any]:
    if order == "C":
        return flat.reshape(shape)
    if order == "F":
        return flat.reshape(shape[::-1]).T
    raise DecodeError("not an order of items")


def _shape(part: object) -> tuple[int, ...]:
    shape = tuple(integers(of_kind(part, list)))
    if any(length < 0 for length in shape):  # numpy would work a length of -1 out for itself
        raise DecodeError("a negative length")
    return shape


def _without_padding(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A copy with zeros between the fields, where there is whatever was in memory before."""
    import numpy as np

    clean = np.zeros(rows.shape, rows.dtype)
    _copy_fields(rows, clean)
    return clean


def _copy_fields(source: np.ndarray[Any, Any], target: np.ndarray[Any, Any]) -> None:
    if source.dtype.names is None:
        target[...] = source
        return
    for name in source.dtype.names:
        _copy_fields(source[name], target[name])


def _check_contents(array: np.ndarray[Any, Any]) -> None:
    """Refuse bytes that numpy would take for a bool or a character and that are neither."""
    import numpy as np

    if array.dtype.names is not None:
        for name in array.dtype.names:
            _check_contents(array[name])
    elif array.dtype.kind == "b" and array.size and array.view(np.uint8).max() > 1:
        raise DecodeError("neither true nor false")
    elif array.dtype.kind == "U" and array.size and array.dtype.itemsize:
        characters = (
            np.ascontiguousarray(array).reshape(-1).view(np.dtype("u4").newbyteorder(array.dtype.byteorder))
        )
        if characters.max() > 0x10FFFF:
            raise DecodeError("not a character")


def flat(part: object) -> np.ndarray[Any, Any]:
    """The part, which must be an array of one dimension."""
    import numpy as np

    array = of_kind(part, np.ndarray)
    if array.ndim != 1:
        raise DecodeError("an array of several dimensions")
    return array


def keys(package: str, names: Iterable[str]) -> list[tuple[str, str]]:
    """Types of a package, as `register` takes them."""
    return [(package, name) for name in names]


_SCALARS = (
    "bool", "int8", "int16", "int32", "int64", "longlong", "uint8", "uint16", "uint32", "uint64", "ulonglong",
    "float16", "float32", "float64", "longdouble", "complex64", "complex128", "clongdouble",
    "datetime64", "timedelta64", "str_", "bytes_", "void",
)  # fmt: skip
_DTYPES = (
    "BoolDType", "Int8DType", "Int16DType", "Int32DType", "Int64DType", "LongLongDType", "UInt8DType", "UInt16DType",
    "UInt32DType", "UInt64DType", "ULongLongDType", "Float16DType", "Float32DType", "Float64DType", "LongDoubleDType",
    "Complex64DType", "Complex128DType", "CLongDoubleDType", "ObjectDType", "BytesDType", "StrDType", "VoidDType",
    "DateTime64DType", "TimeDelta64DType",
)  # fmt: skip


register(Tag.ARRAY, ("numpy", "ndarray"), _pack_array, _unpack_array, also=[("numpy", "memmap")])
register(Tag.SCALAR, ("numpy", _SCALARS[0]), _pack_scalar, _unpack_scalar, also=keys("numpy", _SCALARS[1:]))
register(Tag.DTYPE, ("numpy", _DTYPES[0]), _pack_dtype, _unpack_dtype, also=keys("numpy", _DTYPES[1:]))
