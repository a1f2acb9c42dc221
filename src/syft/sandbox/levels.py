"""This module names the levels of isolation and says in what order they are preferred."""

from __future__ import annotations

from typing import Final

GVISOR: Final = "gvisor"
NAMESPACES: Final = "namespaces"
LANDLOCK: Final = "landlock"
PROCESS: Final = "process"

# The strongest first.
LEVELS: Final = (GVISOR, NAMESPACES, LANDLOCK, PROCESS)

PROMISES: Final = {
    GVISOR: "as namespaces, with a kernel of its own for each run between it and the machine's; slow",
    NAMESPACES: "no network, nothing of the machine visible but libraries, private scratch space, one process",
    LANDLOCK: "no network, no files but libraries and scratch space, one process; paths can be probed",
    PROCESS: "NO ISOLATION: a process of its own with a clean environment and limits, and nothing else",
}


# Seconds that the place of a run may take to be made, in which its own time has not begun.
START_S: Final = {GVISOR: 120.0}


def from_strongest(minimum: str) -> tuple[str, ...]:
    """The levels down to a minimum, the strongest first. What takes a second a run is taken only if demanded."""
    if minimum == GVISOR:
        return (GVISOR,)
    return LEVELS[LEVELS.index(NAMESPACES) : LEVELS.index(minimum) + 1]


# What works inside although the table of acts has it, with the reason. At level `process` nothing in that table
# is promised: that level is tested by what it does promise.
NOT_PROMISED: Final[dict[str, dict[str, str]]] = {
    GVISOR: {},
    NAMESPACES: {},
    LANDLOCK: {
        "ask whether a file of the server's exists": "Landlock does not cover stat(); a user of its own does",
        "read the machine's connections": "a run's own /proc tells of the machine's network",
        "start very many threads": "they are counted per user, and those of root are not; exact with a user of its own",
    },
}


def promises(level: str, act: str) -> bool:
    """Whether a level promises that an act of the table fails."""
    return level in NOT_PROMISED and act not in NOT_PROMISED[level]
