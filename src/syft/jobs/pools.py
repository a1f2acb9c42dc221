"""This module keeps for each worker pool what runs its jobs, and the crew that brings them there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

import msgspec
from blake3 import blake3

from syft.errors import InvalidState, NotFound, SyftException
from syft.jobs.crews import Crews
from syft.logger import say
from syft.model.pool import Dask, Embedded, Pool
from syft.sandbox.contract import Execution, Host, Outcome, Runner

# Told how many jobs a pool's workers elsewhere run at once, whenever that changes.
Resize = Callable[[int], None]


@dataclass(frozen=True)
class Equipment:
    """What a pool runs its jobs with.

    Args:
        runner: where strangers' code runs.
        environment: the digest of the interpreter and packages it runs in, which approvals bind.
        at_once: how many of one job's launched runs run at once; 0 for as many as this machine has processors.
        place: on what machines and behind what fence that is; empty for the node's own. Approvals bind it, too.
        scale: told how many jobs the pool's record wants at once, when that changes; 0 for what the settings say.
    """

    runner: Runner
    environment: Callable[[], str]
    at_once: Callable[[], int] = lambda: 0
    place: str = ""
    scale: Callable[[int], None] = lambda _: None

    @property
    def bound(self) -> str:
        """The digest of what an approval binds of it."""
        digest = self.environment()
        return blake3(f"{self.place}\n{digest}".encode()).hexdigest() if self.place else digest


Equip = Callable[[Pool, Resize], Equipment]


class Equipped:
    """The equipment of all pools, by name.

    Args:
        base: of the node itself, which plain pools share.
    """

    def __init__(self, base: Equipment) -> None:
        self.base = base
        self._lock = threading.Lock()
        self._by_pool: dict[str, Equipment] = {}

    def of(self, pool: str) -> Equipment:
        """That of a pool.

        Raises:
            NotFound: there is no such pool.
        """
        with self._lock:
            found = self._by_pool.get(pool)
        if found is None:
            raise NotFound(f"There is no worker pool '{pool[:100]}' here any more.")
        return found

    def runner_of(self, pool: str) -> Runner:
        """Where the code of that pool's jobs runs.

        Raises:
            NotFound: there is no such pool.
        """
        return self.of(pool).runner

    def as_of_now(self) -> Equipped:
        """All of it as it stands: what a run begins with is what its approval is compared to, and no other."""
        now = Equipped(self.base)
        with self._lock:
            now._by_pool = dict(self._by_pool)
        return now

    def environment(self, pools: Iterable[str]) -> str:
        """The digest of where code runs that runs in these pools, and what it finds there; what an approval binds.

        Raises:
            NotFound: one of them is not there.
        """
        digests = {pool: self.of(pool).bound for pool in pools}
        different = set(digests.values())
        if len(different) == 1:
            return different.pop()
        lines = [f"{pool}={digest}" for pool, digest in sorted(digests.items())]
        return blake3("\n".join(lines).encode()).hexdigest()

    def put(self, pool: str, equipment: Equipment) -> None:
        """Give a pool its equipment."""
        with self._lock:
            self._by_pool[pool] = equipment

    def take(self, pool: str) -> Equipment | None:
        """Take it away again; the caller closes it unless it is that of the node itself."""
        with self._lock:
            return self._by_pool.pop(pool, None)

    def close(self) -> None:
        """Close every runner."""
        with self._lock:
            runners = {id(one.runner): one.runner for one in (self.base, *self._by_pool.values())}
        for runner in runners.values():
            runner.close()


class Pools:
    """Worker pools as they stand: opened, changed in size, and removed.

    Args:
        equipped: where their equipment is kept.
        crews: their threads.
        equip: makes the equipment of a pool that is not plain; None where a node has but its own.
        size: how many jobs a pool runs at once that does not say.
    """

    def __init__(self, equipped: Equipped, crews: Crews, equip: Equip | None, size: int) -> None:
        self._equipped = equipped
        self._crews = crews
        self._equip = equip
        self._size = size
        self._slots: dict[str, int] = {}
        self._wanted: dict[str, int] = {}
        self._changing: set[str] = set()
        self._lock = threading.Lock()
        # A size is worked out and said in one: else what was worked out first could be said last.
        self._sizing = threading.Lock()

    def open(self, pool: Pool) -> None:
        """Have it run jobs from now on. Where its equipment cannot be had, its jobs end and say why."""
        is_here = isinstance(pool.engine, Embedded)
        with self._lock:
            self._wanted[pool.name] = pool.workers
            if not is_here:
                self._slots.setdefault(pool.name, 0)
        equipment = self._equipped.base
        if not pool.is_plain:
            equipment = self._made(pool)
        self._equipped.put(pool.name, equipment)
        with self._sizing:
            self._crews.add(pool.name, self._size_of(pool.name), is_here=is_here)

    def resize(self, pool: Pool) -> None:
        """Have it run as many jobs at once as its record says now."""
        with self._lock:
            self._wanted[pool.name] = pool.workers
        self._equipped.of(pool.name).scale(pool.workers)
        self._resize(pool.name)

    @contextmanager
    def changing(self, name: str) -> Iterator[None]:
        """The block in which a pool is made or removed: its record, its equipment and its crew are three things.

        Raises:
            InvalidState: somebody else is making or removing one of that name.
        """
        with self._lock:
            if name in self._changing:
                raise InvalidState(
                    f"The worker pool '{name}' is just being made or removed. Try again in a moment."
                )
            self._changing.add(name)
        try:
            yield
        finally:
            with self._lock:
                self._changing.discard(name)

    def remove(self, name: str) -> None:
        """Have it run nothing more. What runs there is lost, and whoever asks for it again is told that it is gone."""
        crew = self._crews.remove(name)
        equipment = self._equipped.take(name)
        if equipment is not None and equipment is not self._equipped.base:
            equipment.runner.close()
        if crew is not None:
            crew.join(timeout_s=10)
        with self._lock:
            self._slots.pop(name, None)
            self._wanted.pop(name, None)

    def _resize(self, name: str) -> None:
        with self._sizing:
            self._crews.crew(name).resize(self._size_of(name))

    def _size_of(self, name: str) -> int:
        with self._lock:
            wanted, slots = self._wanted.get(name, 0), self._slots.get(name)
        if slots is None:
            return wanted or self._size
        return min(slots, wanted) if wanted else slots

    def _made(self, pool: Pool) -> Equipment:
        def resize(slots: int) -> None:
            with self._lock:
                if pool.name not in self._wanted:
                    return
                self._slots[pool.name] = slots
            try:
                self._resize(pool.name)
            except NotFound:
                return  # it is just being opened, and asks then

        try:
            if self._equip is None:
                raise InvalidState("This node runs code with its own sandbox only.")
            # An owner who lets code run here has not said that their data may leave this machine, nor that a weaker
            # fence will do: a pool of that name may be removed, and another made.
            return replace(self._equip(pool, resize), place=_place_of(pool))
        except SyftException as error:
            say(logging.ERROR, "a worker pool cannot run jobs", pool=pool.name, why=error.public_message)
            with self._lock:
                # Its jobs are to end and say why, not to wait for workers that never come.
                self._slots.pop(pool.name, None)
            return Equipment(_Unavailable(pool.name, error.public_message), lambda: "")


def _place_of(pool: Pool) -> str:
    """What an approval binds of where a pool's runs run."""
    engine = msgspec.to_builtins(pool.engine)["type"]
    if isinstance(pool.engine, Embedded) and not pool.isolation:
        return ""
    # A cluster that the node starts is on its own machine; any other is somebody's.
    if isinstance(pool.engine, Dask) and pool.engine.address:
        engine += " elsewhere"
    return f"{engine} {pool.isolation}"


class _Unavailable(Runner):
    """Runs nothing, and says why.

    Args:
        pool: for the text.
        why: likewise.
    """

    level: Final = ""

    def __init__(self, pool: str, why: str) -> None:
        self._why = f"The worker pool '{pool}' cannot run anything. {why}"

    def start(self) -> None:
        """Nothing to get ready."""

    def wait(self) -> str:
        """It will not run any."""
        raise InvalidState(self._why)

    def run(self, execution: Execution, *, result: BinaryIO, host: Host | None = None) -> Outcome:
        """It does not."""
        raise InvalidState(self._why)

    def kill(self, uid: str, reason: str) -> bool:
        """There is no run."""
        return False

    def close(self) -> None:
        """Nothing to close."""
