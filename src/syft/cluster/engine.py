"""This module keeps the process that speaks to a Dask cluster: started, listened to, started again when it dies.

Dask's own way to say things is pickle, in both directions. So a process of its own says them, which has no key of the
node's and none of its secrets in its environment; the node hears lines of JSON from it.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

import msgspec

from syft.cluster.said import MAX_LINE, FromCluster, SetUp, Stop, ToCluster, heard_by_node, to_line
from syft.logger import say, where
from syft.store.files import disk_errors, make_private

_AGAIN_S: Final = 0.5
_AGAIN_AT_MOST_S: Final = 30.0
_STOP_S: Final = 6.0
# Libraries that start threads when they are imported would leave those outside of the process's fence.
_ENVIRONMENT: Final = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


class Engine:
    """A process on the way to a cluster. Every method may be called from any thread.

    Args:
        set_up: its first word.
        directory: for its files; emptied before each start.
        on_said: told what it says, in order.
        on_dead: told when it has died; it is started again.
    """

    def __init__(
        self,
        set_up: SetUp,
        directory: Path,
        on_said: Callable[[FromCluster], None],
        on_dead: Callable[[], None],
    ) -> None:
        self.set_up = set_up
        self._directory = directory
        self._on_said = on_said
        self._on_dead = on_dead
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="syft-engine")

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def say(self, said: ToCluster) -> bool:
        """Tell the process something; whether it could be told."""
        with self._lock:
            process = self._process
            if process is None:
                return False
            return _write(process, said)

    def close(self) -> None:
        """End it, and leave nothing behind. May be called twice."""
        self._closing.set()
        with self._lock:
            process = self._process
            if process is not None:
                _write(process, Stop())
        if process is not None:
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(_STOP_S)

    def _run(self) -> None:
        pause_s = _AGAIN_S
        while not self._closing.is_set():
            began = time.monotonic()
            try:
                self._live()
            except Exception as error:
                say(logging.ERROR, "the process of a cluster cannot be had", error=where(error))
            self._on_dead()
            # One that dies at once is not started twice a second for ever.
            pause_s = _AGAIN_S if time.monotonic() - began > 60 else min(pause_s * 2, _AGAIN_AT_MOST_S)
            self._closing.wait(pause_s)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _live(self) -> None:
        """Start it, and listen until it is dead."""
        # What the cluster of a killed server left is nobody's.
        shutil.rmtree(self._directory, ignore_errors=True)
        with disk_errors():
            make_private(self._directory)
        with self._lock:
            if self._closing.is_set():
                return
            process = self._process = subprocess.Popen(
                [sys.executable, "-B", "-m", "syft.cluster.process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # Nothing of the server's own: there may be a password in it.
                env=_ENVIRONMENT | {"TMPDIR": tempfile.gettempdir()},
                cwd="/",
                start_new_session=True,
            )
            _write(process, self.set_up)
        assert process.stdout is not None
        try:
            self._listen(process.stdout)
        finally:
            with self._lock:
                self._process = None
            process.kill()
            process.wait()
            process.stdout.close()
            with suppress(OSError):
                assert process.stdin is not None
                process.stdin.close()

    def _listen(self, stream: IO[bytes]) -> None:
        while line := stream.readline(MAX_LINE):
            try:
                said = heard_by_node(line)
            except msgspec.MsgspecError:
                say(logging.ERROR, "the process of a cluster is not understood")
                return
            self._on_said(said)


def _write(process: subprocess.Popen[bytes], said: ToCluster) -> bool:
    assert process.stdin is not None
    try:
        process.stdin.write(to_line(said))
        process.stdin.flush()
    except (OSError, ValueError):
        return False
    return True
