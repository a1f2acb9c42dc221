"""Bytes that are not what they say: each is an error of ours, and costs no more than it weighs.

Arrays and frames are tried in a process of their own and used once they are decoded: what would bring the interpreter
down must be refused before anybody can touch it. (Run as a program, this file is that process.)
"""

from __future__ import annotations

import ast
import collections
import contextlib
import datetime
import decimal
import functools
import inspect
import io
import pathlib
import pickle
import random
import resource
import struct
import subprocess
import sys
import time
import tracemalloc
import uuid
import warnings
import zoneinfo
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from syft.errors import DecodeError, MissingExtra, SyftException, TooLarge, UnsupportedType
from syft.wire import codec, tags
from syft.wire.codec import Tag, decode, encode

ALLOWED = (DecodeError, TooLarge, UnsupportedType, MissingExtra)
WIRE = pathlib.Path(codec.__file__).parent
Ext = msgspec.msgpack.Ext


def packed(value: object) -> bytes:
    return msgspec.msgpack.encode(value)


def laid_out(header: bytes, *buffers: bytes) -> bytes:
    """A value of this header and these buffers, each where it must be."""
    at = 24 + 16 * len(buffers) + len(header)
    table, rest = b"", b""
    for buffer in buffers:
        rest += bytes(-at % 64)
        at += -at % 64
        table += struct.pack("<QQ", at, len(buffer))
        rest += buffer
        at += len(buffer)
    return struct.pack("<8sQQ", b"SYFTVAL1", len(header), len(buffers)) + table + header + rest


def tagged(tag: int, parts: object) -> Ext:
    return Ext(int(tag), packed(parts))


def of_tag(tag: int, parts: object, *buffers: bytes) -> bytes:
    return laid_out(packed(tagged(tag, parts)), *buffers)


def reference(index: int) -> Ext:
    return tagged(Tag.BUFFER, index)


def plain_values() -> list[object]:
    return [
        None, True, -1, 2**63, 2**70, 1.5, "text", "ä" * 5000, "\ud800", b"bytes", bytes(5000), bytearray(b"b"), 1j,
        [], [1, "a", None], [[1], [2, [3]]], {}, {"a": 1, "b": [2]}, {1: 2, (1, 2): "x", None: b""}, (1, (2, ())),
        {1, "a"}, frozenset({(1, 2)}), list(range(3000)), {str(number): number for number in range(1000)},
        collections.OrderedDict(a=1, b=2), collections.defaultdict(list, {1: [2]}), range(3), slice(1, None), ...,
        pathlib.Path("/a/b"), pathlib.PureWindowsPath("c:/a"), decimal.Decimal("1.50"), uuid.UUID(int=5),
        datetime.timedelta(1, 2, 3), datetime.date(2024, 1, 1), datetime.time(1, 2, fold=1),
        datetime.datetime(2024, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Paris")),
        datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1), "X")),
        io.BytesIO(b"abc"), io.StringIO("abc"), int, inspect.Parameter.empty, inspect.signature(laid_out),
    ]  # fmt: skip


# --- mutations


