"""The format itself: how bytes are laid out, in which pieces they come, what the table refuses."""

from __future__ import annotations

import collections
import io
import math
import mmap
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syft.errors import DecodeError, TooLarge, UnsupportedType
from syft.wire import codec, tags
from syft.wire.codec import Encoded, Tag, canonical, decode, encode, freeze, register

BIG = bytes(range(256)) * 100


def test_the_layout_is_as_documented() -> None:
    """These bytes are stored for years: whatever changes here needs a new magic and a reader of the old."""
    assert encode({"a": [1, (None, 2.5)]}).to_bytes() == (
        b"SYFTVAL1" + struct.pack("<QQ", 19, 0)  # no buffers
        + b"\x81\xa1a\x92\x01\xc7\x0b\x08\x92\xc0\xcb\x40\x04\x00\x00\x00\x00\x00\x00"
    )  # fmt: skip

    data = encode([BIG, BIG[:5000]]).to_bytes()
    _, length, count = struct.unpack_from("<8sQQ", data)
    first, second = struct.unpack_from("<QQ", data, 24), struct.unpack_from("<QQ", data, 40)
    assert count == 2
    assert first == (128, len(BIG))
    assert second == (128 + 25_600, 5000)
    assert data[first[0] :][: first[1]] == BIG
    assert data[second[0] :] == BIG[:5000]
    assert not any(data[56 + length : first[0]])


def test_tags_keep_their_numbers() -> None:
    """Stored values are read by them."""
    assert {tag.name: tag.value for tag in Tag} == {
        "BUFFER": 1, "PACKED": 2, "BYTES": 3, "TEXT": 4, "INT": 5, "COMPLEX": 6, "BYTEARRAY": 7, "TUPLE": 8, "SET": 9,
        "FROZENSET": 10, "DICT": 11, "ORDERED_DICT": 12, "DEFAULT_DICT": 13, "RANGE": 14, "SLICE": 15, "ELLIPSIS": 16,
        "PATH": 17, "DECIMAL": 18, "UUID": 19, "TIMEDELTA": 20, "DATE": 21, "TIME": 22, "DATETIME": 23, "TIMEZONE": 24,
        "ZONE_INFO": 25, "BYTES_IO": 26, "STRING_IO": 27, "TYPE": 28, "PARAMETER": 29, "SIGNATURE": 30,
        "ARRAY": 40, "SCALAR": 41, "DTYPE": 42,
        "FRAME": 48, "SERIES": 49, "INDEX": 50, "RANGE_INDEX": 51, "MULTI_INDEX": 52, "EXTENSION_DTYPE": 53,
        "EXTENSION_ARRAY": 54, "TIMESTAMP": 55, "PANDAS_TIMEDELTA": 56, "NOT_A_TIME": 57, "NOT_AVAILABLE": 58,
        "PERIOD": 59, "INTERVAL": 60,
        "OK": 72, "ERR": 73, "COLLECTION": 74, "OBJECT_ID": 75, "TENSOR": 76, "UID": 96,
        "PLAN": 97, "PROTOCOL": 98, "PARTITIONED": 112, "PLACEHOLDER": 0,
    }  # fmt: skip


def test_what_is_large_is_not_copied() -> None:
    value = {"a": bytes(10_000_000), "b": [bytes(5_000_000)]}
    tracemalloc.start()
    try:
        encoded = encode(value)
        for _ in encoded.chunks(1 << 20):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert encoded.size > 15_000_000
    assert peak < 5_000_000


@pytest.mark.parametrize("size", [1, 7, 64, 4096, 4097, 10**6])
@pytest.mark.parametrize(
    "value", [1, [BIG, 2, BIG[:5000]], {"a": "text" * 5000}], ids=["small", "bytes", "text"]
)
def test_chunks_are_the_whole_in_pieces_of_one_size(value: object, size: int) -> None:
    encoded = encode(value)

    chunks = list(encoded.chunks(size))

    assert b"".join(chunks) == encoded.to_bytes()
    assert {len(chunk) for chunk in chunks[:-1]} <= {size}
    assert 0 < len(chunks[-1]) <= size
    assert len(chunks) == math.ceil(encoded.size / size)


def test_chunks_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="0 bytes"):
        list(encode(1).chunks(0))


