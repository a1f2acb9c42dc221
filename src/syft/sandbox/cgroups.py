"""This module gives each run a control group: a limit on all it has, and a way to end all of it at once.

<what the server may divide>/
  syft-server/           the server, if it had to make way
  syft-runs-<random>/    those of one parent of runs
    <uid>/               one run
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from syft.logger import say
from syft.model.limits import MIB
from syft.sandbox import delegation
from syft.sandbox.delegation import NotDelegated
from syft.sandbox.limits import Limits

RUNS: Final = "syft-runs-"
# What the kernel keeps for a run (page tables, stacks of threads, sockets) without anybody's limit on memory
# speaking of it: 64 threads and 256 descriptors have been seen to take some 8 MiB.
KERNEL_BYTES: Final = 32 * MIB
# Half of what a group gets that nothing is said about, such as the server's: it must answer while runs compute.
CPU_WEIGHT: Final = 50
_MEMORY_MAX: Final = 1 << 62
_PIDS_MAX: Final = 1 << 22  # PID_MAX_LIMIT: the kernel refuses more
# Processes that have been sent SIGKILL are gone in milliseconds, unless the kernel waits for a device.
_GONE_S: Final = 5.0


class Group:
    """The control group of one run.

    Args:
        path: its directory, which has been made.
        limits: what the run may use.
        own_bytes: memory of the interpreter and its libraries, which is not counted.
    Raises:
        OSError: the kernel refuses.
    """

    def __init__(self, path: Path, limits: Limits, own_bytes: int) -> None:
        self._path = path
        # Scratch space may be memory, and has a limit of its own: nothing that fits both is refused here.
        most = limits.memory_bytes + limits.scratch_bytes + own_bytes + KERNEL_BYTES
        self._write("memory.max", min(most, _MEMORY_MAX))
        if (path / "memory.swap.max").exists():
            self._write("memory.swap.max", 0)
        # All of it or nothing: what is left of a run without one of its processes has no meaning.
        self._write("memory.oom.group", 1)
        self._write("pids.max", min(limits.threads + 1, _PIDS_MAX))

    def _write(self, name: str, figure: int) -> None:
        (self._path / name).write_text(str(figure))

    def open_door(self) -> int:
        """A descriptor: a process that writes "0" to it is in the group. The caller closes it.

        Whether that is allowed is decided by who has opened it, so that a run needs no rights of its own.
        """
        return os.open(self._path / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)

    def ran_out_of_memory(self) -> bool:
        """Whether the kernel has ended processes in it because the group was at its limit.

        A machine that has no memory left ends processes, too, without the limit having been met.
        """
        try:
            lines = (self._path / "memory.events").read_text().splitlines()
        except OSError:
            return False
        events = {name: int(count) for name, _, count in (line.partition(" ") for line in lines)}
        return events.get("oom", 0) > 0 and events.get("oom_kill", 0) > 0

    def remove(self) -> bool:
        """End whatever is left in it, and remove it if that is gone by now.

        Returns:
            whether it is gone.
        """
        return _remove(self._path)

    def remove_for_good(self) -> None:
        """The same, waiting for what is left to be gone; logs if it does not go."""
        _remove_for_good(self._path)


class Groups:
    """The control groups of the runs of one parent.

    Args:
        base: a group to divide, see `delegation.find`.
    Raises:
        NotDelegated: it cannot be done there; says why.
    """

    def __init__(self, base: Path) -> None:
        delegation.divide(base)
        self.path = base / f"{RUNS}{secrets.token_hex(8)}"
        try:
            with _locked(base):
                _remove_leftovers(base)
                self.path.mkdir()
                # Held as long as this process lives: whoever can take it finds leftovers.
                self._lock = _lock(self.path)
            self._set_up()
        except OSError as error:
            raise NotDelegated(f"no control groups can be made in {base}: {error.strerror}") from error

    def _set_up(self) -> None:
        if not (self.path / "cgroup.kill").exists():
            self.close()
            raise NotDelegated(
                "the kernel cannot end a control group at once, for which Linux 5.14 is needed"
            )
        try:
            delegation.pass_on(self.path)
            if (self.path / "cpu.weight").exists():
                (self.path / "cpu.weight").write_text(str(CPU_WEIGHT))
        except OSError:
            self.close()
            raise

    def make(self, uid: str, limits: Limits, own_bytes: int) -> Group:
        """A group for one run, which nothing is in yet.

        Raises:
            OSError: the kernel refuses; nothing is left behind.
        """
        path = self.path / uid
        path.mkdir()
        try:
            return Group(path, limits, own_bytes)
        except OSError:
            path.rmdir()
            raise

    def close(self) -> None:
        """End whatever is left of all runs, and remove their groups. May be called twice."""
        if self._lock >= 0:
            _remove_for_good(self.path)
            os.close(self._lock)
            self._lock = -1


class Delegation:
    """What one runner knows of control groups.

    Whether they are in force is decided once: what has been promised with the first run holds for the last.
    """

    def __init__(self) -> None:
        self._required = False
        self._why_not = ""

    @property
    def required(self) -> bool:
        """Whether there is no going back to runs without them."""
        return self._required

    @property
    def why_not(self) -> str:
        """Why they are not in force; empty if they are, or it is not known yet."""
        return self._why_not

    def open(self) -> Groups | None:
        """Groups for another parent of runs; None if they are not to be had here.

        Raises:
            NotDelegated: they were in force, and cannot be any more.
        """
        if self._why_not:
            return None
        try:
            return Groups(delegation.find())
        except NotDelegated as error:
            self.give_up(str(error))
            return None

    def promise(self) -> None:
        """They work, and will be there for every run from now on."""
        self._required = True

    def give_up(self, why: str) -> None:
        """They do not work here.

        Raises:
            NotDelegated: they were in force.
        """
        if self._required:
            raise NotDelegated(why)
        self._why_not = why


def _lock(path: Path) -> int:
    """Take the lock of a directory; it goes with the descriptor, or with this process.

    Raises:
        BlockingIOError: somebody has it.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


@contextlib.contextmanager
def _locked(base: Path) -> Iterator[None]:
    """Keep other servers from taking what is being made for something left behind."""
    descriptor = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_leftovers(base: Path) -> None:
    """End and remove what servers have left that were killed."""
    for path in base.glob(f"{RUNS}*"):
        # Another server's that lives, that has just gone, or one of another user's.
        with contextlib.suppress(BlockingIOError, FileNotFoundError, PermissionError):
            descriptor = _lock(path)
            try:
                _remove_for_good(path)
            finally:
                os.close(descriptor)


def _remove(path: Path) -> bool:
    """End what is in a group and in those below it, and remove them if that is gone by now."""
    try:
        with contextlib.suppress(FileNotFoundError):
            (path / "cgroup.kill").write_text("1")
        for below in path.iterdir():
            if below.is_dir() and not _remove(below):
                return False
        path.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False  # busy: somebody in it is still dying
    return True


def _remove_for_good(path: Path) -> None:
    deadline = time.monotonic() + _GONE_S
    while not _remove(path):
        if time.monotonic() > deadline:
            say(logging.WARNING, "a control group could not be removed", group=str(path))
            return
        time.sleep(0.005)
