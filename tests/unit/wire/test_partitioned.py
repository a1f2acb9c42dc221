"""Partitioned values and placeholders: what is read when, where parts lie, and what hostile bytes cannot do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from syft.errors import DecodeError, InvalidInput, UnsupportedType
from syft.wire import codec
from syft.wire.codec import Placeholder, decode, encode, placeholder_in
from syft.wire.elements import count_elements
from syft.wire.layout import INLINE_LIMIT_BYTES, lay_out
from syft.wire.tags import Tag
from syft.wire.types_partitioned import PARTS_MAX, Part, Partitioned, places_of_parts


def keep(value: object) -> object:
    return value


@pytest.mark.parametrize("zero_copy", [False, True])
def test_parts_come_back_as_they_went(zero_copy: bool) -> None:
    parts: list[Any] = [1, "text", bytes(100_000), {"a": [1.5, None]}, list(range(3000))]
    data = decode(encode(Partitioned(parts)).to_bytes(), zero_copy=zero_copy)
    assert isinstance(data, Partitioned)
    assert list(data) == parts
    assert (len(data), data[-1], data[1:3], data.shape) == (5, parts[-1], parts[1:3], (5,))
    assert data.part(-1) == Part(data, 4)
    assert [one.value for one in data.parts] == parts
    assert parts[2] in data
    again = encode(data).to_bytes()
    assert again == encode(Partitioned(parts)).to_bytes()
    for index in (5, -6):
        with pytest.raises(IndexError):
            data[index]
        with pytest.raises(IndexError):
            data.part(index)


def test_a_part_lies_in_the_whole_as_a_value_of_its_own() -> None:
    parts: list[Any] = [1, bytes(100_001), "x" * 4096]
    data = encode(Partitioned(parts)).to_bytes()
    places = places_of_parts(memoryview(data))
    assert [place.offset % 64 for place in places] == [0, 0, 0]
    assert [decode(data[place.offset :][: place.size]) for place in places] == parts


@pytest.mark.parametrize("value", [1, [1, 2], bytes(10_000), [bytes(10_000)], {"a": 1}])
def test_what_is_not_partitioned_has_no_parts(value: object) -> None:
    assert places_of_parts(memoryview(encode(value).to_bytes())) == []


def test_a_part_is_decoded_when_it_is_asked_for() -> None:
    data = bytearray(encode(Partitioned([1, 2])).to_bytes())
    first = places_of_parts(memoryview(bytes(data)))[0]
    data[first.offset] ^= 1
    found: Any = decode(bytes(data))
    assert found[1] == 2
    with pytest.raises(DecodeError):
        found[0]


def test_parquet_files_are_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    for number in range(3):
        pd.DataFrame({"n": [number]}).to_parquet(tmp_path / f"{number}.parquet")
    data = Partitioned.from_parquet(tmp_path / "*.parquet")
    assert [int(part.n.iloc[0]) for part in data] == [0, 1, 2]
    assert len(Partitioned.from_parquet(tmp_path)) == 3
    mixed = Partitioned([str(tmp_path / "2.parquet"), tmp_path / "0.parquet", pd.DataFrame({"n": [7]})])
    found: Any = decode(encode(mixed).to_bytes())
    assert [int(part.n.iloc[0]) for part in found] == [2, 0, 7]
    monkeypatch.chdir(os.sep)
    assert len(data[0]) == 1


@pytest.mark.parametrize(
    "parts", [[], "a.parquet", ["/nowhere/a.parquet"], [Path("/nowhere")], [1] * (PARTS_MAX + 1)]
)
def test_what_makes_no_sense_is_refused(parts: Any) -> None:
    with pytest.raises(InvalidInput):
        Partitioned(parts)
    with pytest.raises(InvalidInput):
        Partitioned.from_parquet("/nowhere/*.parquet")


def test_a_part_that_cannot_travel_is_named() -> None:
    with pytest.raises(UnsupportedType, match=r"value\[1\]"):
        encode(Partitioned([1, object()]))
    with pytest.raises(UnsupportedType):
        encode(Partitioned([1]).part(0))


def test_elements_are_those_of_the_parts() -> None:
    assert count_elements(encode(Partitioned([bytes(80_000)] * 3)).to_bytes()) >= 30_000


def hostile(parts: list[Any], *buffers: bytes) -> bytes:
    ext = msgspec.msgpack.Ext(int(Tag.PARTITIONED), msgspec.msgpack.encode(parts))
    header = msgspec.msgpack.encode(ext)
    return b"".join(lay_out(header, [memoryview(one) for one in buffers]))


def buffer(index: int) -> msgspec.msgpack.Ext:
    return msgspec.msgpack.Ext(int(Tag.BUFFER), msgspec.msgpack.encode(index))


FULL = encode(bytes(5000)).to_bytes()
SHORT = encode(1).to_bytes().ljust(INLINE_LIMIT_BYTES, b"\0")


@pytest.mark.parametrize(
    "data",
    [
        hostile([]),
        hostile([[]]),
        hostile([["x"], buffer(0)], FULL),
        hostile([[1, 1], buffer(0)], FULL),
        hostile([[0], buffer(0)], FULL),
        hostile([[-1], buffer(0)], FULL),
        hostile([[len(FULL) + 1], buffer(0)], FULL),
        hostile([[len(FULL) - 1], buffer(0)], FULL),
        hostile([[10], buffer(0)], SHORT),
        hostile([[len(FULL), len(FULL)], buffer(0), buffer(0)], FULL),
        hostile([[len(FULL)], buffer(1)], FULL),
        hostile([[3], b"abc"]),
        hostile([[1] * (PARTS_MAX + 1), *map(buffer, range(PARTS_MAX + 1))], *[SHORT] * (PARTS_MAX + 1)),
    ],
)
def test_hostile_bytes_are_no_parts(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(data)
    try:
        places = places_of_parts(memoryview(data))
    except DecodeError:
        return
    assert all(place.offset >= 0 and place.offset + place.size <= len(data) for place in places)


# --- placeholders


def test_a_placeholder_stands_for_what_is_put_in_its_place() -> None:
    value = {"a": [Placeholder(0), (Placeholder(1), 2)], "b": {3: Placeholder(0)}}
    data = encode(value, stand_in=keep).to_bytes()
    one: list[int] = []
    found: Any = decode(data, placed=[one, "two"])
    assert found == {"a": [[], ("two", 2)], "b": {3: []}}
    assert found["a"][0] is one
    assert found["b"][3] is one


@pytest.mark.parametrize("placed", [(), ("one",)])
def test_anywhere_else_it_is_an_error(placed: tuple[str, ...]) -> None:
    for value in (Placeholder(1), [Placeholder(1)], Partitioned([1]), {"x": (Placeholder(7),)}):
        if isinstance(value, Partitioned):
            continue
        with pytest.raises(DecodeError, match="stands for nothing"):
            decode(encode(value, stand_in=keep).to_bytes(), placed=placed)


@pytest.mark.parametrize("number", [-1, "0", None, 1.5, [0]])
def test_its_number_is_a_number(number: Any) -> None:
    ext = msgspec.msgpack.Ext(int(Tag.PLACEHOLDER), msgspec.msgpack.encode(number))
    data = b"".join(lay_out(msgspec.msgpack.encode(ext), []))
    with pytest.raises(DecodeError):
        decode(data, placed=["x"])
    assert placeholder_in(data) is None


def test_it_does_not_travel_unless_it_is_meant_to() -> None:
    with pytest.raises(UnsupportedType):
        encode([Placeholder(0)])
    with pytest.raises(UnsupportedType):
        encode(Partitioned([Placeholder(0)]), stand_in=keep)


def test_a_stand_in_is_another_value_or_nothing() -> None:
    class Mine:
        pass

    mine = Mine()
    assert decode(encode([mine], stand_in=lambda value: "other").to_bytes()) == ["other"]
    with pytest.raises(UnsupportedType):
        encode([mine], stand_in=keep)


def test_only_a_bare_placeholder_is_one() -> None:
    assert placeholder_in(encode(Placeholder(300), stand_in=keep).to_bytes()) == 300
    for value in ([Placeholder(0)], 0, None, "x", b"x" * 64, {}):
        assert placeholder_in(encode(value, stand_in=keep).to_bytes()) is None
    for data in (b"", b"x", codec.encode(1).to_bytes()[:-1], b"SYFTVAL1" + b"\xff" * 20):
        assert placeholder_in(data) is None
