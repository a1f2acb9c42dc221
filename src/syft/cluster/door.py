"""This module is where a node answers over HTTP: known once it does, which is after its pools were opened."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Door:
    """The URL at which a node listens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._url: str | None = None
        self._waiting: list[Callable[[str], None]] = []

    def open_at(self, url: str) -> None:
        """It listens there; empty: it does not."""
        with self._lock:
            self._url = url
            waiting, self._waiting = self._waiting, []
        for tell in waiting:
            tell(url)

    def when_open(self, tell: Callable[[str], None]) -> None:
        """Have that told once, as soon as it is known; at once where it is."""
        with self._lock:
            url = self._url
            if url is None:
                self._waiting.append(tell)
                return
        tell(url)
