"""Whatever is built of the types in the table comes back as it was, type for type, however it is nested."""

from __future__ import annotations

import collections
import datetime
import decimal
import io
import math
import zoneinfo
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syft.wire.codec import canonical, decode, encode

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")

EXAMPLES = settings(
    max_examples=250,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
FEWER = settings(EXAMPLES, max_examples=100)

zones = st.sampled_from(
    [
        None,
        datetime.UTC,
        zoneinfo.ZoneInfo("Europe/Paris"),
        datetime.timezone(datetime.timedelta(hours=-3), "here"),
    ]
)
any_text = st.text(st.characters(), max_size=20)  # surrogates as well
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    any_text,
    st.binary(max_size=20),
    st.complex_numbers(),
    st.decimals(),
    st.uuids(),
    st.dates(),
    st.times(timezones=zones),
    st.datetimes(timezones=zones),
    st.timedeltas(),
    st.builds(range, st.integers(), st.integers(), st.integers(1, 100)),
    st.just(...),
)
hashable = st.recursive(
    scalars.filter(lambda value: not (isinstance(value, decimal.Decimal) and value.is_snan())),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(tuple),
        st.frozensets(inner, max_size=4),
    ),
    max_leaves=6,
)
arrays = st.one_of(
    st.lists(st.floats(), max_size=5).map(np.array),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5).map(lambda values: np.array(values, dtype="i8")),
    st.lists(st.booleans(), min_size=6, max_size=6).map(
        lambda values: np.array(values).reshape(2, 3, order="F")
    ),
    st.floats(width=32).map(np.float32),
)
values = st.recursive(
    st.one_of(scalars, hashable, arrays),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(any_text, inner, max_size=5),
        st.dictionaries(hashable, inner, max_size=5),
        st.dictionaries(hashable, inner, max_size=5).map(collections.OrderedDict),
        st.dictionaries(hashable, inner, max_size=5).map(lambda value: collections.defaultdict(list, value)),
        st.sets(hashable, max_size=5),
        st.binary(min_size=4090, max_size=4100),
        st.binary(max_size=20).map(bytearray),
        st.binary(max_size=20).map(io.BytesIO),
        st.builds(slice, inner, inner, inner),
    ),
    max_leaves=25,
)


