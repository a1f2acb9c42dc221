"""This module looks up what came before a request.

What was released to the same person from the same data, what of theirs is approved on it or waits, and what of theirs
was approved last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from syft.access.caller import Caller
from syft.access.checks import can_see_code
from syft.model.code import Code
from syft.model.job import Release
from syft.model.messages.evidence import Measured, OpenApproval, ReleasedBefore
from syft.model.object import ObjectRecord, ValueRef
from syft.model.permission import Grant
from syft.model.request import Request, RequestState
from syft.model.uid import UID
from syft.node.context import Context
from syft.node.services.electorate import known_approvers
from syft.node.services.grants import is_for, may_read
from syft.node.services.views import known_owners, person
from syft.policy.counted import counted
from syft.policy.terms import has_ended
from syft.store.base import NotEqual, OneOf, Reader

# More requests by one person than anybody reviews, and few enough to look at within milliseconds.
_MOST_REQUESTS: Final = 500
_MOST_GRANTS: Final = 200
_MOST_OPEN: Final = 20
_HEX: Final = 12


@dataclass(frozen=True)
class _Facts:
    """What of a code never changes.

    Args:
        name: of the function.
        version: of it.
        objects: what it runs on.
        limit: how many results its output policy lets out.
        is_step: whether it is a step of a protocol.
    """

    name: str
    version: int
    objects: frozenset[UID]
    limit: int
    is_step: bool


class _Known:
    """These facts, read once: a code with its source is long, and a person has many."""

    _MOST: Final = 10_000

    def __init__(self) -> None:
        self._facts: dict[UID, _Facts] = {}

    def of(self, reader: Reader, uid: UID) -> _Facts:
        """Those of a code."""
        found = self._facts.get(uid)
        if found is None:
            code = reader.get(Code, uid)
            if len(self._facts) >= self._MOST:
                self._facts.clear()
            rules = code.submission.input_policy.objects.values()
            found = self._facts[uid] = _Facts(
                name=code.name,
                version=code.version,
                objects=frozenset(rule.object_uid for rule in rules),
                limit=code.submission.output_policy.limit,
                is_step=code.protocol is not None,
            )
        return found


_known = _Known()


def decides_about(caller: Caller, record: ObjectRecord) -> bool:
    """Whether somebody is told of what was made from that object: its owner, those whom the owner named to approve
    beside them, and administrators."""
    if caller.uid is None:
        return False
    return caller.is_admin or caller.uid == record.owner_uid or caller.uid in record.safeguards.approvers


def measured_value(value: ValueRef | None) -> Measured | None:
    """What a value is, without the value."""
    if value is None:
        return None
    return Measured(type_name=value.type_name, shape=value.shape, size=value.size, digest=value.digest[:_HEX])


def measured(ctx: Context, reader: Reader, record: ObjectRecord) -> Measured | None:
    """What an object's private value is, for those who may read it: what it measures can tell what it holds."""
    return measured_value(record.private) if may_read(ctx.caller, reader, record) else None


