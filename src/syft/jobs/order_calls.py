"""This module is what an order's run launches, as the node sees it: asked by a worker, answered by the host."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from typing import BinaryIO, Final

from syft.errors import InternalError, InvalidInput, NotFound, SyftException, TooManyAttempts
from syft.logger import say, where
from syft.model.messages.work import PIECE_BYTES, LaunchView, Ref, Refused
from syft.sandbox.contract import INLINE_BYTES_MAX, Host, OfInput, OfLaunched, Reference

# As many as a run's own side waits for at once, with room for what was asked again.
_AT_ONCE: Final = 32
_MAX_INPUTS: Final = 1_000
_MAX_REFERENCES: Final = 100_000
_FAULT: Final = "the node could not run it"


class OrderCalls:
    """The launches of one run. What its worker says of them is hostile, as what the run itself says would be.

    Args:
        host: who launches.
        links: names that may be launched.
        on_ended: told of each launch that somebody waits for, when it has ended.
    """

    def __init__(self, host: Host, links: frozenset[str], on_ended: Callable[[int], None]) -> None:
        self._host = host
        self._links = links
        self._on_ended = on_ended
        self._lock = threading.Lock()
        # `launch_job` is called by one thread at a time, and that may take a while.
        self._launching = threading.Lock()
        self._incoming = bytearray()
        self._last = 0
        self._waited_for: set[int] = set()
        self._there: dict[int, bytes | BinaryIO | SyftException] = {}
        self._closed = False

    def put(self, offset: int, data: bytes | memoryview) -> None:
        """Take bytes of inputs of the next launches; of what was taken already nothing again.

        Raises:
            InvalidInput: there would be a gap, or they are more than a launch may have.
        """
        with self._launching:
            self._put(offset, data)

    def _put(self, offset: int, data: bytes | memoryview) -> None:
        if not 0 <= offset <= len(self._incoming):
            raise InvalidInput(f"The inputs go on at {len(self._incoming)}.")
        if offset + len(data) > INLINE_BYTES_MAX + PIECE_BYTES:
            raise InvalidInput(f"Inputs of launched functions have at most {INLINE_BYTES_MAX >> 20} MiB.")
        self._incoming += memoryview(data)[len(self._incoming) - offset :]

    def launch(
        self, launches: Sequence[LaunchView], offset: int, data: bytes | memoryview
    ) -> tuple[Refused, ...]:
        """Have the host launch these; those that it refuses.

        Args:
            launches: in the order in which the run asked.
            offset: how many bytes of their inputs were put before.
            data: the rest of them.
        Raises:
            InvalidInput: sizes, numbers or names that no run's own side would say.
            NotFound: the run is over, or by this.
        """
        with self._launching:
            self._check_open()
            if all(one.call <= self._last for one in launches):
                return ()  # said again, since the answer got lost
            self._put(offset, data)
            for one in launches:
                _check(one)
            if sum(sum(one.sizes.values()) for one in launches) != len(self._incoming):
                raise InvalidInput("The inputs are not as long as was said.")
            incoming, self._incoming = bytes(self._incoming), bytearray()
            refused, at = [], 0
            for one in launches:
                inputs = {}
                for name, size in one.sizes.items():
                    inputs[name] = incoming[at : at + size]
                    at += size
                if one.call != self._last + 1:
                    raise InvalidInput("Launches are numbered from 1, one after the other.")
                self._check_open()
                self._last = one.call
                error = self._launch(one, inputs)
                if error is not None:
                    refused.append(Refused(one.call, error.code, error.public_message))
            return tuple(refused)

    def collect(self, call: int, offset: int) -> tuple[bytes, int] | None:
        """Up to `PIECE_BYTES` of a launch's result, and the size of all of it; None while it goes on.

        Raises:
            SyftException: it did not end well, or was never launched.
            TooManyAttempts: too many are waited for at once.
        """
        with self._lock:
            if self._closed or not 0 < call <= self._last:
                raise NotFound("This run has launched no such function.")
            found = self._there.get(call)
            if isinstance(found, SyftException):
                raise found
            if found is None:
                if call not in self._waited_for:
                    if len(self._waited_for) >= _AT_ONCE:
                        raise TooManyAttempts(f"At most {_AT_ONCE} results are waited for at once.")
                    self._waited_for.add(call)
                    threading.Thread(
                        target=self._wait_for, args=(call,), daemon=True, name="syft-collect"
                    ).start()
                return None
            data, size = _read(found, offset)
            if offset + len(data) >= size:
                # Asked for again, it is collected again.
                del self._there[call]
                if not isinstance(found, bytes):
                    found.close()
            return data, size

    def close(self) -> None:
        """Launch nothing more, and let go of what nobody has fetched. May be called twice.

        When it returns, nothing is being launched: the run may be begun again, and numbers its launches anew.
        """
        with self._lock:
            self._closed = True
        with self._launching:
            pass
        with self._lock:
            for one in self._there.values():
                if not isinstance(one, bytes | SyftException):
                    one.close()
            self._there.clear()

    def _check_open(self) -> None:
        if self._closed:
            raise NotFound("This run is over.")

    def _launch(self, one: LaunchView, inputs: dict[str, bytes]) -> SyftException | None:
        if one.name not in self._links:
            return InvalidInput("this function was not submitted with it")
        try:
            self._host.launch_job(one.call, one.name, inputs, [_reference(ref) for ref in one.references])
        except SyftException as error:
            return error
        except Exception as error:
            say(logging.ERROR, "launching a job for a run failed", error=where(error))
            return InternalError(_FAULT)
        return None

    def _wait_for(self, call: int) -> None:
        found: bytes | BinaryIO | SyftException
        try:
            found = self._host.collect(call)
        except SyftException as error:
            found = error
        except Exception as error:
            say(logging.ERROR, "collecting a result for a run failed", error=where(error))
            found = InternalError(_FAULT)
        with self._lock:
            self._waited_for.discard(call)
            closed = self._closed
            if not closed:
                self._there[call] = found
        if not closed:
            self._on_ended(call)
        elif not isinstance(found, bytes | SyftException):
            with contextlib.suppress(OSError):
                found.close()


def _read(value: bytes | BinaryIO, offset: int) -> tuple[bytes, int]:
    if isinstance(value, bytes):
        size = len(value)
    else:
        size = value.seek(0, 2)
    if not 0 <= offset <= size:
        raise InvalidInput("A part of a value begins within it.")
    if isinstance(value, bytes):
        return value[offset : offset + PIECE_BYTES], size
    value.seek(offset)
    return value.read(PIECE_BYTES), size


def _reference(ref: Ref) -> Reference:
    return OfLaunched(ref.call) if ref.call is not None else OfInput(ref.name, ref.part)


def _check(one: LaunchView) -> None:
    if len(one.sizes) > _MAX_INPUTS or len(one.references) > _MAX_REFERENCES:
        raise InvalidInput("No function is launched with so many inputs.")
    if not all(name.isidentifier() for name in one.sizes) or min(one.sizes.values(), default=0) < 0:
        raise InvalidInput("These cannot be the inputs of a function.")
    for ref in one.references:
        if ref.call is None and not ref.name.isidentifier():
            raise InvalidInput("This cannot be the name of an input.")
