"""This module has urllib3 send the head of a request and the beginning of its body in one write.

In two, they are two packets on a connection that waits for none: the server wakes up twice for every message.
"""

from __future__ import annotations

from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

# More than this is worth another packet rather than a copy.
_JOINED_BYTES_MAX = 256 * 1024


class _OneWrite(HTTPConnection):
    """Keeps a head back until it is known what follows."""

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
