"""This module restricts a process to files that are named, by the kernel's Landlock."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import struct
from typing import Final

from syft.sandbox.linux import syscall

_EXECUTE: Final = 1 << 0
_WRITE_FILE: Final = 1 << 1
_READ_FILE: Final = 1 << 2
_READ_DIRECTORY: Final = 1 << 3
_MAKE_CHARACTER: Final = 1 << 6
_MAKE_SOCKET: Final = 1 << 9
_MAKE_FIFO: Final = 1 << 10
_MAKE_BLOCK: Final = 1 << 11
_TRUNCATE: Final = 1 << 14
_IOCTL_DEVICE: Final = 1 << 15
_ONLY_FOR_FILES: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE
# How many rights on files each version has: renaming across directories came with 2, truncation with 3,
# ioctl on devices with 5.
_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15}
_RIGHTS_SINCE_5: Final = 16
_NETWORK: Final = 0b11  # bind and connect with TCP, since version 4
_SCOPES: Final = (0b11, 0b01, 0)  # abstract sockets and signals, since version 6; some kernels have less
_VERSION: Final = 1
_RULE_PATH_BENEATH: Final = 1

READ: Final = _READ_FILE | _READ_DIRECTORY
READ_AND_WRITE: Final = READ | _WRITE_FILE
# All but what no scratch directory needs: programs, devices, sockets, pipes.
FILL: Final = ((1 << _RIGHTS_SINCE_5) - 1) & ~(
    _EXECUTE | _MAKE_CHARACTER | _MAKE_SOCKET | _MAKE_FIFO | _MAKE_BLOCK | _IOCTL_DEVICE
)


def version() -> int:
    """The kernel's version of Landlock; 0 if it has none."""
    try:
        return syscall("landlock_create_ruleset", None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION))
    except (OSError, ValueError):
        return 0


def handled(abi: int) -> int:
    """The rights on files that a version knows. All of them are refused unless a rule grants them."""
    return (1 << _RIGHTS.get(abi, _RIGHTS_SINCE_5)) - 1


class Ruleset:
    """Rules for one process. Made anew for each: rules added to a shared one would be everybody's.

    Args:
        abi: the kernel's version of Landlock, at least 1.
        network: whether TCP is refused, too.
    """

    def __init__(self, abi: int, *, network: bool = True) -> None:
        self._rights = handled(abi)
        refused = _NETWORK if network and abi >= 4 else 0
        size = 24 if abi >= 6 else 16 if abi >= 4 else 8
        for scopes in _SCOPES if abi >= 6 else (0,):  # pragma: no branch - the last one returns or raises
            attributes = struct.pack("QQQ", self._rights, refused, scopes)[:size]
            try:
                self.descriptor = syscall(
                    "landlock_create_ruleset", attributes, ctypes.c_size_t(size), ctypes.c_uint(0)
                )
            except OSError as error:
                # A kernel may claim a version without all that belongs to it (RHEL 9: no scope for signals).
                if error.errno != errno.EINVAL or not scopes:
                    raise
            else:
                self.scopes = scopes
                return

    def allow(self, descriptor: int, rights: int) -> None:
        """Grant rights on a file, or on a directory and all below it.

        Args:
            descriptor: of the file or directory; O_PATH is enough.
            rights: `READ`, ...
        """
        granted = rights & self._rights
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            granted &= _ONLY_FOR_FILES
        rule = struct.pack("=Qi", granted, descriptor)
        syscall(
            "landlock_add_rule",
            ctypes.c_int(self.descriptor),
            ctypes.c_int(_RULE_PATH_BENEATH),
            rule,
            ctypes.c_uint(0),
        )

    def allow_path(self, path: str, rights: int) -> None:
        """Grant rights on what a path names; a path that is not there needs none."""
        with contextlib.suppress(FileNotFoundError), Opened(path) as descriptor:
            self.allow(descriptor, rights)

    def restrict(self) -> None:
        """Restrict this process, for good. Needs no_new_privs."""
        syscall("landlock_restrict_self", ctypes.c_int(self.descriptor), ctypes.c_uint(0))
        self.close()

    def close(self) -> None:
        """Forget the rules; whoever has been restricted by them stays so."""
        os.close(self.descriptor)


class Opened:
    """A path as a descriptor, good only for naming it, while the `with` lasts.

    Args:
        path: of a file or directory that exists.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1

    def __enter__(self) -> int:
        self._descriptor = os.open(self._path, os.O_PATH | os.O_CLOEXEC)
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
