"""This module keeps a zygote for each profile: started when it is wanted, ended when nobody wants it any more."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from syft.logger import say
from syft.sandbox.control import Ready
from syft.sandbox.launch import Launcher, ZygoteError
from syft.sandbox.profiles import BASE, Profile
from syft.sandbox.selection import Refused, Selection

# A profile that could not be started is not tried again before this time is over: each try takes seconds.
REST_S: Final = 300.0
_CLOSED: Final = "it was closed"


class _Standing:
    """One zygote, or the search for one, and who uses it.

    Args:
        selection: what makes it.
    """

    def __init__(self, selection: Selection) -> None:
        self.selection = selection
        self.users = 0
        self.used_at = time.monotonic()
        self.leave = threading.Event()


class Keeper:
    """Zygotes by profile, all at one level of isolation.

    `BASE` decides the level, and stands for as long as this object lives. A zygote of another profile must prove
    itself at that same level; where it cannot, there is none, and runs take the one of `BASE`. A fence that is
    found broken in one of them ends all of them for good.

    Args:
        levels: to try, the strongest first.
        launch: makes a zygote at a level, with a profile.
        profiles: what there is beside `BASE`, by name.
        canary_every_s: how often each fence must prove itself again.
        idle_s: how long a zygote of another profile stands without a run.
    """

    def __init__(
        self,
        levels: Sequence[str],
        launch: Callable[[str, str], Launcher],
        profiles: Mapping[str, Profile],
        *,
        canary_every_s: float,
        idle_s: float,
    ) -> None:
        self._levels = tuple(levels)
        self._launch = launch
        self._profiles = profiles
        self._canary_every_s = canary_every_s
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._standing: dict[str, _Standing] = {}
        self._resting: dict[str, float] = {}  # profile -> when it may be tried again
        self._enders: list[threading.Thread] = []
        self._refused: Refused | None = None
        self._closed = False

    @property
    def base(self) -> Selection | None:
        """The search for the level, if one was begun."""
        standing = self._standing.get(BASE)
        return standing.selection if standing else None

    @property
    def names(self) -> tuple[str, ...]:
        """Profiles that have a zygote now, or are about to."""
        with self._lock:
            return tuple(self._standing)

    def offers(self, profile: str) -> bool:
        """Whether it is worth asking for that profile rather than for `BASE`."""
        with self._lock:
            if time.monotonic() < self._resting.get(profile, 0.0):
                return False
            if profile in self._standing:
                return True
        return profile in self._profiles and self._profiles[profile].installed

    def start(self) -> None:
        """Begin to look for the level.

        Raises:
            ZygoteError: it was closed.
        """
        self._leave(self._enter(BASE))

    def wait(self) -> Ready:
        """Wait until a level is chosen.

        Raises:
            Refused: this machine allows none that will do, or a fence has failed its test since.
            ZygoteError: no zygote could be started, or this was closed.
        """
        with self.zygote(BASE) as (_, ready):
            return ready

    @contextmanager
    def zygote(self, profile: str) -> Iterator[tuple[Launcher, Ready]]:
        """A zygote of that profile, which stands at least until the end of the block.

        Raises:
            Refused: as for `wait`.
            ZygoteError: there is none; `BASE` may have one.
        """
        if profile != BASE:
            self.wait()
        standing = self._enter(profile)
        try:
            try:
                found = standing.selection.wait()
            except (Refused, ZygoteError) as error:
                if self._refused is not None:
                    raise self._refused from error
                if profile == BASE or self._closed:
                    raise
                self._rest(profile, standing, error)
                raise ZygoteError(str(error)) from error
            yield found
        finally:
            self._leave(standing)

    def close(self) -> None:
        """End every zygote and wait until nothing is left. May be called twice."""
        with self._lock:
            self._closed = True
            for standing in self._standing.values():
                standing.leave.set()
            enders = list(self._enders)
        for ender in enders:
            ender.join()

    def _enter(self, profile: str) -> _Standing:
        """The zygote of that profile, another if it has died; it has one user more."""
        with self._lock:
            if self._closed:
                raise ZygoteError(_CLOSED)
            if self._refused is not None:
                raise self._refused
            standing = self._standing.get(profile)
            if standing is None or standing.selection.gone:
                if standing is not None:
                    standing.leave.set()
                standing = self._standing[profile] = self._begin(profile)
            standing.users += 1
            return standing

    def _leave(self, standing: _Standing) -> None:
        with self._lock:
            standing.users -= 1
            standing.used_at = time.monotonic()

    def _begin(self, profile: str) -> _Standing:
        base = self.base
        if base is not None and base.level:
            # What was promised once holds for as long as this object lives, and for every profile.
            self._levels = (base.level,)
        launch = self._launch
        selection = Selection(
            self._levels,
            lambda level: launch(level, profile),
            self._canary_every_s,
            self._refuse,
            self._stand_again if profile == BASE else lambda: None,
        )
        standing = _Standing(selection)
        ender = threading.Thread(
            target=self._end_when_idle, args=(profile, standing), name="syft-idle", daemon=True
        )
        self._enders = [one for one in self._enders if one.is_alive()] + [ender]
        ender.start()
        return standing

    def _rest(self, profile: str, standing: _Standing, error: Exception) -> None:
        """Do without a profile for a while."""
        with self._lock:
            if self._standing.get(profile) is not standing:
                return
            del self._standing[profile]
            self._resting[profile] = time.monotonic() + REST_S
            standing.leave.set()
        say(
            logging.WARNING,
            "libraries cannot be imported ahead; runs import them themselves",
            profile=profile,
            why=str(error),
        )

    def _refuse(self, refused: Refused) -> None:
        """A fence has failed: no other is trusted either."""
        with self._lock:
            self._refused = self._refused or refused
            for standing in self._standing.values():
                standing.leave.set()

    def _stand_again(self) -> None:
        """The zygote of `BASE` has died, and the next run is not to wait for another."""
        with contextlib.suppress(Refused, ZygoteError):
            self.start()

    def _end_when_idle(self, profile: str, standing: _Standing) -> None:
        """What a zygote's own thread does: wait until it is not wanted any more, and end it."""
        wait_s = None if profile == BASE else self._idle_s
        while not standing.leave.wait(wait_s):
            with self._lock:
                wait_s = self._idle_s
                if not standing.users:
                    wait_s -= time.monotonic() - standing.used_at
                if wait_s <= 0:
                    # From here on nobody finds it; who comes now starts another.
                    if self._standing.get(profile) is standing:
                        del self._standing[profile]
                    break
        standing.selection.close()
