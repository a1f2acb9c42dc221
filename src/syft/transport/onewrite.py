"""This module has urllib3 send the head of a request and the beginning of its body in one write, and bounds answers.

In two, they are two packets on a connection that waits for none: the server wakes up twice for every message.
"""

from __future__ import annotations

import io
import socket
import time
from http.client import HTTPResponse
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

# More than this is worth another packet rather than a copy.
_JOINED_BYTES_MAX = 256 * 1024
# How often the time that is waited for its beginning a whole answer may take: 16 MiB at 1 Mbit/s.
_ENDS_WITHIN = 2


class _Until(io.RawIOBase):
    """What comes from a socket, until a moment.

    Args:
        raw: reads the socket.
        sock: the same.
        pause_s: how long to wait for anything.
        until: the moment, by the monotonic clock, after which nothing is waited for.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, pause_s: float, until: float) -> None:
        self._raw, self._sock, self._pause_s, self._until = raw, sock, pause_s, until

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, into: Any) -> int | None:
        """Some bytes.

        Raises:
            TimeoutError: none came, or the moment has passed.
        """
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(min(self._pause_s, left))
        return self._raw.readinto(into)

    def close(self) -> None:
        """Let go of the socket."""
        self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    """An answer that has to end: a byte now and then would otherwise keep whoever asked for ever."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        pause_s = sock.gettimeout()
        if pause_s is not None:
            raw = self.fp.detach()
            self.fp = io.BufferedReader(_Until(raw, sock, pause_s, time.monotonic() + _ENDS_WITHIN * pause_s))


class _OneWrite(HTTPConnection):
    """Keeps a head back until it is known what follows."""

    response_class = _TimedResponse

    _head: bytes | None = None
    _head_is_ending = False

    def request(self, *args: Any, **options: Any) -> None:
        """Send a request."""
        self._head = None  # of one that broke off
        super().request(*args, **options)
        self._send_head()

    def endheaders(self, *args: Any, **options: Any) -> None:
        """The head is complete."""
        self._head_is_ending = True
        try:
            super().endheaders(*args, **options)
        finally:
            self._head_is_ending = False

    def send(self, data: Any) -> None:
        """Send some bytes, or keep them if they are the head."""
        if self._head_is_ending:
            self._head = (self._head or b"") + data
            return
        if self._head is not None and len(data) <= _JOINED_BYTES_MAX:
            data, self._head = b"".join((self._head, data)), None
        self._send_head()
        super().send(data)

    def _send_head(self) -> None:
        head, self._head = self._head, None
        if head is not None:
            super().send(head)


class _OneWriteTls(_OneWrite, HTTPSConnection):
    """The same, encrypted."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _OneWrite


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _OneWriteTls


class OneWritePools(PoolManager):
    """Connections that are kept open, as urllib3 does, and that send a small request at one stroke."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
