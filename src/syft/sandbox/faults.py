"""This module says what an error of a stranger's code was: its type, line and text, and which limit it speaks of."""

from __future__ import annotations

import errno
import re
import traceback
from types import TracebackType

from syft.errors import SyftException
from syft.sandbox.channel import TEXT_BYTES_MAX, Failed, Hint

# The file that a stranger's source is, in tracebacks.
FILENAME = "<function>"
READ_ONLY_NOTE = "The inputs are read-only, because all runs share them. Change a copy: `data = data.copy()`."
ONE_PROCESS_NOTE = (
    "A run is one process and starts no others. Use threads (concurrent.futures.ThreadPoolExecutor, joblib and "
    "scikit-learn with n_jobs), and num_workers=0 for a DataLoader."
)


def hint_of(error: BaseException) -> Hint:
    """Which limit an error speaks of, if any."""
    match error:
        case MemoryError() | SyftException(__cause__=MemoryError()):
            return "memory"
        case OSError(errno=errno.ENOMEM):
            return "memory"
        case OSError(errno=errno.EFBIG | errno.ENOSPC | errno.EDQUOT):
            return "scratch"
        case OSError(errno=errno.EMFILE):
            return "descriptors"
        case BlockingIOError(errno=errno.EAGAIN):
            return "threads"
        case RuntimeError() if "can't start new thread" in str(error):
            return "threads"
        case ValueError() if re.search(r"read-?only", str(error)):
            error.add_note(READ_ONLY_NOTE)
            return "read_only"
        case PermissionError() if _was_starting_a_process(error):
            error.add_note(ONE_PROCESS_NOTE)
            return "one_process"
        case _:
            return ""


def _was_starting_a_process(error: PermissionError) -> bool:
    """Whether an error comes from within the standard library's ways to start one."""
    trace, module = error.__traceback__, ""
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        trace = trace.tb_next
    match module.partition(".")[0]:
        case "multiprocessing":
            return True  # also for want of the machine's shared memory, which comes before the fork
        case "subprocess":
            return error.errno == errno.EPERM  # else it is about the program that was to be started
        case _:
            return False


def failed(error: BaseException, hint: Hint) -> Failed:
    """An error as a message, without our own frames and cut to what a message holds."""
    if hint == "memory":
        traceback.clear_frames(_theirs(error.__traceback__))
    described = traceback.TracebackException(type(error), error, _theirs(error.__traceback__), compact=True)
    text = "".join(described.format_exception_only())
    return Failed(
        error_type=_cut(type(error).__name__, 200),
        error_line=_line(error),
        error_text=_cut(text.strip(), TEXT_BYTES_MAX),
        traceback=_cut("".join(described.format()), TEXT_BYTES_MAX, keep_end=True),
        hint=hint,
    )


def _theirs(trace: TracebackType | None) -> TracebackType | None:
    """The part of a traceback that begins in the stranger's source; None if none of it does."""
    while trace is not None and trace.tb_frame.f_code.co_filename != FILENAME:
        trace = trace.tb_next
    return trace


def _line(error: BaseException) -> int | None:
    """The innermost line of the stranger's source that the error went through."""
    if isinstance(error, SyntaxError) and error.filename == FILENAME:
        return error.lineno
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILENAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _cut(text: str, limit_bytes: int, *, keep_end: bool = False) -> str:
    """A text of at most so many bytes that can be encoded, lone surrogates included."""
    data = text.encode("utf-8", "backslashreplace")
    if len(data) > limit_bytes:
        data = data[-limit_bytes:] if keep_end else data[:limit_bytes]
    return data.decode("utf-8", "ignore")
