"""This module holds what a reviewer is pointed to: of which kind it is, where, and what to think of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

# Of one kind in one text: more than anybody reads. What is over is counted, so that a flood of harmless ones hides
# none of another kind.
MOST_OF_A_KIND: Final = 100
_NAME_MOST: Final = 60


class Kind(Enum):
    """What a finding is about."""

    OUTSIDE_NAME = "outside name"
    DECORATOR = "decorator"
    IMPORT = "import"
    FILE = "file"
    NETWORK = "network"
    PROCESS = "process"
    DYNAMIC = "dynamic code"
    INTERNALS = "internals"
    INVISIBLE = "invisible character"
    LOOKALIKE = "lookalike name"
    LAYOUT = "layout"
    OPAQUE = "unreadable text"
    RENAMED = "renamed"
    PRINT = "print"
    ERROR = "error text"
    PROGRESS = "progress"
    TIME = "time"
    RANDOM = "randomness"
    LAUNCH = "launch"
    RETURN = "return"
    PLAN = "plan"


@dataclass(frozen=True)
class Finding:
    """One thing about a function that somebody should know.

    Args:
        kind: what it is about.
        line: in the source, from 1; 0 where it is about all of it.
        text: a sentence: what it is, and what to do or to think of.
        name: the name it is about, where there is one.
        where: in which text: "" for the function, else "input policy" or "output policy".
    """

    kind: Kind
    line: int
    text: str
    name: str = ""
    where: str = ""


def words(text: str) -> list[str]:
    """Names, written with spaces between."""
    return text.split()


def short(name: str) -> str:
    """A name as it is quoted, on one line: it may be a text, and of 256 KiB, and begin a line of its own."""
    kept = name if len(name) <= _NAME_MOST else name[: _NAME_MOST - 1] + "…"
    return "".join(char if char.isprintable() else written_out(char) for char in kept)


def written_out(char: str) -> str:
    """A character as Python writes it in a text that has letters of ASCII only: `\\u200b`, `\\U000e0041`."""
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"


def bounded(findings: Iterable[Finding]) -> tuple[list[Finding], dict[str, int]]:
    """As many of the findings as somebody reads, in order of lines, and by kind how many more there are.

    Of each kind what says something new comes before what says the same of another line.
    """
    by_kind: dict[Kind, tuple[dict[str, Finding], list[Finding]]] = {}
    seen: set[Finding] = set()
    for one in findings:
        if one in seen:
            continue
        seen.add(one)
        first, again = by_kind.setdefault(one.kind, ({}, []))
        if first.setdefault(one.text, one) is not one:
            again.append(one)
    kept: list[Finding] = []
    more: Counter[str] = Counter()
    for kind, (first, again) in by_kind.items():
        every = [*first.values(), *again]
        kept += every[:MOST_OF_A_KIND]
        if len(every) > MOST_OF_A_KIND:
            more[kind.value] = len(every) - MOST_OF_A_KIND
    return sorted(kept, key=lambda one: (one.line, one.kind.value, one.text)), dict(more)
