"""This module holds pandas' types in the table of tags, where installed.

A frame is its columns, each as it lies in memory; so nothing is copied to encode it and, with `zero_copy`, nothing to
use it. What nobody sees does not travel: values under a mask, levels of an index that no row has, `attrs` and flags.
"""

from __future__ import annotations

import datetime
import zoneinfo
from typing import TYPE_CHECKING, Any

from syft.errors import DecodeError
from syft.wire.arrow import arrow_type, describe_arrow, pack_arrow, unpack_arrow
from syft.wire.parts import fields, integers, of_kind
from syft.wire.tags import Packer, Tag, Unpacker, register
from syft.wire.types_data import flat, keys

if TYPE_CHECKING:  # it is heavy, and may not be installed
    import pandas as pd

_UNITS = ("s", "ms", "us", "ns")
_MASKED = (
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "UInt8",
    "UInt16",
    "UInt32",
    "UInt64",
    "Float32",
    "Float64",
    "boolean",
)


def _pack_extension_dtype(value: Any, packer: Packer) -> object:
    import numpy as np

    kind = type(value).__name__
    if kind == "StringDtype":
        in_arrow = value.storage != "python"
        return ["string", in_arrow, value.storage == "pyarrow_numpy" or value.na_value is np.nan]
    if kind == "CategoricalDtype":
        return ["category", packer.pack(value.categories, ".categories"), value.ordered]
    if kind == "DatetimeTZDtype":
        return ["zoned", value.unit, _pack_zone(value.tz, packer)]
    if kind == "PeriodDtype":
        return ["period", value.name.removeprefix("period[").removesuffix("]")]
    if kind == "IntervalDtype":
        return ["interval", packer.pack(value.subtype), value.closed]
    if kind == "ArrowDtype":
        return ["arrow", describe_arrow(value.pyarrow_dtype, packer)]
    return ["masked", value.name]


def _unpack_extension_dtype(parts: object, unpacker: Unpacker) -> object:
    import numpy as np
    import pandas as pd

    kind, *rest = of_kind(parts, list)
    if kind == "string":
        in_arrow, as_nan = (of_kind(part, bool) for part in rest)
        storage: Any = "pyarrow" if in_arrow else "python"
        try:
            return pd.StringDtype(storage, na_value=np.nan if as_nan else pd.NA)
        except TypeError:  # pragma: no cover - before pandas 2.3
            storage = "pyarrow_numpy" if as_nan else storage
            return pd.StringDtype(storage)
    if kind == "category":
        categories, ordered = rest
        if categories is not None and not isinstance(categories, pd.Index):
            raise DecodeError("not categories")
        return pd.CategoricalDtype(categories, None if ordered is None else of_kind(ordered, bool))
    if kind == "zoned":
        unit, zone = rest
        return pd.DatetimeTZDtype(unit, _unpack_zone(zone))
    if kind == "period":
        (frequency,) = rest
        return pd.PeriodDtype(of_kind(frequency, str))
    if kind == "interval":
        subtype, closed = rest
        if subtype is not None and not isinstance(subtype, np.dtype | pd.api.extensions.ExtensionDtype):
            raise DecodeError("not a dtype")
        return pd.IntervalDtype(subtype, closed)  # type: ignore[arg-type]
    if kind == "arrow":
        (described,) = rest
        return pd.ArrowDtype(arrow_type(described))
    if kind != "masked" or rest not in [[name] for name in _MASKED]:
        raise DecodeError("not a dtype of pandas'")
    return pd.api.types.pandas_dtype(of_kind(rest[0], str))


def _pack_extension_array(value: Any, packer: Packer) -> object:
    import numpy as np

    kind = type(value.dtype).__name__
    if isinstance(value.dtype, np.dtype) or kind == "NumpyEADtype":  # pandas' wrapping of an array of numpy's
        return [None, packer.pack(value.to_numpy())]
    return [packer.pack(value.dtype, ".dtype"), *_pack_content(value, kind, packer)]


