"""This module is the node as running code sees it: launching other functions, their jobs, telling how far it is.

It is in the stranger's process, and theirs to do with what they like; who answers believes nothing of what it sends.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from syft.sandbox.channel import (
    BULK_BYTES_MAX,
    LAUNCH_BYTES_MAX,
    Collect,
    Launch,
    Named,
    Progress,
    RunEnd,
)
from syft.sandbox.contract import REFERENCES_MAX
from syft.wire import codec
from syft.wire.layout import Encoded
from syft.wire.types_partitioned import Part, Partitioned

# What is smaller is sent: to find out whether it came in from outside costs more.
BY_NAME_BYTES = 64 << 10
PROGRESS_EVERY_S = 0.05
PROGRESS_BURST = 10

Bytes = bytes | memoryview


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
    """A launched job. Handed to another launch, it stands for its result, which then does not come here."""

    def __init__(self, end: RunEnd, call: int, name: str) -> None:
        self._end = end
        self._call = call
        self._name = name
        self._waiting = threading.Lock()
        self._value: Any = None
        self._error: JobFailed | None = None
        self._ended = False
        self._fetched = False

    def wait(self) -> Job:
        """Wait until it has ended, well or not.

        Returns:
            this job.
        """
        self._ask(wanted=False)
        return self

    @property
    def result(self) -> Any:
        """What the function returned; waits for it.

        Raises:
            JobFailed: it was refused, or did not end well.
        """
        self._ask(wanted=True)
        if self._error is not None:
            raise self._error
        return self._value

    def get(self) -> Any:
        """The same as `result`."""
        return self.result

    def _ask(self, *, wanted: bool) -> None:
        with self._waiting:
            if self._fetched or self._error is not None or (self._ended and not wanted):
                return
            self._end.send(Collect(self._call, wanted))
            reply, data = self._end.reply(self._call)
            self._ended = True
            if reply.refused is not None:
                self._error = JobFailed(f"{self._name}: {reply.refused}")
            elif wanted:
                self._value, self._fetched = codec.decode(data), True


class Own:
    """What of its own a run can hand on without sending it: its inputs, and the parts of partitioned ones.

    Args:
        inputs: by parameter name.
        encoded: their bytes.
    """

    def __init__(self, inputs: Mapping[str, Any], encoded: Mapping[str, Bytes]) -> None:
        self._by_size: dict[int, list[tuple[Named, Bytes]]] = {}
        for name, data in encoded.items():
            self._note(Named(0, name), data)
            value = inputs[name]
            for number, part in enumerate(value.encoded if type(value) is Partitioned else ()):
                self._note(Named(0, name, number), part)
        self._partitioned = {id(value): name for name, value in inputs.items() if type(value) is Partitioned}
        self._kept = list(inputs.values())  # an id is one thing's only while that thing is there

    def _note(self, named: Named, data: Bytes) -> None:
        if len(data) >= BY_NAME_BYTES:
            self._by_size.setdefault(len(data), []).append((named, data))

    def part(self, part: Part) -> Named | None:
        """A part of an input, by name; None if it is of something else."""
        name = self._partitioned.get(id(part.whole))
        return None if name is None else Named(0, name, part.number)

    def partitioned(self, value: object) -> Named | None:
        """The input that a partitioned value is; it cannot be changed."""
        name = self._partitioned.get(id(value))
        return None if name is None else Named(0, name)

    def same(self, encoded: Encoded) -> Named | None:
        """The input, or part of one, that an encoded value is, byte for byte; None if there is none, or who knows.

        What is large lies where it came in: if it is at the same addresses, which nobody can write to, and the rest
        is equal, then the value is the input, whatever has been done with it meanwhile.
        """
        found = self._by_size.get(encoded.size, ())
        return next((named for named, data in found if _is_same(encoded, data)), None)


def _is_same(encoded: Encoded, data: Bytes) -> bool:
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return False  # nothing else tells where bytes lie
    view, at = memoryview(data), 0
    for part in encoded.parts:
        there = view[at : at + len(part)]
        at += len(part)
        if len(part) < BY_NAME_BYTES:
            if bytes(part) != bytes(there):
                return False
        elif _address(numpy, part) != _address(numpy, there):
            return False
    return True


def _address(numpy: Any, data: bytes | memoryview) -> int:
    return int(numpy.frombuffer(data, "u1").__array_interface__["data"][0])


class Handed:
    """Values of one launch, encoded; what is elsewhere is named in them instead.

    Args:
        own: what the run can name.
        end: of the run whose jobs may be named.
    """

    def __init__(self, own: Own, end: RunEnd) -> None:
        self._own = own
        self._end = end
        self._numbers: dict[Named, int] = {}

    @property
    def references(self) -> list[Named]:
        """What has been named, by number."""
        return list(self._numbers)

    def encode(self, value: object) -> Encoded:
        """A value of the launch."""
        named = self._own.partitioned(value)
        if named is None:
            encoded = codec.encode(value, stand_in=self._stand_in)
            named = self._own.same(encoded)
            if named is None:
                return encoded
        return codec.encode(self._placeholder(named), stand_in=self._stand_in)

    def _stand_in(self, value: object) -> object:
        if type(value) is Job and value._end is self._end:
            return self._placeholder(Named(value._call))
        if type(value) is Part:
            named = self._own.part(value)
            return value.value if named is None else self._placeholder(named)
        return value

    def _placeholder(self, named: Named) -> codec.Placeholder:
        return codec.Placeholder(self._numbers.setdefault(named, len(self._numbers)))


class Datasite:
    """What running code may ask of the node it runs on."""

    def __init__(self, end: RunEnd, own: Own) -> None:
        self._end = end
        self._own = own
        self._lock = threading.Lock()
        self._calls = 0
        self._current = 0
        self._total: int | None = None
        self._told_at = -1.0

    def launch_job(self, function: Link | str, **inputs: Any) -> Job:
        """Start another submitted function that this one names, with values of this run's. Returns at once.

        Args:
            function: the function, by its own name.
            inputs: values, 64 MiB of them at most. A job, also deep inside a value, stands for its result; a job,
                a part of a partitioned input, and an input handed on as it came do not count: the launched function
                gets them from where they are.
        Raises:
            TypeError: it is not a submitted function.
            ValueError: the values are too large together, or stand for too many others.
        """
        name = function.__name__ if isinstance(function, Link) else function
        if not isinstance(name, str):
            raise TypeError(f"launch_job takes a submitted function, not {function!r}")
        handed = Handed(self._own, self._end)
        encoded = {key: handed.encode(value) for key, value in inputs.items()}
        sizes = {key: value.size for key, value in encoded.items()}
        if sum(sizes.values()) > LAUNCH_BYTES_MAX:
            raise ValueError(f"launch_job takes {LAUNCH_BYTES_MAX >> 20} MiB of values at most")
        if len(handed.references) > REFERENCES_MAX:
            raise ValueError(f"launch_job takes {REFERENCES_MAX} jobs and parts at most")
        chunks = (chunk for value in encoded.values() for chunk in value.chunks(BULK_BYTES_MAX))
        with self._lock:  # sent in the order of their numbers
            self._calls += 1
            call = self._calls
            self._end.send(Launch(call, name, sizes, handed.references), chunks)
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
