"""This module knows for whom a key speaks, and forgets at once when that changes."""

from __future__ import annotations

import threading
from datetime import datetime

from syft.model.user import SessionKey, User
from syft.store.base import Store

# Remembered keys beyond this are looked up again; each is some 2 KiB.
_MAX_REMEMBERED = 10_000


class Sessions:
    """The accounts behind keys, looked up once and remembered until somebody changes an account or a key.

    Args:
        store: where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, tuple[SessionKey, User]] = {}
        self._generation = 0
        self._lock = threading.Lock()

    def user_of(self, verify_key: bytes, now: datetime) -> User | None:
        """The account that key speaks for now; None when it has expired, was revoked, or never did."""
        key = verify_key.hex()
        found = self._known.get(key) or self._look_up(key)
        if found is None:
            return None
        session, user = found
        return None if session.revoked or session.expires_at <= now else user

    def changed(self) -> None:
        """An account or a key was changed: believe nothing remembered."""
        with self._lock:
            self._generation += 1
            self._known.clear()

    def _look_up(self, key: str) -> tuple[SessionKey, User] | None:
        with self._lock:
            generation = self._generation
        with self._store.reading() as reader:
            session = reader.find(SessionKey, verify_key=key)
            user = reader.find(User, uid=session.user_uid) if session else None
        if session is None or user is None:
            return None
        with self._lock:
            # What was read before a change must not be remembered after it: a revoked key would live on.
            if generation == self._generation and len(self._known) < _MAX_REMEMBERED:
                self._known[key] = (session, user)
        return session, user