def _pack_content(value: Any, kind: str, packer: Packer) -> list[object]:
    import pyarrow as pa

    if kind == "StringDtype":
        try:
            return pack_arrow(_text_of(value), packer)
        except (UnicodeEncodeError, pa.ArrowException):  # half a surrogate pair
            return [packer.pack([None if item is value.dtype.na_value else item for item in value])]
    if kind == "CategoricalDtype":
        return [packer.pack(value.codes)]
    if kind in ("DatetimeTZDtype", "PeriodDtype"):
        return [packer.pack(value.asi8)]
    if kind == "IntervalDtype":
        return [packer.pack(value.left, ".left"), packer.pack(value.right, ".right")]
    if kind == "ArrowDtype":
        return pack_arrow(value.__arrow_array__(), packer)
    numbers, mask = value.dtype.numpy_dtype, value.isna()
    if not mask.any():
        return [packer.pack(value.to_numpy(numbers, copy=False)), None]
    return [packer.pack(value.to_numpy(numbers, na_value=0)), packer.pack(mask)]


def _unpack_extension_array(parts: object, unpacker: Unpacker) -> object:
    import numpy as np
    import pandas as pd

    dtype, *rest = of_kind(parts, list)
    if dtype is None:
        (array,) = rest
        return _series(flat(array), None, None).array
    if not isinstance(dtype, pd.api.extensions.ExtensionDtype):
        raise DecodeError("not a dtype of pandas'")
    if isinstance(dtype, pd.StringDtype):
        if len(rest) == 1:
            return pd.array(of_kind(rest[0], list), dtype=dtype)
        return dtype.__from_arrow__(  # type: ignore[attr-defined]
            unpack_arrow(rest, arrow_type(["large_string"]), unpacker)
        )
    if isinstance(dtype, pd.ArrowDtype):
        return pd.arrays.ArrowExtensionArray(unpack_arrow(rest, dtype.pyarrow_dtype, unpacker))
    if isinstance(dtype, pd.CategoricalDtype):
        (codes,) = rest
        if dtype.categories is None or flat(codes).dtype.kind != "i":
            raise DecodeError("not codes of categories")
        return pd.Categorical.from_codes(flat(codes), dtype=dtype, validate=not unpacker.trusted)
    if isinstance(dtype, pd.IntervalDtype):
        left, right = rest
        return pd.arrays.IntervalArray.from_arrays(left, right, closed=dtype.closed, dtype=dtype)  # type: ignore[arg-type]
    if isinstance(dtype, pd.DatetimeTZDtype | pd.PeriodDtype):
        (counts,) = rest
        if flat(counts).dtype != np.int64:
            raise DecodeError("not counts of time")
        if isinstance(dtype, pd.PeriodDtype):
            return pd.arrays.PeriodArray(flat(counts), dtype=dtype)
        return pd.array(flat(counts), dtype=dtype, copy=False)
    numbers, mask = fields(rest, 2)
    if flat(numbers).dtype != dtype.numpy_dtype:  # type: ignore[attr-defined]
        raise DecodeError("numbers of another type")
    mask = np.zeros(len(flat(numbers)), bool) if mask is None else flat(mask)
    return dtype.construct_array_type()(numbers, mask)  # type: ignore[call-arg]


def _text_of(value: Any) -> Any:
    import pyarrow as pa

    if value.dtype.storage == "python":
        return pa.array(value.to_numpy(object), pa.large_string(), from_pandas=True)
    return value.__arrow_array__()


def _pack_zone(zone: Any, packer: Packer) -> object:
    """A time zone; one of pytz's, which pandas used to make, by its name."""
    name = getattr(zone, "zone", None) if type(zone).__module__.partition(".")[0] == "pytz" else None
    return name if name is not None else packer.pack(zone, ".tz")


def _unpack_zone(part: object) -> datetime.tzinfo:
    if isinstance(part, datetime.tzinfo):
        return part
    name = of_kind(part, str)
    try:
        import pytz  # type: ignore[import-untyped]
    except ImportError:
        return zoneinfo.ZoneInfo(name)
    zone: datetime.tzinfo = pytz.timezone(name)
    return zone


def _array_of(holder: Any) -> object:
    """The one-dimensional array in a series or index."""
    import numpy as np

    return holder.to_numpy(copy=False) if isinstance(holder.dtype, np.dtype) else holder.array


def _column(part: object) -> Any:
    """The part, which must be a one-dimensional array of numpy's or of pandas'."""
    import pandas as pd

    return part if isinstance(part, pd.api.extensions.ExtensionArray) else flat(part)


def _object_or_none(array: Any) -> type | None:
    """What to say of the type of an array's values, so that pandas does not look for another in an array of objects."""
    return object if array.dtype == object else None


