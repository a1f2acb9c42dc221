"""This module sends the head of an answer and what follows it in one write, so that who waits wakes up once."""

from __future__ import annotations

import asyncio
from typing import Any


class OneWrite:
    """A connection's transport that keeps each first piece until the next one, or until nothing else is due.

    Args:
        transport: the connection's own; what is not here is asked of it.
        loop: it lives on.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: bytes | None = None

    def write(self, data: bytes) -> None:
        """Send some bytes, the ones kept before them."""
        if self._held is None:
            self._held = data
            self._loop.call_soon(self._flush)
            return
        held, self._held = self._held, None
        self._transport.writelines((held, data))

    def close(self) -> None:
        """Send what is kept, and close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._transport.write(held)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
