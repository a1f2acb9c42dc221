"""This module ends jobs whose results were held: what a person has decided, in the transaction that records it.

It decides nothing about who may: `node/services/results.py` has asked. Whether the result may still leave is asked
here, of what is stored now, by the same functions as where a run ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from syft.errors import SyftException
from syft.jobs.approved import check_approved, objects_of, readers_of
from syft.jobs.conditions import sources_of
from syft.jobs.machine import move
from syft.model.code import Code
from syft.model.held import HeldResult, HeldState
from syft.model.job import Job, JobState
from syft.model.object import ObjectRecord, ValueRef
from syft.policy.release import Decision, check_waits, decided, release
from syft.store.base import Reader, Transaction


def let_go_held(tx: Transaction, decision: Decision, value: ValueRef, now: datetime) -> Job:
    """Let a held result leave, all of it or what a person has chosen; the job, which has ended.

    Args:
        tx: the transaction of the decision.
        decision: a person's, about the result as it stands in that transaction.
        value: what leaves.
        now: the time, in UTC.
    Raises:
        InvalidState: somebody else has decided.
        NotApproved: the approval was withdrawn, or anything that it was for is not as it was.
        NotFound: the data is gone.
        PolicyExhausted: the output policy lets nothing more out.
    """
    held = decision.held
    # First: two people who decide at once are told so, whatever else has changed.
    check_waits(tx, held)
    job, code = tx.get(Job, held.uid), tx.get(Code, held.code_uid)
    inputs, digest = _as_approved(tx, job, code, held, now)
    record = release(
        tx,
        job=job,
        code=code,
        result=value,
        digest=digest,
        owner_uid=held.result_owner_uid,
        inputs=inputs.values(),
        sources=sources_of(tx, inputs.values()),
        decision=decision,
        readers=readers_of(code, inputs),
        now=now,
    )
    assert isinstance(record, ObjectRecord)
    released = move(job, JobState.RELEASED, result_uid=record.uid, note=_released_note(decision))
    tx.replace(released)
    return released


def refuse_held(tx: Transaction, decision: Decision, now: datetime) -> Job:
    """Keep a held result back for good; the job, which has ended. Its value is nobody's: the caller takes it away.

    Raises:
        InvalidState: somebody else has decided.
    """
    check_waits(tx, decision.held)
    tx.replace(decided(decision, HeldState.REFUSED, now))
    job = tx.get(Job, decision.held.uid)
    note = f"The owner has looked at the result of '{job.code_name}' and keeps it back. Reason: {decision.reason}"
    refused = move(job, JobState.WITHHELD, note=note, error_code="denied")
    tx.replace(refused)
    return refused


def obstacle_to(reader: Reader, job: Job, code: Code, held: HeldResult, now: datetime) -> str:
    """Why a held result could not leave as things stand, for whoever is to decide; empty where it could."""
    if held.state is not HeldState.WAITING:
        return ""
    try:
        _as_approved(reader, job, code, held, now)
    except SyftException as error:
        return error.public_message
    return ""


def _as_approved(
    reader: Reader, job: Job, code: Code, held: HeldResult, now: datetime
) -> tuple[dict[str, ObjectRecord], str]:
    """What a held result was computed from, and the digest of its approval, both as of now.

    Raises:
        SyftException: as `check_approved`, or what it was computed from is gone.
    """
    inputs = objects_of(reader, job)
    # Code, data and conditions as they are now; the packages as they were when it ran, and were compared then. A node
    # that was updated since, or a worker pool that was removed, changes nothing about a result that is there.
    _, digest = check_approved(reader, job, code, inputs, lambda _pools: held.environment, now)
    return inputs, digest


def _released_note(decision: Decision) -> str:
    held, kept_back = decision.held, decision.kept_back
    if not kept_back:
        return f"The owner has looked at it and let it go: {decision.reason}" if decision.reason else ""
    # By place, not by name: the code has made the names, and that of what is kept back may be a value.
    return (
        f"The owner has looked at it and keeps back {len(kept_back)} of its {len(held.outputs)} outputs "
        f"({_places(kept_back)}, counted from 0). Reason: {decision.reason}"
    )


def _places(places: Sequence[int]) -> str:
    return f"place{'s' if len(places) > 1 else ''} {', '.join(map(str, places))}"
