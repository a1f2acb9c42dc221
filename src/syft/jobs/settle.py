"""This module ends jobs: what came of a run is released, kept back with a reason, or told as a failure.

What the code returned is held until `policy.release` lets it go, in the transaction that ends the job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from syft.errors import InvalidState, LimitExceeded, NotFound, PolicyExhausted, SyftException
from syft.jobs.approved import check_approved, earlier_on, objects_of, readers_of
from syft.jobs.conditions import sources_of
from syft.jobs.failures import TELLING, UNTOLD, count_failure
from syft.jobs.machine import has_ended, move
from syft.jobs.policystate import StateChange
from syft.jobs.pools import Equipped
from syft.jobs.prepare import Prepared
from syft.jobs.queue import check_held, now
from syft.jobs.steps import onward, without_values
from syft.jobs.values import let_go
from syft.model.code import Mode
from syft.model.event import Event
from syft.model.held import HeldOutput, HeldResult
from syft.model.job import Job, JobLog, JobState
from syft.model.object import REQUESTED_LEASE, ObjectKind, ObjectRecord, ValueRef
from syft.model.uid import UID
from syft.policy.release import Told, release
from syft.store.base import Store
from syft.store.blobs import Blobs

# What a job says that was answered with the result of an earlier one.
EARLIER: Final = "This is the earlier result on the same inputs: the output policy lets no further one out."
HELD: Final = "Its result is held: the owner looks at each result before it leaves."
# Ends whose note says how: of any other there is nothing to keep back.
_EXPLAINED: Final = frozenset({JobState.FAILED, JobState.WITHHELD})


class _Otherwise(Exception):
    """The result is held, and was to leave, or the other way round; raising it undoes the transaction."""


class Settled(NamedTuple):
    """A job whose code returned, as it ended.

    Args:
        job: it.
        keeps_result: whether a record refers to what the code returned: it was let go, or waits for a person. Not where
            it was kept back, or the job was answered with an earlier one's.
    """

    job: Job
    keeps_result: bool


class Settlement:
    """Ends jobs, each in one transaction.

    Args:
        store: where jobs, code and approvals are.
        blobs: where values are.
        equipped: what approvals are compared with once more.
        clock: the time, in UTC, by which approvals end.
    """

    def __init__(self, store: Store, blobs: Blobs, equipped: Equipped, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._blobs = blobs
        self._equipped = equipped
        self._clock = clock

    def finished(
        self,
        job: Job,
        prepared: Prepared,
        result: ValueRef,
        values: Sequence[ValueRef],
        log: JobLog,
        outputs: tuple[HeldOutput, ...] = (),
        change: StateChange | None = None,
    ) -> Settled:
        """End a job whose code returned: one transaction for the result, what it counts, and the job's end.

        Where a person is to look at the result first, the job is held with it, and that transaction is not its end.

        Args:
            job: the run.
            prepared: likewise.
            result: what it returned.
            values: what goes over each edge that leaves it, where it is a step.
            log: what it said.
            outputs: what the result consists of, for whoever may have to look at it.
            change: what its output policy remembers from now on, where its author wrote one.
        Raises:
            StateMoved: that builds on what is no longer so; nothing landed.
        """
        try:
            ended = self._released_or_held(job, prepared, result, values, log, outputs, change)
        except (InvalidState, LimitExceeded, NotFound) as refused:
            # Nothing of the first transaction landed: the result stays behind with the reason.
            # That it is too large the code has chosen.
            kept_back = self.withheld(job, refused, log, tells=isinstance(refused, LimitExceeded))
            return Settled(kept_back, keeps_result=False)
        return Settled(ended, keeps_result=True)

    def withheld(self, job: Job, refused: SyftException, log: JobLog, *, tells: bool = False) -> Job:
        """End a job whose result does not leave; with an earlier one on the same inputs, where there is one.

        Args:
            job: the run.
            refused: why; its public text is what the requester is told.
            log: what it said.
            tells: whether that this one is refused tells something about the result: it counts as a failure.
        """
        if (
            isinstance(refused, PolicyExhausted)
            and (ended := self.answered_before(job, log, tells=tells)) is not None
        ):
            return ended
        kept_back = move(job, JobState.FINISHED)
        kept_back = move(
            kept_back,
            JobState.WITHHELD,
            note=refused.public_message,
            error_code=refused.code,
            ended_at=now(),
        )
        return self.end(kept_back, log, tells=tells)

    def answered_before(self, job: Job, log: JobLog, *, tells: bool = False) -> Job | None:
        """End a job for which no further result may leave with the one that has left on the same inputs.

        Nothing leaves by this: its requester may read that result already. So it is the same whether two calls come
        one after the other or at once.

        Args:
            job: the run.
            log: what it said.
            tells: whether that it is the earlier one, and no new one, tells something: it counts as a failure.
        Returns:
            The job as it ended; None where there is no such result.
        """
        if job.request_uid is None or job.mode is not Mode.PRIVATE or job.run is not None:
            return None
        with self._store.reading() as reader:
            earlier = earlier_on(reader, job.request_uid, job.requester_uid, job.inputs_key)
        if earlier is None or earlier.result_uid is None:
            return None
        for state in (JobState.RUNNING, JobState.FINISHED):
            if job.state is not state:
                job = move(job, state)
        job = move(job, JobState.RELEASED, result_uid=earlier.result_uid, note=EARLIER, ended_at=now())
        return self.end(job, log, verb="result.given_again", tells=tells)

    def _released_or_held(
        self,
        job: Job,
        prepared: Prepared,
        result: ValueRef,
        values: Sequence[ValueRef],
        log: JobLog,
        outputs: tuple[HeldOutput, ...],
        change: StateChange | None,
    ) -> Job:
        """What an owner demands may have changed while it ran: the transaction decides, and has to say so first."""
        hold = prepared.reviewed
        while True:
            try:
                told = outputs if hold else ()
                return self._release(job, prepared, result, values, log, told, change, hold=hold)
            except _Otherwise:
                hold = not hold

    def _release(
        self,
        job: Job,
        prepared: Prepared,
        result: ValueRef,
        values: Sequence[ValueRef],
        log: JobLog,
        outputs: tuple[HeldOutput, ...],
        change: StateChange | None,
        *,
        hold: bool,
    ) -> Job:
        finished = move(job, JobState.FINISHED, ended_at=now())
        event = _hold_event(job, prepared) if hold else _release_event(job, prepared, result)
        with self._store.writing(event) as tx:
            check_held(tx, job)
            kept: ObjectRecord | HeldResult | None
            if job.mode is Mode.PRIVATE:
                inputs = objects_of(tx, job)
                ran_with: list[str] = []

                def environment(pools: Iterable[str]) -> str:
                    ran_with.append(self._equipped.environment(pools))
                    return ran_with[-1]

                _, digest = check_approved(tx, job, prepared.code, inputs, environment, self._clock())
                kept = release(
                    tx,
                    job=finished,
                    code=prepared.code,
                    result=result,
                    digest=digest,
                    owner_uid=prepared.owner_uid,
                    inputs=inputs.values(),
                    sources=sources_of(tx, inputs.values()),
                    told=Told(outputs, ran_with[-1]),
                    readers=readers_of(prepared.code, inputs),
                    onward=onward(job, prepared.code, prepared.edges, values, now()),
                    now=now(),
                )
            else:
                # Made from mock values alone: it is its author's own.
                kept = ObjectRecord(
                    uid=UID(),
                    kind=ObjectKind.RESULT,
                    owner_uid=job.requester_uid,
                    name=job.code_name,
                    private=result,
                    created_at=now(),
                    # A reviewer looks at it for as long as they decide; it is no data of theirs to be kept for good.
                    lease_until=now() + REQUESTED_LEASE if job.rehearses is not None else None,
                )
                tx.add(kept)
            if isinstance(kept, HeldResult) is not hold:
                raise _Otherwise
            if change is not None:
                # Also where the result is held: the policy has been asked, and is not asked again when it is let go.
                change.land(tx, now())
            if hold:
                settled = move(finished, JobState.HELD, note=HELD)
            else:
                note = (
                    "" if kept else "Its result goes on to other steps of its protocol, and to nobody else."
                )
                settled = move(finished, JobState.RELEASED, result_uid=kept.uid if kept else None, note=note)
            tx.replace(without_values(settled))
            tx.add(log)
        let_go(self._store, self._blobs, settled)
        return settled

    def failed(self, job: Job, code: str, note: str, log: JobLog, *, tells: bool = False) -> Job:
        """End a job that did not come to a result.

        Args:
            job: the run.
            code: of the error.
            note: what its requester is told.
            log: what it said.
            tells: whether that it failed tells something about what it saw; code that failed always does.
        """
        failed = move(job, JobState.FAILED, note=note, error_code=code, ended_at=now())
        return self.end(failed, log, tells=tells)

    def end(self, job: Job, log: JobLog, *, verb: str = "", tells: bool = False) -> Job:
        """Keep a job in the state that it has come to, with what it said, unless somebody else has it by now.

        Args:
            job: as it is from now on.
            log: what it said.
            verb: of the event; empty: of that state.
            tells: whether how it ended tells something about what it saw; code that failed always does.
        Raises:
            NotHeld: somebody has.
        """
        event = Event(
            verb=verb or f"job.{job.state.value}",
            actor_uid=job.requester_uid,
            subject_uid=job.uid,
            detail={"error": job.error_code},
            created_at=now(),
        )
        with self._store.writing(event) as tx:
            check_held(tx, job)
            tells = tells or (job.state is JobState.FAILED and job.error_code in TELLING)
            if tells and not count_failure(tx, job.request_uid) and job.state in _EXPLAINED:
                job = msgspec.structs.replace(job, note=UNTOLD)
            tx.replace(without_values(job))
            if has_ended(job):  # pragma: no branch - whoever calls this has moved it to an end
                tx.add(log)
        let_go(self._store, self._blobs, job)
        return job


def _hold_event(job: Job, prepared: Prepared) -> Event:
    # Without the digest of the result: of a small one, whoever reads the log could find the value by trying.
    detail = {"code": prepared.code.digest, "inputs": job.inputs_key}
    return Event(
        verb="result.held", actor_uid=job.requester_uid, subject_uid=job.uid, detail=detail, created_at=now()
    )


def _release_event(job: Job, prepared: Prepared, result: ValueRef) -> Event:
    verb = "result.released" if job.mode is Mode.PRIVATE else "mock_result.kept"
    detail = {"code": prepared.code.digest, "result": result.digest, "inputs": job.inputs_key}
    if prepared.edges:
        verb = "result.passed_on"
        detail["protocol"] = prepared.code.protocol or ""
        detail["steps"] = ",".join(str(edge.target + 1) for edge in prepared.edges)
    return Event(verb=verb, actor_uid=job.requester_uid, subject_uid=job.uid, detail=detail, created_at=now())
