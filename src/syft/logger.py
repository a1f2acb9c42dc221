"""This module is the one logger. It writes two things.

The *log* is for operators: lines of JSON with ids, tags and sizes in them, never values (`configure`, `say`). The
*story* is for those who learn or debug: what happens to nodes and messages in this process, in words, with names
(`add`, `remove`, `tell`); it goes nowhere until somebody adds a sink, except for what is critical.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

log = logging.getLogger("syft")
log.addHandler(logging.NullHandler())


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send the log somewhere; called by programs, never by the library.

    Args:
        level: "DEBUG", "INFO", "WARNING" or "ERROR".
        stream: where to; standard error when left out.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_JsonLines())
    log.handlers[:] = [handler]
    log.setLevel(level)
    log.propagate = False


def where(error: BaseException) -> str:
    """What kind of error and where it was raised, without its text: that could be a value."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__name__} at {places}"


def say(level: int, message: str, **fields: object) -> None:
    """Write one line.

    Args:
        level: of `logging`.
        message: fixed text; what varies goes into `fields`.
        fields: ids, tags, sizes, durations. Never a value, a password or a name of a person.
    """
    if log.isEnabledFor(level):
        log.log(level, message, extra={"fields": fields})
    if level >= logging.WARNING and is_told(logging.getLevelName(level)):
        tell(
            logging.getLevelName(level), " ".join((message, *(f"{key}={one}" for key, one in fields.items())))
        )


# The story

Sink = TextIO | str | Path | Callable[[str], object]

LEVELS: Final = {
    "TRACE": 5,
    "DEBUG": 10,
    "INFO": 20,
    "SUCCESS": 25,
    "WARNING": 30,
    "ERROR": 40,
    "CRITICAL": 50,
}
# The variable of the root package that names a file for the whole story, as people of 2021 set it.
_FILE_VARIABLE: Final = "LOG_FILE"


class _Told:
    """A sink, and from which level on it is told.

    Args:
        write: takes a line without its end.
        level: a number of `LEVELS`.
    """

    def __init__(self, write: Callable[[str], object], level: int) -> None:
        self.write = write
        self.level = level


def _to_file(path: Path) -> Callable[[str], object]:
    def write(line: str) -> None:
        # For its owner's eyes: it has names in it.
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    return write


def _to_stream(stream: TextIO) -> Callable[[str], object]:
    def write(line: str) -> None:
        stream.write(line + "\n")
        stream.flush()

    return write


_told: list[_Told] = [_Told(lambda line: print(line, file=sys.stderr), LEVELS["CRITICAL"])]
_from_level: int = LEVELS["CRITICAL"]


def add(sink: Sink | None = None, level: str = "ERROR") -> None:
    """Tell the story there, too.

    Args:
        sink: a stream, the path of a file, or a function that takes a line; `sy.LOG_FILE` when left out, or else
            `syft_{time}.log` in the working directory.
        level: from which on: "TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR" or "CRITICAL".
    Raises:
        ValueError: there is no such level.
    """
    global _from_level
    if level not in LEVELS:
        raise ValueError(f"Level '{level}' does not exist; there are {', '.join(LEVELS)}.")
    if sink is None:
        if _log_file() is not None:
            return  # it goes there already
        sink = f"syft_{datetime.now(UTC):%Y-%m-%d_%H-%M-%S_%f}.log"
    if isinstance(sink, str | Path):
        write = _to_file(Path(sink))
    elif callable(sink):
        write = sink
    else:
        write = _to_stream(sink)
    _told.append(_Told(write, LEVELS[level]))
    _from_level = min(one.level for one in _told)


def remove() -> None:
    """Tell the story nowhere any more; a file named by `sy.LOG_FILE` stays."""
    global _from_level
    _told.clear()
    _from_level = LEVELS["CRITICAL"] + 1


def is_told(level: str) -> bool:
    """Whether anybody listens at that level: for lines that cost something to make."""
    return LEVELS[level] >= _from_level or _log_file() is not None


def tell(level: str, text: str) -> None:
    """Tell one line of the story.

    Args:
        level: of `LEVELS`.
        text: what happened; names and ids may be in it, values not.
    """
    number = LEVELS[level]
    file = _log_file()
    if number < _from_level and file is None:
        return
    now = datetime.now(UTC)
    line = f"[{now:%Y-%m-%dT%H:%M:%S.%f%z}][{level}][logger]][{os.getpid()}] {text}"
    if file is not None:
        _to_file(Path(file))(line)
    for one in _told:
        if number >= one.level:
            one.write(line)


def _log_file() -> str | None:
    """What `sy.LOG_FILE` says now. Looked up and not imported: nothing here knows the root package."""
    file = vars(sys.modules.get("syft", sys)).get(_FILE_VARIABLE)
    return str(file) if file else None
