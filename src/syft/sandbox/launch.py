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

from syft.sandbox import scratch
from syft.sandbox.control import Configure, Ended, Fork, Forked, Ready, Unable, receive, send, to_server
from syft.sandbox.lifeline import Lifeline

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
    """

    def __init__(
        self,
        level: str,
        preload: Sequence[str],
        environment: Mapping[str, str],
        protected: Sequence[str] = (),
    ) -> None:
        self._configure_level = level
        self._preload = list(preload)
        self._protected = list(protected)
        self._environment = {**ENVIRONMENT, **environment}
        self._ready: Ready | None = None
        self._why = ""
        self._level_refused = False
        self._decided = threading.Event()
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
            self._lifelines[fork.uid] = lifeline
            try:
                send(self._connection, fork, descriptors)
            except OSError as error:
                del self._lifelines[fork.uid]
                raise ZygoteError(f"it does not answer: {error}") from error

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
            except OSError as error:
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
            configure = Configure(
                self._configure_level,
                self._preload,
                str(self._held.path),
                self._protected,
                self._environment,
            )
            send(self._connection, configure)
            while True:
                message, descriptors = receive(self._connection, to_server)
                match message:
                    case Ready():
                        self._ready = message
                        self._decided.set()
                    case Unable(why, for_level):
                        self._why, self._level_refused = why, for_level
                    case Forked(uid, below):
                        self._lifelines[uid].forked(descriptors[0], below=below)
                    case Ended(uid):
                        self._end(message)
                    case _:
                        return
        except OSError:
            return  # it has gone

    def _end(self, ended: Ended) -> None:
        with self._lock:
            lifeline = self._lifelines.pop(ended.uid)
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
        for lifeline in lost:
            lifeline.lose("the sandbox's parent process died while the code ran")

    def _clean_up(self) -> None:
        self._removers.shutdown(wait=True)
        self._held.remove()


def _last_line(errors: IO[bytes]) -> str:
    """What a process said last before it died."""
    errors.seek(0)
    lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it died without a word"
