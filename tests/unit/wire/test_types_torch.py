"""Tensors of torch travel as raw bytes with their dtype; skipped where torch is not installed."""

from __future__ import annotations

import msgspec
import pytest

from syft.errors import DecodeError, UnsupportedType
from syft.wire.codec import decode, encode
from syft.wire.elements import count_elements
from syft.wire.layout import lay_out
from syft.wire.tags import Tag

torch = pytest.importorskip("torch")

DTYPES = [
    *("bool", "uint8", "int8", "int16", "int32", "int64"),
    *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
]


def through(value: object) -> object:
    return decode(encode(value).to_bytes())


def same(one: object, other: object) -> bool:
    return (
        one.dtype is other.dtype
        and one.shape == other.shape
        and one.requires_grad == other.requires_grad
        and bool(torch.equal(one.detach(), other.detach()))
    )


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (40, 50)])
def test_every_dtype_and_shape_comes_back(name: str, shape: tuple[int, ...]) -> None:
    value = (torch.arange(2_000)[: torch.Size(shape).numel()].reshape(shape) % 2).to(getattr(torch, name))
    assert same(through(value), value)


def test_what_is_strided_conjugated_or_asks_for_gradients_comes_back() -> None:
    plain = torch.arange(12.0).reshape(3, 4)
    values = [
        plain.T,
        plain[:, ::2],
        plain.expand(2, 3, 4),
        torch.tensor([1 + 2j]).conj(),
        torch.tensor([1 + 2j]).conj().imag,
        plain.clone().requires_grad_(True),
    ]
    for value in values:
        assert same(through(value), value)
    assert same(through({"a": [plain]})["a"][0], plain)  # type: ignore[index]


def test_what_comes_back_can_be_written_to() -> None:
    encoded = encode(torch.zeros(10_000)).to_bytes()
    for zero_copy in (False, True):
        value = decode(encoded, zero_copy=zero_copy)
        value += 1
        assert bool((decode(encoded) == 0).all())


def test_others_are_refused_with_a_way_out() -> None:
    for value in (torch.zeros(2).to_sparse(), torch.zeros(2, device="meta")):
        with pytest.raises(UnsupportedType, match=r"cannot travel|meta"):
            encode(value)
    with pytest.raises(UnsupportedType, match=r"\.detach\(\)"):
        encode(torch.nn.Parameter(torch.zeros(2)))


@pytest.mark.parametrize(
    "parts",
    [
        ["float32", [2], False, bytes(4)],
        ["float32", [-1], False, bytes(4)],
        ["float32", [1] * 65, False, bytes(4)],
        ["float33", [1], False, bytes(4)],
        ["load", [1], False, bytes(4)],
        ["int32", [1], True, bytes(4)],
        ["bool", [1], False, b"\x02"],
        ["float32", [1], 1, bytes(4)],
        ["float32", [1], False],
        ["float32", ["1"], False, bytes(4)],
        [None, [1], False, bytes(4)],
    ],
    ids=str,
)
def test_bytes_that_are_no_tensor_are_refused(parts: list[object]) -> None:
    payload = msgspec.msgpack.encode(parts)
    header = msgspec.msgpack.encode(msgspec.msgpack.Ext(int(Tag.TENSOR), payload))
    with pytest.raises(DecodeError):
        decode(b"".join(lay_out(header, [])))


def test_elements_are_counted() -> None:
    assert count_elements(encode(torch.zeros(30, 400, dtype=torch.bfloat16)).to_bytes()) == 12_000
