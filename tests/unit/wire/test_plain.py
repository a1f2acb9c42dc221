"""What an owner may bound is read from a caller's bytes as it is, or not at all."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import pytest

from syft.errors import DecodeError, SyftException, TooLarge
from syft.wire.codec import decode, encode
from syft.wire.plain import MAX_SCALAR, plain

SCALARS = [None, True, False, 0, -1, 2**63, -(2**70), 2.5, float("inf"), "", "abc", "é" * 9_000, "\ud800"]
CONTAINERS = [
    [],
    [1] * 15,
    [1] * 16,
    [1] * 70_000,
    ["x" * 5_000, "y" * 5_000],
    [{1: 2}],
    {},
    {"a": 1},
    {str(number): number for number in range(20_000)},
    {1: 2, 3: 4},
    {number: number for number in range(20_000)},
    {number: (number,) for number in range(9_000)},
    (),
    (1, 2),
    tuple(range(70_000)),
    (["a"], {"b": (1,)}),
    set(),
    set(range(30)),
    set(range(9_000)),
]
OTHERS = [b"x", 1j, frozenset({1}), bytearray(b"x"), range(3)]


@pytest.mark.parametrize("value", SCALARS, ids=lambda value: repr(value)[:20])
def test_a_scalar_is_itself(value: Any) -> None:
    found = plain(encode(value).to_bytes())
    assert (found.type_name, found.value) == (type(value).__name__, value)
    assert type(found.value) is type(value)
    assert found.length == (len(value) if isinstance(value, str) else None)


@pytest.mark.parametrize("value", CONTAINERS, ids=lambda value: f"{type(value).__name__} of {len(value)}")
def test_a_container_is_its_length(value: Any, tmp_path: Path) -> None:
    data = encode(value).to_bytes()
    assert plain(data) == (type(value).__name__, None, len(value))
    path = tmp_path / "value"
    path.write_bytes(data)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert plain(mapped) == plain(data)


@pytest.mark.parametrize("value", OTHERS, ids=repr)
def test_of_anything_else_nothing_is_told(value: Any) -> None:
    found = plain(encode(value).to_bytes())
    assert (found.value, found.length) == (None, None)


def test_a_scalar_that_is_too_large_is_not_made() -> None:
    assert plain(encode("x" * 1_000).to_bytes()).length == 1_000
    with pytest.raises(TooLarge):
        plain(encode("x" * MAX_SCALAR).to_bytes())


@pytest.mark.parametrize(
    "value", [(1, 2), {1, 2}, {1: 2}, [300] * 1_500, (300,) * 1_500, 2**70, "x"], ids=type
)
def test_whatever_bytes_are_changed_it_says_what_decodes_or_refuses(value: Any) -> None:
    """What it says is never shorter than what a run would be given: no byte of the beginning brings more by it."""
    data = bytearray(encode(value).to_bytes())
    told = 0
    for place in range(min(len(data), 64)):
        for byte in range(256):
            changed = bytes(data[:place]) + bytes([byte]) + bytes(data[place + 1 :])
            try:
                found = plain(changed)
            except SyftException:
                continue
            try:
                real = decode(changed, placed=[list(range(50))])
            except SyftException:
                continue
            told += 1
            if type(real) in (list, dict, set, tuple):
                assert found.type_name == type(real).__name__
                assert found.length is not None
                assert found.length >= len(real)
            elif found.value is not None:
                assert found.value == real or real != real
    assert told


def test_a_placeholder_is_nothing_that_can_be_bounded() -> None:
    """A run's inputs may have placeholders; what stands in their place could be of any length."""
    inner = encode((1, 2)).to_bytes()
    # A tuple whose elements are those of a placeholder: 0xD4 is an extension of one byte, 0 the placeholder's tag.
    header = b"\xc7\x03\x08\xd4\x00\x00"
    data = inner[:8] + len(header).to_bytes(8, "little") + (0).to_bytes(8, "little") + header
    assert decode(data, placed=[list(range(50))]) == tuple(range(50)), (
        "outside: it decodes where one is given"
    )
    with pytest.raises(DecodeError):
        plain(data)