class History:
    """What came before a request, as far as its reviewer may see it: from objects that they decide about.

    Args:
        ctx: who reviews.
        reader: of the store.
        request: which.
        objects: what it runs on, by parameter.

    Attributes:
        left_out: what was not looked at, in sentences.
    """

    def __init__(
        self, ctx: Context, reader: Reader, request: Request, objects: Mapping[str, ObjectRecord]
    ) -> None:
        self._ctx = ctx
        self._reader = reader
        self._request = request
        self._parameters: dict[UID, list[str]] = {}
        for name, record in objects.items():
            if decides_about(ctx.caller, record):
                self._parameters.setdefault(record.uid, []).append(name)
        self.left_out: list[str] = []
        self._every = reader.select(
            Request,
            NotEqual("code_uid", None),
            NotEqual("state", RequestState.WITHDRAWN),
            requester_uid=request.requester_uid,
            limit=_MOST_REQUESTS + 1,
            newest_first=True,
        )
        if len(self._every) > _MOST_REQUESTS:
            self._every.pop()
            self.left_out.append(
                f"This person has made more than {_MOST_REQUESTS} requests; what is older is not shown here."
            )
        self._touching = {
            one.uid: (one, facts)
            for one, facts in self._with_facts()
            if one.uid != request.uid and not facts.objects.isdisjoint(self._parameters)
        }

    def _with_facts(self) -> Iterator[tuple[Request, _Facts]]:
        for one in self._every:
            if one.code_uid is not None:
                yield one, _known.of(self._reader, one.code_uid)

    def _under(self, objects: frozenset[UID]) -> tuple[str, ...]:
        return tuple(name for uid in self._parameters if uid in objects for name in self._parameters[uid])

    def released(self, limit: int, offset: int) -> tuple[tuple[ReleasedBefore, ...], int]:
        """What was released before, newest first: a page of it, and how many there are."""
        # What left under this very request, too: a revoked one is asked for again, an approved one looked at.
        requests = [*self._touching, *([self._request.uid] if self._parameters else [])]
        of_these = OneOf("request_uid", requests)
        grants = list(self._grants())
        total = self._reader.count(Release, of_these) + len(grants)
        last = self._reader.select(Release, of_these, limit=offset + limit, newest_first=True)
        merged: list[tuple[datetime, Release | ReleasedBefore]] = [(one.created_at, one) for one in last]
        merged += [(one.at, one) for one in grants]
        merged.sort(key=lambda one: one[0], reverse=True)
        shown = [one for _, one in merged[offset : offset + limit]]
        return tuple(self._shown(one) if isinstance(one, Release) else one for one in shown), total

    def _shown(self, release: Release) -> ReleasedBefore:
        reader = self._reader
        request = reader.get(Request, release.request_uid)
        assert request.code_uid is not None
        facts = _known.of(reader, request.code_uid)
        record = reader.find(ObjectRecord, uid=release.result_uid)
        return ReleasedBefore(
            kind="step" if facts.is_step and record is None else "result",
            at=release.created_at,
            name=facts.name,
            version=facts.version,
            request_uid=request.uid,
            job_uid=release.job_uid,
            parameters=self._under(facts.objects),
            value=measured(self._ctx, reader, record) if record else None,
            decided_by=person(reader, request.decided_by) if request.decided_by else None,
        )

    def _grants(self) -> Iterator[ReleasedBefore]:
        """Leave to read the objects themselves, or what was computed from them."""
        reader = self._reader
        # A grant without a digest is that of a result, which is told as one.
        found = reader.select(
            Grant,
            NotEqual("digest", ""),
            user_uid=self._request.requester_uid,
            limit=_MOST_GRANTS,
            newest_first=True,
        )
        for grant in found:
            record = reader.find(ObjectRecord, uid=grant.object_uid)
            if record is None or not is_for(grant, record):
                continue
            under = self._under(frozenset({record.uid, *record.sources}))
            if under:
                yield ReleasedBefore(
                    kind="grant",
                    at=grant.created_at,
                    name=record.name or record.uid.hex,
                    request_uid=grant.request_uid,
                    parameters=under,
                    value=measured(self._ctx, reader, record),
                    decided_by=person(reader, grant.granted_by),
                )

    def open(self) -> tuple[OpenApproval, ...]:
        """What else of theirs is approved on these data, not used up and not ended, or waits; newest first."""
        found: list[OpenApproval] = []
        for request, facts in self._touching.values():
            if request.state not in (RequestState.APPROVED, RequestState.PENDING):
                continue
            released = counted(self._reader, request.uid)
            if request.state is RequestState.APPROVED and (
                released >= facts.limit or request.deposited or has_ended(request.terms, self._ctx.now)
            ):
                continue
            found.append(
                OpenApproval(
                    request_uid=request.uid,
                    name=facts.name,
                    version=facts.version,
                    state=request.state,
                    since=request.decided_at or request.created_at,
                    released=released,
                    limit=facts.limit,
                )
            )
            if len(found) == _MOST_OPEN:
                self.left_out.append(f"Only the newest {_MOST_OPEN} open requests of this person are shown.")
                break
        return tuple(found)

    def approved_before(self, code: Code) -> Request | None:
        """What of theirs was approved last: of the same name, else on the same data; None where nothing was, or nothing
        that the reviewer may see."""
        until = self._request.decided_at if self._request.approved_digest else None
        candidates = [
            (one, facts)
            for one, facts in self._with_facts()
            if one.approved_digest
            and one.uid != self._request.uid
            and one.decided_at is not None
            and (until is None or one.decided_at < until)
        ]
        same_name = [one for one, facts in candidates if facts.name == code.name]
        same_data = [one for one, _ in candidates if one.uid in self._touching]
        for found in (same_name, same_data):
            for one in sorted(found, key=_decided, reverse=True):
                assert one.code_uid is not None
                earlier = self._reader.get(Code, one.code_uid)
                owners, approvers = (
                    known_owners(self._reader, earlier),
                    known_approvers(self._reader, earlier),
                )
                if can_see_code(self._ctx.caller, earlier, owners, approvers):
                    return one
        return None


def _decided(request: Request) -> datetime:
    return request.decided_at or request.created_at