def same(one: Any, other: Any) -> bool:
    """Equal, type for type, where nothing is equal to NaN but NaN, and 0 is not -0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return one.hex() == other.hex()
    if isinstance(one, complex):
        return same(one.real, other.real) and same(one.imag, other.imag)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, set | frozenset):
        return sorted(map(told, one)) == sorted(map(told, other))
    if isinstance(one, slice):
        return same((one.start, one.stop, one.step), (other.start, other.stop, other.step))
    if isinstance(one, io.BytesIO):
        return one.getvalue() == other.getvalue()
    if isinstance(one, np.ndarray | np.generic):
        return (
            one.dtype == other.dtype and one.shape == other.shape and one.tobytes("A") == other.tobytes("A")
        )
    if isinstance(one, decimal.Decimal):
        return one.compare_total(other) == 0
    if isinstance(one, datetime.datetime | datetime.time):
        return told(one) == told(other)
    return bool(one == other)


def told(value: Any) -> str:
    """Text that is the same for the same value; sets and NaN among them."""
    if isinstance(value, frozenset):
        return f"frozenset({sorted(map(told, value))})"
    if isinstance(value, tuple):
        return f"({', '.join(map(told, value))},)"
    return f"{type(value).__name__} {value!r}"


@EXAMPLES
@given(values, st.booleans())
def test_a_value_comes_back_as_it_was(value: Any, zero_copy: bool) -> None:
    data = encode(value).to_bytes()

    assert same(decode(data, zero_copy=zero_copy), value)


@EXAMPLES
@given(values)
def test_encoding_what_was_decoded_gives_the_same_bytes(value: Any) -> None:
    data = encode(value).to_bytes()

    again = decode(data)

    if "{" not in told(value) and "set" not in told(value):  # the order of a set is its own
        assert encode(again).to_bytes() == data


@EXAMPLES
@given(values, st.integers(1, 5000))
def test_chunks_join_to_the_whole(value: Any, size: int) -> None:
    encoded = encode(value)
    chunks = list(encoded.chunks(size))

    assert b"".join(chunks) == encoded.to_bytes()
    assert len(chunks) == math.ceil(encoded.size / size)


@EXAMPLES
@given(hashable)
def test_canonical_bytes_survive_the_way(value: Any) -> None:
    assert canonical(decode(encode(value).to_bytes())) == canonical(value)


names = st.one_of(st.text(max_size=5), st.integers(-5, 5), st.tuples(st.text(max_size=3), st.integers(0, 3)))


@st.composite
def columns(draw: st.DrawFn, rows: int) -> Any:
    def listed(of: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(of, min_size=rows, max_size=rows))

    whole = st.integers(-(2**63), 2**63 - 1)
    small = st.integers(-128, 127)
    times = st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2200, 1, 1)) | st.none()
    words = st.text(st.characters(codec="utf-8"), max_size=6)
    kind = draw(st.integers(0, 11))
    if kind == 0:
        return np.array(listed(whole), dtype="i8")
    if kind == 1:
        return np.array(listed(st.floats()), dtype="f8")
    if kind == 2:
        return np.array(listed(st.booleans()), dtype=bool)
    if kind == 3:
        return np.array(listed(st.floats(width=16)), dtype="f2")
    if kind == 4:
        return pd.array(
            listed(words | st.none()), dtype=draw(st.sampled_from(["string[python]", "string[pyarrow]"]))
        )
    if kind == 5:
        return pd.array(
            listed(small | st.none()), dtype=draw(st.sampled_from(["Int8", "Int64", "int8[pyarrow]"]))
        )
    if kind == 6:
        return pd.array(
            listed(st.booleans() | st.none()), dtype=draw(st.sampled_from(["boolean", "bool[pyarrow]"]))
        )
    if kind == 7:
        return pd.DatetimeIndex(listed(times)).as_unit(draw(st.sampled_from(["s", "ms", "us", "ns"])))
    if kind == 8:
        return pd.DatetimeIndex(listed(times)).tz_localize("UTC").tz_convert("Europe/Paris")
    if kind == 9:
        return pd.Categorical(
            listed(st.sampled_from(["a", "b", None])), ["b", "a"], ordered=draw(st.booleans())
        )
    if kind == 10:
        return pd.Series(listed(scalars), dtype=object).to_numpy()
    return pd.Series(listed(words), dtype="str").array


@st.composite
def frames(draw: st.DrawFn) -> Any:
    rows = draw(st.integers(0, 6))
    labels = draw(st.lists(names, max_size=5))
    content = {place: pd.Series(draw(columns(rows))) for place in range(len(labels))}
    frame = pd.DataFrame(content, index=range(rows))
    frame.columns = pd.Index(labels, tupleize_cols=draw(st.booleans()))
    labels_of_rows = draw(columns(rows))
    if labels_of_rows.dtype != "f2":  # pandas has no index of these
        frame.index = pd.Index(labels_of_rows, tupleize_cols=False)
    if draw(st.booleans()):
        frame = frame.iloc[draw(st.integers(0, 3)) :]
    return frame


@FEWER
@given(frames(), st.booleans())
def test_a_frame_comes_back_as_it_was(frame: Any, zero_copy: bool) -> None:
    back = decode(encode(frame).to_bytes(), zero_copy=zero_copy)

    pd.testing.assert_frame_equal(
        back, frame, check_exact=True, check_column_type="exact", check_index_type="exact"
    )
    for place in range(frame.shape[1]):
        if frame.iloc[:, place].dtype == object:
            assert same(list(frame.iloc[:, place]), list(back.iloc[:, place]))  # type: ignore[attr-defined]
