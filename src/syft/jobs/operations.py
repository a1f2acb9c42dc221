"""This module computes operations and plans: small numbers here and now, everything else as a run in the sandbox."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
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
from syft.jobs.execution import PLAN_SOURCE, plan_inputs, plan_profile
from syft.jobs.outputs import cutting
from syft.jobs.sink import ResultSink, input_of, taken_apart
from syft.model.limits import MIB, JobLimits
from syft.model.object import INLINE_BYTES as ROW_BYTES
from syft.model.object import ValueRef
from syft.model.plan import Plan
from syft.model.step import Of, Step, plain_value
from syft.model.uid import UID
from syft.ops.apply import apply
from syft.ops.arrays import MAX_MADE, count_made
from syft.ops.operation import Growth, Operation
from syft.ops.plans import run_plan
from syft.ops.predict import INLINE_BYTES, is_small
from syft.ops.table import check_step, operation
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
# A plan is computed in the node itself for so long and up to so much; then it begins anew in the sandbox.
_INLINE_S: Final = 0.05
_INLINE_STEPS: Final = 1_000
_INLINE_MADE_BYTES: Final = 16 * MIB


# What was computed, and where it has come in; the record that refers to it keeps the sink.
Result = tuple[ValueRef, ResultSink]


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

    def compute(self, step: Step, values: Mapping[UID, ValueRef], landing: ExitStack) -> Result:
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

    def compute_plan(
        self,
        plan: Plan,
        values: Sequence[ValueRef],
        landing: ExitStack,
        *,
        inline_bytes: int = ROW_BYTES,
    ) -> tuple[Result, ...]:
        """What a plan comes to, all of it in one place: here, or in one run.

        Args:
            plan: checked (`code.planned.check_plan`).
            values: its inputs, in order.
            landing: the block in which records that refer to the results are written; `keep` the sinks then.
            inline_bytes: up to which a result stays in memory.
        Raises:
            CodeFailed: numpy, pandas or torch refused. Its public text names the plan and the class of the error, not
                the step: with a thousand steps that would tell ten bits of a value. The private one says it all.
            LimitExceeded: too large, or it took too long.
            InvalidState: too many wait for the sandbox.
            NotFound: a value is gone.
            InvalidInput: a value whose bytes are none.
        """
        for step in plan.steps:
            _check_made(operation(step.op), step)
        small = self._small_places(plan, values)
        results = None if small is None else _computed_plan(plan, *small)
        if results is not None:
            return tuple(self._landed(codec.encode(one), landing, inline_bytes) for one in results)
        return self._run_plan(plan, values, landing, inline_bytes)

    def cut(self, value: ValueRef, kept_back: Sequence[int], landing: ExitStack) -> Result:
        """A result without some of its outputs, made behind the fence: the node decodes no stranger's bytes.

        Args:
            value: the whole.
            kept_back: the places of those that are left out.
            landing: the block in which a record that refers to it is written; `keep` the sink then.
        Raises:
            CodeFailed: it has no such outputs.
            LimitExceeded: too large, or it took too long.
            InvalidState: too many wait for the sandbox.
            NotFound: the value is gone.
        """
        sink = landing.enter_context(ResultSink(self._blobs))
        execution = cutting(input_of(self._blobs, value), kept_back, self._limits, BASE)
        with self._slot():
            outcome = self._runner.run(execution, result=cast(BinaryIO, sink))
        check_finished("keeping outputs back", outcome)
        return sink.value(outcome.result_type or "", outcome.result_shape or None), sink

    def _small_places(self, plan: Plan, values: Sequence[ValueRef]) -> tuple[list[Any], list[Any]] | None:
        """The inputs and what the plan brings along, where they are few numbers; None where anything is not."""
        if sum(one.size for one in values) + sum(map(len, plan.state)) > INLINE_BYTES:
            return None
        inputs = self._numbers([self._bytes_of(one) for one in values])
        state = self._numbers(plan.state) if inputs is not None else None
        return (inputs, state) if inputs is not None and state is not None else None

    @staticmethod
    def _numbers(encoded: Sequence[bytes]) -> list[Any] | None:
        try:
            if not all(is_numeric(data) for data in encoded):
                return None
            return [codec.decode(data, zero_copy=True) for data in encoded]
        except (DecodeError, TooLarge):
            raise InvalidInput("One of the inputs is damaged: its bytes are no value.") from None

    def _landed(self, encoded: codec.Encoded, landing: ExitStack, inline_bytes: int) -> Result:
        sink = landing.enter_context(ResultSink(self._blobs, inline_bytes))
        sink.write(encoded.to_bytes())
        return sink.value(encoded.type_name, encoded.shape), sink

    def _run_plan(
        self, plan: Plan, values: Sequence[ValueRef], landing: ExitStack, inline_bytes: int
    ) -> tuple[Result, ...]:
        inputs = {f"input_{number}": self._input(one) for number, one in enumerate(values)}
        execution = Execution(
            uid=UID().hex,
            source=PLAN_SOURCE,
            entry="compute",
            inputs=inputs | plan_inputs(plan, apart=not plan.single),
            limits=self._limits,
            profile=plan_profile(plan, [one.type_name for one in values]),
        )
        sink = landing.enter_context(ResultSink(self._blobs, inline_bytes))
        with self._slot():
            outcome = self._runner.run(execution, result=cast(BinaryIO, sink))
        check_finished(plan.name, outcome)
        whole = sink.value(outcome.result_type or "", outcome.result_shape or None)
        if plan.single:
            return ((whole, sink),)
        return self._taken_apart(whole, len(plan.outputs), landing, inline_bytes)

    def _taken_apart(
        self, whole: ValueRef, count: int, landing: ExitStack, inline_bytes: int
    ) -> tuple[Result, ...]:
        """The results that a run has put together, each by itself; none of them is decoded."""
        found = []
        try:
            with taken_apart(self._blobs, whole, count) as pieces:
                for said, piece in pieces:
                    sink = landing.enter_context(ResultSink(self._blobs, inline_bytes))
                    sink.write(piece)
                    found.append((sink.value(said.type_name, said.shape), sink))
        except DecodeError:
            raise InternalError("The results of a plan came back damaged. Try again.") from None
        return tuple(found)

    def _small_inputs(self, step: Step, values: Mapping[UID, ValueRef]) -> list[Any] | None:
        """The inputs, where they are few numbers; None where anything is not."""
        if sum(values[uid].size for uid in step.objects) > INLINE_BYTES:
            return None
        numbers = self._numbers([self._bytes_of(values[uid]) for uid in step.objects])
        if numbers is None:
            return None
        found = dict(zip(step.objects, numbers, strict=True))
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


class _TooMuch(Exception):
    """A plan is not sure to be quick and small."""


class _Inline:
    """Looks on while a plan is computed in the node, and stops it when it is no longer sure to be quick and small."""

    def __init__(self) -> None:
        self.op = ""
        self._until = time.monotonic() + _INLINE_S
        self._steps = 0
        self._made = 0

    def before(self, row: Operation, inputs: Sequence[Any]) -> None:
        """Each step on its own is small, and all of them together are."""
        self.op = row.name
        self._steps += 1
        if (
            self._steps > _INLINE_STEPS
            or self._made > _INLINE_MADE_BYTES
            or time.monotonic() > self._until
            or not is_small(row, inputs)
        ):
            raise _TooMuch

    def after(self, result: Any) -> None:
        """Counts what is made, as if nothing of it were let go."""
        self._made += int(getattr(result, "nbytes", 64))


def _computed_plan(plan: Plan, inputs: list[Any], state: list[Any]) -> tuple[Any, ...] | None:
    """`run_plan`, in this process; None where it is too much for that.

    Raises:
        CodeFailed: it raised.
        LimitExceeded: it would need too much.
    """
    watch = _Inline()
    try:
        with _quiet():
            return run_plan(plan, inputs, state, watch=watch)
    except _TooMuch:
        return None
    except MemoryError:
        raise LimitExceeded(f"'{plan.name}' was not done: a result would be too large.") from None
    except ImportError:
        raise MissingExtra("This node has no numpy: pip install 'datasite[data]' there.") from None
    except _RAISED as error:
        name, notes = type(error).__name__, " ".join(getattr(error, "__notes__", ()))
        raise CodeFailed(
            _failed(plan.name, name), f"'{plan.name}' failed: {name}: {error} ({notes})"
        ) from None


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
