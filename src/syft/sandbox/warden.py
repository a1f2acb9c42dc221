"""This module is the parent of containers: each run has one of its own, with a kernel of its own (gVisor).

It stands where the zygote stands at other levels, and says the same to the server. One container is made
ahead, so that a run finds the libraries imported. What a container says of its run is believed of that run only.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, NoReturn

import msgspec

from syft.sandbox import bundle, closure, family, scratch
from syft.sandbox.control import (
    Configure,
    Ended,
    Fork,
    Forked,
    Ready,
    ToServer,
    Unable,
    receive,
    send,
    to_server,
    to_zygote,
)
from syft.sandbox.linux import PR_SET_CHILD_SUBREAPER, PR_SET_DUMPABLE, die_with_parent, prctl

# Not the server's PATH: what is started here is part of the fence.
PLACES: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MISSING: Final = (
    "runsc, the program of gVisor, is not installed: `apt install runsc`, or see gvisor.dev for a newer one, "
    "and put it into /usr/local/bin or /usr/bin"
)


def keep(connection: socket.socket, server: int, configure: Configure) -> None:
    """Serve the server until it goes away.

    Args:
        connection: to the server, whole packets.
        server: pidfd of the server.
        configure: what containers are like.
    """
    # What a container's end leaves behind becomes ours to end.
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    # Nothing of the same user shall take over the connection to the server.
    prctl(PR_SET_DUMPABLE, 0)
    try:
        warden = Warden(connection, server, configure)
    except (OSError, bundle.Unsuitable, closure.UnsafeClosure) as error:
        send(connection, Unable(str(error), for_level=True))
        return
    warden.serve()


@dataclass(eq=False)
class Container:
    """One container.

    Args:
        process: of the runtime; when it is killed, the container and its kernel are, too.
        pidfd: of that.
        control: to the first process inside.
        directory: that is the container's on the machine.
        errors: what the runtime has to complain of.
        ready: whether the libraries have been imported.
        uid: of its run, if it has one.
        unable: why the first process could not get ready.
        ended: how the run ended, as seen from inside.
    """

    process: subprocess.Popen[bytes]
    pidfd: int
    control: socket.socket
    directory: Path
    errors: IO[bytes]
    ready: bool = False
    uid: str | None = None
    unable: str = ""
    ended: Ended | None = None

    def strike(self) -> None:
        """End it; that it has ended will be seen."""
        signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def complaint(self) -> str:
        """Why it is not there."""
        self.errors.seek(0)
        lines = self.errors.read().decode("utf-8", "replace").strip().splitlines()
        return self.unable or (lines[-1][:500] if lines else "the container ended without a word")


class Warden:
    """Makes containers, hands runs to them, and tells the server what becomes of those.

    Args:
        connection: to the server, whole packets.
        server: pidfd of the server.
        configure: what containers are like.
    Raises:
        OSError: there is no runtime, or no container can be described.
        Unsuitable: no container can be made of this interpreter.
        UnsafeClosure: libraries are where data are.
    """

    def __init__(self, connection: socket.socket, server: int, configure: Configure) -> None:
        program = shutil.which("runsc", path=PLACES)
        if program is None:
            raise FileNotFoundError(MISSING)
        self._program = program
        self._connection = connection
        self._server = server
        self._configure = configure
        self._place = Path(configure.scratch)
        root = self._place / "root"
        mounted = bundle.build_root(root, bundle.visible_paths(configure.protected, configure.packages))
        command = [sys.executable, "-I", "-B", "-m", "syft.sandbox.container"]
        self._description = msgspec.json.encode(
            bundle.configuration(root, mounted, command, configure.environment)
        )
        self._made = 0
        self._told_ready = False
        self._containers: list[Container] = []
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self._poll.register(server, select.POLLIN)
        self._spare = self._make()

    def serve(self) -> None:
        """Do what the server asks for, until it goes away."""
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == self._server:
                    self._end()
                elif descriptor == self._connection.fileno():
                    self._hand_over()
                else:
                    self._attend(descriptor)

    def _make(self) -> Container:
        """Start a container in which the libraries are imported."""
        self._made += 1
        directory = self._place / f"container-{self._made}"
        directory.mkdir(mode=0o700)
        (directory / "config.json").write_bytes(self._description)
        errors = tempfile.TemporaryFile()  # noqa: SIM115
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        warden = os.getpid()
        with theirs:
            process = subprocess.Popen(  # noqa: S603
                self._command(directory),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd="/",
                # This process has one thread, and will have no other.
                preexec_fn=lambda: die_with_parent(warden),
            )
        made = Container(process, os.pidfd_open(process.pid), ours, directory, errors)
        self._containers.append(made)
        self._poll.register(made.pidfd, select.POLLIN)
        self._poll.register(ours, select.POLLIN)
        send(ours, self._configure)
        return made

    def _command(self, directory: Path) -> list[str]:
        # Which platform is best (ptrace, systrap, KVM) is left to the runtime.
        options = ["-root", str(directory / "state"), "-network", "none", "-ignore-cgroups"]
        # The libraries do not change below a container that lives for one run: what it has seen it may remember.
        options += ["-file-access-mounts", "exclusive"]
        if os.geteuid() != 0:
            options.append("-rootless")
        name = f"syft-{os.getpid()}-{self._made}"
        return [self._program, *options, "run", "-bundle", str(directory), name]

    def _hand_over(self) -> None:
        """Take a run from the server, and give it to the container that has been waiting for one."""
        fork, descriptors = receive(self._connection, to_zygote)
        if not isinstance(fork, Fork):
            self._end()
        try:
            container = self._spare
            container.uid = fork.uid
            self._tell(Forked(fork.uid, below=True), os.dup(container.pidfd))
            try:
                send(container.control, fork, tuple(descriptors))
            except OSError:
                container.strike()
            self._spare = self._make()
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _attend(self, descriptor: int) -> None:
        """Deal with what one container says, or with its end."""
        for container in self._containers:
            if descriptor == container.pidfd:
                self._bury(container)
                return
            if descriptor == container.control.fileno():
                self._listen(container)
                return

    def _listen(self, container: Container) -> None:
        # By now the other side may be a stranger who has broken into the container's kernel.
        try:
            message, descriptors = receive(container.control, to_server)
        except (OSError, msgspec.DecodeError):
            message, descriptors = None, []
        for descriptor in descriptors:
            os.close(descriptor)
        match message:
            case Ready():
                container.ready = True
                if not self._told_ready:
                    self._told_ready = True
                    self._tell(message)
            case Unable(why):
                container.unable = why
            case Ended() if container.uid is not None:
                # It can speak of its own run only.
                container.ended = msgspec.structs.replace(message, uid=container.uid)
                container.strike()
            case _:
                # It has closed the connection, or spoken out of turn.
                self._poll.unregister(container.control)
                container.strike()

    def _bury(self, container: Container) -> None:
        """A container has ended: leave nothing of it, and tell how its run ended."""
        self._poll.unregister(container.pidfd)
        with contextlib.suppress(KeyError):  # it had closed the connection before
            self._poll.unregister(container.control)
        self._containers.remove(container)
        self._remove(container)
        if container.uid is not None:
            self._tell(_how(container))
        elif not self._told_ready:
            self._tell(Unable(container.complaint(), for_level=True))
            self._end()
        elif container is self._spare:
            self._spare = self._make()

    def _remove(self, container: Container) -> None:
        container.process.wait()
        family.sweep({one.process.pid for one in self._containers})
        os.close(container.pidfd)
        container.control.close()
        container.errors.close()
        scratch.remove(container.directory)

    def _tell(self, message: ToServer, *descriptors: int) -> None:
        try:
            send(self._connection, message, descriptors)
        except OSError:
            self._end()
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _end(self) -> NoReturn:
        """The server has gone: end every container, leave nothing behind."""
        for container in self._containers:
            container.strike()
        while self._containers:
            self._remove(self._containers.pop())
        scratch.remove(self._place)
        os._exit(0)


def _how(container: Container) -> Ended:
    """How the run of a container ended."""
    assert container.uid is not None
    if container.ended is not None:
        return container.ended
    if not container.ready:
        return Ended(container.uid, None, why=container.complaint())
    # Killed, by us or for want of memory: an orderly end is told from inside.
    return Ended(container.uid, -signal.SIGKILL)
