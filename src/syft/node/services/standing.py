"""This module keeps standing approvals: what somebody approved in advance, for requests that are the very same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from syft.access.checks import can_decide
from syft.errors import InvalidInput, NotFound, QuotaExceeded
from syft.jobs.limits import ceiling_of, get_pool
from syft.jobs.nested import pin_nested
from syft.model.approval import Approval, StandingApproval
from syft.model.code import Code
from syft.model.message import Done, Message
from syft.model.messages.requests import (
    ListStandingApprovals,
    NewStanding,
    RemoveStandingApproval,
    StandingApprovalsReply,
    StandingView,
)
from syft.model.permission import Capability
from syft.model.request import Request
from syft.model.uid import UID
from syft.model.user import User
from syft.node.context import Context, fitting, page
from syft.node.dispatch import handles
from syft.node.services.electorate import electorate, known_approvers
from syft.node.services.safeguards import accounts_of
from syft.node.services.views import known_owners, person
from syft.node.services.votes import Exact, cast_in_advance, exactly, settled
from syft.policy.limits import check_within
from syft.policy.terms import is_enough
from syft.store.base import OneOf, Reader, Transaction

# More than anybody keeps in mind.
MAX_STANDING: Final = 200
_NOT_THERE: Final = "There is no such standing approval, or it is not yours."


# --- given and used


def keep(
    ctx: Context, tx: Transaction, request: Request, code: Code, exact: Exact, wanted: NewStanding
) -> None:
    """Keep the caller's yes for later requests, too. It takes the place of one for the very same.

    Args:
        ctx: who approves; somebody who may.
        tx: in which they do.
        request: what they approve.
        code: what it is about.
        exact: what exactly.
        wanted: for whom, and how often.
    Raises:
        InvalidInput: there is no account of one of these e-mails.
        AuthorizationException: the caller may not know of accounts.
        QuotaExceeded: the caller has as many as anybody may.
    """
    users = None
    if wanted.users is not None:
        asker = tx.find(User, uid=request.requester_uid)
        known = {asker.email.lower(): asker.uid} if asker else {}
        users = accounts_of(ctx, tx, wanted.users, known)
    for earlier in tx.select(StandingApproval, approver_uid=ctx.user_uid, digest=exact.digest):
        tx.remove(StandingApproval, earlier.uid)
    if tx.count(StandingApproval, approver_uid=ctx.user_uid) >= MAX_STANDING:
        raise QuotaExceeded(
            f"You have {MAX_STANDING} standing approvals. Remove some (`client.requests.standing`), then add this one."
        )
    one = StandingApproval(
        uid=UID(),
        approver_uid=ctx.user_uid,
        request_uid=request.uid,
        code_uid=code.uid,
        code_digest=code.digest,
        digest=exact.digest,
        limits=exact.limits,
        terms=exact.terms,
        users=users,
        times=wanted.times,
        created_at=ctx.now,
    )
    tx.also(ctx.event("request.standing_added", one.uid, approval=exact.digest))
    tx.add(one)


def answered(ctx: Context, tx: Transaction, request: Request, code: Code) -> Request:
    """The request, with the votes of those who have approved exactly that in advance.

    Each is a vote like any other: its giver must be one who may still decide, it is for what is stored now, and with
    them it takes as many people as without. Two requests at once cannot both have the last of its times.

    Args:
        ctx: who asks.
        tx: in which the request is made.
        request: pending, in the store.
        code: what it is about.
    """
    if _answered_by_hand(tx, request):
        return request
    people = electorate(tx, request, code)
    same: dict[str, tuple[Exact, list[StandingApproval]]] = {}
    for one in tx.select(StandingApproval, code_digest=code.digest):
        usable = not one.is_over(ctx.now) and (one.users is None or request.requester_uid in one.users)
        if not usable or people.yes_of(tx, one.approver_uid) is None:
            continue
        exact = _if_the_same(ctx, tx, code, one)
        if exact is not None:
            same.setdefault(one.digest, (exact, []))[1].append(one)
    if not same:
        return request

    def approves(found: tuple[Exact, list[StandingApproval]]) -> tuple[bool, int]:
        yeses = [yes for one in found[1] if (yes := people.yes_of(tx, one.approver_uid)) is not None]
        return is_enough(people.demand, yeses, code.owner_uid), len(yeses)

    exact, given = max(same.values(), key=approves)
    for one in given:
        tx.replace(msgspec.structs.replace(one, used=one.used + 1))
        tx.also(
            ctx.event(
                "request.standing_used", request.uid, standing=one.uid.hex, approver=one.approver_uid.hex
            )
        )
        cast_in_advance(ctx, tx, request, code, exact, by=one.approver_uid, standing=one.uid)
    last = given[-1]
    return settled(ctx, tx, request, code, exact, by=last.approver_uid, standing=last.uid)


def _answered_by_hand(reader: Reader, request: Request) -> bool:
    """Whether a person gave this requester an answer to that code by hand: otherwise they would only ask again, and
    have it run. A person may still approve it."""
    same = {"code_uid": request.code_uid, "requester_uid": request.requester_uid}
    return reader.count(Request, deposited=True, **same) > 0


def _if_the_same(ctx: Context, tx: Transaction, code: Code, one: StandingApproval) -> Exact | None:
    """What it would approve now, where that is what was approved then; None where anything differs."""
    pool = get_pool(tx, code.submission.pool)
    try:
        check_within(one.limits, ceiling_of(pool, ctx.site.limits), pool.name, "it cannot run with")
    except InvalidInput:
        return None  # the pool gives less by now
    if pin_nested(tx, code)[1]:
        return None
    exact = exactly(ctx, tx, code, one.limits, one.terms)
    return exact if exact.digest == one.digest else None


def end_same(ctx: Context, tx: Transaction, request: Request) -> None:
    """End what approves in advance that which was just denied: otherwise its requester would only ask again.

    Also what does so on other conditions: "90 days" said twice are two ends, and so two digests.

    Args:
        ctx: who denies.
        tx: in which they do.
        request: as it was, with its votes.
    """
    if request.code_uid is None:
        return
    digests = {vote.digest for vote in tx.select(Approval, request_uid=request.uid)}
    digests |= {request.approved_digest} - {""}
    found = {one.uid: one for one in tx.select(StandingApproval, OneOf("digest", digests))}
    found |= {one.uid: one for one in tx.select(StandingApproval, request_uid=request.uid)}
    for one in tx.select(StandingApproval, code_digest=tx.get(Code, request.code_uid).digest):
        if one.users is None or request.requester_uid in one.users:
            found[one.uid] = one
    for uid in found:
        _remove(ctx, tx, uid)


def _remove(ctx: Context, tx: Transaction, uid: UID) -> None:
    tx.also(ctx.event("request.standing_removed", uid))
    tx.remove(StandingApproval, uid)


# --- shown and ended


def _may_end(ctx: Context, reader: Reader, one: StandingApproval) -> bool:
    """Whether the caller gave it, or could deny what it approves: one no is enough."""
    if one.approver_uid == ctx.caller.uid:
        return True
    code = reader.get(Code, one.code_uid)
    return can_decide(ctx.caller, code, known_owners(reader, code), known_approvers(reader, code))


@handles(ListStandingApprovals, needs=Capability.ANSWER_REQUESTS)
def list_standing(ctx: Context, message: ListStandingApprovals) -> Message:
    """A page of the standing approvals that the caller gave or may end."""
    limit, offset = page(message.limit, message.offset)
    with ctx.site.store.reading() as reader:
        found = [one for one in reader.select(StandingApproval) if _may_end(ctx, reader, one)]
        views = _views(reader, found[offset : offset + limit])
    return StandingApprovalsReply(fitting(views), len(found))


def _views(reader: Reader, found: Sequence[StandingApproval]) -> list[StandingView]:
    return [
        StandingView(
            uid=one.uid,
            by=person(reader, one.approver_uid),
            request_uid=one.request_uid,
            code_uid=one.code_uid,
            code_name=reader.get(Code, one.code_uid).name,
            users=None if one.users is None else tuple(person(reader, uid) for uid in one.users),
            times=one.times,
            used=one.used,
            limits=one.limits,
            terms=one.terms,
            created_at=one.created_at,
        )
        for one in found
    ]


@handles(RemoveStandingApproval, needs=Capability.ANSWER_REQUESTS)
def remove_standing(ctx: Context, message: RemoveStandingApproval) -> Message:
    """Approve nothing more by it.

    Raises:
        NotFound: not there, or not the caller's to end.
    """
    with ctx.site.store.writing(ctx.event("request.standing_removed", message.uid)) as tx:
        one = tx.find(StandingApproval, uid=message.uid)
        if one is None or not _may_end(ctx, tx, one):
            raise NotFound(_NOT_THERE)
        tx.remove(StandingApproval, one.uid)
    return Done()
