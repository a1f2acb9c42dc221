"""The standard library's types, and those of `result` and `pymongo`: what comes out is exactly what went in."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import inspect
import io
import pathlib
import sys
import types
import uuid
import zoneinfo
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from syft.errors import DecodeError, MissingExtra, UnsupportedType
from syft.model.uid import UID
from syft.wire.codec import decode, encode
from syft.wire.types_extra import SNAPSHOT_BYTES, SNAPSHOT_DOCUMENTS, CollectionSnapshot
from syft.wire.types_std import TYPES

PARIS = zoneinfo.ZoneInfo("Europe/Paris")


def there_and_back(value: object) -> Any:
    return decode(encode(value).to_bytes())


VALUES = [
    None, True, False, 0, -1, 2**63 - 1, -(2**63), 2**64 - 1, 2**64, -(2**63) - 1, 10**4000, -(2**71),
    1.5, float("inf"),
    "", "text", "ä𝄞\0", "ä" * 10_000, "a" * 10_000, "\ud800", "\ud800" * 5000, b"", b"bytes", bytes(10_000),
    bytearray(), bytearray(b"ab"), bytearray(10_000), 1j, complex("inf-1j"),
    [], [1, [2, [3, [None]]]], (), (1,), (1, (2, "a")), set(), {1, "a", (1, 2)}, frozenset(), frozenset({None}),
    {}, {"a": 1}, {1: 2}, {"a": [1, {"b": (1,)}]}, {(1, 2): {3}, None: 1.5, b"b": True}, {"\ud800": 1},
    list(range(5000)), [1.5] * 5000, [None, 1, "ä", True, 2.5] * 1000, [2**70] * 5000, ["\ud800"] * 3,
    tuple(range(5000)), set(range(5000)), {str(key): key for key in range(5000)}, {key: key for key in range(5000)},
    {"b": 1, "a": 2}, collections.OrderedDict([("b", 1), (2, "a")]), collections.OrderedDict(),
    range(0), range(3), range(10, 2, -2), range(10**30), slice(None), slice(1, 10, 2), slice("a", None), ...,
    pathlib.Path("a/../b"), pathlib.Path("/"), pathlib.PurePosixPath("a/b"), pathlib.PureWindowsPath("c:\\a"),
    decimal.Decimal("1.10"), decimal.Decimal("-0"), decimal.Decimal("Infinity"), decimal.Decimal("1e500"),
    uuid.UUID("12345678123456781234567812345678"),
    datetime.timedelta(0), datetime.timedelta.max, datetime.timedelta(-1, 5, 7),
    datetime.date.min, datetime.date(2024, 2, 29), datetime.time(1, 2, 3, 4), datetime.time(1, fold=1),
    datetime.time(1, tzinfo=PARIS), datetime.datetime.max, datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
    datetime.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=PARIS),
    datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=-5, minutes=-30))),
    datetime.timezone(datetime.timedelta(hours=1), "CET"), datetime.UTC, PARIS,
    zoneinfo.ZoneInfo("UTC"),
    *TYPES.values(),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    back = there_and_back(value)

    assert type(back) is type(value)
    assert back == value
    assert str(back)[:2000] == str(value)[:2000] if not isinstance(value, int) else True


def test_not_a_number_and_minus_zero_come_back() -> None:
    back = there_and_back([float("nan"), -0.0, decimal.Decimal("sNaN")])

    assert [str(value) for value in back] == ["nan", "-0.0", "sNaN"]


def test_types_inside_come_back_as_they_were() -> None:
    value = [True, 1, 1.0, "1", b"1", (1,), [1], {1}, frozenset([1])]

    assert list(map(type, there_and_back(value))) == list(map(type, value))


def test_keys_keep_their_types_and_order() -> None:
    value = {3: "a", "3": "b", 1.5: "c", (): "d", None: "e"}

    assert [(type(key), key) for key in there_and_back(value)] == [(type(key), key) for key in value]


@pytest.mark.parametrize("factory", [None, list, dict, set, int, float, str])
def test_a_default_dict_keeps_its_factory(factory: Any) -> None:
    value = collections.defaultdict(factory, {1: "a"})

    back = there_and_back(value)

    assert type(back) is collections.defaultdict
    assert back == value
    assert back.default_factory is factory


@pytest.mark.parametrize("factory", [lambda: 0, object, io.BytesIO, collections.OrderedDict])
def test_a_default_dict_of_another_factory_is_refused(factory: Any) -> None:
    with pytest.raises(UnsupportedType, match="factory"):
        encode(collections.defaultdict(factory))


def test_time_zones_are_the_same_objects_where_python_has_one() -> None:
    assert there_and_back(datetime.UTC) is datetime.UTC
    assert there_and_back(PARIS) is PARIS


def test_a_zone_without_a_name_is_refused() -> None:
    with (
        pytest.raises(UnsupportedType, match=r"use ZoneInfo\(name\)"),
        (pathlib.Path(zoneinfo.TZPATH[0]) / "Europe/Paris").open("rb") as file,
    ):
        encode(zoneinfo.ZoneInfo.from_file(file))


def test_a_zone_of_another_kind_is_refused_with_its_place() -> None:
    class Zone(datetime.tzinfo):
        pass

    with pytest.raises(UnsupportedType, match=r"at value\[0\]\.tzinfo"):
        encode([datetime.datetime(2024, 1, 1, tzinfo=Zone())])


def test_a_figure_in_a_buffer_is_read_from_its_start() -> None:
    buffer = io.BytesIO()
    buffer.write(b"\x89PNG" + bytes(10_000))  # and not rewound, as after savefig

    back = there_and_back(buffer)

    assert back.tell() == 0
    assert back.read() == b"\x89PNG" + bytes(10_000)


def test_text_in_a_buffer_is_read_from_its_start() -> None:
    buffer = io.StringIO()
    buffer.write("one\r\ntwo\n")

    back = there_and_back(buffer)

    assert back.read() == "one\r\ntwo\n"


def plain(first: int, /, second: "str" = "x", *rest, third: float = 1.5, **others) -> datetime.date: ...  # type: ignore[no-untyped-def]  # noqa: UP037


plain.__annotations__.update(first=int, second="str", third=float)
plain.__annotations__["return"] = datetime.date


def test_a_signature_comes_back_as_it_was() -> None:
    signature = inspect.signature(plain)

    back = there_and_back(signature)

    assert type(back) is inspect.Signature
    assert back == signature
    assert back.parameters["first"].annotation is int
    assert back.parameters["rest"].default is inspect.Parameter.empty
    assert there_and_back(signature.parameters["third"]) == signature.parameters["third"]


def test_annotations_of_other_types_are_kept_as_text() -> None:
    parameters = [
        inspect.Parameter("a", inspect.Parameter.POSITIONAL_ONLY, annotation=list[int]),
        inspect.Parameter("b", inspect.Parameter.POSITIONAL_ONLY, annotation=decimal.Context),
        inspect.Parameter("c", inspect.Parameter.POSITIONAL_ONLY, annotation=int | None),
    ]

    back = there_and_back(inspect.Signature(parameters))

    assert [parameter.annotation for parameter in back.parameters.values()] == [
        "list[int]",
        "decimal.Context",
        "int | None",
    ]


def test_a_default_that_cannot_travel_is_found() -> None:
    signature = inspect.Signature(
        [inspect.Parameter("a", inspect.Parameter.POSITIONAL_ONLY, default=object())]
    )

    with pytest.raises(UnsupportedType, match=r"at value\.parameters\['a'\]\.default"):
        encode(signature)


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


class Point(NamedTuple):
    x: int


class Words(list):  # type: ignore[type-arg]
    pass


class Thing:
    pass


def numbers() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (Thing(), "plain values"),
        (Thing, "only the built-in ones travel, not"),
        (Colour.RED, r"\.value"),
        (Level.LOW, r"\.value"),
        (Point(1), "nearest that can is tuple"),
        (Words(), "nearest that can is list"),
        (numbers(), r"list\(\.\.\.\)"),
        (map(int, []), r"list\(\.\.\.\)"),
        ({}.keys(), r"list\(\.\.\.\)"),
        (lambda: 1, "functions do not travel"),
        ([].append, "functions do not travel"),
        (Thing.__init__, "plain values"),
        (sys, "modules do not travel"),
        (types.MappingProxyType({}), r"dict\(\.\.\.\)"),
        (memoryview(b""), r"bytes\(\.\.\.\)"),
        (collections.deque(), r"list\(\.\.\.\)"),
        (ValueError("x"), "plain values"),
        (NotImplemented, "plain values"),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_others_are_refused_with_a_way_out(value: object, hint: str) -> None:
    with pytest.raises(UnsupportedType, match=f"cannot travel, at value; .*{hint}"):
        encode(value)


@pytest.mark.parametrize(
    ("package", "hint"),
    [
        ("pyarrow.lib", "to_pandas"),
        ("polars.dataframe", "to_pandas"),
        ("matplotlib.figure", "savefig"),
        ("sklearn.linear_model", "coef_"),
        ("PIL.Image", "save"),
        ("torch", "state_dict"),
    ],
)
def test_packages_people_use_have_a_hint(package: str, hint: str) -> None:
    value = type("Anything", (), {"__module__": package})()

    with pytest.raises(UnsupportedType, match=hint):
        encode(value)


def test_the_place_of_what_cannot_travel_is_named() -> None:
    with pytest.raises(UnsupportedType, match=r"at result\['model'\]\[0\];"):
        encode({"model": [Thing()]}, name="result")
    with pytest.raises(UnsupportedType, match=r"at value\[1\]\[\(1, 2\)\]\[0\];"):
        encode([1, {(1, 2): (Thing(),)}])
    with pytest.raises(UnsupportedType, match=r"at value\.keys\(\)\[1\];"):
        encode({1: 1, Colour.RED: 2})


# --- result and pymongo


def test_results_travel() -> None:
    result = pytest.importorskip("result")

    for value in (result.Ok(1), result.Err("e"), result.Ok([result.Err({1: 2})])):
        assert there_and_back(value) == value
        assert type(there_and_back(value)) is type(value)


@pytest.fixture
def collection() -> Any:
    """A real collection of a client that is not connected; what `find` gives is the test's."""
    pymongo = pytest.importorskip("pymongo")
    with pymongo.MongoClient(connect=False, serverSelectionTimeoutMS=1) as client:
        yield client["hospital"]["patients"]


