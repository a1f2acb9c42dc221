"""Results that are held: made, asked for, and decided about, in plain messages."""

from __future__ import annotations

from typing import Any

import msgspec

from support.people import Person, on
from support.sites import Cast, fresh, tampering, upload
from syft.model.job import JobState
from syft.model.messages import jobs, requests, results
from syft.model.object import ObjectRecord
from syft.model.terms import Safeguards
from syft.model.uid import UID
from syft.transport.ask import ask
from syft.wire.codec import decode

OUTPUTS = "return {'mean': sum(data) / len(data), 'n': len(data), 'raw': data}"
DATA = [1, 2, 3, 6]


def reviewed(site: Cast, private: Any = None, owner: Person | None = None) -> UID:
    """New data of an owner who looks at each result before it leaves."""
    data = upload(owner or site.owner, DATA if private is None else private)
    have_reviewed(site, data)
    return data


def have_reviewed(site: Cast, data: UID, *, review: bool = True) -> None:
    """Have that owner look at each result from now on, or not any more."""
    with tampering(site.store) as tx:
        record = tx.get(ObjectRecord, data)
        tx.replace(msgspec.structs.replace(record, safeguards=Safeguards(review=review)))


def approved(site: Cast, data: UID, body: str = OUTPUTS, **options: Any) -> requests.RequestView:
    return site.owner.approve(site.scientist.request(fresh(body, data, **options)))


def held_job(site: Cast, data: UID | None = None, body: str = OUTPUTS, **options: Any) -> jobs.JobView:
    """A run whose result is held."""
    data = data or reviewed(site)
    request = approved(site, data, body, **options)
    job = site.scientist.call(request.code.submission.name, data=on(data))
    assert job.state is JobState.HELD, (job.state, job.note)
    return job


def shown(person: Person, uid: UID) -> results.HeldView:
    return person.say(results.GetHeldResult(uid), results.HeldResultReply).held


def read_held(person: Person, uid: UID, offset: int = 0) -> Any:
    answer = ask(person.route, person.identity, person.node, results.ReadHeldResult(uid, offset))
    return decode(bytes(answer.attachment))


def let_go(person: Person, uid: UID, kept_back: tuple[int, ...] = (), reason: str = "") -> results.HeldView:
    return person.say(results.ReleaseResult(uid, kept_back, reason), results.HeldResultReply).held


def refuse(person: Person, uid: UID, reason: str = "too detailed") -> results.HeldView:
    return person.say(results.RefuseResult(uid, reason), results.HeldResultReply).held


def job_of(person: Person, uid: UID, wait_s: float = 0) -> jobs.JobView:
    return person.say(jobs.GetJob(uid, wait_s=wait_s), jobs.JobReply).job
