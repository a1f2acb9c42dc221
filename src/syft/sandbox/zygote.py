"""This module is the parent of all runs: a process that has imported the libraries and forks for each run.

It is trusted, single-threaded, computes nothing, and reads nothing that comes from a run.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn, Protocol

from syft.model.limits import KIB
from syft.model.plan import Plan, place
from syft.sandbox import (
    child,
    closure,
    family,
    jail,
    landlock,
    levels,
    mounts,
    namespaces,
    scratch,
    seccomp,
    warden,
)
from syft.sandbox.control import Configure, Ended, Fork, Forked, Ready, Unable, receive, send, to_zygote
from syft.sandbox.limits import Limits
from syft.sandbox.linux import (
    CAP_CHOWN,
    CAP_DAC_OVERRIDE,
    CAP_KILL,
    CAP_SETGID,
    CAP_SETUID,
    PR_SET_CHILD_SUBREAPER,
    PR_SET_DUMPABLE,
    become,
    die_with_parent,
    has_capabilities,
    prctl,
)
from syft.wire import codec

SETUP_FAILED: Final = 120
# Uids for runs when the server is root: the range systemd keeps for users that exist only while something
# runs ("dynamic users"), low enough to exist in containers that map 65,536 uids.
FIRST_OWNER: Final = 61184
OWNERS: Final = 4336
# What it takes to give a run a user and a directory, to end it, and to remove what it left.
_RULES_OTHERS: Final = (CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_KILL, CAP_SETGID, CAP_SETUID)
_SWEEP_EVERY_S: Final = 1.0


def main() -> None:
    """Serve the server at the other end of standard input until it goes away."""
    connection = socket.socket(fileno=os.dup(0))
    server = os.pidfd_open(os.getppid())
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    configure, doors = receive(connection, to_zygote)
    if not isinstance(configure, Configure):
        return
    try:
        held = scratch.hold(Path(configure.scratch))
    except FileNotFoundError:
        return  # the server has gone, and another has removed what it left
    if configure.level == levels.GVISOR:
        warden.keep(connection, server, configure)
        return
    try:
        fence = make_fence(configure, lambda error: send(connection, Unable(told(error), for_level=True)))
    except Exception as error:
        send(connection, Unable(told(error), for_level=True))
        return
    if fence is None:
        # We stay outside, as the parent with whom the one inside dies.
        connection.close()
        namespaces.keep()
        scratch.remove(Path(configure.scratch))
        return
    if configure.level == levels.NAMESPACES:
        # It is outside; the process there keeps it.
        os.close(held)
    try:
        zygote = Zygote(connection, server, configure, fence)
        ready = zygote.prepare(doors)
    except Exception as error:
        send(connection, Unable(told(error)))
        return
    zygote.serve(ready)


def told(error: Exception) -> str:
    """What went wrong, for the server."""
    return f"{type(error).__name__}: {error}"


class Fence(Protocol):
    """What a level means for the zygote."""

    weaknesses: list[str]

    def before_fork(self, uid: str) -> None:
        """What is done by the zygote for a run, before it is forked."""
        ...

    def cell(self, limits: Limits, uid: str) -> jail.Cell:
        """What the forked process will enter; called in that process."""
        ...

    def after_fork(self) -> None:
        """What is done by the zygote for the next run, when one has been forked and nobody waits."""
        ...

    def ended(self, uid: str) -> None:
        """A run is over."""
        ...

    def removed(self) -> None:
        """The server has gone: leave nothing behind."""
        ...


def make_fence(configure: Configure, failed: Callable[[Exception], None]) -> Fence | None:
    """What the level asked for means here; None in the process that stays outside of it.

    Args:
        configure: what to become.
        failed: told what went wrong in a process that then ends.
    Raises:
        OSError: the kernel does not allow it.
        UnsafeClosure: libraries are where data are.
        ValueError: there is no such level.
    """
    match configure.level:
        case levels.NAMESPACES:
            paths = closure.readable_paths(configure.protected, configure.packages)
            first = namespaces.may_mount()
            if not namespaces.fork_through(
                lambda: namespaces.leave(paths, configure.scratch, FIRST_OWNER, mounts_first=first), failed
            ):
                return None
            namespaces.arrive(paths, configure.scratch, mounted=first)
            return NamespacesFence(paths)
        case levels.LANDLOCK:
            abi = landlock.version()
            if not abi:
                raise OSError(errno.ENOSYS, "this kernel has no Landlock")
            files = _FileRules(closure.readable_paths(configure.protected, configure.packages), abi)
            calls = seccomp.build(may_truncate=abi >= 3)
            return OwnerFence(configure.scratch, files, calls, configure.packages)
        case levels.PROCESS:
            return OwnerFence(configure.scratch, None, None, configure.packages)
        case _:
            raise ValueError(f"no such isolation level: {configure.level}")


class _FileRules:
    """What every run may read, held open.

    Args:
        paths: files and directories.
        abi: the kernel's version of Landlock.
    """

    def __init__(self, paths: Sequence[str], abi: int) -> None:
        self._abi = abi
        self._granted: list[tuple[int, int]] = []
        for path in paths:
            self._hold(path, landlock.READ)
        for name in closure.DEVICES:
            self._hold(f"/dev/{name}", landlock.READ_AND_WRITE)
        self._ready: landlock.Ruleset | None = self._ruleset()

    def _hold(self, path: str, rights: int) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._granted.append((os.open(path, os.O_PATH | os.O_CLOEXEC), rights))

    def take(self) -> landlock.Ruleset:
        """Rules for the run that calls this, to which its own directories are still to be added."""
        return self._ready or self._ruleset()

    def renew(self) -> None:
        """Make other rules for the next run, since the ones there are belong to the one just forked."""
        if self._ready is not None:
            self._ready.close()
        self._ready = None
        with contextlib.suppress(OSError):  # then that run makes them itself, or cannot be set up
            self._ready = self._ruleset()

    def _ruleset(self) -> landlock.Ruleset:
        ruleset = landlock.Ruleset(self._abi)
        for descriptor, rights in self._granted:
            ruleset.allow(descriptor, rights)
        return ruleset


class NamespacesFence:
    """The level `namespaces`, for the first process of them.

    Args:
        paths: what is seen of the machine.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        abi = landlock.version()
        self.weaknesses = [] if abi else ["the kernel has no Landlock, which would be a second wall"]
        own = ["/dev", "/etc/passwd", "/etc/group"]
        self._files = _FileRules([*paths, *own], abi) if abi else None
        self._room = jail.Room(tuple(mounts.hidden_by_own(paths)), processes_only=not abi)
        self._filter = seccomp.build()
        self._next = namespaces.NextPidNamespace()
        jail.move_to(mounts.SCRATCH)

    def before_fork(self, uid: str) -> None:
        """Nothing of a run is prepared outside of it."""
        self._next.prepare()

    def cell(self, limits: Limits, uid: str) -> jail.Cell:
        """The same for every run."""
        ruleset = self._files.take() if self._files else None
        # Its parent is in another pid namespace, and has the number 0 there.
        return jail.Cell(limits, mounts.SCRATCH, 0, room=self._room, ruleset=ruleset, filter=self._filter)

    def after_fork(self) -> None:
        """Rules for the next."""
        if self._files is not None:
            self._files.renew()

    def ended(self, uid: str) -> None:
        """Its mounts went with it."""

    def removed(self) -> None:
        """The process outside of the namespaces removes what is there."""