def documents_of(
    collection: Any, documents: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> list[int]:
    """Let the collection hold these; returns the limits it will be asked with."""
    asked: list[int] = []

    def find(*, limit: int) -> Iterator[dict[str, Any]]:
        asked.append(limit)
        return iter(documents[:limit])

    monkeypatch.setattr(type(collection), "find", staticmethod(find))
    return asked


def test_a_collection_travels_as_a_snapshot(collection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bson = pytest.importorskip("bson")
    key = bson.ObjectId("0123456789abcdef01234567")
    documents_of(
        collection,
        [
            {
                "_id": key,
                "age": 30,
                "tags": ["a", {"b": bson.Int64(5)}],
                "when": datetime.datetime(2024, 1, 1),
            },
            {
                "_id": 2,
                "cost": bson.Decimal128("1.50"),
                "scan": bson.Binary(b"b", 128),
                "like": bson.Regex("a.*"),
            },
        ],
        monkeypatch,
    )

    back = there_and_back(collection)

    assert back == CollectionSnapshot(
        name="hospital.patients",
        documents=(
            {"_id": key, "age": 30, "tags": ["a", {"b": 5}], "when": datetime.datetime(2024, 1, 1)},
            {"_id": 2, "cost": decimal.Decimal("1.50"), "scan": b"b", "like": "Regex('a.*', 0)"},
        ),
        truncated=False,
    )
    assert type(back.documents[0]["tags"][1]["b"]) is int
    assert there_and_back(back) == back
    assert encode(collection).type_name == "pymongo.Collection"


def test_a_large_collection_is_cut(collection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [{"_id": number} for number in range(SNAPSHOT_DOCUMENTS + 500)]
    asked = documents_of(collection, many, monkeypatch)
    back = there_and_back(collection)
    assert len(back.documents) == SNAPSHOT_DOCUMENTS
    assert back.truncated
    assert asked == [SNAPSHOT_DOCUMENTS + 1]

    documents_of(collection, many[:SNAPSHOT_DOCUMENTS], monkeypatch)
    assert not there_and_back(collection).truncated

    heavy = [{"_id": number, "scan": bytes(SNAPSHOT_BYTES // 10)} for number in range(20)]
    documents_of(collection, heavy, monkeypatch)
    back = there_and_back(collection)
    assert back.documents == tuple(heavy[:9])
    assert back.truncated


def test_a_collection_that_cannot_be_read_is_refused(collection: Any) -> None:
    with pytest.raises(UnsupportedType, match="could not be read"):
        encode(collection)


@pytest.mark.parametrize(("package", "extra"), [("result", "types"), ("bson", "types"), ("pandas", "data")])
def test_a_missing_package_is_named(package: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = pytest.importorskip(package)
    value = {"result": lambda: module.Ok(1), "bson": lambda: module.ObjectId(), "pandas": lambda: module.NaT}[
        package
    ]()
    data = encode(value).to_bytes()
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(MissingExtra, match=rf'{package}: pip install "datasite\[{extra}\]"'):
        decode(data)


def test_a_missing_package_is_named_when_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    pandas = pytest.importorskip("pandas")
    series = pandas.Series(["a"], dtype="string[python]")
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(MissingExtra, match="pyarrow"):
        encode(series)


def test_a_snapshot_is_of_documents() -> None:
    data = encode(CollectionSnapshot("a.b", ({"a": 1},), False)).to_bytes()

    with pytest.raises(DecodeError):
        decode(data.replace(b"\x81\xa1a\x01", b"\x91\xa2ab"))


def test_a_uid_comes_back_as_itself() -> None:
    uid = UID()
    assert decode(encode({"who": uid}).to_bytes()) == {"who": uid}
