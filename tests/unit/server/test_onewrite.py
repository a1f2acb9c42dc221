"""What begins an answer waits for what follows, and for nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from syft.server.onewrite import OneWrite


class Wire(asyncio.Transport):
    """A transport that remembers, write by write, what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.writes.append(b"".join(list_of_data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def test_two_pieces_are_one_write() -> None:
    async def answer() -> Wire:
        wire = Wire()
        held = OneWrite(wire, asyncio.get_running_loop())
        held.write(b"head")
        assert wire.writes == []
        held.write(b"body")
        assert wire.writes == [b"headbody"]
        await asyncio.sleep(0)
        return wire

    assert asyncio.run(answer()).writes == [b"headbody"]


def test_a_piece_that_nothing_follows_is_sent_at_the_next_turn() -> None:
    async def answer() -> Wire:
        wire = Wire()
        held = OneWrite(wire, asyncio.get_running_loop())
        held.write(b"head")
        await asyncio.sleep(0)
        assert wire.writes == [b"head"]
        held.write(b"part")
        held.write(b"part")
        held.write(b"end")
        await asyncio.sleep(0)
        return wire

    assert asyncio.run(answer()).writes == [b"head", b"partpart", b"end"]


def test_closing_sends_what_is_kept_and_asks_the_transport_for_the_rest() -> None:
    async def answer() -> Wire:
        wire = Wire()
        held = OneWrite(wire, asyncio.get_running_loop())
        held.write(b"last")
        assert not held.is_closing()
        held.close()
        assert held.is_closing()
        return wire

    assert asyncio.run(answer()).writes == [b"last"]
