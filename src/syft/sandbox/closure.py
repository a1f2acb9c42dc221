"""This module says what a run may read of the machine: the interpreter, its libraries, fonts, time zones."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Final

_SYSTEM: Final = (
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/lib",
    "/lib64",
    "/usr/share/zoneinfo",
    "/usr/share/fonts",
    "/usr/share/locale",
    "/usr/share/i18n",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/timezone",
    "/sys/devices/system/cpu",
)
# Of these only the libraries are needed: the rest of the machine's programs is under them.
_SHARED_PREFIXES: Final = ("/usr", "/usr/local")
DEVICES: Final = ("null", "zero", "full", "urandom", "random")
# Of the machine's own accounts of itself; libraries look at them to choose numbers of threads.
PROCESS_FILES: Final = ("cpuinfo", "meminfo", "stat", "loadavg", "uptime", "filesystems")


class UnsafeClosure(Exception):
    """What a run would have to read contains what it must not read; says which."""


def readable_paths(protected: Iterable[str] = (), packages: str = "") -> list[str]:
    """The paths that importing needs, none of them inside another, with what their links lead to.

    Args:
        protected: directories that no run may see.
        packages: a directory of packages beside the interpreter's; empty for none. It alone may be in what is
            protected: it is a node's, made of nothing but packages.
    Raises:
        UnsafeClosure: one of the paths contains a protected directory, or is in one with more than libraries.
    """
    wanted = list(_SYSTEM)
    for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}:
        wanted.append(f"{prefix}/lib" if prefix in _SHARED_PREFIXES else prefix)
    wanted += [path for path in (packages, *sys.path) if path and os.path.isdir(path)]
    there = [os.path.abspath(path) for path in wanted if os.path.lexists(path)]
    real = [os.path.realpath(path) for path in there if os.path.exists(path)]
    _check_protected([*there, *real], protected)
    return outermost([*there, *real])


def importable_names(packages: str) -> frozenset[str]:
    """The names under which something can be imported from a directory: of packages, modules and extensions."""
    return frozenset(name.partition(".")[0] for name in os.listdir(packages))


def _check_protected(paths: Sequence[str], protected: Iterable[str]) -> None:
    for path in paths:
        for secret in protected:
            if is_within(os.path.realpath(secret), os.path.realpath(path)):
                raise UnsafeClosure(
                    f"code would be able to read {secret}, because Python imports from {path}; "
                    "keep the data in a folder outside of it (SYFT_HOME)"
                )


def outermost(paths: Iterable[str]) -> list[str]:
    """These paths without those that are within others of them."""
    kept: list[str] = []
    for path in sorted(set(paths)):
        if not any(is_within(path, other) for other in kept if not os.path.islink(other)):
            kept.append(path)
    return kept


def is_within(path: str, folder: str) -> bool:
    """Whether a path is a folder or below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
