"""This module names the environment that code runs in: one digest over the interpreter and every installed package."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import distributions

from blake3 import blake3


@cache
def environment_lines() -> tuple[str, ...]:
    """This interpreter and its packages, one a line."""
    packages = sorted(
        {f"{dist.metadata['Name']}=={dist.version}".lower() for dist in distributions() if dist.metadata}
    )
    return (sys.implementation.name, platform.python_version(), platform.machine(), *packages)


@cache
def environment_digest() -> str:
    """The digest of this interpreter and its packages, 64 hex digits.

    Approvals bind it: a result under another version of a library is another result. Computed once a process.
    """
    return blake3("\n".join(environment_lines()).encode()).hexdigest()


def environment_difference(here: Sequence[str], there: Sequence[str], most: int = 8) -> str:
    """What differs between two environments, for people; empty where nothing does.

    Args:
        here: lines of the one that is wanted.
        there: lines of the other.
        most: how many differences to name.
    """
    wanted, found = _by_name(here), _by_name(there)
    differences = [
        f"{name}: {wanted.get(name) or 'none'} here, {found.get(name) or 'none'} there"
        for name in sorted(wanted.keys() | found.keys())
        if wanted.get(name) != found.get(name)
    ]
    more = len(differences) - most
    return "; ".join(differences[:most]) + (f"; and {more} more" if more > 0 else "")


def _by_name(lines: Sequence[str]) -> dict[str, str]:
    # Strangers describe theirs, and the text is remembered.
    said = (line[:50] for line in lines[:3])
    first = dict(zip(("(interpreter)", "(python)", "(machine)"), said, strict=False))
    packages = (line.partition("==") for line in lines[3:])
    # One package may be installed twice: then both versions are told.
    found: dict[str, list[str]] = {}
    for name, _, version in packages:
        found.setdefault(name[:100], []).append(version[:50])
    return first | {name: ", ".join(versions) for name, versions in found.items()}


def layered_digest(own: str, lock: str) -> str:
    """The digest of an environment with packages of its own before another's, 64 hex digits.

    Args:
        own: the digest of the environment below, whose packages are there where it has none of its own.
        lock: its packages, their versions and the hashes of their files, as text.
    """
    # Both are bound: the same lock beside another pandas is another environment. The first has one length.
    return blake3(f"layered\n{own}\n{lock}".encode()).hexdigest()
