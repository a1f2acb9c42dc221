"""This module computes one operation: small numbers here and now, everything else as a run in the sandbox."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO, Final, cast

import msgspec

from syft.errors import (
    CodeFailed,
    DecodeError,
    InternalError,
    InvalidInput,
    InvalidState,
    LimitExceeded,
    MissingExtra,
    TooLarge,
)
from syft.jobs.sink import ResultSink
from syft.model.limits import MIB, JobLimits
from syft.model.object import ValueRef
from syft.model.step import Of, Step, plain_value
from syft.model.uid import UID
from syft.ops.apply import apply
from syft.ops.arrays import MAX_MADE, count_made
from syft.ops.operation import Growth, Operation
from syft.ops.predict import INLINE_BYTES, is_small
from syft.ops.table import check_step
from syft.sandbox.contract import Execution, FileInput, InlineInput, Outcome, Runner, Status
from syft.sandbox.limits import limits_of
from syft.sandbox.profiles import BASE, TORCH
from syft.store.blobs import Blobs
from syft.wire import codec
from syft.wire.peek import is_numeric

# Whoever asked waits for the answer: what takes longer is a function, to be run as a job.
WALL_S: Final = 20.0
CPU_S: Final = 20.0
MEMORY_BYTES: Final = 512 * MIB
# How many may wait for the sandbox at once, and how long: each holds up one of the server's threads.
_LINE: Final = 8
_PATIENCE_S: Final = 10.0
# All that numpy and Python raise of numbers. What is not in it is a fault of ours.
_RAISED: Final = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
# Constant text: what to compute comes as data.
_SOURCE: Final = """\
def operate(step, **inputs):
    from syft.ops.apply import run
    return run(step, inputs)