def mutations(rng: random.Random, data: bytes) -> Iterator[bytes]:
    """One of each way to spoil the bytes."""
    size = len(data)
    at = rng.randrange(size)
    yield data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
    yield data[:at]
    yield data[:at] + rng.randbytes(rng.randint(1, 8)) + data[at + 1 :]
    yield data[:at] + data[at + rng.randint(1, 16) :]
    yield data[:at] + data[at : at + rng.randint(1, 64)] + data[at:]
    odd = rng.choice([0, 1, 2**31, 2**32 - 1, 2**60, 2**63, 2**64 - 1, size, size + 1])
    place = 8 * rng.randrange(1, max(2, min(8, size // 8)))
    yield data[:place] + struct.pack("<Q", odd) + data[place + 8 :]
    yield data[: at - at % 8] + struct.pack("<Q", odd) + data[at - at % 8 + 8 :]
    yield rng.randbytes(rng.randint(0, 64))
    yield rebuilt(rng, data)
    yield rebuilt(rng, data)


ODD_PARTS: list[object] = [
    None, True, 0, -1, 1, 2, 5, 127, 2**31, 2**62, 2**63, 1.5, float("nan"), float("inf"), "", "a", "O", "f8",
    "<M8[ns]", "|b1", "<U4", "V0", "C", "F", "masked", "string", "category", "arrow", "period", "interval",
    "zoned", "ns", "both", "Int64", "D", "M", "UTC", "../zone", b"", b"\x01", b"abcdefgh", bytes(64),
    b"\xff" * 64, [], [0], [1, 2], [-1],
    [2**60], [2**32, 2**32], [None], ["a"], {}, {"a": 1}, Ext(1, packed(0)), Ext(2, packed(b"\x91\x01")),
    Ext(8, packed([1])), Ext(40, packed(["<i8", [1], "C", bytes(8)])), Ext(57, packed(None)), Ext(58, packed(None)),
    Ext(50, packed([Ext(40, packed(["<i8", [2], "C", bytes(16)])), None, None])), Ext(51, packed([0, 2, 1, None])),
    Ext(51, packed([0, 2**62, 1, None])), Ext(53, packed(["masked", "Int64"])), Ext(99, b""), Ext(3, b"\xc1"),
]  # fmt: skip


def rebuilt(rng: random.Random, data: bytes) -> bytes:
    """The same value with one of its parts changed for another, and all lengths right: past the outer checks."""
    _, header_length, count = struct.unpack_from("<8sQQ", data)
    start = 24 + 16 * count
    spans = [struct.unpack_from("<QQ", data, 24 + 16 * number) for number in range(count)]
    buffers = [bytearray(data[at : at + length]) for at, length in spans]
    if buffers and rng.random() < 0.3:
        buffer = rng.choice(buffers)
        place = rng.randrange(len(buffer))
        buffer[place : place + 8] = struct.pack("<Q", rng.choice([0, 1, 2**31, 2**63, 2**64 - 1]))[
            : len(buffer) - place
        ]
        return laid_out(data[start : start + header_length], *buffers)
    header = changed(rng, msgspec.msgpack.decode(data[start : start + header_length]), 0.7)
    return laid_out(packed(header), *buffers)


def changed(rng: random.Random, node: Any, go_on: float) -> Any:
    if rng.random() > go_on:
        return rng.choice(ODD_PARTS)
    if type(node) is Ext:
        if rng.random() < 0.1:
            return Ext(int(rng.choice([*Tag, 0, 90, 127])), node.data)
        return Ext(node.code, packed(changed(rng, msgspec.msgpack.decode(node.data), 0.85)))
    if type(node) is list and node:
        place = rng.randrange(len(node))
        way = rng.random()
        if way < 0.1:
            return node[:place] + node[place + 1 :]
        if way < 0.2:
            return [*node, node[place]]
        return [*node[:place], changed(rng, node[place], 0.85), *node[place + 1 :]]
    if type(node) is dict and node:
        key = rng.choice(list(node))
        return {**node, key: changed(rng, node[key], 0.85)}
    return rng.choice(ODD_PARTS)


def outcome(data: bytes, **how: bool) -> object:
    """The value, or the error of ours; anything else is raised."""
    try:
        return decode(data, **how)
    except ALLOWED as error:
        return error


def test_plain_values_spoilt_in_any_way_are_decoded_or_refused() -> None:
    rng = random.Random(5)
    corpus = [encode(value).to_bytes() for value in plain_values()]
    refused = tried = 0
    while tried < 40_000:
        for data in mutations(rng, rng.choice(corpus)):
            tried += 1
            refused += isinstance(outcome(data), SyftException)

    assert tried * 0.5 < refused < tried  # if nearly all or none were, these are not the mutations meant


def test_every_single_bit_of_a_small_value_matters_or_is_refused() -> None:
    value = {"a": [1, (2.5, "x")], "b": {3}}
    data = encode(value).to_bytes()
    for place in range(len(data) * 8):
        spoilt = bytearray(data)
        spoilt[place // 8] ^= 1 << place % 8
        assert outcome(bytes(spoilt)) != value


def test_arrays_and_frames_spoilt_in_any_way_never_crash() -> None:
    pytest.importorskip("pandas")
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", __file__, "7", "6000"],
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    tried, refused, grown_mib = map(int, done.stdout.split())
    assert tried >= 6000
    assert tried * 0.4 < refused < tried
    assert grown_mib < 300  # no input is over 100 KiB


# --- one attack each


def deep(layers: int, wrap: Callable[[bytes], bytes]) -> bytes:
    node = b"\xc0"
    for _ in range(layers):
        node = wrap(node)
    return laid_out(node)


@pytest.mark.parametrize(
    "data",
    [
        laid_out(b"\x91" * 100_000 + b"\xc0"),
        laid_out(b"\x81\xa1a" * 100_000 + b"\xc0"),
        laid_out(b"\x91" * 200 + b"\xc0"),
        deep(3000, lambda node: packed(Ext(8, b"\x91" + node))),
        deep(3000, lambda node: packed(Ext(1, node))),
        deep(200, lambda node: b"\x91" + packed(Ext(8, b"\x91" + node))),
    ],
    ids=["lists", "dicts", "few lists", "tuples", "references", "both"],
)
def test_deep_nesting_is_too_large(data: bytes) -> None:
    with pytest.raises(TooLarge):
        decode(data)


def test_a_value_that_contains_itself_is_too_large() -> None:
    value: list[object] = []
    value.append(value)

    with pytest.raises(TooLarge, match="contain itself"):
        encode(value)


BIG = 2**60
ARRAY = ["<i8", [2], "C", bytes(16)]
MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "a pickle": pickle.dumps({"a": 1}),
    "only the magic": b"SYFTVAL1",
    "other magic": b"SYFTVAL2" + encode(1).to_bytes()[8:],
    "huge header": struct.pack("<8sQQ", b"SYFTVAL1", BIG, 0) + b"\xc0",
    "huge number of buffers": struct.pack("<8sQQ", b"SYFTVAL1", 1, BIG) + b"\xc0",
    "number of buffers that overflows": struct.pack("<8sQQ", b"SYFTVAL1", 1, 2**64 - 1) + b"\xc0",
    "huge buffer": struct.pack("<8sQQQQ", b"SYFTVAL1", 1, 1, 64, BIG) + b"\xc0" + bytes(5000),
    "buffer before the header": struct.pack("<8sQQQQ", b"SYFTVAL1", 1, 1, 0, 4096) + b"\xc0" + bytes(5000),
    "bytes after the value": encode(1).to_bytes() + b"\x00",
    "two headers": laid_out(b"\xc0\xc0"),
    "no header": laid_out(b""),
    "list of 2**32 - 1": laid_out(b"\xdd\xff\xff\xff\xff"),
    "dict of 2**32 - 1": laid_out(b"\xdf\xff\xff\xff\xff"),
    "lists of 2**27": laid_out(b"\xdd\x08\x00\x00\x00" * 90),
    "bytes of 2**32 - 1": laid_out(b"\xc6\xff\xff\xff\xff"),
    "extension of 2**32 - 1": laid_out(b"\xc9\xff\xff\xff\xff\x08"),
    "not UTF-8": laid_out(b"\xa2\xff\xff"),
    "reserved byte": laid_out(b"\xc1"),
    "key that is no text": laid_out(b"\x81\x01\x02"),
    "key that is a list": laid_out(b"\x81\x90\x02"),
    "key that is an extension": laid_out(b"\x81" + packed(tagged(Tag.TUPLE, [])) + b"\x02"),
    "msgpack's own time": laid_out(b"\xd6\xff\x00\x00\x00\x00"),
    "negative tag": laid_out(packed(Ext(-2, b"\xc0"))),
    "tag of nothing": of_tag(0, None),
    "no such buffer": of_tag(Tag.BYTES, reference(0)),
    "negative buffer": of_tag(Tag.BYTES, reference(-1), bytes(4096)),
    "buffer as a value": laid_out(packed(reference(0)), bytes(4096)),
    "buffer in a list": laid_out(packed([reference(0)]), bytes(4096)),
    "buffer in a tuple": of_tag(Tag.TUPLE, [reference(0)], bytes(4096)),
    "buffer of nobody": laid_out(b"\xc0", bytes(4096)),
    "buffer of two": laid_out(packed([tagged(Tag.BYTES, reference(0))] * 2), bytes(4096)),
    "small buffer": of_tag(Tag.BYTES, reference(0), bytes(4095)),
    "long list with bytes in it": of_tag(Tag.PACKED, packed([b"a"])),
    "long list with an extension in it": of_tag(Tag.PACKED, packed([tagged(Tag.TUPLE, [])])),
    "long list that is a number": of_tag(Tag.PACKED, packed(1)),
    "long dict with keys that are numbers": of_tag(Tag.PACKED, packed({1: 2})),
    "set of lists": of_tag(Tag.SET, [[1]]),
    "set with twins": of_tag(Tag.SET, [1, 1]),
    "dict with twins": of_tag(Tag.DICT, [1, 2, 1, 3]),
    "dict with half an entry": of_tag(Tag.DICT, [1]),
    "set of one hash": of_tag(Tag.SET, [number * (2**61 - 1) for number in range(8)] * 500),
    "default of anything": of_tag(Tag.DEFAULT_DICT, ["io.BytesIO", {}]),
    "type of anything": of_tag(Tag.TYPE, "os.system"),
    "zone outside the folder": of_tag(Tag.ZONE_INFO, "../../../etc/passwd"),
    "zone of no name": of_tag(Tag.ZONE_INFO, ""),
    "date of no calendar": of_tag(Tag.DATE, [2024, 13, 1]),
    "parameter with a default before": of_tag(Tag.PARAMETER, ["*", 0, None, "int"]),
    "signature of numbers": of_tag(Tag.SIGNATURE, [tagged(Tag.TYPE, "int"), 1]),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_bytes_are_refused_within_their_weight(name: str) -> None:
    data = MALFORMED[name]
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError) as caught:
            decode(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert type(caught.value) is DecodeError
    assert peak < 1_000_000 + 100 * len(data)


def column(dtype: object, *parts: object) -> Ext:
    return tagged(Tag.EXTENSION_ARRAY, [tagged(Tag.EXTENSION_DTYPE, dtype), *parts])


def numbers(code: str, *values: int) -> Ext:
    return tagged(Tag.ARRAY, [f"<{code}8", [len(values)], "C", struct.pack(f"<{len(values)}q", *values)])


def small(*values: int) -> Ext:
    return tagged(Tag.ARRAY, ["|i1", [len(values)], "C", struct.pack(f"{len(values)}b", *values)])


def ends(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}q", *values)


TEXT = ["string", True, True]
AB = tagged(Tag.INDEX, [numbers("i", 5, 6), None, None])
TWO_ROWS = tagged(Tag.RANGE_INDEX, [0, 2, 1, None])
BAD_DATA: dict[str, Ext] = {
    "shape of 2**60": tagged(Tag.ARRAY, ["<i8", [BIG], "C", bytes(16)]),
    "shape whose product overflows to 2": tagged(Tag.ARRAY, ["<i8", [2**32, 2**32, 2], "C", bytes(16)]),
    "length to be worked out": tagged(Tag.ARRAY, ["<i8", [-1], "C", bytes(16)]),
    "shape of 100 dimensions": tagged(Tag.ARRAY, ["<i8", [1] * 100, "C", bytes(8)]),
    "half an item": tagged(Tag.ARRAY, ["<i8", [1], "C", bytes(12)]),
    "other order": tagged(Tag.ARRAY, ["<i8", [2], "K", bytes(16)]),
    "pointers from the wire": tagged(Tag.ARRAY, ["|O8", [2], "C", bytes(16)]),
    "pointers in a field": tagged(Tag.ARRAY, [[["a"], ["O"], [0], 8, False], [2], "C", bytes(16)]),
    "items of no size": tagged(Tag.ARRAY, ["|V0", [BIG], "C", b""]),
    "fields of no size": tagged(Tag.ARRAY, [[[], [], [], 0, False], [BIG], "C", b""]),
    "dtype of many": tagged(Tag.ARRAY, ["f8,f8", [1], "C", bytes(16)]),
    "dtype of a shape": tagged(Tag.ARRAY, ["(1000000000,)f8", [1], "C", bytes(16)]),
    "dtype by name": tagged(Tag.ARRAY, ["object", [1], "C", bytes(8)]),
    "dtype in dtype in dtype": tagged(Tag.DTYPE, functools.reduce(lambda inner, _: [inner, [1]], range(50), "f8")),
    "Arrow type in type in type": (
        tagged(Tag.EXTENSION_DTYPE, ["arrow", functools.reduce(lambda inner, _: ["list", inner], range(50), ["int8"])])
    ),
    "bool of two": tagged(Tag.ARRAY, ["|b1", [1], "C", b"\x02"]),
    "bool of two in a field": tagged(Tag.ARRAY, [[["a"], ["|b1"], [0], 1, False], [1], "C", b"\x02"]),
    "character beyond Unicode": tagged(Tag.ARRAY, ["<U1", [1], "C", b"\xff\xff\xff\x7f"]),
    "objects that are no list": tagged(Tag.ARRAY, ["O", [1], "C", 5]),
    "objects of another shape": tagged(Tag.ARRAY, ["O", [3], "C", [1, 2]]),
    "scalar of two items": tagged(Tag.SCALAR, ["<i8", bytes(16)]),
    "frame with a short column": tagged(Tag.FRAME, [AB, TWO_ROWS, numbers("i", 1, 2), numbers("i", 1)]),
    "frame with too few columns": tagged(Tag.FRAME, [AB, TWO_ROWS, numbers("i", 1, 2)]),
    "frame with a table as column": (
        tagged(Tag.FRAME, [AB, TWO_ROWS, numbers("i", 1, 2), tagged(Tag.ARRAY, ["<i8", [2, 1], "C", bytes(16)])])
    ),
    "frame with a list as column": tagged(Tag.FRAME, [AB, TWO_ROWS, numbers("i", 1, 2), [1, 2]]),
    "frame with a frame as index": tagged(Tag.FRAME, [AB, numbers("i", 0, 1)]),
    "series longer than its index": tagged(Tag.SERIES, [numbers("i", 1, 2, 3), TWO_ROWS, None]),
    "series of an unhashable name": tagged(Tag.SERIES, [numbers("i", 1, 2), TWO_ROWS, [1]]),
    "code beyond the categories": column(["category", AB, False], small(0, 2)),
    "code before the categories": column(["category", AB, False], small(0, -2)),
    "categories that are a list": tagged(Tag.EXTENSION_DTYPE, ["category", [1], False]),
    "intervals of nothing": tagged(Tag.EXTENSION_DTYPE, ["interval", "int64", "right"]),
    "index with a pace that is no time": tagged(Tag.INDEX, [numbers("i", 1, 2), None, "D"]),
    "series without an index": tagged(Tag.SERIES, [numbers("i", 1, 2), [0, 1], None]),
    "levels that are no index": tagged(Tag.MULTI_INDEX, [[None], numbers("i", 1), small(0)]),
    "levels with codes that are floats": tagged(Tag.MULTI_INDEX, [[None], AB, numbers("f", 0)]),
    "Arrow type with a parameter": tagged(Tag.EXTENSION_DTYPE, ["arrow", ["int8", 5]]),
    "Arrow mask of numbers": column(["arrow", ["int64"]], numbers("i", 1), numbers("i", 0)),
    "zone of a number": tagged(Tag.EXTENSION_DTYPE, ["zoned", "ns", 5]),
    "zone that is nowhere": tagged(Tag.TIMESTAMP, [1, "ns", "Nowhere/Land"]),
    "time in no unit": tagged(Tag.TIMESTAMP, [1, "D", None]),
    "duration in no unit": tagged(Tag.PANDAS_TIMEDELTA, [1, "D"]),
    "codes without categories": column(["category", None, False], small(0)),
    "categories twice": (
        tagged(Tag.EXTENSION_DTYPE, ["category", tagged(Tag.INDEX, [numbers("i", 5, 5), None, None]), False])
    ),
    "code beyond the levels": tagged(Tag.MULTI_INDEX, [[None], AB, small(2)]),
    "code before the levels": tagged(Tag.MULTI_INDEX, [[None], AB, small(-2)]),
    "levels without codes": tagged(Tag.MULTI_INDEX, [[None], AB]),
    "levels of two lengths": tagged(Tag.MULTI_INDEX, [[None, None], AB, AB, small(0), small(0, 1)]),
    "text that ends beyond": column(TEXT, 1, None, ends(0, 1000), b"abc"),
    "text that ends far beyond": column(TEXT, 1, None, ends(0, BIG), b"abc"),
    "text that ends before it starts": column(TEXT, 2, None, ends(0, 3, 1), b"abc"),
    "text that starts before": column(TEXT, 1, None, ends(-8, 3), b"abc"),
    "text that is not Unicode": column(TEXT, 1, None, ends(0, 2), b"\xff\xff"),
    "text with too few ends": column(TEXT, 2, None, ends(0, 1), b"abc"),
    "text of a huge length": column(TEXT, BIG, None, ends(0, 1), b"abc"),
    "text of a negative length": column(TEXT, -1, None, b"", b"abc"),
    "text with half a mask": column(TEXT, 9, b"\x01", ends(*range(10)), b"abcdefghi"),
    "mask of another length": (
        column(["masked", "Int64"], numbers("i", 1, 2), tagged(Tag.ARRAY, ["|b1", [1], "C", b"\x00"]))
    ),
    "mask of numbers": column(["masked", "Int64"], numbers("i", 1, 2), numbers("i", 0, 1)),
    "masked numbers of another type": column(["masked", "Int8"], numbers("i", 1, 2), None),
    "masked by another name": tagged(Tag.EXTENSION_DTYPE, ["masked", "category"]),
    "Arrow numbers of another type": column(["arrow", ["int64"]], small(1, 2), None),
    "Arrow mask of another length": (
        column(["arrow", ["int64"]], numbers("i", 1, 2), tagged(Tag.ARRAY, ["|b1", [1], "C", b"\x00"]))
    ),
    "Arrow type of no name": tagged(Tag.EXTENSION_DTYPE, ["arrow", ["extension<arrow.py_extension_type>"]]),
    "times that are floats": column(["zoned", "ns", "UTC"], numbers("f", 1)),
    "times in no unit": tagged(Tag.EXTENSION_DTYPE, ["zoned", "h", "UTC"]),
    "interval that ends before it starts": (
        column(["interval", tagged(Tag.DTYPE, "<i8"), "right"], numbers("i", 5), numbers("i", 1))
    ),
    "interval of frames": tagged(Tag.INTERVAL, [numbers("i", 1, 2), numbers("i", 3, 4), "right"]),
    "times at another pace": tagged(Tag.INDEX, [numbers("M", 1, 5, 7), None, "D"]),
    "pace of nothing": tagged(Tag.PERIOD, [1, "every now and then"]),
}  # fmt: skip


@pytest.mark.parametrize("zero_copy", [False, True])
@pytest.mark.parametrize("name", BAD_DATA)
def test_data_that_does_not_add_up_is_refused(name: str, zero_copy: bool) -> None:
    pytest.importorskip("pandas")
    with pytest.raises(DecodeError) as caught:
        decode(laid_out(packed(BAD_DATA[name])), zero_copy=zero_copy)
    assert type(caught.value) is DecodeError


@pytest.mark.parametrize(
    "name", ["code beyond the categories", "text that ends before it starts", "bool of two"]
)
def test_it_is_the_check_that_refuses_them(name: str) -> None:
    """Trusted, they are made: and then reading them reads somebody else's memory."""
    pytest.importorskip("pandas")

    assert decode(laid_out(packed(BAD_DATA[name])), trusted=True) is not None


def test_the_same_data_when_it_adds_up_is_accepted() -> None:
    """The other half of the test above: it is the fault that was refused, not the way it was written."""
    pytest.importorskip("pandas")
    for good in (
        tagged(Tag.ARRAY, ARRAY),
        tagged(Tag.FRAME, [AB, TWO_ROWS, numbers("i", 1, 2), numbers("i", 1, 2)]),
        tagged(Tag.SERIES, [numbers("i", 1, 2), TWO_ROWS, None]),
        column(["category", AB, False], small(0, 1, -1)),
        tagged(Tag.MULTI_INDEX, [[None, None], AB, AB, small(0), small(1)]),
        column(TEXT, 2, None, ends(0, 1, 3), b"abc"),
        column(TEXT, 9, b"\x01\x00", ends(*range(10)), b"abcdefghi"),
        column(["masked", "Int64"], numbers("i", 1, 2), None),
        column(["arrow", ["int64"]], numbers("i", 1, 2), None),
        column(["interval", tagged(Tag.DTYPE, "<i8"), "right"],
               tagged(Tag.INDEX, [numbers("i", 1), None, None]), tagged(Tag.INDEX, [numbers("i", 5), None, None])),
    ):  # fmt: skip
        assert decode(laid_out(packed(good))) is not None


@pytest.mark.parametrize("tag", [tag for tag in range(-128, 128) if tags.find_by_tag(tag) is None])
def test_unknown_tags_are_refused(tag: int) -> None:
    with pytest.raises(DecodeError):
        decode(laid_out(packed(Ext(tag, b"\x90"))))


@pytest.mark.parametrize("make", ["SET", "DICT"])
def test_keys_of_one_hash_cost_no_more_than_others(make: str) -> None:
    step = 2**61 - 1  # what Python's integers are hashed by
    keys = [tagged(Tag.INT, (number * step).to_bytes(12, "little")) for number in range(20_000)]
    parts = keys if make == "SET" else [part for key in keys for part in (key, None)]

    start = time.process_time()
    with pytest.raises(DecodeError, match=r"not a value|one hash"):
        decode(of_tag(Tag[make], parts))

    assert time.process_time() - start < 5  # some 0.1 s; 20,000 colliding keys would take ten times the limit


def test_honest_keys_of_one_hash_are_accepted() -> None:
    value = {(x, y): x for x in range(-300, 300) for y in range(-5, 5)}

    assert len(value) - len(set(map(hash, value))) > 500
    assert decode(encode(value).to_bytes()) == value


def test_nothing_here_unpickles_or_executes(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    corpus = [encode(value).to_bytes() for value in [*plain_values(), *frames()]]

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("unpickled")

    monkeypatch.setattr(pickle, "loads", refuse)
    monkeypatch.setattr(pickle, "load", refuse)
    for data in corpus:
        decode(data)


def test_the_sources_name_no_unpickling() -> None:
    forbidden = {
        "pickle",
        "cPickle",
        "marshal",
        "shelve",
        "dill",
        "cloudpickle",
        "importlib",
        "__import__",
        "eval",
        "exec",
    }
    for path in (WIRE / name for name in SOURCES):
        tree = ast.parse(path.read_text())
        named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                named |= {alias.name.partition(".")[0] for alias in node.names}
            if isinstance(node, ast.ImportFrom):
                named.add((node.module or "").partition(".")[0])
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                named.add("pickle")
        assert not named & forbidden, path


SOURCES = (
    "codec.py",
    "tags.py",
    "parts.py",
    "types_std.py",
    "types_data.py",
    "types_pandas.py",
    "types_extra.py",
    "arrow.py",
)


def test_only_what_is_needed_is_imported() -> None:
    program = "import sys, syft.wire.codec; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    loaded = set(done.stdout.split())
    assert "syft.wire.types_data" in loaded
    assert not loaded & {"numpy", "pandas", "pyarrow", "result", "pymongo", "pickle"}


# --- the process of its own


def frames() -> list[Any]:
    import numpy as np
    import pandas as pd

    zone = zoneinfo.ZoneInfo("Europe/Paris")
    times = pd.date_range("2024-01-01", periods=4, freq="D", tz=zone)
    return [
        np.arange(5),
        np.arange(12.0).reshape(3, 4, order="F"),
        np.arange(2000, dtype=">i8"),
        np.array(["a", "äö"]),
        np.array([True, False]),
        np.array([1, "a", None], dtype=object),
        np.zeros(3, dtype=[("a", "i2"), ("b", "U3"), ("c", "?")]),
        np.float32(1.5),
        np.datetime64("2024-01-01"),
        pd.Series(["a", None, "ä"], name="s"),
        pd.Series(["text"] * 2000),
        pd.Series(["a", "b"], dtype="string[python]"),
        pd.Series(times),
        pd.Series([1, None, 3], dtype="Int64"),
        pd.Series([True, None], dtype="boolean"),
        pd.Series([1, None], dtype="int64[pyarrow]"),
        pd.Series(["a", None], dtype="large_string[pyarrow]"),
        pd.Series([datetime.date(2024, 1, 1), None], dtype="date32[pyarrow]"),
        pd.Categorical(["a", "b", None]),
        pd.Categorical([f"{number % 300}" for number in range(5000)]),
        pd.date_range("2024", periods=3, freq="D"),
        pd.period_range("2024-01", periods=3, freq="M"),
        pd.interval_range(0, 3),
        pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", None]),
        pd.Timestamp("2024-01-01", tz=zone),
        pd.Timedelta(1, "s"),
        pd.Period("2024-01", freq="M"),
        pd.Interval(1, 2),
        pd.CategoricalDtype(["a"]),
        pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [1.5, None], "d": pd.Categorical(["u", "v"])}),
        pd.DataFrame({"a": range(4), "t": times, "o": [1, "a", None, (1,)]}, index=list("wxyz")),
        pd.DataFrame({"a": np.arange(600), "b": ["text"] * 600, "c": pd.Categorical(["p", "q"] * 300)}),
    ]


def use(value: Any) -> None:
    """What somebody might do with it first. Errors are the value's own; it must only not bring the process down."""
    import pandas as pd

    def each() -> Iterator[Callable[[], object]]:
        yield lambda: repr(value)
        yield lambda: value.copy()
        if hasattr(value, "dtype") and getattr(value, "size", 0) < 100_000:
            yield lambda: value.tolist()
            yield lambda: value[::-1].copy()
            yield lambda: value == value
            yield lambda: value.astype(str)
            yield lambda: pd.Series(value).value_counts()
            yield lambda: pd.Series(value).sort_values()
        if isinstance(value, pd.DataFrame) and len(value) < 100_000:
            yield lambda: value.describe(include="all")
            yield lambda: value.groupby(list(value.columns[:1])).size()
            yield lambda: value.to_csv()
            yield lambda: value.sort_values(list(value.columns))
        if isinstance(value, pd.Index) and len(value) < 100_000:
            yield lambda: value.get_indexer(value)
            yield lambda: value.sort_values()

    for step in each():
        with contextlib.suppress(Exception):
            step()


def main(seed: int, count: int) -> None:
    warnings.simplefilter("ignore")
    rng = random.Random(seed)
    corpus = [encode(value).to_bytes() for value in frames()]
    for data in corpus:
        use(decode(data))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tried = refused = 0
    while tried < count:
        for data in mutations(rng, rng.choice(corpus)):
            tried += 1
            found = outcome(data, zero_copy=rng.random() < 0.5)
            if isinstance(found, SyftException):
                refused += 1
            else:
                use(found)
    print(tried, refused, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
