"""This module calls the kernel where the standard library has no name for it. No policy is decided here."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import struct
from typing import Any, Final

from syft.sandbox.syscalls import number

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_CHILD_SUBREAPER: Final = 36
PR_SET_NO_NEW_PRIVS: Final = 38

_CLOSE_RANGE: Final = 436  # the same number on every architecture (Linux 5.9)

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def _checked(answer: int, what: str) -> int:
    """The answer of a call, or the error it left in errno."""
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return answer


def prctl(option: int, value: int = 0) -> int:
    """Change one attribute of this process.

    Raises:
        OSError: the kernel refused.
    """
    zero = ctypes.c_ulong(0)
    return _checked(_libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero), f"prctl({option})")


def syscall(name: str, *arguments: Any) -> int:
    """Make a call that the C library has no function for.

    Args:
        name: as in `syscalls`.
        arguments: bytes, None, or ctypes integers of the right width.
    Raises:
        OSError: the kernel refused; ENOSYS if this machine does not have the call.
    """
    known = number(name)
    if known is None:
        raise OSError(errno.ENOSYS, f"{name}: {os.strerror(errno.ENOSYS)}")
    return _checked(_libc.syscall(ctypes.c_long(known), *arguments), name)


def close_from(lowest: int) -> None:
    """Close every descriptor from `lowest` up, whoever opened it."""
    # The largest there is, for gVisor reads it as a signed number.
    last = ctypes.c_uint(0x7FFFFFFF)
    answer = _libc.syscall(ctypes.c_long(_CLOSE_RANGE), ctypes.c_uint(lowest), last, ctypes.c_uint(0))
    if answer < 0 and ctypes.get_errno() == errno.ENOSYS:
        for name in os.listdir("/proc/self/fd"):
            if int(name) >= lowest:
                _close_if_open(int(name))
        return
    _checked(answer, "close_range")


def _close_if_open(descriptor: int) -> None:
    """Close a descriptor; the one that listed the directory is gone by now."""
    try:
        os.close(descriptor)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise


def die_with_parent(parent: int) -> None:
    """Ask for SIGKILL when the parent's thread ends; to be asked again after every change of uid.

    Args:
        parent: pid of the process that must still be the parent.
    Raises:
        ProcessLookupError: it had already died before the kernel was asked.
    """
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise ProcessLookupError("the parent has died")


# --- namespaces and mounts

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWCGROUP: Final = 0x02000000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000

MS_RDONLY: Final = 1
MS_NOSUID: Final = 2
MS_NODEV: Final = 4
MS_NOEXEC: Final = 8
MS_REMOUNT: Final = 32
MS_BIND: Final = 4096
MS_REC: Final = 16384
MS_PRIVATE: Final = 1 << 18

_MNT_DETACH: Final = 2
_AT_FDCWD: Final = -100
_AT_RECURSIVE: Final = 0x8000
_MOUNT_ATTR_RDONLY_NOSUID_NODEV: Final = 1 | 2 | 4


def unshare(flags: int) -> None:
    """Leave the namespaces that are shared with the parent, for new ones."""
    _checked(_libc.unshare(ctypes.c_int(flags)), f"unshare({flags:#x})")


def setns(descriptor: int, kind: int) -> None:
    """Go into a namespace."""
    _checked(_libc.setns(ctypes.c_int(descriptor), ctypes.c_int(kind)), "setns")


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Mount something.

    Args:
        source: what; None where it does not matter.
        target: where.
        kind: of file system; None for a bind or a change of flags.
        flags: `MS_...`.
        data: options of the file system.
    """
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    answer = _libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3])
    _checked(answer, f"mount {kind or 'bind'} on {target}")


def make_read_only(path: str) -> None:
    """Make a mount and all below it read-only, without devices and without setuid programs (Linux 5.12)."""
    attributes = struct.pack("QQQQ", _MOUNT_ATTR_RDONLY_NOSUID_NODEV, 0, 0, 0)
    syscall(
        "mount_setattr",
        ctypes.c_int(_AT_FDCWD),
        os.fsencode(path),
        ctypes.c_uint(_AT_RECURSIVE),
        attributes,
        ctypes.c_size_t(len(attributes)),
    )


def pivot_root(new: str, old: str) -> None:
    """Make another mount the root; what was the root goes to a directory in it."""
    syscall("pivot_root", os.fsencode(new), os.fsencode(old))


def detach(path: str) -> None:
    """Take a mount out of the tree, whatever still uses it."""
    _checked(_libc.umount2(os.fsencode(path), ctypes.c_int(_MNT_DETACH)), f"umount {path}")


# --- rights

_PR_CAPBSET_DROP: Final = 24
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_CLEAR_ALL: Final = 4
_CAPABILITIES_VERSION_3: Final = 0x20080522
_CAPABILITIES_MAX: Final = 64
_SECCOMP_SET_MODE_FILTER: Final = 1


CAP_CHOWN: Final = 0
CAP_DAC_OVERRIDE: Final = 1
CAP_KILL: Final = 5
CAP_SETGID: Final = 6
CAP_SETUID: Final = 7
CAP_SYS_ADMIN: Final = 21


def has_capabilities(*wanted: int) -> bool:
    """Whether this process has all of these rights of root; in a container, root lacks some."""
    with open("/proc/self/status") as file:
        effective = next(int(line.split()[1], 16) for line in file if line.startswith("CapEff:"))
    return all(effective >> capability & 1 for capability in wanted)


def become(uid: int) -> None:
    """Turn from root into a user that owns nothing else, for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def drop_capabilities() -> None:
    """Give up every capability, and the means to get one back."""
    zero = ctypes.c_ulong(0)
    for capability in range(_CAPABILITIES_MAX):  # pragma: no branch - no kernel has so many yet
        # EINVAL: there are no more. EPERM: an ordinary user, who has none to give up.
        if _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), zero, zero, zero) < 0:
            break
    _libc.prctl(_PR_CAP_AMBIENT, ctypes.c_ulong(_PR_CAP_AMBIENT_CLEAR_ALL), zero, zero, zero)
    syscall("capset", struct.pack("Ii", _CAPABILITIES_VERSION_3, 0), bytes(24))


def load_filter(program: bytes) -> None:
    """Hand the kernel a seccomp program, for good. Needs no_new_privs."""
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    syscall("seccomp", ctypes.c_uint(_SECCOMP_SET_MODE_FILTER), ctypes.c_uint(0), header)