def test_writing_copes_with_files_that_take_less(tmp_path: Path) -> None:
    class Slow(io.BytesIO):
        def write(self, data: Any) -> int:
            return super().write(bytes(data[:1000]))

    encoded = encode([BIG, 1])
    slow = Slow()
    assert encoded.write_to(slow) == encoded.size
    assert slow.getvalue() == encoded.to_bytes()

    with (tmp_path / "value").open("wb") as file:
        assert encoded.write_to(file) == encoded.size
    assert (tmp_path / "value").read_bytes() == encoded.to_bytes()


@pytest.mark.parametrize("hold", [bytes, bytearray, memoryview, lambda data: memoryview(bytearray(data))])
def test_any_bytes_can_be_decoded(hold: Callable[[bytes], Any]) -> None:
    assert decode(hold(encode([BIG, 1]).to_bytes())) == [BIG, 1]


def test_a_memory_map_can_be_decoded_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "value"
    path.write_bytes(encode([BIG, {"a": bytearray(BIG)}, "text" * 5000]).to_bytes())
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        value = decode(mapped)
    assert value == [BIG, {"a": bytearray(BIG)}, "text" * 5000]


@pytest.mark.parametrize(
    ("value", "name"),
    [(1, "int"), (None, "NoneType"), ([], "list"), (io.BytesIO(), "io.BytesIO"),
     (Path(), f"pathlib.{type(Path()).__name__}")],
)  # fmt: skip
def test_the_type_is_named_for_display(value: object, name: str) -> None:
    assert encode(value).type_name == name
    assert encode(value).shape is None


def test_the_shape_of_data_is_known() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2, 3], "b": [1, 2, 3]})

    for value, name, shape in (
        (frame, "pandas.DataFrame", (3, 2)),
        (frame["a"], "pandas.Series", (3,)),
        (frame.to_numpy(), "numpy.ndarray", (3, 2)),
    ):
        assert encode(value).type_name == name
        assert encode(value).shape == shape


# --- depth


def nested(levels: int, wrap: Callable[[object], object]) -> object:
    value: object = None
    for _ in range(levels):
        value = wrap(value)
    return value


WRAPS: dict[str, Callable[[object], object]] = {
    "list": lambda value: [value],
    "tuple": lambda value: (value,),
    "dict": lambda value: {"a": value},
    "dict of numbers": lambda value: {1: value},
    "default dict": lambda value: collections.defaultdict(None, {1: value}),
    "slice": lambda value: slice(value),
}


@pytest.mark.parametrize("name", WRAPS)
def test_what_can_be_encoded_can_be_decoded_however_deep(name: str) -> None:
    wrap = WRAPS[name]
    levels = 1
    while True:
        value = nested(levels, wrap)
        try:
            data = encode(value, max_depth=30).to_bytes()
        except TooLarge:
            break
        assert decode(data, max_depth=30) == value
        levels += 1
    assert levels >= 15


def test_a_hundred_levels_are_enough_and_no_more_are_taken() -> None:
    value = nested(100, lambda value: [value])

    assert decode(encode(value).to_bytes()) == value
    with pytest.raises(TooLarge, match="100 deep"):
        encode([value])
    with pytest.raises(TooLarge):
        decode(encode(nested(120, lambda value: [value]), max_depth=200).to_bytes())


def test_depth_beyond_what_python_can_do_is_too_large() -> None:
    with pytest.raises(TooLarge, match="deeply nested to encode"):
        encode(nested(5000, lambda value: [value]), max_depth=10_000)


def test_more_than_msgpack_can_hold_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "EXTENSION_LIMIT_BYTES", 100)

    with pytest.raises(TooLarge, match=r"too many small values to encode, at value\[1\]"):
        encode([1, ("some text",) * 20])


# --- canonical bytes


def test_canonical_bytes_do_not_depend_on_how_a_value_was_made() -> None:
    one, other = set(), set()
    for number in range(1000):
        one.add(f"{number}")
        other.add(f"{999 - number}")

    assert list(one) != list(other)
    assert canonical({"a": [one, frozenset(one)]}) == canonical({"a": [other, frozenset(other)]})


