"""This module keeps passwords as Argon2id and slows down those who guess."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from typing import Final

from nacl import pwhash
from nacl.exceptions import CryptoError

from syft.errors import InvalidInput, TooManyAttempts

# OWASP asks for 19 MiB and two passes at least; this is 32 MiB and three, some 50 ms here.
_OPERATIONS: Final = 3
_MEMORY: Final = 32 * 1024 * 1024
MAX_PASSWORD: Final = 1024
# Kept in place of a hash for an account that only keys speak for: no text is its password.
NO_PASSWORD: Final = "none"  # noqa: S105

# Each hash takes 32 MiB while it runs: two at a time, so that a flood of logins does not fill the memory.
_turns = threading.BoundedSemaphore(2)


def hash_password(password: str) -> str:
    """`password` as it is kept: Argon2id with its salt and cost in the text.

    Raises:
        InvalidInput: empty or too long.
    """
    if not password or len(password) > MAX_PASSWORD:
        raise InvalidInput(f"A password has between 1 and {MAX_PASSWORD} characters.")
    with _turns:
        return pwhash.argon2id.str(password.encode(), opslimit=_OPERATIONS, memlimit=_MEMORY).decode()


def is_password(password_hash: str, password: str) -> bool:
    """Whether `password` is the one that was hashed. Takes the same time either way."""
    # An account that only keys speak for takes as long to refuse as any other.
    if password_hash == NO_PASSWORD:
        is_password(nobody(), password)
        return False
    with _turns:
        try:
            return pwhash.verify(password_hash.encode(), password.encode()[: 4 * MAX_PASSWORD])
        except (CryptoError, ValueError):
            return False


@cache
def nobody() -> str:
    """A hash to verify against when there is no such account, so that the answer takes as long as for one."""
    return hash_password("nobody has this account")


class Throttle:
    """Counts attempts and says how long to wait after too many: a bucket that drains with time.

    An attempt counts from its beginning, so that many at once cannot all be the first; success gives it back.

    Args:
        burst: attempts that are free.
        per_s: attempts that drain away each second.
        clock: seconds, monotonic.
    """

    # Names are forgotten oldest first beyond this; an attacker who uses more names than this has other limits.
    _MAX_NAMES: Final = 50_000

    def __init__(self, burst: int, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._per_s = per_s
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def _level(self, name: str, now: float) -> float:
        level, since = self._levels.get(name, (0.0, now))
        return max(0.0, level - (now - since) * self._per_s)

    def attempt(self, *names: str) -> None:
        """Count an attempt under each name, or none where one of them has had too many.

        Raises:
            TooManyAttempts: says for how many seconds to wait.
        """
        with self._lock:
            now = self._clock()
            over = max(self._level(name, now) for name in names) - self._burst
            if over > -1:
                raise TooManyAttempts(
                    f"Too many attempts. Wait {(over + 1) / self._per_s:.0f} s, then try again."
                )
            for name in names:
                self._set(name, self._level(name, now) + 1, now)

    def succeeded(self, *names: str) -> None:
        """Give an attempt back."""
        with self._lock:
            now = self._clock()
            for name in names:
                self._set(name, max(0.0, self._level(name, now) - 1), now)

    def _set(self, name: str, level: float, now: float) -> None:
        self._levels[name] = (level, now)
        self._levels.move_to_end(name)
        while len(self._levels) > self._MAX_NAMES:
            self._levels.popitem(last=False)