"""


class Operations:
    """Computes steps over values that the node keeps.

    Args:
        blobs: where large values are.
        runner: the sandbox.
        limits: of one job, every figure; operations have these or less.
        at_once: runs in the sandbox at the same time.
    """

    def __init__(self, blobs: Blobs, runner: Runner, limits: JobLimits, at_once: int) -> None:
        self._blobs = blobs
        self._runner = runner
        most = limits_of(limits)
        self._limits = msgspec.structs.replace(
            most,
            memory_bytes=min(most.memory_bytes, MEMORY_BYTES),
            cpu_s=min(most.cpu_s, CPU_S),
            wall_s=min(most.wall_s, WALL_S),
            output_bytes=min(most.output_bytes, MEMORY_BYTES),
        )
        self._line = threading.BoundedSemaphore(at_once + _LINE)
        self._slots = threading.BoundedSemaphore(at_once)

    def compute(
        self, step: Step, values: Mapping[UID, ValueRef], landing: ExitStack
    ) -> tuple[ValueRef, ResultSink]:
        """What a step comes to.

        Args:
            step: checked here once more.
            values: of its inputs that are objects.
            landing: the block in which a record that refers to the result is written; `keep` the sink then.
        Raises:
            CodeFailed: numpy, pandas or torch refused. Its public text names the class of the error; the private
                one says what it said, which may hold values.
            LimitExceeded: too large, or it took too long.
            InvalidState: too many wait for the sandbox.
            NotFound: a value is gone.
            InvalidInput: no such operation, or bytes that are no value.
        """
        row = check_step(step)
        _check_made(row, step)
        sink = landing.enter_context(ResultSink(self._blobs))
        small = self._small_inputs(step, values)
        if small is not None and is_small(row, small):
            encoded = codec.encode(_computed(row, step, small))
            sink.write(encoded.to_bytes())
            return sink.value(encoded.type_name, encoded.shape), sink
        outcome = self._run(step, values, sink)
        check_finished(row.name, outcome)
        return sink.value(outcome.result_type or "", outcome.result_shape or None), sink

    def _small_inputs(self, step: Step, values: Mapping[UID, ValueRef]) -> list[Any] | None:
        """The inputs, where they are few numbers; None where anything is not."""
        if sum(values[uid].size for uid in step.objects) > INLINE_BYTES:
            return None
        found: dict[UID, Any] = {}
        for uid in step.objects:
            data = self._bytes_of(values[uid])
            try:
                if not is_numeric(data):
                    return None
                found[uid] = codec.decode(data, zero_copy=True)
            except (DecodeError, TooLarge):
                raise InvalidInput("One of the inputs is damaged: its bytes are no value.") from None
        return [found[one.uid] if isinstance(one, Of) else plain_value(one) for one in step.inputs]

    def _bytes_of(self, value: ValueRef) -> bytes:
        return value.inline if value.inline is not None else self._blobs.read(value.digest, 0, INLINE_BYTES)

    def _run(self, step: Step, values: Mapping[UID, ValueRef], sink: ResultSink) -> Outcome:
        plain = [[at, plain_value(one)] for at, one in enumerate(step.inputs) if not isinstance(one, Of)]
        options = {name: plain_value(value) for name, value in step.constants.items()}
        asked = codec.encode({"op": step.op, "plain": plain, "options": options}).to_bytes()
        inputs: dict[str, FileInput | InlineInput] = {"step": InlineInput(asked)}
        for at, one in enumerate(step.inputs):
            if isinstance(one, Of):
                inputs[f"input_{at}"] = self._input(values[one.uid])
        tensors = any(values[uid].type_name.startswith("torch.") for uid in step.objects)
        execution = Execution(
            uid=UID().hex,
            source=_SOURCE,
            entry="operate",
            inputs=inputs,
            limits=self._limits,
            profile=TORCH if tensors else BASE,
        )
        with self._slot():
            return self._runner.run(execution, result=cast(BinaryIO, sink))

    def _input(self, value: ValueRef) -> FileInput | InlineInput:
        if value.inline is not None:
            return InlineInput(value.inline)
        return FileInput(self._blobs.checked_path(value.digest))

    @contextmanager
    def _slot(self) -> Iterator[None]:
        """A place in the sandbox.

        Raises:
            InvalidState: none in time.
        """
        busy = InvalidState("The node is computing as much as it can at once. Try again in a few seconds.")
        if not self._line.acquire(blocking=False):
            raise busy
        try:
            if not self._slots.acquire(timeout=_PATIENCE_S):
                raise busy
            try:
                yield
            finally:
                self._slots.release()
        finally:
            self._line.release()


def _computed(row: Operation, step: Step, inputs: list[Any]) -> Any:
    """`apply`, in this process.

    Raises:
        CodeFailed: it raised.
        LimitExceeded: it would need too much.
    """
    options = {name: plain_value(value) for name, value in step.constants.items()}
    try:
        with _quiet():
            return apply(row, inputs, options)
    except MemoryError:
        raise LimitExceeded(f"'{row.name}' was not done: the result would be too large.") from None
    except ImportError:
        raise MissingExtra("This node has no numpy: pip install 'datasite[data]' there.") from None
    except _RAISED as error:
        name = type(error).__name__
        raise CodeFailed(_failed(row.name, name), f"'{row.name}' failed: {name}: {error}") from None


def _check_made(row: Operation, step: Step) -> None:
    if row.growth is Growth.MADE:
        count = count_made(
            row.name, tuple(plain_value(one) for one in step.inputs if not isinstance(one, Of))
        )
        if count > MAX_MADE:
            raise LimitExceeded(f"'{row.name}' makes at most {MAX_MADE:,} numbers at once.")


@contextmanager
def _quiet() -> Iterator[None]:
    """numpy, where it is used, without warnings: these would go to the node's own terminal."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        yield
    else:
        with numpy.errstate(all="ignore"):
            yield


def check_finished(name: str, outcome: Outcome) -> None:
    """Raise unless a run has ended with a result.

    Args:
        name: of the operation.
        outcome: of the run.
    Raises:
        LimitExceeded: it was stopped.
        InternalError: the sandbox was lost under it.
        CodeFailed: it raised.
    """
    if outcome.status is Status.KILLED:
        raise LimitExceeded(f"'{name}' was stopped: {outcome.reason}.")
    if outcome.status is Status.LOST:
        raise InternalError(f"The sandbox was lost while it computed '{name}'. Try again.")
    if outcome.status is Status.FAILED:
        kind = outcome.error_type or "Exception"
        raise CodeFailed(_failed(name, kind), f"'{name}' failed: {outcome.error_text or outcome.reason}")


def _failed(name: str, kind: str) -> str:
    return (
        f"'{name}' failed: {kind}. What it said stays with the data owner, because it may hold private values; "
        "try the same on a mock to see such errors in full."
    )
