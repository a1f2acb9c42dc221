"""This module bounds what strangers can make a server hold: heads, bodies, connections, and for how long."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from starlette.requests import Request
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from syft.errors import DecodeError, NodeUnreachable, TooLarge
from syft.server.onewrite import OneWrite
from syft.transport.http import LENGTH, MAX_BODY

# A message's head is some 200 bytes; nginx and h11 allow 32 and 64 KiB.
MAX_HEAD: Final = 32 * 1024
MAX_CONNECTIONS: Final = 1000
# All bodies that are being read at once: eight of the largest, or thirty parts of uploads.
MAX_READING: Final = 128 * 1024 * 1024
# The largest body at 2 Mbit/s.
BODY_S: Final = 80.0


class BoundedHead(HttpToolsProtocol):
    """uvicorn's HTTP, which closes a connection whose request line, headers or trailers do not end."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._came_further = False
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody has connected."""
        super().connection_made(cast(asyncio.Transport, OneWrite(transport, self.loop)))

    def data_received(self, data: bytes) -> None:
        """Feed the parser; bytes that end no head and hold no body are part of a head, or trailers, that go on."""
        self._came_further = False
        super().data_received(data)
        self._head_bytes = 0 if self._came_further else self._head_bytes + len(data)
        if self._head_bytes > MAX_HEAD and self.transport is not None:
            self.transport.close()

    def on_headers_complete(self) -> None:
        """The head has ended."""
        self._came_further = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of the body came, which `Intake` bounds."""
        self._came_further = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The body and its trailers have ended; what comes next is another head."""
        self._came_further = True
        super().on_message_complete()


class Intake:
    """Reads bodies, and bounds what all that are being read hold together."""

    def __init__(self, total: int = MAX_READING, limit: int = MAX_BODY, patience_s: float = BODY_S) -> None:
        self._free = total
        self._limit = limit
        self._patience_s = patience_s

    async def read(self, request: Request) -> bytes:
        """The body of a request.

        Raises:
            TooLarge: it says it is larger than a message, or turns out to be.
            DecodeError: it is too short to be anything, or does not end in time.
            NodeUnreachable: too much is being read already.
        """
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self._limit:
            raise TooLarge(f"A message is at most {self._limit >> 20} MiB.")
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._patience_s):
                async for part in request.stream():
                    size += len(part)
                    self._free -= len(part)
                    parts.append(part)
                    if size > self._limit:
                        raise TooLarge(f"A message is at most {self._limit >> 20} MiB.")
                    if self._free < 0:
                        raise NodeUnreachable(
                            "The node is taking in too much at once. Try again in a minute."
                        )
        except TimeoutError:
            raise DecodeError(f"The message did not end within {self._patience_s:.0f} s.") from None
        finally:
            self._free += size
        if size < LENGTH.size:
            raise DecodeError("An empty message; nothing was done with it.")
        return parts[0] if len(parts) == 1 else b"".join(parts)
