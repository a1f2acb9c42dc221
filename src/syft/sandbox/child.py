"""This module is our one file beside the stranger's code: it reads inputs, calls, and sends the result.

From `_call` on, everything in this process belongs to the stranger. What is sent afterwards is their word.
"""

from __future__ import annotations

import builtins
import errno
import io
import linecache
import mmap
import os
import random
import re
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

from syft.errors import SyftException, UnsupportedType
from syft.sandbox.channel import (
    BULK_BYTES_MAX,
    LAUNCH_BYTES_MAX,
    TEXT_BYTES_MAX,
    Failed,
    Hint,
    Launch,
    Progress,
    Result,
    RunEnd,
    Start,
    Started,
)
from syft.wire import codec

FILENAME = "<function>"
PROGRESS_EVERY_S = 0.05
PROGRESS_BURST = 10
# Address space that is given back when there is none left, so that this can be said.
LAST_WORDS_BYTES = 4 << 20
# Of the generator that numpy's older functions share, the Mersenne twister: words of 32 bits.
GENERATOR_WORDS = 624
READ_ONLY_NOTE = "The inputs are read-only, because all runs share them. Change a copy: `data = data.copy()`."
ONE_PROCESS_NOTE = (
    "A run is one process and starts no others. Use threads (concurrent.futures.ThreadPoolExecutor, joblib and "
    "scikit-learn with n_jobs), and num_workers=0 for a DataLoader."
)


_reserve: list[mmap.mmap] = []


class JobFailed(Exception):
    """A function launched with `datasite.launch_job` was refused, or did not end well."""


class Link:
    """Stands for another submitted function; good only for handing to `datasite.launch_job`."""

    __slots__ = ("__name__",)

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, *_args: object, **_kwargs: object) -> None:
        """Refuse, with the call that works."""
        name = self.__name__
        raise TypeError(f"{name} runs as a job of its own: use datasite.launch_job({name}, ...)")

    def __repr__(self) -> str:
        return f"<submitted function {self.__name__}>"


class Job:
    """A launched job."""

    def __init__(self, end: RunEnd, call: int, name: str) -> None:
        self._end = end
        self._call = call
        self._name = name
        self._waiting = threading.Lock()
        self._value: Any = None
        self._error: JobFailed | None = None
        self._ended = False

    def wait(self) -> Job:
        """Wait until it has ended, well or not.

        Returns:
            this job.
        """
        with self._waiting:
            if not self._ended:
                reply, data = self._end.reply(self._call)
                self._ended = True
                if reply.refused is None:
                    self._value = codec.decode(data)
                else:
                    self._error = JobFailed(f"{self._name}: {reply.refused}")
        return self

    @property
    def result(self) -> Any:
        """What the function returned; waits for it.

        Raises:
            JobFailed: it was refused, or did not end well.
        """
        self.wait()
        if self._error is not None:
            raise self._error
        return self._value

    def get(self) -> Any:
        """The same as `result`."""
        return self.result


class Datasite:
    """What running code may ask of the node it runs on."""

    def __init__(self, end: RunEnd) -> None:
        self._end = end
        self._lock = threading.Lock()
        self._calls = 0
        self._current = 0
        self._total: int | None = None
        self._told_at = -1.0

    def launch_job(self, function: Link | str, **inputs: Any) -> Job:
        """Start another submitted function that this one names, with values of this run's.

        Args:
            function: the function, by its own name.
            inputs: values, 64 MiB of them at most.
        Raises:
            TypeError: it is not a submitted function.
            ValueError: the values are too large together.
        """
        name = function.__name__ if isinstance(function, Link) else function
        if not isinstance(name, str):
            raise TypeError(f"launch_job takes a submitted function, not {function!r}")
        encoded = {key: codec.encode(value) for key, value in inputs.items()}
        sizes = {key: value.size for key, value in encoded.items()}
        if sum(sizes.values()) > LAUNCH_BYTES_MAX:
            raise ValueError(f"launch_job takes {LAUNCH_BYTES_MAX >> 20} MiB of values at most")
        with self._lock:
            self._calls += 1
            call = self._calls
        chunks = (chunk for value in encoded.values() for chunk in value.chunks(BULK_BYTES_MAX))
        self._end.send(Launch(call, name, sizes), chunks)
        return Job(self._end, call, name)

    def init_progress(self, n_iters: int) -> None:
        """Say of how many steps the work consists."""
        self._total, self._current = max(0, int(n_iters)), 0
        self._tell(True)

    def set_progress(self, to: int) -> None:
        """Say how many steps are done."""
        self._current = max(0, int(to))
        self._tell(self._current == self._total)

    def increment_progress(self, n: int = 1) -> None:
        """Say that `n` more steps are done."""
        self.set_progress(self._current + n)

    def _tell(self, important: bool) -> None:
        # A few at once, then one in `PROGRESS_EVERY_S`: code that says little is heard at once.
        now = time.monotonic()
        self._told_at = max(self._told_at, now - PROGRESS_BURST * PROGRESS_EVERY_S)
        if important or self._told_at + PROGRESS_EVERY_S <= now:
            self._told_at += PROGRESS_EVERY_S
            self._end.send(Progress(self._current, self._total))


