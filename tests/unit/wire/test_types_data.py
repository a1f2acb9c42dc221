"""numpy and pandas: what comes out is exactly what went in."""

from __future__ import annotations

import datetime
import decimal
import mmap
import sys
import zoneinfo
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from syft.errors import UnsupportedType
from syft.wire import types_pandas
from syft.wire.codec import decode, encode

PARIS = zoneinfo.ZoneInfo("Europe/Paris")
AWARE = pd.date_range("2024-10-27", periods=4, freq="h", tz=PARIS)  # over the end of summer time


def there_and_back(value: object, *, zero_copy: bool = False, trusted: bool = False) -> Any:
    return decode(encode(value).to_bytes(), zero_copy=zero_copy, trusted=trusted)


# --- numpy

PADDED = np.dtype([("flag", "?"), ("size", "<f8"), ("name", "<U3")], align=True)
ARRAYS = {
    "bool": np.array([True, False, True]),
    "int8": np.arange(5, dtype="i1"),
    "uint64": np.array([0, 2**64 - 1], dtype="u8"),
    "big endian": np.arange(5, dtype=">i4"),
    "float16": np.array([1.5, np.nan, np.inf], dtype="f2"),
    "long double": np.array([1, 3], dtype=np.longdouble) / 3,
    "complex": np.array([1 + 2j, np.nan]),
    "datetime64": np.array(["2024-01-01", "NaT"], dtype="M8[D]"),
    "datetime64 in steps of 25 s": np.array([1, 2], dtype="M8[25s]"),
    "text": np.array(["a", "äöü", "𝄞"]),
    "text, big endian": np.array(["a", "äöü", "𝄞"]).astype(">U3"),
    "bytes": np.array([b"a", b"bcd"]),
    "void": np.zeros(2, dtype="V5"),
    "fields": np.array([(1, 2.5, "ab"), (0, -0.5, "")], dtype=PADDED),
    "fields in fields": np.zeros(3, dtype=[("a", [("b", "i2"), ("c", "f4", (2, 2))]), ("d", "S3")]),
    "no dimensions": np.array(3.5),
    "empty": np.zeros((0, 3)),
    "empty, large": np.zeros((0, 2**40)),
    "columns first": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "three dimensions, columns first": np.asfortranarray(np.arange(24).reshape(2, 3, 4)),
    "every second": np.arange(20)[::2],
    "backwards": np.arange(20)[::-1],
    "a corner": np.arange(20).reshape(4, 5)[1:3, 2:4],
    "broadcast": np.broadcast_to(np.arange(3), (4, 3)),
    "large": np.arange(100_000, dtype="f4"),
    "large, columns first": np.asfortranarray(np.arange(10_000).reshape(100, 100)),
    "objects": np.array([1, "a", None, (1, 2), {"k": [1.5]}], dtype=object),
    "objects, two dimensions": np.array([[1, "a"], [None, 2.5]], dtype=object, order="F"),
    "objects, none": np.array([], dtype=object),
    "objects, arrays": np.array([np.arange(3), np.arange(2)], dtype=object),
}