class OwnerFence:
    """The levels `landlock` and `process`: directories on the machine, and users of their own if we are root.

    Args:
        directory: in which each run gets one.
        files: what runs may read; None for no restriction.
        calls: what runs may ask of the kernel; None for no restriction.
        packages: directory of packages beside the interpreter's; empty for none.
    """

    def __init__(
        self, directory: str, files: _FileRules | None, calls: seccomp.Filter | None, packages: str
    ) -> None:
        self._directory = directory
        self._files = files
        self._filter = calls
        self._owners: dict[str, int] = {}  # uid of the run -> user it runs as
        self.weaknesses: list[str] = []
        # Root of a container may lack any of these. Without CAP_KILL it could not end a run of another user.
        may_rule = os.geteuid() == 0 and has_capabilities(*_RULES_OTHERS)
        self._changes_owner = may_rule and _can_become(FIRST_OWNER, packages)
        if files is None:
            self.weaknesses.append(
                "processes that a run starts can outlive the sandbox if it is ended with SIGKILL"
            )
        if os.geteuid() != 0:
            self.weaknesses.append("runs have the server's user")
        elif not may_rule:
            self.weaknesses.append("runs have the server's user, because this root may not act for others")
        elif not self._changes_owner:
            self.weaknesses.append("runs have the server's user, because others cannot read the libraries")

    def before_fork(self, uid: str) -> None:
        """Make its directory."""
        directory = f"{self._directory}/{uid}"
        os.mkdir(directory, 0o700)
        if self._changes_owner:
            owner = self._free_owner()
            os.chown(directory, owner, owner)
            self._owners[uid] = owner

    def cell(self, limits: Limits, uid: str) -> jail.Cell:
        """With its own directory, and its own user if there is one."""
        return jail.Cell(
            limits,
            f"{self._directory}/{uid}",
            os.getppid(),
            owner=self._owners.get(uid),
            ruleset=self._files.take() if self._files else None,
            filter=self._filter,
        )

    def after_fork(self) -> None:
        """Rules for the next."""
        if self._files is not None:
            self._files.renew()

    def ended(self, uid: str) -> None:
        """Its user is free for another."""
        self._owners.pop(uid, None)

    def removed(self) -> None:
        """Remove every directory."""
        scratch.remove(Path(self._directory))

    def _free_owner(self) -> int:
        """A user that no other run has now."""
        taken = set(self._owners.values())
        return next(uid for uid in range(FIRST_OWNER, FIRST_OWNER + OWNERS) if uid not in taken)


