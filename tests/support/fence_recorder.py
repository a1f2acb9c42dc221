"""Notes which lines of the fence follow which, in memory that is shared with every process forked later.

Copied into the virtual environment that `fence_coverage.py` makes and imported by every Python that starts there.
Neither a kill, nor a fence that forbids to open files, nor closing every descriptor takes away what was noted.
"""

from __future__ import annotations

import mmap
import os
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
# A line number, negative for where a function is entered or left, as coverage.py counts.
LINES = 2048
SIZE = LINES * LINES


def place(base: int, start: int, end: int) -> int:
    """Where the step from one line to another is noted."""
    return base + (start + LINES // 2) * LINES + end + LINES // 2


def tracer(notes: mmap.mmap, bases: dict[str, int]) -> Callable[..., Any]:
    """A function for `sys.settrace`.

    Args:
        notes: a byte for each step.
        bases: of each source file, where its bytes begin.
    """
    import opcode

    resume = opcode.opmap["RESUME"]
    push_exception = opcode.opmap["PUSH_EXC_INFO"]

    def enter(frame: FrameType, event: str, _: Any) -> Any:
        code = frame.f_code
        base = bases.get(code.co_filename)
        if base is None or event != "call":
            return None
        first, ops = -code.co_firstlineno, code.co_code
        # The argument of RESUME is 0 where a function begins, and not where a generator goes on.
        last = first if ops[frame.f_lasti + 1] == 0 else frame.f_lineno

        def follow(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal last
            if event == "line":
                if ops[frame.f_lasti] != push_exception:
                    line = frame.f_lineno
                    notes[place(base, last, line)] = 1
                    last = line
            elif event == "return":
                at = frame.f_lasti
                # A `yield` is followed by RESUME, and does not leave.
                if len(ops) == at + 2 or ops[at + 2] != resume:
                    notes[place(base, last, first)] = 1
            return follow

        return follow

    return enter


def start() -> None:
    """Begin to take notes, in this thread and in those to come; where that is not possible, take none."""
    try:
        with open(f"{HERE}/sources") as listed:
            sources = listed.read().splitlines()
        with open(f"{HERE}/notes", "r+b") as file:
            notes = mmap.mmap(file.fileno(), 0)
    except OSError:
        return
    trace = tracer(notes, {source: number * SIZE for number, source in enumerate(sources)})
    threading.settrace(trace)
    sys.settrace(trace)


if __name__ == "fence_recorder":
    start()
