"""This module frames what a run and the node say to each other: its only way out beside printed text.

    frame    = kind (1 byte) + length (4 bytes, big-endian) + body
    MESSAGE    one of the messages below, as MessagePack
    BULK       raw bytes that belong to the message before: encoded values

The run's side is here, since it is trusted until the stranger's code begins and worth nothing afterwards.
The node's side, which trusts no byte, is `incoming`.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterable
from typing import Annotated, Final, Literal

import msgspec

HEADER: Final = struct.Struct(">BI")
MESSAGE: Final = 1
BULK: Final = 2

# Texts below are cut to TEXT_BYTES_MAX each; a message has room for two of them, or for as many references as a
# launch may have (`contract.REFERENCES_MAX`), of some bytes each.
TEXT_BYTES_MAX: Final = 64 << 10
MESSAGE_BYTES_MAX: Final = 1 << 20
BULK_BYTES_MAX: Final = 1 << 20
# What one launch may hand to another function. The node holds it in memory.
LAUNCH_BYTES_MAX: Final = 64 << 20

Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
Hint = Literal[
    "",
    "memory",
    "scratch",
    "threads",
    "descriptors",
    "read_only",
    "one_process",
    "unsupported",
    "result_bytes",
    "input",
]
"""What the run's side makes of an error: a closed set, so that it can be shown to anybody."""


class Place(msgspec.Struct, array_like=True, frozen=True):
    """Where an input lies: in which of the descriptors sent along, and which bytes of it (None: up to the end)."""

    descriptor: int
    offset: int
    size: int | None


class Start(msgspec.Struct, tag=True, frozen=True):
    """To the run: what to do. The only message that may be larger than `MESSAGE_BYTES_MAX`."""

    source: str
    entry: str
    inputs: dict[str, bytes | Place]
    references: list[bytes | Place]
    links: list[str]
    datasite_parameter: str | None
    result_bytes: int


class Reply(msgspec.Struct, tag=True, frozen=True):
    """To the run: the answer to a `Collect`; `size` bytes of an encoded value follow, or it did not end well."""

    call: int
    size: int
    refused: str | None = None


class Started(msgspec.Struct, tag=True, frozen=True):
    """From the run: the fence is up, the inputs are read, the stranger's code is next."""


class Progress(msgspec.Struct, tag=True, frozen=True):
    """From the run: how far it says it is."""

    current: Count
    total: Count | None


class Named(msgspec.Struct, array_like=True, frozen=True):
    """A value that a run has and does not send.

    Args:
        call: of an earlier launch, whose result it is; 0 for an input.
        name: of the input.
        part: which part of it; None for all of it.
    """

    call: Count
    name: str = ""
    part: Count | None = None


class Launch(msgspec.Struct, tag=True, frozen=True):
    """From the run: please run another function; the inputs follow in this order, sizes in bytes.

    Nothing answers it. Calls are numbered from 1, with none left out: so that one is never meant for another.
    """

    call: Count
    name: str
    sizes: dict[str, Count]
    references: list[Named]


class Collect(msgspec.Struct, tag=True, frozen=True):
    """From the run: tell me when that launched run has ended, with its value if it is wanted."""

    call: Count
    wanted: bool


class Result(msgspec.Struct, tag=True, frozen=True):
    """From the run: the function returned; `size` bytes of the encoded value follow, and that is the end."""

    size: Annotated[int, msgspec.Meta(ge=1, le=1 << 62)]
    type_name: Annotated[str, msgspec.Meta(max_length=200)]
    shape: Annotated[tuple[Count, ...], msgspec.Meta(max_length=32)]


class Failed(msgspec.Struct, tag=True, frozen=True):
    """From the run: it did not end well, and that is the end. May break off the bulk of a result."""

    error_type: str
    error_line: int | None
    error_text: str
    traceback: str
    hint: Hint = ""


ToRun = Start | Reply
ToNode = Started | Progress | Launch | Collect | Result | Failed

_to_run = msgspec.msgpack.Decoder(ToRun)


def message_frame(message: ToRun | ToNode) -> bytes:
    """A message as the bytes of one frame."""
    body = msgspec.msgpack.encode(message)
    return HEADER.pack(MESSAGE, len(body)) + body


def bulk_header(size: int) -> bytes:
    """What goes before `size` raw bytes."""
    return HEADER.pack(BULK, size)


class RunEnd:
    """The run's end of the channel. Threads of the stranger's code may share it.

    Args:
        connection: a blocking stream socket.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._receiving = threading.Lock()
        self._replies: dict[int, tuple[Reply, bytearray]] = {}

    def start(self) -> Start:
        """The first message.

        Raises:
            EOFError: the node has gone.
        """
        message = self._message()
        if not isinstance(message, Start):
            raise EOFError("the node spoke out of turn")
        return message

    def send(self, message: ToNode, bulk: Iterable[bytes | memoryview] = ()) -> None:
        """Send a message and the raw bytes that belong to it, with nothing in between."""
        with self._sending:
            self._connection.sendall(message_frame(message))
            for chunk in bulk:
                view = memoryview(chunk).cast("B")
                for at in range(0, len(view), BULK_BYTES_MAX):
                    part = view[at : at + BULK_BYTES_MAX]
                    self._connection.sendall(bulk_header(len(part)))
                    self._connection.sendall(part)

    def reply(self, call: int) -> tuple[Reply, bytearray]:
        """Wait for the answer to a launch; answers to others are kept for who asks for them.

        Raises:
            EOFError: the node has gone.
        """
        with self._receiving:
            while call not in self._replies:
                message = self._message()
                if not isinstance(message, Reply):
                    raise EOFError("the node spoke out of turn")
                self._replies[message.call] = message, self._bulk(message.size)
            return self._replies.pop(call)

    def wait_for_end(self) -> None:
        """Wait until the node has gone, or has killed this process."""
        with self._receiving:
            while self._connection.recv(1 << 16):
                pass

    def _message(self) -> ToRun:
        kind, length = HEADER.unpack(self._exactly(HEADER.size))
        if kind != MESSAGE:
            raise EOFError("the node spoke out of turn")
        message: ToRun = _to_run.decode(self._exactly(length))
        return message

    def _bulk(self, size: int) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            _, length = HEADER.unpack(self._exactly(HEADER.size))
            self._fill(view[:length])
            view = view[length:]
        return data

    def _exactly(self, size: int) -> bytearray:
        data = bytearray(size)
        self._fill(memoryview(data))
        return data

    def _fill(self, view: memoryview) -> None:
        while view:
            count = self._connection.recv_into(view)
            if not count:
                raise EOFError("the node has gone")
            view = view[count:]
