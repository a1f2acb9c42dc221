"""This module asks the policies that authors wrote: before a run whether it may be, after it what of its result leaves.

They are asked behind the fence (`sandbox.policies`). What an output policy remembers is kept with its approval, and
changed where the result lands (`jobs.policystate`): if another run has changed it meanwhile, the policy is asked anew.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Final, cast

import msgspec
from blake3 import blake3

from syft.code.policies import INPUT, OUTPUT, policies_of
from syft.errors import CodeFailed, DecodeError, InvalidInput, LimitExceeded, PolicyExhausted
from syft.jobs.approved import check_inputs
from syft.jobs.execution import execution_of, job_log
from syft.jobs.policystate import PolicyStopped, StateChange
from syft.jobs.prepare import Prepared
from syft.jobs.sink import ResultSink, plain_of_value, taken_apart
from syft.model.code import Constant, CustomPolicy, Mode, MustBe
from syft.model.job import BoundArgument, Job, JobLog, StoredArgument
from syft.model.limits import MIB
from syft.model.object import ValueRef
from syft.model.policystate import PolicyState
from syft.policy.counted import counted
from syft.policy.inputs import check_complete, inputs_key
from syft.sandbox.contract import Execution, FileInput, InlineInput, Outcome, Runner, Status
from syft.sandbox.limits import limits_of
from syft.sandbox.policies import (
    LET_OUT,
    MAX_STATE_BYTES,
    Called,
    LetOut,
    Subject,
    admitted,
    admitting,
    asking,
    is_yes,
    let_out,
    letting_out,
    pieces_of,
)
from syft.store.base import Store
from syft.store.blobs import Blobs
from syft.wire.several import One

# How often an output policy is asked again because another run has changed what it remembers. Runs of one approval
# take turns (`Turns`), so that once is already rare.
MAX_ASKED: Final = 5
# An answer is taken apart at once: up to so much it need not be a file first.
_INLINE_BYTES: Final = 4 * MIB


class PolicyLost(Exception):
    """The sandbox broke under a policy, which is not to blame: the run may be begun again."""


@dataclass(frozen=True)
class Left:
    """What may leave of a result.

    Args:
        value: in place of what the function returned.
        sink: where it has come in; the record that refers to it keeps it.
        change: what the policy remembers from now on; None of a run on mock values.
    """

    value: ValueRef
    sink: ResultSink
    change: StateChange | None


class Asker:
    """Asks the policies of one run, and keeps what they said for the data owner's log.

    Args:
        store: where approvals are, and what policies remember.
        blobs: where large values are.
        runner: where they run.
        job: the run.
        prepared: it, made ready.
        is_cancelled: whether nobody wants the run any more.

    Attributes:
        has_told_early: whether the output policy has refused before the run, and remembers results: its no may tell of
            those.
    """

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        runner: Runner,
        job: Job,
        prepared: Prepared,
        is_cancelled: Callable[[], bool],
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._runner = runner
        self._job = job
        self._code = prepared.code
        self._limits = limits_of(prepared.limits)
        self._is_cancelled = is_cancelled
        self._policies = policies_of(prepared.code.submission)
        self._said: list[tuple[str, Outcome]] = []
        self._asked_at = 0
        self._let_out_at = 0
        self.has_told_early = False

    @property
    def decides_output(self) -> bool:
        """Whether there is an output policy to ask."""
        return OUTPUT in self._policies

    @property
    def has_told(self) -> bool:
        """Whether a refusal of a result tells something about that result.

        It does not where other runs have changed what the policy remembers since it said that one more may leave.
        """
        return self._let_out_at == self._asked_at

    def with_said(self, log: JobLog) -> JobLog:
        """The log of a run, with all that its policies printed, and how they failed."""
        for title, outcome in self._said:
            said = job_log(log.uid, outcome)
            log = JobLog(
                uid=log.uid,
                stdout=_below(log.stdout, title, said.stdout),
                stderr=_below(log.stderr, title, said.stderr),
                error=_below(log.error, title, said.error),
            )
        return log

    def admit(self, job: Job, prepared: Prepared) -> tuple[Job, Prepared]:
        """The run on what its input policy makes of its inputs; as it is, where there is no such policy.

        Raises:
            InvalidInput: the policy does not allow these inputs, or what it makes of them is not allowed.
            CodeFailed: it failed.
            PolicyLost: the sandbox broke.
            PolicyStopped: the run was cancelled.
        """
        policy = self._policies.get(INPUT)
        if policy is None:
            return job, prepared
        submission = self._code.submission
        called = self._called(job, prepared)
        question = admitting(job.uid.hex, policy, self._subject(), called, self._limits)
        with self._answer(INPUT, policy, question, pieces_of(called)) as pieces:
            values = admitted(called, pieces)
        if values is None:
            raise InvalidInput(
                f"The input policy '{policy.name}' of '{self._code.name}' does not allow these inputs."
            )
        bound: dict[str, BoundArgument] = {
            name: one for name, one in job.arguments.items() if name not in called.free
        }
        given = {name: one for name, one in prepared.given.items() if name not in called.free}
        for name, data in values.items():
            digest = blake3(data).hexdigest()
            bound[name] = StoredArgument(ValueRef(digest=digest, size=len(data), type_name="", inline=data))
            given[name] = InlineInput(data)
        if prepared.request is not None:
            try:
                check_inputs(self._blobs, self._code, prepared.request, bound)
            except DecodeError:
                raise self._failed(INPUT, policy, "its answer could not be read") from None
        else:
            check_complete(submission, bound)
        execution = execution_of(job.uid, submission, given, prepared.limits)
        # What counts is what the code gets: a parameter that the policy drops makes no other inputs.
        job = msgspec.structs.replace(job, inputs_key=inputs_key(bound, partial(plain_of_value, self._blobs)))
        return job, dataclasses.replace(prepared, execution=execution, given=given)

    def check_may_leave(self) -> None:
        """Raise unless the output policy, as it is now, lets one more result out: asked before anything runs.

        Raises:
            PolicyExhausted: it does not.
            CodeFailed: it failed.
            PolicyLost: the sandbox broke.
            PolicyStopped: the run was cancelled.
        """
        policy = self._policies.get(OUTPUT)
        if policy is None:
            return
        state = self._state()
        self._asked_at = state.version if state else 0
        value = state.value if state else None
        question = asking(self._job.uid.hex, policy, self._subject(), value, self._limits)
        with self._answer(OUTPUT, policy, question, 1) as pieces:
            if not is_yes(pieces):
                # What it remembers it was shown by results, also such as it let nothing out of.
                self.has_told_early = state is not None
                raise self._exhausted(policy)

    def let_out(self, result: ValueRef, landing: ExitStack) -> Left:
        """What the output policy lets out of a result, as of what it remembers now.

        Args:
            result: what the function returned.
            landing: the block in which the record that refers to the output is written; `keep` its sink then.
        Raises:
            PolicyExhausted: nothing.
            CodeFailed: it failed.
            PolicyLost: the sandbox broke.
            PolicyStopped: the run was cancelled.
        """
        policy = self._policies[OUTPUT]
        state = self._state()
        self._let_out_at = state.version if state else 0
        question = letting_out(
            self._job.uid.hex,
            policy,
            self._subject(),
            state.value if state else None,
            self._input(result),
            self._limits,
            update=self._job.mode is Mode.PRIVATE,
        )
        with self._answer(OUTPUT, policy, question, LET_OUT) as pieces:
            try:
                found = let_out(pieces)
            except LimitExceeded:
                raise self._failed(
                    OUTPUT, policy, f"it wants to remember more than {MAX_STATE_BYTES >> 20} MiB"
                ) from None
            if found is None:
                raise self._exhausted(policy)
            sink = landing.enter_context(ResultSink(self._blobs))
            sink.write(found.output)
            value = sink.value(found.said.type_name, found.said.shape)
            return Left(value, sink, self._change(state, found))

    def _change(self, state: PolicyState | None, found: LetOut) -> StateChange | None:
        if self._job.request_uid is None or self._job.mode is Mode.MOCK:
            return None
        version = state.version if state else 0
        return StateChange(self._job.request_uid, version, found.state, found.shown)

    def _state(self) -> PolicyState | None:
        """What the output policy remembers; on mock values it begins anew each time."""
        if self._job.request_uid is None or self._job.mode is Mode.MOCK:
            return None
        with self._store.reading() as reader:
            return reader.find(PolicyState, uid=self._job.request_uid)

    def _subject(self) -> Subject:
        released = 0
        if self._job.request_uid is not None:
            with self._store.reading() as reader:
                released = counted(reader, self._job.request_uid)
        return Subject(self._code.name, self._job.mode.value, released)

    def _called(self, job: Job, prepared: Prepared) -> Called:
        submission = self._code.submission
        rules = submission.input_policy.rules
        constants = {name for name, rule in rules.items() if isinstance(rule, Constant)}
        objects = {
            name: rule for name, rule in rules.items() if isinstance(rule, MustBe) and name in job.arguments
        }
        parameters = [one.name for one in submission.parameters]
        return Called(
            objects={name: rule.object_uid for name, rule in objects.items()},
            labels={name: rule.label for name, rule in objects.items()},
            values={name: one for name, one in prepared.given.items() if name not in objects},
            fixed=frozenset(constants & prepared.given.keys()),
            free=tuple(name for name in parameters if name not in objects and name not in constants),
        )

    def _input(self, value: ValueRef) -> FileInput | InlineInput:
        if value.inline is not None:
            return InlineInput(value.inline)
        return FileInput(self._blobs.path(value.digest))

    @contextmanager
    def _answer(
        self, where: str, policy: CustomPolicy, question: Execution, count: int
    ) -> Iterator[list[One]]:
        """The pieces of an answer, for the length of a block: they are views of where it has come in."""
        with ResultSink(self._blobs, _INLINE_BYTES) as sink:
            outcome = self._runner.run(question, result=cast(BinaryIO, sink))
            self._said.append((f"{where} '{policy.name}'", outcome))
            if outcome.status is not Status.FINISHED and self._is_cancelled():
                raise PolicyStopped
            if outcome.status is Status.LOST:
                raise PolicyLost
            if outcome.status is not Status.FINISHED:
                raise self._failed(where, policy, _how(policy, outcome))
            try:
                with taken_apart(self._blobs, sink.value("", None), count) as pieces:
                    yield pieces
            except DecodeError:
                raise self._failed(where, policy, "its answer could not be read") from None

    def _failed(self, where: str, policy: CustomPolicy, how: str) -> CodeFailed:
        return CodeFailed(
            f"The {where} '{policy.name}' of '{self._code.name}' failed: {how}. What it said stays with the data "
            "owner, because it may hold private values; call the function itself, on the mock, to see such errors "
            "in full."
        )

    def _exhausted(self, policy: CustomPolicy) -> PolicyExhausted:
        return PolicyExhausted(
            f"The output policy '{policy.name}' of '{self._code.name}' lets no further result out. Make a new "
            "request if you need another: `client.code.request_code_execution(...)`."
        )


def _how(policy: CustomPolicy, outcome: Outcome) -> str:
    """How a policy failed, as far as its author is told: no text of its own, which could be a value."""
    if outcome.status is Status.KILLED:
        return f"it was stopped, {outcome.reason}"
    line = outcome.error_line
    lines = policy.source.rstrip("\n").count("\n") + 1
    at = f" on line {line} of its text" if line is not None and line <= lines else ""
    return f"{outcome.error_type or 'an error'}{at}"


def _below(text: str, title: str, more: str) -> str:
    if not more:
        return text
    begin = f"{text.rstrip()}\n" if text else ""
    return f"{begin}--- {title} ---\n{more}"