def _pack_frame(value: pd.DataFrame, packer: Packer) -> object:
    columns = [
        packer.pack(_array_of(value.iloc[:, place]), f"[{name!r}]")
        for place, name in enumerate(value.columns)
    ]
    return [packer.pack(value.columns, ".columns"), packer.pack(value.index, ".index"), *columns]


def _unpack_frame(parts: object, unpacker: Unpacker) -> pd.DataFrame:
    import pandas as pd

    names, index, *columns = of_kind(parts, list)
    if not isinstance(names, pd.Index) or not isinstance(index, pd.Index):
        raise DecodeError("not an index")
    series = {place: _series(part, index, None) for place, part in enumerate(columns)}
    # Side by side in memory once there are so many that pandas would complain of fragments.
    frame = pd.DataFrame(series, index=index, copy=len(series) > 100 and not unpacker.zero_copy)
    frame.columns = names
    return frame


def _series(part: object, index: pd.Index[Any] | None, name: object) -> pd.Series[Any]:
    import pandas as pd

    array = _column(part)
    return pd.Series(array, index=index, dtype=_object_or_none(array), name=name, copy=False)


def _pack_series(value: pd.Series[Any], packer: Packer) -> object:
    return [
        packer.pack(_array_of(value)),
        packer.pack(value.index, ".index"),
        packer.pack(value.name, ".name"),
    ]


def _unpack_series(parts: object, unpacker: Unpacker) -> pd.Series[Any]:
    import pandas as pd

    array, index, name = fields(parts, 3)
    if not isinstance(index, pd.Index):
        raise DecodeError("not an index")
    return _series(array, index, name)


def _pack_index(value: Any, packer: Packer) -> object:
    from pandas.tseries.frequencies import to_offset

    frequency = getattr(value, "freqstr", None) if value.dtype.kind in "mM" else None
    if frequency is not None and to_offset(frequency) != value.freq:
        frequency = None  # made of holidays and the like, which its name does not tell
    return [packer.pack(_array_of(value)), packer.pack(value.name, ".name"), frequency]


def _unpack_index(parts: object, unpacker: Unpacker) -> pd.Index[Any]:
    import pandas as pd

    array, name, frequency = fields(parts, 3)
    values = _column(array)
    index: pd.Index[Any] = pd.Index(
        values, dtype=_object_or_none(values), name=name, copy=False, tupleize_cols=False
    )
    if frequency is not None:
        if not isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex):
            raise DecodeError("a frequency of what is no time")
        index.freq = of_kind(frequency, str)  # type: ignore[misc, assignment]  # it is checked against the times
    return index


def _pack_range_index(value: pd.RangeIndex, packer: Packer) -> object:
    return [value.start, value.stop, value.step, packer.pack(value.name, ".name")]


def _unpack_range_index(parts: object, unpacker: Unpacker) -> pd.RangeIndex:
    import pandas as pd

    *span, name = fields(parts, 4)
    start, stop, step = integers(span)
    return pd.RangeIndex(start, stop, step, name=name)


def _pack_multi_index(value: pd.MultiIndex, packer: Packer) -> object:
    used = value.remove_unused_levels()
    return [packer.pack(list(value.names), ".names"), *map(packer.pack, (*used.levels, *used.codes))]


