"""This module is the one logger: lines of JSON with ids, tags and sizes in them, never values."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from typing import TextIO

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
