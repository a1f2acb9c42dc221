"""What a run tells of a result is hostile: the node believes no more of it than it can check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from syft.jobs.outputs import outputs_told
from syft.model.held import MAX_OUTPUT_NAME, MAX_OUTPUTS
from syft.model.object import ValueRef
from syft.store.blobs import Blobs
from syft.wire.codec import encode


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


def ref(data: bytes) -> ValueRef:
    return ValueRef(digest=blake3(data).hexdigest(), size=len(data), type_name="list", inline=data)


def told(blobs: Blobs, said: Any) -> Any:
    return outputs_told(blobs, ref(encode([json.dumps(said).encode()]).to_bytes()))


def test_what_is_told_is_read(blobs: Blobs) -> None:
    first, second = told(blobs, [[0, "mean", "float", None, 9], [1, "x", "numpy.ndarray", [3, 2], 48]])
    assert (first.place, first.name, first.type_name, first.shape, first.size) == (
        0,
        "mean",
        "float",
        None,
        9,
    )
    assert second.shape == (3, 2)


@pytest.mark.parametrize(
    "said",
    [
        [[1, "x", "int", None, 1]],  # a place that is not there
        [[0, "x", "int", None, 1], [0, "y", "int", None, 1]],
        [[0, "x", "int", None, 1]] * (MAX_OUTPUTS + 1),
        [[number, "x", "int", None, 1] for number in range(MAX_OUTPUTS + 1)],
        [[0, 5, "int", None, 1]],
        [[0, "x"]],
        {"place": 0},
        "text",
        None,
        [[0, "x" * 300_000, "int", None, 1]],
    ],
)
def test_what_makes_no_sense_is_nothing(blobs: Blobs, said: Any) -> None:
    assert told(blobs, said) == ()


@pytest.mark.parametrize(
    "data", [b"", b"\x00", b"x" * 1000, encode([1]).to_bytes(), encode([b"{", b"}"]).to_bytes()]
)
def test_bytes_that_are_nothing_of_the_kind_are_nothing(blobs: Blobs, data: bytes) -> None:
    assert outputs_told(blobs, ref(data)) == ()


def test_every_bit_of_it_may_be_another(blobs: Blobs) -> None:
    good = encode([json.dumps([[0, "mean", "float", [1], 9]]).encode()]).to_bytes()
    for place in range(len(good)):
        for bit in range(8):
            data = bytearray(good)
            data[place] ^= 1 << bit
            outputs_told(blobs, ref(bytes(data)))


def test_texts_and_numbers_are_bounded(blobs: Blobs) -> None:
    (one,) = told(blobs, [[0, "n" * 1000, "t" * 1000, [1] * 65, 1 << 62]])
    assert len(one.name) == MAX_OUTPUT_NAME
    assert len(one.type_name) == 200
    assert one.shape is None
    (one,) = told(blobs, [[0, "n", "t", [-1], -5]])
    assert (one.shape, one.size) == (None, 0)
    (one,) = told(blobs, [[0, "n", "t", [(1 << 63)], (1 << 64) - 1]])
    assert (one.shape, one.size) == (None, (1 << 63) - 1)