def assert_same_array(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> None:
    assert type(other) is np.ndarray
    assert other.dtype == one.dtype
    assert other.dtype.isalignedstruct == one.dtype.isalignedstruct
    assert other.shape == one.shape
    if one.dtype == object:
        for a, b in zip(one.reshape(-1), other.reshape(-1), strict=True):
            assert type(a) is type(b)
            np.testing.assert_array_equal(a, b)
    else:
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("zero_copy", [False, True])
@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_comes_back_as_it_was(name: str, zero_copy: bool) -> None:
    array = ARRAYS[name]

    back = there_and_back(array, zero_copy=zero_copy)

    assert_same_array(array, back)
    if array.flags.f_contiguous and not array.flags.c_contiguous:
        assert back.flags.f_contiguous
    if array.dtype != object:
        assert back.flags.writeable is not zero_copy


def test_a_memory_map_travels_as_an_array(tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "array", dtype="f8", shape=(3, 4), mode="w+")
    mapped[:] = 2

    assert_same_array(np.full((3, 4), 2.0), there_and_back(mapped))


def test_bytes_between_fields_do_not_travel() -> None:
    dirty = np.frombuffer(b"\xee" * PADDED.itemsize * 2, dtype=PADDED).copy()
    dirty["flag"], dirty["size"], dirty["name"] = True, 1.0, "a"

    assert b"\xee" not in encode(dirty).to_bytes()
    assert b"\xee" not in encode(dirty[0]).to_bytes()
    assert_same_array(dirty, there_and_back(dirty))


SCALARS = [
    *(np.dtype(char).type(1) for char in "?bhilqBHILQefdgFDG"),
    np.float64("nan"),
    np.datetime64("2024-01-01T00:00", "ns"),
    np.datetime64("NaT", "s"),
    np.timedelta64(5, "D"),
    np.str_("äöü"),
    np.str_(""),
    np.bytes_(b"abc"),
    np.bytes_(b""),
    np.array([(1, 2.5, "ab")], dtype=PADDED)[0],
    np.void(b"abc"),
]


@pytest.mark.parametrize("scalar", SCALARS, ids=lambda scalar: f"{type(scalar).__name__} {scalar!r:.20}")
def test_a_scalar_keeps_its_type(scalar: Any) -> None:
    back = there_and_back(scalar)

    assert type(back) is type(scalar)
    assert back.dtype == scalar.dtype
    np.testing.assert_array_equal(back, scalar)


@pytest.mark.parametrize("text", ["f8", ">i4", "M8[ms]", "m8[h]", "U7", "S3", "O", "?", "c16", "V4", "q"])
def test_a_dtype_travels(text: str) -> None:
    assert there_and_back(np.dtype(text)) == np.dtype(text)


def test_a_dtype_of_fields_travels() -> None:
    assert there_and_back(PADDED) == PADDED


@pytest.mark.parametrize(
    "value",
    [
        np.ma.masked_array([1, 2], mask=[True, False]),
        np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        np.zeros(3, dtype="V0"),
        np.zeros(3, dtype=[("a", "O")]),
        np.array(["a"], dtype=np.dtypes.StringDType()),
    ],
    ids=["masked", "records", "no size", "objects in fields", "text of any length"],
)
def test_other_arrays_are_refused(value: object) -> None:
    with pytest.raises(UnsupportedType, match=r"cannot travel, at value"):
        encode(value)


# --- pandas

MIXED = [1, "a", None, 2.5, (1, 2), b"b", datetime.date(2024, 1, 1), np.float32(1), [1, {"k": pd.NA}], pd.NaT]
COLUMNS: dict[str, Any] = {
    "int64": np.arange(4),
    "int8": np.arange(4, dtype="i1"),
    "uint64": np.array([0, 2**64 - 1], dtype="u8"),
    "float64": np.array([1.5, np.nan, np.inf, -0.0]),
    "float32": np.array([1.5, np.nan], dtype="f4"),
    "complex": np.array([1 + 2j, np.nan]),
    "bool": np.array([True, False]),
    "datetime, ns": pd.Series(pd.to_datetime(["2024-01-01", None]).as_unit("ns")),
    "datetime, s": pd.Series(pd.to_datetime(["2024-01-01", None]).as_unit("s")),
    "timedelta, ms": pd.Series(pd.to_timedelta([1, None], unit="s").as_unit("ms")),
    "zoned": pd.Series(AWARE),
    "zoned, utc": pd.Series(AWARE.tz_convert("UTC")),
    "zoned, by name, s": pd.Series(
        pd.to_datetime(["2024-01-01", None]).as_unit("s").tz_localize("Asia/Tokyo")
    ),
    "zoned, by offset": pd.Series(AWARE.tz_convert(datetime.timezone(datetime.timedelta(hours=2)))),
    "text": ["a", "äöü", "", "x" * 10],
    "text, some missing": ["a", None, "c"],
    "text, all missing": pd.Series([None, None], dtype="string"),
    "text in Python": pd.array(["a", None, "c"], dtype="string[python]"),
    "text in Arrow": pd.array(["a", None, "c"], dtype="string[pyarrow]"),
    "text in Python, half a pair": pd.Series(["\ud800", None], dtype=pd.StringDtype("python")),
    "text as objects": np.array(["a", "b"], dtype=object),
    "text as objects, missing": np.array(["a", None, float("nan")], dtype=object),
    "numbers as objects": np.array([1, 2**70, 1.5], dtype=object),
    "bools as objects": np.array([True, None], dtype=object),
    "times as objects": np.array([pd.Timestamp("2024-01-01"), AWARE[0]], dtype=object),
    "mixed": pd.Series(MIXED, dtype=object),
    "categories": pd.Categorical(["a", "b", None, "a"], categories=["b", "a", "unused"]),
    "categories in order": pd.Categorical(["a", "b"], ordered=True),
    "categories of numbers": pd.Categorical([3, 1, 3]),
    "categories of times": pd.Categorical(pd.to_datetime(["2024-01-01", "2025-01-01"])),
    "categories, none": pd.Categorical([]),
    "many categories": pd.Categorical([f"{number}" for number in range(300)]),
    "cut": pd.cut([1, 5, 9], bins=3),
    **{
        name: pd.array([1, None, 0], dtype=name)
        for name in ("Int8", "Int64", "UInt16", "Float32", "Float64", "boolean")
    },
    "Int64, none missing": pd.array([1, 2], dtype="Int64"),
    "periods": pd.array(pd.period_range("2024-01", periods=3, freq="M")),
    "periods of quarters": pd.array(pd.PeriodIndex(["2024Q1", None], freq="Q-NOV")),
    "periods of two days": pd.array(pd.period_range("2024-01-01", periods=3, freq="2D")),
    "intervals": pd.arrays.IntervalArray.from_breaks([0, 1, 2], closed="left"),
    "intervals of floats": pd.array([pd.Interval(0.5, 1.5), None]),
    "intervals of times": pd.arrays.IntervalArray.from_breaks(AWARE),
    **{
        f"Arrow {name}": pd.array([1, None, 0], dtype=f"{name}[pyarrow]")
        for name in ("int8", "int64", "uint32", "float", "double", "bool")
    },
    "Arrow string": pd.array(["a", None], dtype="large_string[pyarrow]"),
    "Arrow string, short": pd.array(["a", None], dtype=pd.ArrowDtype(pa.string())),
    "Arrow binary": pd.array([b"a", None], dtype="binary[pyarrow]"),
    "Arrow timestamp": pd.array([pd.Timestamp("2024-01-01"), None], dtype="timestamp[us][pyarrow]"),
    "Arrow timestamp, zoned": pd.array([AWARE[0], None], dtype="timestamp[ns, tz=Europe/Paris][pyarrow]"),
    "Arrow date": pd.array([datetime.date(2024, 1, 1), None], dtype="date32[pyarrow]"),
    "Arrow time": pd.array([datetime.time(1, 2), None], dtype="time64[us][pyarrow]"),
    "Arrow duration": pd.array([pd.Timedelta(1, "s"), None], dtype="duration[ms][pyarrow]"),
    "Arrow decimal": pd.array([decimal.Decimal("1.50"), None], dtype=pd.ArrowDtype(pa.decimal128(10, 2))),
    "Arrow list": pd.array([[1, 2], None], dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
    "Arrow struct": pd.array(
        [{"a": 1, "b": "x"}, None],
        dtype=pd.ArrowDtype(pa.struct([("a", pa.int8()), ("b", pa.string())])),
    ),
    "Arrow null": pd.array([None, None], dtype="null[pyarrow]"),
}


@pytest.mark.parametrize("how", [{}, {"zero_copy": True}, {"zero_copy": True, "trusted": True}], ids=str)
@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_comes_back_as_it_was(name: str, how: dict[str, bool]) -> None:
    frame = pd.DataFrame({"column": COLUMNS[name]})

    back = there_and_back(frame, **how)

    pd.testing.assert_frame_equal(back, frame, check_exact=True, check_column_type="exact")
    assert back["column"].dtype == frame["column"].dtype
    assert list(map(type, back["column"])) == list(map(type, frame["column"]))


@pytest.mark.parametrize("rows", [slice(0), slice(1), slice(1, None), slice(None, None, 2)], ids=str)
@pytest.mark.parametrize("name", COLUMNS)
def test_a_part_of_a_column_comes_back_as_it_was(name: str, rows: slice) -> None:
    series = pd.Series(COLUMNS[name]).iloc[rows]

    pd.testing.assert_series_equal(there_and_back(series), series, check_exact=True)


@pytest.mark.parametrize("name", COLUMNS)
def test_an_array_of_pandas_comes_back_as_it_was(name: str) -> None:
    array = pd.Series(COLUMNS[name]).array

    back = there_and_back(array)

    assert type(back) is type(array)
    pd.testing.assert_series_equal(pd.Series(back), pd.Series(array))


INDEXES = {
    "range": pd.RangeIndex(2, 20, 3, name="r"),
    "int": pd.Index([3, 1, 2]),
    "int8": pd.Index(np.array([3, 1], dtype="i1")),
    "float": pd.Index([1.5, np.nan], name=("a", 1)),
    "bool": pd.Index([True, False]),
    "text": pd.Index(["b", "a"], name="n"),
    "text as objects": pd.Index(["b", None], dtype=object),
    "tuples": pd.Index([(1, 2), ("a", "b")], dtype=object, tupleize_cols=False),
    "mixed": pd.Index([1, "a", None, 2.5], dtype=object, name=0),
    "twice the same": pd.Index(["a", "a", "b"]),
    "times": pd.to_datetime(["2024-01-01", "2023-01-01"]),
    "times, daily": pd.date_range("2024-01-01", periods=5, freq="D", name="d"),
    "times, month ends": pd.date_range("2024-01-01", periods=5, freq="ME"),
    "times, business days": pd.date_range("2024-01-01", periods=5, freq="B"),
    "times, zoned": AWARE,
    "times, daily over the end of summer time": pd.date_range("2024-10-25", periods=5, freq="D", tz=PARIS),
    "durations": pd.timedelta_range("1h", periods=3, freq="2h"),
    "periods": pd.period_range("2024-01", periods=3, freq="M"),
    "intervals": pd.interval_range(0, 3, closed="both"),
    "categories": pd.CategoricalIndex(["a", "b", "a"], ordered=True, name="c"),
    "Int64": pd.Index([1, None], dtype="Int64"),
    "empty": pd.Index([]),
    "levels": pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", None]),
    "levels of times": pd.MultiIndex.from_arrays([AWARE, list("abcd")]),
    "levels, missing": pd.MultiIndex.from_tuples([("a", 1), (None, 2), ("a", np.nan)]),
    "levels, none": pd.MultiIndex.from_arrays([[], []], names=["x", "y"]),
    "levels of one name": pd.MultiIndex.from_product([["a"], [1]], names=["x", "x"]),
}


@pytest.mark.parametrize("zero_copy", [False, True])
@pytest.mark.parametrize("name", INDEXES)
def test_an_index_comes_back_as_it_was(name: str, zero_copy: bool) -> None:
    index = INDEXES[name]

    back = there_and_back(index, zero_copy=zero_copy)

    assert type(back) is type(index)
    pd.testing.assert_index_equal(back, index, exact=True, check_exact=True)
    assert back.names == index.names
    assert getattr(back, "freq", None) == getattr(index, "freq", None)


@pytest.mark.parametrize("name", INDEXES)
def test_a_frame_keeps_its_index_and_columns(name: str) -> None:
    index = INDEXES[name]
    tall = pd.DataFrame({"a": np.arange(len(index)), 1: ["x"] * len(index)}, index=index)
    wide = pd.DataFrame(np.arange(2.0 * len(index)).reshape(2, -1), columns=index)

    pd.testing.assert_frame_equal(there_and_back(tall), tall, check_exact=True)
    pd.testing.assert_frame_equal(there_and_back(wide), wide, check_exact=True, check_column_type="exact")


def test_levels_that_no_row_has_do_not_travel() -> None:
    index = pd.MultiIndex.from_product([["seen", "unseen"], [1, 2]])[:2]

    assert b"unseen" not in encode(index).to_bytes()


def test_frames_without_rows_or_columns_travel() -> None:
    for frame in (
        pd.DataFrame(),
        pd.DataFrame(index=range(3)),
        pd.DataFrame({"a": pd.array([], dtype="Int64"), "b": pd.Series([], dtype="str")}),
        pd.DataFrame(columns=["a", "b"]),
    ):
        pd.testing.assert_frame_equal(there_and_back(frame), frame)


def test_a_wide_frame_comes_back_whole() -> None:
    frame = pd.DataFrame(np.arange(3000.0).reshape(2, 1500))

    back = there_and_back(frame)
    back["more"] = 1  # pandas warns here of a frame in too many pieces

    pd.testing.assert_frame_equal(back.drop(columns="more"), frame, check_column_type=False)


@pytest.mark.parametrize(
    "name", [None, "n", 0, ("a", 1), 1.5, pd.Timestamp("2024-01-01"), np.int64(3)], ids=str
)
def test_a_series_keeps_its_name(name: Any) -> None:
    series = pd.Series([1, 2], name=name)

    back = there_and_back(series)

    assert back.name == name
    assert type(back.name) is type(name)


@pytest.mark.parametrize(
    "value",
    [
        pd.Timestamp("2024-01-01 12:34:56.123456789"),
        pd.Timestamp("2024-01-01", tz="UTC"),
        *AWARE,
        pd.Timestamp("2500-01-01").as_unit("s"),
        pd.Timedelta(days=3, nanoseconds=1),
        pd.Timedelta(5, "s").as_unit("ms"),
        pd.Period("2024-02", freq="M"),
        pd.Period("2024-02-05", freq="W-TUE"),
        pd.Period("2024-02-05", freq="3D"),
        pd.Interval(1, 2.5, closed="neither"),
        pd.Interval(*AWARE[:2]),
        *(pd.Series(COLUMNS[name]).dtype for name in COLUMNS),
        pd.CategoricalDtype(),
        pd.CategoricalDtype(["a"], ordered=None),
    ],
    ids=lambda value: f"{type(value).__name__} {value}",
)
def test_a_single_value_of_pandas_travels(value: Any) -> None:
    back = there_and_back(value)

    assert back == value
    assert repr(back) == repr(value)
    assert getattr(back, "unit", None) == getattr(value, "unit", None)


def test_missing_values_are_the_same_objects() -> None:
    assert there_and_back(pd.NaT) is pd.NaT
    assert there_and_back(pd.NA) is pd.NA


def test_what_is_under_a_mask_does_not_travel() -> None:
    secret = 0x5EC2E7_5EC2E7
    array = pd.arrays.IntegerArray(np.array([secret, 1]), np.array([True, False]))

    assert secret.to_bytes(8, "little") in encode(np.array([secret])).to_bytes()
    assert secret.to_bytes(8, "little") not in encode(pd.DataFrame({"a": array})).to_bytes()


def test_text_around_a_slice_and_under_a_null_does_not_travel() -> None:
    buffers = pa.array(["open", "secret"], pa.large_string()).buffers()
    under = pa.Array.from_buffers(pa.large_string(), 2, [pa.py_buffer(b"\x01"), *buffers[1:]])
    around = pd.Series(["open", "secret", "open"], dtype="string[pyarrow]")

    assert b"secret" in encode(around).to_bytes()
    assert b"secret" not in encode(around[:1]).to_bytes()
    assert b"secret" not in encode(around[2:]).to_bytes()
    assert b"secret" not in encode(pd.Series(pd.arrays.ArrowExtensionArray(under))).to_bytes()


def test_attrs_do_not_travel() -> None:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs["who"] = "secret"

    assert there_and_back(frame).attrs == {}
    assert b"secret" not in encode(frame).to_bytes()


def test_an_unsupported_value_in_a_column_is_found() -> None:
    with pytest.raises(UnsupportedType, match=r"at value\['b'\]\[1\]"):
        encode(pd.DataFrame({"a": [1, 2], "b": [1, object()]}))


def test_a_pace_that_its_name_does_not_tell_is_left_out() -> None:
    index = pd.date_range("2024-01-01", periods=3, freq=pd.offsets.CustomBusinessDay(holidays=["2024-01-02"]))

    back = there_and_back(index)

    assert back.equals(index)
    assert back.freq is None


def test_zones_of_pytz_travel_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """pandas made them before version 3; where pytz is not, Python's own of that name will do."""
    packer: Any = None
    zone = type("Paris", (), {"__module__": "pytz.tzfile", "zone": "Europe/Paris"})()

    assert types_pandas._pack_zone(zone, packer) == "Europe/Paris"
    monkeypatch.setitem(sys.modules, "pytz", None)
    assert types_pandas._unpack_zone("Europe/Paris") is PARIS
    monkeypatch.setitem(sys.modules, "pytz", SimpleNamespace(timezone=lambda name: (name, "of pytz")))
    assert types_pandas._unpack_zone("Europe/Paris") == ("Europe/Paris", "of pytz")


def test_unsupported_kinds_say_what_to_do() -> None:
    frame = pd.DataFrame({"a": [1, 2]})
    for value, hint in (
        (pd.array([0, 1], dtype="Sparse[int64]"), "to_dense"),
        (frame.groupby("a"), "aggregate"),
        (frame["a"].astype("str").astype(pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))), "astype"),
    ):
        with pytest.raises(UnsupportedType, match=hint):
            encode(value)


