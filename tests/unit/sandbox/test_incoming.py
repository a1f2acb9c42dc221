"""Reading what a run sends: the same however it is cut, and an error for anything else."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syft.sandbox.channel import (
    BULK,
    BULK_BYTES_MAX,
    HEADER,
    LAUNCH_BYTES_MAX,
    MESSAGE,
    MESSAGE_BYTES_MAX,
    Collect,
    Failed,
    Launch,
    Named,
    Progress,
    Result,
    Started,
    ToNode,
    bulk_header,
    message_frame,
)
from syft.sandbox.contract import REFERENCES_MAX, OfInput, OfLaunched
from syft.sandbox.incoming import ChannelError, Complete, Incoming, Launched, ResultSizeError


def bulk(data: bytes) -> bytes:
    return bulk_header(len(data)) + data


def read(data: bytes, *, cut: int | None = None, result_bytes: int = 1 << 20) -> list[Any]:
    """All events, with consecutive pieces of a result put together."""
    incoming = Incoming(result_bytes=result_bytes)
    events: list[Any] = []
    for at in range(0, len(data), cut or len(data)):
        for event in incoming.feed(data[at : at + (cut or len(data))]):
            if not isinstance(event, memoryview):
                events.append(event)
            elif isinstance(events[-1], bytes):
                events[-1] += bytes(event)
            else:
                events.append(bytes(event))
    return events


CONVERSATION = b"".join(
    [
        message_frame(Started()),
        message_frame(Progress(1, None)),
        message_frame(
            Launch(7, "part", {"x": 3, "empty": 0, "y": 2}, [Named(6), Named(0, "x"), Named(0, "x", 2)])
        ),
        bulk(b"ab"),
        bulk(b"cde"),
        message_frame(Launch(8, "other", {}, [])),
        message_frame(Result(6, "bytes", (2, 3))),
        bulk(b"result"),
    ]
)


@given(st.integers(1, len(CONVERSATION)))
@example(1)
def test_a_conversation_is_the_same_however_it_is_cut(cut: int) -> None:
    assert read(CONVERSATION, cut=cut) == [
        Started(),
        Progress(1, None),
        Launched(
            7,
            "part",
            {"x": b"abc", "empty": b"", "y": b"de"},
            (OfLaunched(6), OfInput("x"), OfInput("x", 2)),
        ),
        Launched(8, "other", {}),
        Result(6, "bytes", (2, 3)),
        b"result",
        Complete(),
    ]


def test_a_result_may_be_broken_off() -> None:
    failed = Failed("MemoryError", None, "", "", "memory")
    data = message_frame(Result(6, "bytes", ())) + bulk(b"res") + message_frame(failed)
    assert read(data)[-1] == failed


def raw(message: object) -> bytes:
    body = msgspec.msgpack.encode(message)
    return HEADER.pack(MESSAGE, len(body)) + body


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(HEADER.pack(MESSAGE, 0), id="empty message"),
        pytest.param(HEADER.pack(MESSAGE, MESSAGE_BYTES_MAX + 1), id="message too long"),
        pytest.param(HEADER.pack(3, 1), id="unknown kind"),
        pytest.param(HEADER.pack(BULK, 1), id="bulk of nothing"),
        pytest.param(message_frame(Result(2, "x", ())) + HEADER.pack(BULK, 3), id="bulk too long"),
        pytest.param(
            message_frame(Result(1 << 21, "x", ())) + HEADER.pack(BULK, BULK_BYTES_MAX + 1),
            id="frame too long",
        ),
        pytest.param(message_frame(Result(2, "x", ())) + message_frame(Started()), id="talk amid bulk"),
        pytest.param(message_frame(Launch(1, "x", {"a": LAUNCH_BYTES_MAX + 1}, [])), id="launch too large"),
        pytest.param(
            raw({"type": "Launch", "call": 1, "name": "x", "sizes": {"a": -1}, "references": []}),
            id="negative size",
        ),
        pytest.param(
            raw({"type": "Launch", "call": 1, "name": "x", "sizes": {}, "references": [[-1]]}),
            id="negative call",
        ),
        pytest.param(
            raw({"type": "Launch", "call": 1, "name": "x", "sizes": {}, "references": [[0, "x", -1]]}),
            id="negative part",
        ),
        pytest.param(
            message_frame(Launch(1, "x", {}, [Named(1)] * (REFERENCES_MAX + 1))), id="too many references"
        ),
        pytest.param(raw({"type": "Result", "size": 0, "type_name": "x", "shape": []}), id="empty result"),
        pytest.param(raw({"type": "Result", "size": 1, "type_name": "x" * 201, "shape": []}), id="long type"),
        pytest.param(
            raw({"type": "Result", "size": 1, "type_name": "x", "shape": [1] * 33}), id="long shape"
        ),
        pytest.param(raw({"type": "Start"}), id="not for us"),
        pytest.param(raw([1, 2]), id="no message"),
        pytest.param(raw({"type": "Progress", "current": 1 << 63, "total": None}), id="huge number"),
        pytest.param(HEADER.pack(MESSAGE, 1) + b"\xc1", id="no MessagePack"),
        pytest.param(HEADER.pack(MESSAGE, 13) + b"\x81\xa4type\xa6Start\xe1", id="no Unicode"),
        pytest.param(
            HEADER.pack(MESSAGE, 100_015) + b"\x82\xa4type\xa7Started\xa1x" + b"\x91" * 100_000,
            id="deep nesting of what is skipped",
        ),
    ],
)
def test_what_the_runs_side_never_sends_is_an_error(data: bytes) -> None:
    with pytest.raises(ChannelError):
        read(data, result_bytes=1 << 30)


def test_a_result_over_the_limit_is_refused_before_a_byte_of_it() -> None:
    with pytest.raises(ResultSizeError):
        read(message_frame(Result(101, "x", ())), result_bytes=100)
    assert read(message_frame(Result(100, "x", ())), result_bytes=100)


@given(st.binary(min_size=1, max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(ChannelError, ResultSizeError):
        read(data)
    with contextlib.suppress(ChannelError, ResultSizeError):
        read(HEADER.pack(MESSAGE, len(data)) + data)


@given(st.integers(0, len(CONVERSATION) * 8 - 1))
def test_any_flipped_bit_is_read_or_refused(bit: int) -> None:
    data = bytearray(CONVERSATION)
    data[bit // 8] ^= 1 << bit % 8
    with contextlib.suppress(ChannelError, ResultSizeError):
        read(bytes(data))


MESSAGES: list[ToNode] = [
    Started(),
    Progress(0, 0),
    Launch(1, "x", {}, []),
    Collect(1, True),
    Result(1, "x", ()),
    Failed("x" * 200, 1, "x" * (64 << 10), "x" * (64 << 10)),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_every_message_of_the_runs_side_fits(message: ToNode) -> None:
    assert len(message_frame(message)) <= MESSAGE_BYTES_MAX + HEADER.size
    assert read(message_frame(message))
