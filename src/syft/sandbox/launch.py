"""This module starts a zygote from the server, talks to it, and cleans up after it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Final

import msgspec

from syft.sandbox import scratch
from syft.sandbox.cgroups import Delegation, Group, Groups
from syft.sandbox.control import Configure, Ended, Fork, Forked, Ready, Unable, receive, send, to_server
from syft.sandbox.delegation import NotDelegated
from syft.sandbox.levels import GVISOR
from syft.sandbox.lifeline import Lifeline
from syft.sandbox.limits import Limits

# All that a run sees of an environment. Libraries must start no thread while they are imported, or the zygote
# could not be forked safely: hence one thread for everybody, and no background thread in Arrow's allocator.
ENVIRONMENT: Final[Mapping[str, str]] = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    "KMP_INIT_AT_FORK": "FALSE",
    # The default pool reserves 1 GiB of address space at import, which would come on top of a memory limit.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "ARROW_IO_THREADS": "2",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "MALLOC_ARENA_MAX": "2",
    "MPLBACKEND": "Agg",
    # One process a run is the rule; joblib then works in threads or in sequence instead of failing.
    "JOBLIB_MULTIPROCESSING": "0",
    "LOKY_MAX_CPU_COUNT": "2",
}
_STOP_S: Final = 10.0
_TRIAL: Final = "trial"
UNGROUPED: Final = "memory is counted by address space only, since runs have no control groups"
_NOT_IN_CONTAINERS: Final = f"at level {GVISOR} none are made"


class ZygoteError(Exception):
    """The zygote is not there; says why."""


class LevelError(ZygoteError):
    """The zygote is not there because this machine does not allow the level; says why."""


class Launcher:
    """One zygote and the thread that listens to it. When it is gone, another object is made.

    Args:
        level: isolation level to establish.
        preload: modules to import once, for all runs.
        environment: added to what every run sees.
        protected: directories that no run may be able to read; kept to at levels that restrict files.
        delegation: where runs get their control groups.
        packages: directory of packages that runs find before the server's own; empty for none.
    """

    def __init__(
        self,
        level: str,
        preload: Sequence[str],
        environment: Mapping[str, str],
        protected: Sequence[str],
        delegation: Delegation,
        packages: str = "",
    ) -> None:
        self._level_asked = level
        self._packages = packages
        self._preload = list(preload)
        self._protected = list(protected)
        self._environment = {**ENVIRONMENT, **environment}
        self._delegation = delegation
        self._groups: Groups | None = None
        self._without_groups: NotDelegated | None = None
        # Where containers have kernels of their own, a run is no process of this machine's that could go into one.
        if level != GVISOR:
            # At once: a group can be divided only while the server is alone in it, and it will start others.
            try:
                self._groups = delegation.open()
            except NotDelegated as error:
                self._without_groups = error
        self._grouped: dict[str, Group] = {}
        self._ready: Ready | None = None
        self._why = ""
        self._level_refused = False
        self._decided = threading.Event()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._gone = False
        self._lifelines: dict[str, Lifeline] = {}
        # Runs may have users of their own, who must get through to their directories.
        self._held = scratch.Held("syft-runs-", 0o711)
        self._removers = ThreadPoolExecutor(1, thread_name_prefix="syft-scratch")
        self._connection, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._thread = threading.Thread(target=self._live, name="syft-zygote", daemon=True)
        self._thread.start()

    @property
    def gone(self) -> bool:
        """Whether it can take no more runs."""
        return self._gone

    @property
    def control_groups(self) -> str:
        """Where each run gets its control group; empty if runs have none, or that is not known yet."""
        return str(self._groups.path.parent) if self._ready and self._groups else ""

    def wait(self) -> Ready:
        """Wait until it can take runs.

        Raises:
            LevelError: this machine does not allow the level.
            ZygoteError: it cannot, for another reason.
        """
        self._decided.wait()
        if self._ready is None and self._level_refused:
            raise LevelError(self._why)
        if self._ready is None:
            raise ZygoteError(self._why)
        return self._ready

    def wait_until_over(self, timeout_s: float) -> bool:
        """Wait until it has died or was closed, at most so long; whether it has."""
        return self._over.wait(timeout_s)

    def directory(self, uid: str) -> Path:
        """Scratch directory of a run."""
        return self._held.path / uid

    def fork(self, fork: Fork, descriptors: tuple[int, ...], lifeline: Lifeline) -> None:
        """Begin a run; what becomes of it is told to its lifeline.

        Raises:
            ZygoteError: the zygote has died.
        """
        with self._lock:
            if self._gone:
                raise ZygoteError("it has died")
            with contextlib.ExitStack() as stack:
                if self._groups is not None:
                    try:
                        door = self._make_group(self._groups, fork.uid, fork.limits)
                    except OSError as error:
                        # Limits that have been promised are kept, or nothing runs.
                        why = f"its control group could not be made: {error.strerror}"
                        lifeline.end(Ended(fork.uid, None, why=why))
                        return
                    stack.callback(os.close, door)
                    fork = Fork(fork.uid, fork.limits, grouped=True)
                    descriptors = (*descriptors, door)
                self._lifelines[fork.uid] = lifeline
                try:
                    send(self._connection, fork, descriptors)
                except OSError as error:
                    del self._lifelines[fork.uid]
                    self._remove_group(fork.uid)
                    raise ZygoteError(f"it does not answer: {error}") from error

    def _make_group(self, groups: Groups, uid: str, limits: Limits) -> int:
        """Make the control group of a run; its door, which the caller closes.

        Raises:
            OSError: the kernel refuses.
        """
        group = groups.make(uid, limits, self._ready.own_bytes if self._ready else 0)
        try:
            door = group.open_door()
        except OSError:
            group.remove()
            raise
        self._grouped[uid] = group
        return door

    def _remove_group(self, uid: str) -> bool:
        """Remove the control group of a run, if it has one; whether it had met its limit on memory."""
        group = self._grouped.pop(uid, None)
        if group is None:
            return False
        met = group.ran_out_of_memory()
        if not group.remove():
            self._removers.submit(group.remove_for_good)
        return met

    def close(self) -> None:
        """End it and every run, and wait until nothing is left. May be called twice."""
        with contextlib.suppress(OSError):  # closed, or the other side has gone
            self._connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _live(self) -> None:
        """What the thread does: start the zygote, listen until it goes, clean up."""
        with self._connection, tempfile.TemporaryFile() as errors:
            try:
                process = self._start(errors)
            except (OSError, NotDelegated) as error:
                self._fail(f"it cannot be started: {error}")
                self._clean_up()
                return
            try:
                self._listen()
            finally:
                if self._ready is None:
                    process.kill()
                self._stop(process)
                self._fail(_last_line(errors))
                self._clean_up()

    def _start(self, errors: IO[bytes]) -> subprocess.Popen[bytes]:
        with self._theirs:
            if self._without_groups is not None:
                raise self._without_groups
            # Never forked from here: the server may have threads, and its memory is not for strangers.
            return subprocess.Popen(
                [sys.executable, "-I", "-B", "-m", "syft.sandbox.zygote"],
                stdin=self._theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=self._environment,
                cwd="/",
                start_new_session=True,
            )

    def _listen(self) -> None:
        try:
            self._configure()
            while True:
                message, descriptors = receive(self._connection, to_server)
                match message:
                    case Ready():
                        self._ready = self._settle_groups(message)
                        self._decided.set()
                    case Unable(why, for_level):
                        self._why, self._level_refused = why, for_level
                    case Forked(uid, below):
                        self._lifelines[uid].forked(descriptors[0], below=below)
                    case Ended(uid):
                        self._end(message)
                    case _:
                        return
        except NotDelegated as error:
            self._why = f"runs would have no control groups any more: {error}"
        except OSError:
            return  # it has gone

    def _configure(self) -> None:
        """Tell the zygote what to become, and give it a control group to try."""
        door: tuple[int, ...] = ()
        if self._groups is not None:
            try:
                door = (self._make_group(self._groups, _TRIAL, Limits()),)
            except OSError as error:
                self._give_up_groups(f"one cannot be made: {error.strerror}")
        configure = Configure(
            self._level_asked,
            self._preload,
            str(self._held.path),
            self._protected,
            self._environment,
            self._packages,
        )
        try:
            send(self._connection, configure, door)
        finally:
            for descriptor in door:
                os.close(descriptor)

    def _give_up_groups(self, why: str) -> None:
        if self._groups is not None:
            self._groups.close()
            self._groups = None
        self._delegation.give_up(why)

    def _settle_groups(self, ready: Ready) -> Ready:
        """Decide whether runs have control groups, and add it to what the machine does not allow if not.

        Raises:
            NotDelegated: they had, and cannot have any more.
        """
        self._remove_group(_TRIAL)
        if ready.ungrouped:
            self._give_up_groups(ready.ungrouped)
        if self._groups is not None:
            self._delegation.promise()
            return ready
        why_not = _NOT_IN_CONTAINERS if self._level_asked == GVISOR else self._delegation.why_not
        weakness = f"{UNGROUPED} ({why_not})"
        return msgspec.structs.replace(ready, weaknesses=[*ready.weaknesses, weakness])

    def _end(self, ended: Ended) -> None:
        with self._lock:
            lifeline = self._lifelines.pop(ended.uid)
        if self._remove_group(ended.uid):
            ended = msgspec.structs.replace(ended, out_of_memory=True)
        directory = self.directory(ended.uid)
        try:
            os.rmdir(directory)
        except FileNotFoundError:
            pass  # the level gives runs another place
        except OSError:
            self._removers.submit(scratch.remove, directory)
        lifeline.end(ended)

    def _stop(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._gone = True
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _fail(self, why: str) -> None:
        """Let those who wait go on, and tell the runs that had begun."""
        with self._lock:
            self._gone = True
            lost = list(self._lifelines.values())
            self._lifelines.clear()
        self._why = self._why or why
        self._decided.set()
        self._over.set()
        for lifeline in lost:
            lifeline.lose("the sandbox's parent process died while the code ran")

    def _clean_up(self) -> None:
        self._removers.shutdown(wait=True)
        if self._groups is not None:
            self._groups.close()
        self._held.remove()


def _last_line(errors: IO[bytes]) -> str:
    """What a process said last before it died."""
    errors.seek(0)
    lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it died without a word"