# --- without copies


def test_large_columns_are_views_of_the_frame() -> None:
    frame = pd.DataFrame(
        {
            "a": np.arange(10_000),
            "b": np.arange(10_000.0),
            "c": pd.array(["text"] * 10_000, "string[pyarrow]"),
        }
    )
    column = frame["a"].to_numpy()

    views = [np.frombuffer(part, np.uint8) for part in encode(frame).parts if isinstance(part, memoryview)]

    assert len(views) == 4
    assert any(np.shares_memory(view, column) for view in views)


def test_a_frame_on_a_memory_map_is_a_read_only_view(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "number": np.arange(10_000),
            "flag": np.arange(10_000) % 3 == 0,
            "time": pd.date_range("2024", periods=10_000, freq="s"),
            "zoned": pd.date_range("2024", periods=10_000, freq="s", tz=PARIS),
            "text": pd.array(["some text"] * 10_000, "string[pyarrow]"),
            "category": pd.Categorical(["a", "b"] * 5000),
        }
    )
    path = tmp_path / "frame"
    with path.open("wb") as file:
        encode(frame).write_to(file)

    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    whole = np.frombuffer(mapped, np.uint8)
    back: Any = decode(mapped, zero_copy=True)

    pd.testing.assert_frame_equal(back, frame, check_freq=False)
    for name in ("number", "flag", "time"):
        assert np.shares_memory(back[name].to_numpy(), whole), name
        assert not back[name].to_numpy().flags.writeable
    assert np.shares_memory(back["zoned"].array.asi8, whole)
    assert np.shares_memory(back["category"].array.codes, whole)
    content = back["text"].array.__arrow_array__().chunk(0).buffers()[2]
    assert whole.ctypes.data <= content.address < whole.ctypes.data + whole.size
    with pytest.raises(ValueError, match="read-only"):
        back.loc[0, "number"] = 5


def test_a_copy_owns_its_memory_and_can_be_written_to() -> None:
    frame = pd.DataFrame({"a": np.arange(10_000), "b": np.arange(10_000.0), "c": ["text"] * 10_000})
    data = bytearray(encode(frame).to_bytes())

    back: Any = decode(data)
    data[:] = bytes(len(data))
    data.clear()  # refused if anything still looks at it

    pd.testing.assert_frame_equal(back, frame)
    back.loc[0, ["a", "b", "c"]] = [-1, -1.0, "new"]
    assert list(back.loc[0]) == [-1, -1.0, "new"]


def test_memory_at_an_odd_address_is_no_obstacle() -> None:
    frame = pd.DataFrame({"a": np.arange(10_000.0), "b": ["text"] * 10_000})
    data = encode(frame).to_bytes()
    for shift in range(1, 9):
        moved = memoryview(bytes(shift) + data)[shift:]
        pd.testing.assert_frame_equal(decode(moved, zero_copy=True), frame)  # type: ignore[arg-type]
