"""This module tries to reach files that are not the run's."""

from __future__ import annotations

import ctypes
import os
import shutil
import sqlite3
import sys

from syft.sandbox.acts.table import Props, act

_libc = ctypes.CDLL(None, use_errno=True)


def _beside(props: Props, name: str) -> str:
    return os.path.join(props.folder, name)


@act("files", "read a file of the server's", quick=True)
def _read(props: Props) -> object:
    with open(props.secret) as file:
        return file.read() == "secret"


@act("files", "list a directory of the server's", quick=True)
def _list(props: Props) -> object:
    return os.listdir(props.folder)


@act("files", "ask whether a file of the server's exists", quick=True)
def _stat(props: Props) -> object:
    return os.stat(props.secret)


@act("files", "open a file of the server's for writing", quick=True)
def _write(props: Props) -> object:
    with open(props.secret, "r+"):
        return True


@act("files", "append to a file of the server's", proven_outside=True)
def _append(props: Props) -> object:
    with open(props.secret, "a") as file:
        return file.write("more")


@act("files", "truncate a file of the server's", proven_outside=True)
def _truncate(props: Props) -> None:
    os.truncate(props.secret, 1)


@act("files", "remove a file of the server's", proven_outside=True)
def _remove(props: Props) -> None:
    os.unlink(props.secret)


@act("files", "rename a file of the server's", proven_outside=True)
def _rename(props: Props) -> None:
    os.rename(props.secret, _beside(props, "renamed"))


@act("files", "change the rights of a file of the server's", proven_outside=True)
def _chmod(props: Props) -> None:
    os.chmod(props.secret, 0o777)  # noqa: S103


@act("files", "change the times of a file of the server's", proven_outside=True)
def _utime(props: Props) -> None:
    os.utime(props.secret, (1, 1))


@act("files", "make a file in a directory of the server's", quick=True)
def _create(props: Props) -> None:
    path = _beside(props, f"made by {os.getpid()}")
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    os.unlink(path)


@act("files", "make a directory in one of the server's", quick=True)
def _make_directory(props: Props) -> None:
    path = _beside(props, f"directory of {os.getpid()}")
    os.mkdir(path)
    os.rmdir(path)


@act("files", "change a database of the server's")
def _database(props: Props) -> object:
    connection = sqlite3.connect(f"file:{_beside(props, 'database')}?mode=rw", uri=True)
    with connection:
        connection.execute("UPDATE t SET x = 'changed'")
    connection.close()
    return True


@act("files", "follow a symbolic link to a file of the server's", quick=True)
def _symlink(props: Props) -> object:
    os.symlink(props.secret, "link")
    try:
        with open("link") as file:
            return file.read()
    finally:
        os.unlink("link")


@act("files", "make a hard link to a file of the server's")
def _hard_link(props: Props) -> None:
    os.link(props.secret, _beside(props, "second name"))
    os.link(props.secret, "linked")


@act("files", "go up from the working directory", quick=True)
def _go_up(props: Props) -> object:
    with open("../" * 40 + props.secret.lstrip("/")) as file:
        return file.read()


@act("files", "go through /proc/self/root", quick=True)
def _proc_root(props: Props) -> object:
    with open("/proc/self/root" + props.secret) as file:
        return file.read()


@act("files", "go through the root of another process", quick=True)
def _victims_root(props: Props) -> object:
    with open(f"/proc/{props.victim}/root{props.secret}") as file:
        return file.read()


@act("files", "copy a file of the server's")
def _copy(props: Props) -> object:
    return shutil.copy(props.secret, "copy")


@act("files", "read the machine's list of mounts through another process")
def _mounts(props: Props) -> object:
    with open(f"/proc/{props.victim}/mounts") as file:
        return file.read()


@act("files", "leave a file in /tmp for others", proven_outside=True)
def _temporary(props: Props) -> None:
    os.close(os.open(f"/tmp/{props.mark}", os.O_CREAT | os.O_WRONLY, 0o600))  # noqa: S108


@act("files", "leave a file in /dev/shm for others", proven_outside=True)
def _shared(props: Props) -> None:
    os.close(os.open(f"/dev/shm/{props.mark}", os.O_CREAT | os.O_WRONLY, 0o600))  # noqa: S108


@act("files", "write into the libraries", quick=True)
def _libraries(props: Props) -> None:
    path = os.path.join(sys.prefix, props.mark)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    os.unlink(path)


@act("files", "list the home directories", quick=True)
def _homes(props: Props) -> object:
    return os.listdir("/home")


@act("files", "read the machine's passwords")
def _passwords(props: Props) -> object:
    with open("/etc/shadow") as file:
        return file.read()


@act("files", "read the machine's settings", quick=True)
def _settings(props: Props) -> object:
    with open("/etc/login.defs") as file:
        return file.read()


@act("files", "make a device file")
def _device(props: Props) -> None:
    os.mknod("device", 0o20600, os.makedev(1, 3))
    os.unlink("device")


@act("files", "make a named pipe", quick=True)
def _pipe(props: Props) -> None:
    os.mkfifo("pipe")
    os.unlink("pipe")


@act("files", "open a file by a handle instead of a path")
def _handle(props: Props) -> object:
    handle = (ctypes.c_uint * 34)(128, 0)
    mount = ctypes.c_int()
    if _libc.name_to_handle_at(-100, os.fsencode(props.secret), handle, ctypes.byref(mount), 0) < 0:
        raise OSError(ctypes.get_errno(), "name_to_handle_at")
    top = os.open("/", os.O_RDONLY)
    descriptor = _libc.open_by_handle_at(top, handle, os.O_RDONLY)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "open_by_handle_at")
    return os.read(descriptor, 6)


@act("files", "be told of changes in a directory of the server's", quick=True)
def _inotify(props: Props) -> object:
    descriptor = _libc.inotify_init1(0)
    if descriptor < 0 or _libc.inotify_add_watch(descriptor, os.fsencode(props.folder), 0x100) < 0:
        raise OSError(ctypes.get_errno(), "inotify")
    return True