class Zygote:
    """The parent of runs.

    Args:
        connection: to the server, whole packets.
        server: pidfd of the server.
        configure: what to become.
        fence: what the level means.
    """

    def __init__(self, connection: socket.socket, server: int, configure: Configure, fence: Fence) -> None:
        self._connection = connection
        self._server = server
        self._configure = configure
        self._fence = fence
        self._runs: dict[int, tuple[str, int]] = {}  # pidfd -> uid of the run, pid

    def prepare(self, doors: Sequence[int]) -> Ready:
        """Import, check, and freeze. See `get_ready`."""
        _be_first_when_memory_is_short()
        return get_ready(self._configure, self._fence.weaknesses, doors)

    def serve(self, ready: Ready) -> NoReturn:
        """Fork what the server asks for, and tell it what ended, until it goes away.

        Args:
            ready: said first.
        """
        self._tell(ready)
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        poll.register(self._server, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll(_SWEEP_EVERY_S * 1000 if self._runs else None):
                if descriptor == self._server:
                    self._end()
                elif descriptor in self._runs:
                    poll.unregister(descriptor)
                    self._tell(self._reap(descriptor))
                else:
                    fork, descriptors = receive(self._connection, to_zygote)
                    if not isinstance(fork, Fork):
                        self._end()
                    try:
                        poll.register(self._fork(fork, descriptors), select.POLLIN)
                    except OSError as error:
                        self._tell(Ended(fork.uid, None, why=f"{type(error).__name__}: {error}"))
                    finally:
                        for descriptor in descriptors:
                            os.close(descriptor)
            self._sweep()

    def _fork(self, fork: Fork, descriptors: list[int]) -> int:
        """Make a run; the pidfd of its process."""
        self._fence.before_fork(fork.uid)
        pid = os.fork()
        if pid == 0:
            self._become_run(fork, descriptors)
        pidfd = os.pidfd_open(pid)
        self._runs[pidfd] = fork.uid, pid
        self._tell(Forked(fork.uid), pidfd)
        self._fence.after_fork()
        return pidfd

    def _become_run(self, fork: Fork, descriptors: list[int]) -> NoReturn:
        """What the forked process does instead of serving. It never returns into the loop."""

        def make_cell() -> jail.Cell:
            if fork.grouped:
                # First, so that all it takes is counted. Without its group it does not go on.
                os.write(descriptors.pop(), b"0")
            return self._fence.cell(fork.limits, fork.uid)

        become_run(self._connection, descriptors, make_cell)

    def _reap(self, pidfd: int) -> Ended:
        """Collect a run that has ended, with everything it started."""
        uid, pid = self._runs.pop(pidfd)
        os.close(pidfd)
        with contextlib.suppress(ProcessLookupError):  # it had not come so far as to have a group
            os.killpg(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        self._sweep()
        self._fence.ended(uid)
        cpu_s = usage.ru_utime + usage.ru_stime
        return Ended(uid, os.waitstatus_to_exitcode(status), cpu_s, usage.ru_maxrss * 1024)

    def _sweep(self) -> None:
        """End every process whose parent within a run has gone: it would outlive the run."""
        family.sweep({pid for _, pid in self._runs.values()})

    def _tell(self, message: Ready | Forked | Ended, *descriptors: int) -> None:
        try:
            send(self._connection, message, descriptors)
        except OSError:
            self._end()

    def _end(self) -> NoReturn:
        """The server has gone: end every run, leave nothing behind."""
        for pidfd in list(self._runs):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        for pidfd in list(self._runs):
            self._reap(pidfd)
        self._sweep()
        self._fence.removed()
        os._exit(0)


def get_ready(configure: Configure, weaknesses: list[str], doors: Sequence[int] = ()) -> Ready:
    """Become a process from which runs can be forked: import, check, and freeze.

    Args:
        configure: what to import, and for which level.
        weaknesses: what the level lacks on this machine, one sentence each.
        doors: of a control group to try, if runs are to have them; closed here.
    Raises:
        RuntimeError: importing has started a thread, so that forking is not safe.
    """
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    missing = preload(configure.preload, configure.packages)
    _warm_up()
    if configure.packages:
        # From here on nothing is imported but by runs.
        sys.path.insert(0, configure.packages)
        importlib.invalidate_caches()
    tasks = os.listdir("/proc/self/task")
    if len(tasks) != 1:
        names = [Path(f"/proc/self/task/{task}/comm").read_text().strip() for task in tasks]
        raise RuntimeError(f"importing has started threads: {', '.join(names)}")
    # A run of the same user must not take over the connection to the server.
    prctl(PR_SET_DUMPABLE, 0)
    ungrouped = "; ".join(filter(None, map(_try_door, doors)))
    gc.collect()
    gc.freeze()
    return Ready(
        level=configure.level,
        missing=missing,
        errors=sorted(_error_names(BaseException)),
        weaknesses=weaknesses,
        # Another kernel, such as a container's, may not tell.
        own_bytes=_own_bytes() if doors else 0,
        ungrouped=ungrouped,
    )


def become_run(
    connection: socket.socket, descriptors: list[int], make_cell: Callable[[], jail.Cell]
) -> NoReturn:
    """What a freshly forked process does: it goes into its cell, does its run, and ends.

    Args:
        connection: of the parent's, which is given up.
        descriptors: for stdout, stderr and the channel, and of the inputs that are files.
        make_cell: makes what to go into.
    """
    try:
        cell = make_cell()
        # Asked again by the jail, since changing the user takes it back.
        die_with_parent(cell.parent)
        # The objects must not close numbers that mean something else by then.
        connection.detach()
        output, errors, channel, *files = descriptors
        null = os.open(os.devnull, os.O_RDONLY)
        wanted = [null, output, errors, channel, *files]
        if cell.ruleset is not None:
            wanted.append(cell.ruleset.descriptor)
            cell.ruleset.descriptor = len(wanted) - 1
        jail.arrange_descriptors(wanted)
        own = socket.socket(fileno=3)
        child.main(own, list(range(4, 4 + len(files))), lambda: jail.enter(cell))
    finally:
        os._exit(SETUP_FAILED)


def preload(names: list[str], packages: str) -> list[str]:
    """Import what is there, and never from an environment's own packages; the names of what is not imported.

    Whoever chose those packages may let code run behind the fence, and this process stands before it. Where one of them
    is in what would be imported, even deep inside, none of it is: half of it in another version would fit nowhere.

    Args:
        names: of modules.
        packages: directory of packages that runs find before the interpreter's own; empty for none.
    """
    if packages and not _is_apart(names, closure.importable_names(packages)):
        return names
    return _preload(names)


def _is_apart(names: list[str], others: frozenset[str]) -> bool:
    """Whether importing all of these takes none of the others, tried in a process that does."""
    pid = os.fork()
    if pid == 0:
        try:
            _preload(names)
            os._exit(0 if others.isdisjoint(name.partition(".")[0] for name in sys.modules) else 1)
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def _preload(names: list[str]) -> list[str]:
    """Import what is there; the names of what is not."""
    missing = []
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(name)
    return missing


def _be_first_when_memory_is_short() -> None:
    """Let the kernel end runs, and not the server, when the machine has no memory left."""
    with contextlib.suppress(PermissionError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _warm_up() -> None:
    """Pass small values through the codec: the first use of these libraries, and of each record, loads more, slowly."""
    values: list[object] = [Plan(name="same", inputs=("value",), outputs=(place(0),))]
    pandas = sys.modules.get("pandas")
    if pandas is not None:
        values.append(pandas.DataFrame({"number": [1.5], "text": ["a"]}))
        values.append(pandas.Series([1.5]).to_numpy())
    for value in values:
        codec.decode(codec.encode(value).to_bytes(), zero_copy=True, trusted=True)


def _try_door(door: int) -> str:
    """Why a process like those that become runs cannot go into a control group; empty if it can."""
    pid = os.fork()
    if pid == 0:
        try:
            os.write(door, b"0")
            os._exit(0)
        except OSError as error:
            os._exit(error.errno or 1)
        finally:
            os._exit(1)
    os.close(door)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return "" if code == 0 else f"a run cannot go into one: {os.strerror(abs(code))}"


def _own_bytes() -> int:
    """Memory of this process that is there and comes from no file: what a run copies when it writes to it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) * KIB


def _can_become(uid: int, packages: str) -> bool:
    """Whether a process can turn into this user and still import what comes later, tried in one that does."""
    places = [*sys.path, packages] if packages else sys.path
    pid = os.fork()
    if pid == 0:
        try:
            become(uid)
            readable = all(os.access(path, os.R_OK) for path in places if os.path.lexists(path))
            os._exit(0 if readable and os.access(os.__file__, os.R_OK) else 1)
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def _error_names(root: type[BaseException]) -> set[str]:
    """Names of a class and of all made from it."""
    names, waiting = set(), [root]
    while waiting:
        one = waiting.pop()
        names.add(one.__name__)
        waiting += one.__subclasses__()
    return names


if __name__ == "__main__":
    main()
