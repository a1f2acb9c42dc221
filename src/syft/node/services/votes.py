"""This module counts who has approved a request: votes for the very same, by people who may still decide about it."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from syft.errors import InvalidState
from syft.jobs.nested import pin_nested, pools_of
from syft.model.approval import Approval
from syft.model.code import Code
from syft.model.limits import JobLimits
from syft.model.object import ObjectRecord
from syft.model.request import NestedCode, Request, RequestState
from syft.model.terms import Terms
from syft.model.uid import UID
from syft.node.context import Context
from syft.node.services.electorate import electorate
from syft.policy.approval import approval_digest, approval_parts
from syft.policy.terms import Yes, is_enough
from syft.store.base import Reader, Transaction


class Exact(NamedTuple):
    """What exactly is approved.

    Args:
        digest: of all that is (`policy.approval`).
        nested: the functions it launches, as they are now.
        limits: what each run may use.
        terms: under which conditions.
        parts: what went into the digest (`policy.approval.approval_parts`).
    """

    digest: str
    nested: tuple[NestedCode, ...]
    limits: JobLimits
    terms: Terms
    parts: dict[str, str]


def exactly(ctx: Context, reader: Reader, code: Code, limits: JobLimits, terms: Terms) -> Exact:
    """What an approval of that code with these limits and terms would bind, of what is stored now.

    Raises:
        NotFound: an object or a worker pool is gone.
    """
    nested, _ = pin_nested(reader, code)
    inputs = {
        name: reader.get(ObjectRecord, rule.object_uid)
        for name, rule in code.submission.input_policy.objects.items()
    }
    environment = ctx.site.equipped.environment(pools_of(reader, code, nested))
    digest = approval_digest(code.digest, nested, inputs, environment, limits, terms)
    return Exact(digest, nested, limits, terms, approval_parts(inputs, environment))


def cast(ctx: Context, tx: Transaction, request: Request, code: Code, exact: Exact) -> Request:
    """The caller's vote for that request; the request as it stands then.

    Args:
        ctx: who votes; somebody who may.
        tx: in which it is written.
        request: pending.
        code: what it is about.
        exact: what they approve.
    Raises:
        InvalidState: they have approved exactly that, and it is not enough.
    """
    earlier = tx.find(Approval, request_uid=request.uid, approver_uid=ctx.user_uid)
    if earlier is not None:
        tx.remove(Approval, earlier.uid)
    _keep(ctx, tx, request, code, exact, by=ctx.user_uid)
    decided = settled(ctx, tx, request, code, exact, by=ctx.user_uid)
    if earlier is not None and earlier.digest == exact.digest and decided.state is RequestState.PENDING:
        raise InvalidState("You have approved this already; it waits for others to approve it too.")
    return decided


def _keep(
    ctx: Context,
    tx: Transaction,
    request: Request,
    code: Code,
    exact: Exact,
    *,
    by: UID,
    standing: UID | None = None,
) -> None:
    yes = electorate(tx, request, code).yes_of(tx, by)
    assert yes is not None  # who may not vote has been refused
    tx.add(
        Approval(
            uid=UID(),
            request_uid=request.uid,
            approver_uid=by,
            digest=exact.digest,
            by_office=yes.by_office,
            speaks_for=_speaks_for(yes),
            standing_uid=standing,
            created_at=ctx.now,
        )
    )


def _speaks_for(yes: Yes) -> tuple[UID, ...] | None:
    return None if yes.is_admin else tuple(sorted(yes.speaks_for, key=lambda uid: uid.hex))


def cast_in_advance(
    ctx: Context, tx: Transaction, request: Request, code: Code, exact: Exact, *, by: UID, standing: UID
) -> None:
    """The vote of somebody who has said so in advance; `settled` counts it.

    Args:
        ctx: who asks.
        tx: in which it is written.
        request: pending, new.
        code: what it is about.
        exact: what was approved.
        by: whose vote; of somebody who may.
        standing: the standing approval.
    """
    _keep(ctx, tx, request, code, exact, by=by, standing=standing)


def settled(
    ctx: Context,
    tx: Transaction,
    request: Request,
    code: Code,
    exact: Exact,
    *,
    by: UID,
    standing: UID | None = None,
) -> Request:
    """The request, approved where enough people have approved exactly that; else with their terms, still pending.

    Args:
        ctx: whose message it comes of.
        tx: in which it is written.
        request: pending.
        code: what it is about.
        exact: what was voted for last.
        by: whose vote was the last.
        standing: the standing approval that gave it; None where a person did.
    """
    votes = tx.select(Approval, request_uid=request.uid, digest=exact.digest)
    people = electorate(tx, request, code)
    request = msgspec.structs.replace(request, limits=exact.limits, terms=exact.terms)
    if is_enough(people.demand, people.counted(tx, votes), code.owner_uid):
        request = msgspec.structs.replace(
            request,
            state=RequestState.APPROVED,
            nested=exact.nested,
            approved_digest=exact.digest,
            approved_parts=exact.parts,
            decided_by=by,
            decided_at=ctx.now,
            handled_by=standing,
        )
        tx.also(ctx.event("request.approved", request.uid, code=code.digest, approvals=str(len(votes))))
        # When the code runs, each is to count as it has counted here: as whoever they are by now, or not at all.
        for vote in votes:
            yes = people.yes_of(tx, vote.approver_uid)
            if yes is None:
                tx.remove(Approval, vote.uid)
            else:
                tx.replace(
                    msgspec.structs.replace(vote, by_office=yes.by_office, speaks_for=_speaks_for(yes))
                )
    tx.replace(request)
    return request
