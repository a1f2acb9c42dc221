"""This module sets up what acts are aimed at, tries them outside, and looks at what they have done."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final

import msgspec

from syft.sandbox.acts.table import Props
from syft.sandbox.limits import Limits

_SECRET: Final = "secret"  # noqa: S105
_LEFT_IN: Final = ("/tmp", "/dev/shm")  # noqa: S108


class Stage:
    """Files, sockets and a process that play the server's.

    Args:
        folder: a directory to make, below one that exists.
        limits: of the runs in which acts will be tried.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        # Nobody else knows it: another user's file or datagram, made to look like a breach, would stop the server.
        self._nonce = secrets.token_hex(8)
        self._stack = contextlib.ExitStack()
        self._control: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Stage:
        with contextlib.ExitStack() as stack:
            self._folder.mkdir(mode=0o700)
            stack.callback(self._clear_folder)
            self._secret = self._folder / "file"
            self._tcp = stack.enter_context(socket.socket())
            self._udp = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
            self._bind_both()
            self._tcp.listen(128)
            # By a descriptor, since the address of a socket is short and a folder's path may be long.
            place = os.open(self._folder, os.O_PATH | os.O_CLOEXEC)
            stack.callback(os.close, place)
            for kind, name in ((socket.SOCK_STREAM, "socket"), (socket.SOCK_DGRAM, "datagrams")):
                one = stack.enter_context(socket.socket(socket.AF_UNIX, kind))
                one.bind(f"/proc/self/fd/{place}/{name}")
                if kind == socket.SOCK_STREAM:
                    one.listen(128)
                else:
                    self._datagrams = one
            self._abstract = stack.enter_context(socket.socket(socket.AF_UNIX))
            self._abstract.bind(f"\0syft-act-{os.getpid()}-{secrets.token_hex(4)}")
            self._abstract.listen(128)
            self._victim = _start_victim()
            stack.callback(lambda: _end(self._victim))
            self.restore()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._control is not None:
            _end(self._control)
        self._stack.close()

    @property
    def props(self) -> Props:
        """What an act is told of all this."""
        return Props(
            folder=str(self._folder),
            secret=str(self._secret),
            victim=self._victim.pid,
            port=self._tcp.getsockname()[1],
            abstract=self._abstract.getsockname()[1:].decode(),
            limit_bytes=self._limits.scratch_bytes,
            threads=self._limits.threads,
            mark=self._mark,
        )

    @property
    def _mark(self) -> str:
        return f"syft-act-{self._victim.pid}-{self._nonce}"

    def _get_ready(self) -> None:
        """Begin to get ready for trying acts outside, which takes a moment."""
        if self._control is None:
            self._control = self._start_control()

    def outside(self, name: str) -> str:
        """Try an act outside of any fence; "" if it worked, else what prevented it."""
        return msgspec.json.decode(self._ask(name) or b'"no answer"', type=str)

    def outside_quick(self) -> dict[str, str]:
        """Try all that are quick outside of any fence. By name: "" if it worked, else what prevented it."""
        return msgspec.json.decode(self._ask(None) or b"{}", type=dict[str, str])

    def _ask(self, name: str | None) -> bytes:
        self._get_ready()
        assert self._control is not None
        assert self._control.stdin is not None
        assert self._control.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # there will be no answer
            self._control.stdin.write(msgspec.json.encode(name) + b"\n")
            self._control.stdin.flush()
        return self._control.stdout.readline()

    def harm(self) -> str:
        """What has been done to the props, if anything."""
        try:
            found = self._secret.stat()
        except FileNotFoundError:
            return "the file has gone"
        if self._secret.read_text() != _SECRET:
            return "the file has changed"
        if found.st_mode & 0o777 != 0o600 or found.st_mtime_ns != self._made:
            return "the file's rights or times have changed"
        if self._victim.poll() is not None:
            return "the process has ended"
        for path in self._marks():
            if path.exists():
                return f"something was left in {path.parent}"
        for one in (self._udp, self._datagrams):
            with contextlib.suppress(BlockingIOError):
                while received := one.recv(100, socket.MSG_DONTWAIT):
                    if received == self._mark.encode():
                        return f"received: {received!r}"
        return ""

    def restore(self) -> None:
        """Make all as it was, for the next act."""
        if self._victim.poll() is not None:
            _end(self._victim)
            # It is ended by the callback that was made for the first one.
            self._victim = _start_victim()
            if self._control is not None:
                _end(self._control)
                self._control = None
        for path in self._marks():
            path.unlink(missing_ok=True)
        for name in ("renamed", "second name", "database"):
            (self._folder / name).unlink(missing_ok=True)
        self._secret.unlink(missing_ok=True)
        self._secret.touch(0o600)
        self._secret.write_text(_SECRET)
        self._made = self._secret.stat().st_mtime_ns
        connection = sqlite3.connect(self._folder / "database")
        connection.execute("PRAGMA synchronous = OFF")  # to wait for the disk would prove nothing
        with connection:
            connection.execute("CREATE TABLE t (x TEXT)")
            connection.execute("INSERT INTO t VALUES ('private')")
        connection.close()
        for one in (self._udp, self._datagrams):
            with contextlib.suppress(BlockingIOError):
                while one.recv(100, socket.MSG_DONTWAIT):
                    pass

    def _bind_both(self) -> None:
        """Take one port for both protocols."""
        for _ in range(20):
            self._tcp.bind(("127.0.0.1", 0))
            try:
                self._udp.bind(self._tcp.getsockname())
            except OSError:
                self._tcp.close()
                self._tcp = self._stack.enter_context(socket.socket())
            else:
                return
        raise OSError("no port is free for both TCP and UDP")

    def _marks(self) -> list[Path]:
        left = [Path(place, self._mark) for place in _LEFT_IN]
        return [*left, self._folder / "daemon", self._folder / "executed"]

    def _start_control(self) -> subprocess.Popen[bytes]:
        with self._secret.open("rb") as secret:
            control = subprocess.Popen(
                [sys.executable, "-I", "-B", "-m", "syft.sandbox.acts.outside"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"SYFT_ACT_SECRET": "x", "PATH": "/usr/bin:/bin"},
                pass_fds=[secret.fileno()],
            )
        assert control.stdin is not None
        with contextlib.suppress(
            BrokenPipeError
        ):  # it has died already; that there is no answer will be told
            control.stdin.write(msgspec.json.encode(self.props) + b"\n")
            control.stdin.flush()
        return control

    def _clear_folder(self) -> None:
        for path in self._marks():
            path.unlink(missing_ok=True)
        shutil.rmtree(self._folder, ignore_errors=True)


def _start_victim() -> subprocess.Popen[bytes]:
    # It ends by itself when we do: nothing more comes on its standard input.
    return subprocess.Popen(
        ["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env={"SECRET": _SECRET}
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    # Before its input ends: the one that tries acts outside would take that for our death, and clear the folder.
    process.kill()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()
    process.wait()