def test_canonical_bytes_tell_values_apart() -> None:
    values = [None, 0, False, 0.0, "", b"", [], (), {}, set(), frozenset(), "0", [0], (0,), {0}, {"a": 1}, {"a": True},
              {1: 2}, {2: 1}, {"a": 1, "b": 2}, {"b": 2, "a": 1}, 2**70, -(2**70), "a" * 5000, b"a" * 5000]  # fmt: skip

    assert len({canonical(value) for value in values}) == len(values)


def test_canonical_bytes_are_as_documented() -> None:
    """Digests of approved code are made of these: what changes here invalidates every approval there is."""
    assert canonical([1, {"b": {2, 1}}]).hex() == "920181a162c70309920102"
    assert canonical((b"x" * 5000,)).hex() == "c8138c0891c51388" + 5000 * "78"


def test_data_has_no_canonical_bytes() -> None:
    numpy = pytest.importorskip("numpy")

    with pytest.raises(UnsupportedType, match=r"canonical bytes, at value\[0\]"):
        canonical([numpy.int64(1)])


# --- the table


class Own:
    pass


class Nested:
    class Inner:
        pass


@pytest.fixture
def open_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that can be added to, and is afterwards as it was."""
    for name in ("_by_tag", "_by_type", "_by_key"):
        monkeypatch.setattr(tags, name, dict(getattr(tags, name)))
    monkeypatch.setattr(tags, "_frozen", False)


def make_own(parts: object, unpacker: object) -> Own:
    return Own()


def give_nothing(value: object, packer: object) -> None:
    return None


@pytest.mark.usefixtures("open_table")
def test_a_type_can_be_added() -> None:
    register(120, Own, give_nothing, make_own)

    assert type(decode(encode([Own()]).to_bytes())[0]) is Own  # type: ignore[index]


@pytest.mark.usefixtures("open_table")
def test_a_type_can_be_added_by_name() -> None:
    register(120, (__name__, "Nested.Inner"), give_nothing, make_own)

    if __name__ in __import__("sys").modules:
        assert type(decode(encode(Nested.Inner()).to_bytes())) is Own


@pytest.mark.usefixtures("open_table")
def test_another_type_of_the_same_name_is_not_it() -> None:
    impostor = type("DataFrame", (), {"__module__": "pandas"})

    with pytest.raises(UnsupportedType):
        encode(impostor())


@pytest.mark.usefixtures("open_table")
def test_a_tag_or_type_is_taken_once() -> None:
    register(120, Own, give_nothing, make_own)

    with pytest.raises(ValueError, match="tag 120 is taken"):
        register(120, Nested, give_nothing, make_own)
    with pytest.raises(ValueError, match="has a tag already"):
        register(121, Own, give_nothing, make_own)
    with pytest.raises(ValueError, match="has a tag already"):
        register(121, Nested, give_nothing, make_own, also=[("pandas", "DataFrame")])
    for tag in (-1, 128):
        with pytest.raises(ValueError, match="not between"):
            register(tag, Nested, give_nothing, make_own)
    register(121, Nested, give_nothing, make_own)  # none of the above was half done


@pytest.mark.usefixtures("open_table")
def test_a_frozen_table_takes_nothing_more() -> None:
    freeze()
    freeze()

    with pytest.raises(RuntimeError, match="frozen"):
        register(120, Own, give_nothing, make_own)


@pytest.mark.usefixtures("open_table")
def test_whatever_goes_wrong_in_a_type_is_a_decode_error() -> None:
    def fail(parts: object, unpacker: object) -> object:
        raise AssertionError("detail for the log")

    register(120, Own, give_nothing, fail)

    with pytest.raises(DecodeError) as caught:
        decode(encode(Own()).to_bytes())
    assert "detail" not in str(caught.value)
    assert "detail" in caught.value.private_message


@pytest.mark.usefixtures("open_table")
def test_too_little_memory_is_too_large() -> None:
    def fail(*_: object) -> object:
        raise MemoryError

    register(120, Own, give_nothing, fail)
    with pytest.raises(TooLarge):
        decode(encode(Own()).to_bytes())

    register(121, Nested, fail, make_own)
    with pytest.raises(TooLarge):
        encode(Nested())


def test_encoded_is_what_it_says() -> None:
    encoded = Encoded((b"ab", memoryview(b"c")), "x", None)

    assert encoded.size == 3
    assert encoded.to_bytes() == b"abc"
