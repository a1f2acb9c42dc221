"""This module is the table of acts that a fence must prevent, filled by the modules beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec


class Props(msgspec.Struct, frozen=True):
    """What stands ready to be attacked.

    Args:
        folder: a directory that is nobody's but the server's.
        secret: a file in it with the text "secret".
        victim: pid of a process with SECRET in its environment, which plays the server.
        port: on 127.0.0.1, where TCP is accepted and UDP is received.
        abstract: name of an abstract socket that accepts.
        limit_bytes: scratch space that a run has.
        threads: that a run may have.
        mark: what acts leave and send, so that it is known from what anybody else on the machine does.
    """

    folder: str
    secret: str
    victim: int
    port: int
    abstract: str
    limit_bytes: int
    threads: int
    mark: str


Doing = Callable[[Props], object]


@dataclass(frozen=True)
class Act:
    """One thing that a run must not be able to do.

    Args:
        name: for people.
        area: what it is aimed at.
        do: does it, or raises; an answer of False is a failure, too.
        quick: harmless, fast, survived by the process that tries it: good for every start of a server.
        proven_outside: whether it worked is not what the act says but what the props look like afterwards.
    """

    name: str
    area: str
    do: Doing
    quick: bool
    proven_outside: bool


ACTS: Final[dict[str, Act]] = {}


def act(
    area: str, name: str, *, quick: bool = False, proven_outside: bool = False
) -> Callable[[Doing], Doing]:
    """Enter a function into the table."""

    def enter(do: Doing) -> Doing:
        if name in ACTS:
            raise ValueError(f"two acts are called {name}")
        ACTS[name] = Act(name, area, do, quick, proven_outside)
        return do

    return enter


def attempt(name: str, props: Props) -> str:
    """Try an act; "" if it worked, else the error that prevented it."""
    try:
        answer = ACTS[name].do(props)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:200]
    return "it had no effect" if answer is False else ""


def attempt_quick(props: Props) -> dict[str, str]:
    """Try all that are quick. By name: "" if it worked, else the error that prevented it."""
    return {name: attempt(name, props) for name, one in ACTS.items() if one.quick}