def main(connection: socket.socket, files: list[int], enter_fence: Callable[[], None]) -> None:
    """Do one run, up to the last byte of its result, and wait to be ended.

    Args:
        connection: the run's end of the channel.
        files: descriptors of the inputs that are files, in the order the first message names them.
        enter_fence: takes away from this process what the level says; called before the first byte of the
            stranger's is compiled, and after memory that does not count has been taken.
    """
    end = RunEnd(connection)
    start = end.start()
    sys.stdout, sys.stderr = _text(1), _text(2)
    # Never written to: the limit counts what is mapped, and a page that is touched costs time and memory.
    _reserve.append(mmap.mmap(-1, LAST_WORDS_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
    try:
        encoded = {name: _mapped(descriptor) for name, descriptor in zip(start.files, files, strict=True)}
        enter_fence()
        _reseed()
        inputs = {name: codec.decode(data, zero_copy=True, trusted=True) for name, data in encoded.items()}
        # Read-only too, though they are small: what works on a small mock must work on the large table.
        inputs |= {
            name: codec.decode(data, zero_copy=True, trusted=True) for name, data in start.inline.items()
        }
    except BaseException as error:
        end.send(_failed(error, "memory" if _hint(error) == "memory" else "input"))
    else:
        end.send(Started())
        _call(start, inputs, end)
    end.wait_for_end()


def _mapped(descriptor: int) -> mmap.mmap | bytes:
    """The content of a file, shared with the page cache and not writable; an empty file cannot be mapped."""
    size = os.fstat(descriptor).st_size
    try:
        return mmap.mmap(descriptor, size, prot=mmap.PROT_READ) if size else b""
    finally:
        os.close(descriptor)


def _text(descriptor: int) -> io.TextIOWrapper:
    """A text stream that is passed on line by line, so that a kill loses nothing that was printed."""
    raw = io.FileIO(descriptor, "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True
    )


def _reseed() -> None:
    """Draw new seeds: forked processes share their parent's generators, and would add the same noise."""
    random.seed()
    if "numpy.random" in sys.modules:
        # The whole state from the kernel: quicker than to have numpy draw it from a seed.
        state = memoryview(os.urandom(4 * GENERATOR_WORDS)).cast("I").tolist()
        sys.modules["numpy.random"].set_state(("MT19937", state, GENERATOR_WORDS))
    if "torch" in sys.modules:
        sys.modules["torch"].seed()


def _call(start: Start, inputs: dict[str, Any], end: RunEnd) -> None:
    """Run the stranger's function and send what comes of it."""
    process = os.getpid()
    out, err = sys.stdout, sys.stderr
    try:
        value = _value(start, inputs, end)
        message = None
    except BaseException as error:
        _reserve.clear()  # nothing before this needs memory
        message = _failed(error, _hint(error))
    if os.getpid() != process:
        os._exit(0)  # a copy that the code has made of itself: one answer is enough
    _flush(out, err)
    if message is None:
        _send_result(value, start.result_bytes, end)
    else:
        end.send(message)


def _value(start: Start, inputs: dict[str, Any], end: RunEnd) -> Any:
    """What the stranger's function returns."""
    space: dict[str, Any] = {"__name__": "__syft_function__", "__builtins__": builtins}
    space |= {name: Link(name) for name in start.links}
    if start.datasite_parameter is not None:
        inputs[start.datasite_parameter] = Datasite(end)
    # So that tracebacks show the lines; linecache keeps an entry whose time of change is None.
    lines = start.source.splitlines(keepends=True)
    linecache.cache[FILENAME] = len(start.source), None, lines, FILENAME
    # Annotations are for the reader: with this flag they are not evaluated, and need no imports.
    flags = annotations.compiler_flag
    exec(compile(start.source, FILENAME, "exec", flags, dont_inherit=True), space)  # noqa: S102
    return space[start.entry](**inputs)


def _send_result(value: Any, limit_bytes: int, end: RunEnd) -> None:
    """Send an encoded value, piece by piece; or why there is none."""
    try:
        encoded = codec.encode(value)
        if encoded.size > limit_bytes:
            end.send(Failed("", None, "", "", "result_bytes"))
            return
        result = Result(encoded.size, encoded.type_name[:200], tuple(encoded.shape or ()))
        end.send(result, encoded.chunks(BULK_BYTES_MAX))
    except BaseException as error:
        _reserve.clear()
        end.send(_failed(error, "unsupported" if isinstance(error, UnsupportedType) else _hint(error)))


def _flush(*streams: Any) -> None:
    for stream in streams:
        try:
            stream.flush()
        except (OSError, ValueError):
            continue  # closed by the stranger's code


def _hint(error: BaseException) -> Hint:
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


def _failed(error: BaseException, hint: Hint) -> Failed:
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
