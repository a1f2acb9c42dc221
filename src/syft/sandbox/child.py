"""This module is what of ours is beside the stranger's code: it reads inputs, calls, and sends the result.

From `_call` on, everything in this process belongs to the stranger. What is sent afterwards is their word.
"""

from __future__ import annotations

import builtins
import io
import linecache
import mmap
import os
import random
import socket
import sys
from collections.abc import Callable
from typing import Any

from syft.errors import UnsupportedType
from syft.sandbox.channel import (
    BULK_BYTES_MAX,
    Failed,
    Place,
    Result,
    RunEnd,
    Start,
    Started,
)
from syft.sandbox.datasite import Bytes, Datasite, Link, Own
from syft.sandbox.faults import FILENAME, failed, hint_of
from syft.wire import codec

# Address space that is given back when there is none left, so that this can be said.
LAST_WORDS_BYTES = 4 << 20
# Of the generator that numpy's older functions share, the Mersenne twister: words of 32 bits.
GENERATOR_WORDS = 624

_reserve: list[mmap.mmap] = []


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
        encoded, behind = _open(start, files)
        enter_fence()
        _reseed()
        # Read-only, also where they are small: what works on a small mock must work on the large table.
        references = [codec.decode(data, zero_copy=True, trusted=True) for data in behind]
        inputs = {
            name: codec.decode(data, zero_copy=True, trusted=True, placed=references)
            for name, data in encoded.items()
        }
    except BaseException as error:
        end.send(failed(error, "memory" if hint_of(error) == "memory" else "input"))
    else:
        end.send(Started())
        _call(start, inputs, Own(inputs, encoded), end)
    end.wait_for_end()


def _open(start: Start, files: list[int]) -> tuple[dict[str, Bytes], list[Bytes]]:
    """The encoded inputs and references; descriptors are closed, so that only what was meant stays within reach."""
    try:
        inputs = {name: _bytes_at(one, files) for name, one in start.inputs.items()}
        return inputs, [_bytes_at(one, files) for one in start.references]
    finally:
        for descriptor in files:
            os.close(descriptor)


def _bytes_at(one: bytes | Place, files: list[int]) -> Bytes:
    """The bytes of one input; those in a file are shared with the page cache and not writable."""
    if isinstance(one, bytes):
        return one
    descriptor = files[one.descriptor]
    size = os.fstat(descriptor).st_size - one.offset if one.size is None else one.size
    if not size:
        return b""  # cannot be mapped, and is no value
    begin = one.offset % mmap.ALLOCATIONGRANULARITY
    mapped = mmap.mmap(descriptor, begin + size, prot=mmap.PROT_READ, offset=one.offset - begin)
    return memoryview(mapped)[begin:]


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


def _call(start: Start, inputs: dict[str, Any], own: Own, end: RunEnd) -> None:
    """Run the stranger's function and send what comes of it."""
    process = os.getpid()
    out, err = sys.stdout, sys.stderr
    try:
        value = _value(start, inputs, own, end)
        message = None
    except BaseException as error:
        _reserve.clear()  # nothing before this needs memory
        message = failed(error, hint_of(error))
    if os.getpid() != process:
        os._exit(0)  # a copy that the code has made of itself: one answer is enough
    _flush(out, err)
    if message is None:
        _send_result(value, start.result_bytes, end)
    else:
        end.send(message)


def _value(start: Start, inputs: dict[str, Any], own: Own, end: RunEnd) -> Any:
    """What the stranger's function returns."""
    space: dict[str, Any] = {"__name__": "__syft_function__", "__builtins__": builtins}
    space |= {name: Link(name) for name in start.links}
    if start.datasite_parameter is not None:
        inputs[start.datasite_parameter] = Datasite(end, own)
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
        end.send(failed(error, "unsupported" if isinstance(error, UnsupportedType) else hint_of(error)))


def _flush(*streams: Any) -> None:
    for stream in streams:
        try:
            stream.flush()
        except (OSError, ValueError):
            continue  # closed by the stranger's code