def _unpack_multi_index(parts: object, unpacker: Unpacker) -> pd.MultiIndex:
    import pandas as pd

    names, *rest = of_kind(parts, list)
    levels, codes = rest[: len(rest) // 2], rest[len(rest) // 2 :]
    if not all(isinstance(level, pd.Index) for level in levels):
        raise DecodeError("not an index")
    if not all(flat(level).dtype.kind == "i" for level in codes):
        raise DecodeError("not codes of levels")
    return pd.MultiIndex(levels=levels, codes=codes, names=of_kind(names, list), verify_integrity=True)


def _pack_timestamp(value: pd.Timestamp, packer: Packer) -> object:
    import numpy as np

    zone = None if value.tz is None else _pack_zone(value.tz, packer)
    return [int(value.asm8.view(np.int64)), value.unit, zone]


def _unpack_timestamp(parts: object, unpacker: Unpacker) -> object:
    import numpy as np
    import pandas as pd

    count, unit, zone = fields(parts, 3)
    if unit not in _UNITS:
        raise DecodeError("not a unit of time")
    stamp = pd.Timestamp(np.datetime64(of_kind(count, int), unit))
    return stamp if zone is None else stamp.tz_localize("UTC").tz_convert(_unpack_zone(zone))


def _pack_pandas_timedelta(value: pd.Timedelta, packer: Packer) -> object:
    import numpy as np

    return [int(value.asm8.view(np.int64)), value.unit]


def _unpack_pandas_timedelta(parts: object, unpacker: Unpacker) -> object:
    import numpy as np
    import pandas as pd

    count, unit = fields(parts, 2)
    if unit not in _UNITS:
        raise DecodeError("not a unit of time")
    return pd.Timedelta(np.timedelta64(of_kind(count, int), unit))


def _pack_nothing(value: object, packer: Packer) -> object:
    return None


def _unpack_not_a_time(parts: object, unpacker: Unpacker) -> object:
    import pandas as pd

    of_kind(parts, type(None))
    return pd.NaT


def _unpack_not_available(parts: object, unpacker: Unpacker) -> object:
    import pandas as pd

    of_kind(parts, type(None))
    return pd.NA


def _pack_period(value: pd.Period, packer: Packer) -> object:
    return [value.ordinal, value.freqstr]


def _unpack_period(parts: object, unpacker: Unpacker) -> object:
    import pandas as pd

    ordinal, frequency = fields(parts, 2)
    return pd.Period(ordinal=of_kind(ordinal, int), freq=of_kind(frequency, str))


def _pack_interval(value: pd.Interval[Any], packer: Packer) -> object:
    return [packer.pack(value.left, ".left"), packer.pack(value.right, ".right"), value.closed]


def _unpack_interval(parts: object, unpacker: Unpacker) -> object:
    import pandas as pd

    left, right, closed = fields(parts, 3)
    return pd.Interval(left, right, closed)


_EXTENSION_DTYPES = (
    "StringDtype", "CategoricalDtype", "PeriodDtype", "IntervalDtype", "ArrowDtype", "BooleanDtype", "Int8Dtype",
    "Int16Dtype", "Int32Dtype", "Int64Dtype", "UInt8Dtype", "UInt16Dtype", "UInt32Dtype", "UInt64Dtype",
    "Float32Dtype", "Float64Dtype",
)  # fmt: skip
_EXTENSION_ARRAYS = (
    "StringArray", "ArrowStringArray", "ArrowStringArrayNumpySemantics", "ArrowExtensionArray", "IntegerArray",
    "FloatingArray", "BooleanArray", "PeriodArray", "IntervalArray", "DatetimeArray", "TimedeltaArray",
    "NumpyExtensionArray",
)  # fmt: skip
_INDEXES = ("DatetimeIndex", "TimedeltaIndex", "PeriodIndex", "IntervalIndex", "CategoricalIndex")

register(Tag.FRAME, ("pandas", "DataFrame"), _pack_frame, _unpack_frame)
register(Tag.SERIES, ("pandas", "Series"), _pack_series, _unpack_series)
register(Tag.INDEX, ("pandas", "Index"), _pack_index, _unpack_index, also=keys("pandas", _INDEXES))
register(Tag.RANGE_INDEX, ("pandas", "RangeIndex"), _pack_range_index, _unpack_range_index)
register(Tag.MULTI_INDEX, ("pandas", "MultiIndex"), _pack_multi_index, _unpack_multi_index)
register(
    Tag.EXTENSION_DTYPE,
    ("pandas", "DatetimeTZDtype"),
    _pack_extension_dtype,
    _unpack_extension_dtype,
    also=keys("pandas", _EXTENSION_DTYPES),
)
register(
    Tag.EXTENSION_ARRAY,
    ("pandas", "Categorical"),
    _pack_extension_array,
    _unpack_extension_array,
    also=keys("pandas", _EXTENSION_ARRAYS),
)
register(Tag.TIMESTAMP, ("pandas", "Timestamp"), _pack_timestamp, _unpack_timestamp)
register(Tag.PANDAS_TIMEDELTA, ("pandas", "Timedelta"), _pack_pandas_timedelta, _unpack_pandas_timedelta)
register(Tag.NOT_A_TIME, ("pandas", "NaTType"), _pack_nothing, _unpack_not_a_time)
register(Tag.NOT_AVAILABLE, ("pandas", "NAType"), _pack_nothing, _unpack_not_available)
register(Tag.PERIOD, ("pandas", "Period"), _pack_period, _unpack_period)
register(Tag.INTERVAL, ("pandas", "Interval"), _pack_interval, _unpack_interval)
