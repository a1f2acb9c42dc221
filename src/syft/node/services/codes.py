"""This module keeps code that people submit, after checking that it stands by itself."""

from __future__ import annotations

from syft.access.checks import can_see_code
from syft.code.capture import check_submission, digest
from syft.errors import NotFound, QuotaExceeded
from syft.jobs.limits import check_fits
from syft.model.code import Code, CodeSubmission
from syft.model.message import Message
from syft.model.messages.codes import CodeReply, CodesReply, GetCode, ListCodes, SubmitCode
from syft.model.permission import Capability
from syft.model.uid import UID
from syft.node.context import Context, fitting, page
from syft.node.dispatch import handles
from syft.node.services.electorate import is_named, known_approvers
from syft.node.services.views import code_view, known_owners, owners_of
from syft.policy.parts import check_part
from syft.store.base import Contains, Reader, Transaction

_NOT_THERE = "There is no such code, or it is not yours to see. `client.code` lists what there is."


@handles(SubmitCode, needs=Capability.SUBMIT_CODE)
def submit_code(ctx: Context, message: SubmitCode) -> Message:
    """Keep a function. Handing in the same one again changes nothing.

    Raises:
        InvalidCode: it uses names from outside itself, or is not one plain function.
        NotFound: it asks for an object or a worker pool that is not here.
        InvalidInput: it asks for more than that pool gives a job.
    """
    check_submitted(ctx, message.submission)
    with ctx.site.store.writing(ctx.event("code.submitted", name=message.submission.name)) as tx:
        code = keep_code(ctx, tx, message.submission)
        owners_of(tx, code)
        view = code_view(tx, code)
    return CodeReply(view)


def check_submitted(ctx: Context, submission: CodeSubmission) -> None:
    """Raise unless a function stands by itself, and is the step here that it says it is.

    Raises:
        InvalidCode: it uses names from outside itself, or is not one plain function.
        InvalidInput: it is not that step of its protocol.
    """
    check_submission(submission)
    info = ctx.node.info
    check_part(submission, info.uid, bytes.fromhex(info.verify_key))


def keep_code(ctx: Context, tx: Transaction, submission: CodeSubmission) -> Code:
    """The code of that submission: the caller's existing one, or a new version.

    Args:
        ctx: whose it is.
        tx: the open transaction.
        submission: already checked, but for what it takes to run it.
    Raises:
        NotFound: it asks for a worker pool that is not here.
        InvalidInput: it asks for more than that pool gives a job.
        QuotaExceeded: the caller's code takes as much room as the node allows.
    """
    check_fits(tx, submission, ctx.site.limits)
    value = digest(submission)
    same = tx.find(Code, owner_uid=ctx.user_uid, digest=value)
    if same is not None:
        return same
    code = Code(
        uid=UID(),
        owner_uid=ctx.user_uid,
        digest=value,
        name=submission.name,
        version=tx.count(Code, owner_uid=ctx.user_uid, name=submission.name) + 1,
        submission=submission,
        created_at=ctx.now,
    )
    _check_room(ctx, tx, code)
    tx.add(code)
    return code


def _check_room(ctx: Context, reader: Reader, code: Code) -> None:
    """Raise unless the caller may keep so much more code: a step brings a whole protocol along, and code stays.

    Raises:
        QuotaExceeded: they may not.
    """
    if ctx.caller.can(Capability.UPLOAD_DATA):
        return
    most = ctx.site.node_settings().bytes_per_account
    if reader.total(Code, "size", owner_uid=ctx.user_uid) + code.size > most:
        raise QuotaExceeded(
            f"Your functions and protocols may take {most:,} bytes on this node, and this would be more. Ask its "
            "administrator for more."
        )


def code_for(ctx: Context, reader: Reader, uid: UID | None, name: str | None) -> Code:
    """The code that a caller means: by UID; or by name, the newest of their own, else the newest they may see.

    Raises:
        NotFound: there is none, or none for them.
    """
    if uid is not None:
        code = reader.find(Code, uid=uid)
        candidates = [code] if code else []
    else:
        candidates = reader.select(Code, owner_uid=ctx.user_uid, name=name, limit=1, newest_first=True)
        if not candidates:
            candidates = reader.select(Code, name=name, limit=100, newest_first=True)
    for code in candidates:
        if can_see_code(ctx.caller, code, known_owners(reader, code), known_approvers(reader, code)):
            return code
    raise NotFound(_NOT_THERE if name is None else f"You have no function '{name}' here. Submit it first.")


@handles(GetCode, needs=Capability.SUBMIT_CODE)
def get_code(ctx: Context, message: GetCode) -> Message:
    """One code.

    Raises:
        NotFound: not there, or not for the caller.
    """
    with ctx.site.store.reading() as reader:
        return CodeReply(code_view(reader, code_for(ctx, reader, message.uid, message.name)))


@handles(ListCodes, needs=Capability.SUBMIT_CODE)
def list_codes(ctx: Context, message: ListCodes) -> Message:
    """A page of what the caller may see: their own; all of it for the administrator."""
    limit, offset = page(message.limit, message.offset)
    conditions = [Contains("name", message.name)] if message.name else []
    with ctx.site.store.reading() as reader:
        if ctx.caller.is_admin:
            found = reader.select(Code, *conditions, limit=limit, offset=offset)
            total = reader.count(Code, *conditions)
        elif ctx.caller.can(Capability.DECIDE_REQUESTS) or is_named(reader, ctx.user_uid):
            every = reader.select(Code, *conditions)
            seen = [
                code
                for code in every
                if can_see_code(ctx.caller, code, known_owners(reader, code), known_approvers(reader, code))
            ]
            found, total = seen[offset : offset + limit], len(seen)
        else:
            found = reader.select(Code, *conditions, owner_uid=ctx.user_uid, limit=limit, offset=offset)
            total = reader.count(Code, *conditions, owner_uid=ctx.user_uid)
        return CodesReply(fitting(code_view(reader, code) for code in found), total)
