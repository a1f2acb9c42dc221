"""This module runs a request's code on mocks for whoever decides about it: as it stands, behind the same fence."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial

import msgspec
from blake3 import blake3

from syft.access.checks import NO_SUCH_REQUEST, check_can_review
from syft.errors import InvalidInput, InvalidState, NotFound, SyftException
from syft.jobs.limits import get_pool, granted_limits
from syft.jobs.nested import check_all_found, pin_nested, pools_of
from syft.jobs.sink import plain_of_value, type_of_value
from syft.model.code import Code, Constant, Mode, MustBe, OfType
from syft.model.job import Argument, BoundArgument, Job, ObjectArgument, ValueArgument
from syft.model.message import Message
from syft.model.messages.evidence import RehearseRequest
from syft.model.object import ObjectRecord
from syft.model.permission import Capability
from syft.model.request import NestedCode, Request
from syft.model.uid import UID
from syft.node.context import Context
from syft.node.dispatch import handles
from syft.node.services.calls import check_open_jobs, stored_argument
from syft.node.services.electorate import heard_owners, known_approvers
from syft.node.services.jobs import reply
from syft.node.services.waiting import when_ended
from syft.policy.inputs import check_bound, check_complete, inputs_key
from syft.store.base import Reader


@handles(RehearseRequest, needs=Capability.ANSWER_REQUESTS)
def rehearse_request(ctx: Context, message: RehearseRequest) -> Message:
    """Queue a run of a request's code on mocks, for whoever decides about it and nobody else.

    Of the private values it sees nothing: it is a run on mocks like any other, whose author is not who asks for it.

    Raises:
        NotFound: not there, or not for the caller; or its worker pool is gone.
        AuthorizationException: the caller asks for it.
        InvalidInput: a value that is missing, or for a parameter that takes none of the reviewer's.
        InvalidState: an object without a mock, or a function that it launches is missing.
        TooManyAttempts: the caller has enough jobs waiting or running.
    """
    site = ctx.site
    with site.store.reading() as reader:
        request, code = to_review(ctx, reader, message.uid)
        nested = pinned(reader, request, code)
        bound = _bound(reader, code, message.arguments)
        rehearsed = rehearsed_with(ctx, reader, code, nested)
        check_open_jobs(ctx, reader)
        get_pool(reader, code.submission.pool)
    with site.crews.place(code.submission.pool, ctx.user_uid) as place, ExitStack() as landing:
        stored: dict[str, BoundArgument] = {
            name: stored_argument(ctx, landing, name, argument) for name, argument in bound.items()
        }
        check_bound(code.submission, stored, partial(type_of_value, site.blobs), is_final=False)
        job = Job(
            uid=UID(),
            code_uid=code.uid,
            code_name=code.name,
            requester_uid=ctx.user_uid,
            mode=Mode.MOCK,
            arguments=stored,
            inputs_key=inputs_key(stored, partial(plain_of_value, site.blobs)),
            created_at=ctx.now,
            pool=code.submission.pool,
            rehearses=request.uid,
            rehearsed=rehearsed,
        )
        event = ctx.event(
            "job.queued", job.uid, code=code.digest, mode=job.mode.value, rehearses=request.uid.hex
        )
        with site.store.writing(event) as tx:
            limits = granted_limits(tx, code.submission, None, site.limits)
            job = place.take(tx, msgspec.structs.replace(job, limits=limits))
    return reply(ctx, when_ended(ctx, job, message.wait_s))


def to_review(ctx: Context, reader: Reader, uid: UID) -> tuple[Request, Code]:
    """A request that code may run, and the code, for one of those who decide about it.

    Raises:
        NotFound: not there, or not for the caller.
        AuthorizationException: the caller asks.
    """
    request = reader.find(Request, uid=uid)
    if request is None or request.code_uid is None:
        raise NotFound(NO_SUCH_REQUEST)
    code = reader.get(Code, request.code_uid)
    owners = heard_owners(reader, request, code)
    check_can_review(ctx.caller, request, code, owners, known_approvers(reader, code))
    return request, code


def pinned(reader: Reader, request: Request, code: Code) -> tuple[NestedCode, ...]:
    """The functions that a request's code launches: as approved, else as they would be if it were approved now.

    Raises:
        InvalidState: one of them is missing.
    """
    if request.nested:
        return request.nested
    nested, missing = pin_nested(reader, code)
    check_all_found(code, missing)
    return nested


def rehearsed_with(ctx: Context, reader: Reader, code: Code, nested: tuple[NestedCode, ...]) -> str:
    """The digest of what a run on mocks runs with: code, launched functions, mocks and environment as they are now."""
    lines = [code.digest, *sorted(one.digest for one in nested)]
    for name, rule in sorted(code.submission.input_policy.objects.items()):
        record = reader.find(ObjectRecord, uid=rule.object_uid)
        lines.append(f"{name}={record.mock.digest if record and record.mock else ''}")
    try:
        lines.append(ctx.site.equipped.environment(pools_of(reader, code, nested)))
    except SyftException:
        lines.append("")  # its pool is gone: whatever ran there ran with something else
    return blake3("\n".join(lines).encode()).hexdigest()


def _bound(reader: Reader, code: Code, given: Mapping[str, ValueArgument]) -> dict[str, Argument]:
    """What each parameter gets: mocks for objects, constants, and the reviewer's values for the rest.

    Raises:
        InvalidInput: a value that is missing, or for a parameter that takes none of the reviewer's.
        InvalidState: an object without a mock.
    """
    submission = code.submission
    rules = submission.input_policy.rules
    bound: dict[str, Argument] = {}
    without: list[str] = []
    takes: list[str] = []
    for parameter in submission.parameters:
        name = parameter.name
        rule = rules.get(name)
        match rule:
            case MustBe(object_uid=uid):
                record = reader.find(ObjectRecord, uid=uid)
                if record is None or record.mock is None:
                    without.append(name)
                bound[name] = ObjectArgument(uid)
            case Constant(value=value):
                bound[name] = ValueArgument(value=value)
            case None:
                continue
            case _:
                takes.append(f"{name} ({rule.type_name})" if isinstance(rule, OfType) else name)
                if name in given:
                    bound[name] = given[name]
    what = ", ".join(takes) or "no values: the rest is filled in"
    strange = [name for name in given if name not in bound or isinstance(rules[name], MustBe | Constant)]
    if strange:
        raise InvalidInput(
            f"'{strange[0][:100]}' of '{code.name}' takes no value of yours in a run on mocks. It takes {what}."
        )
    if without:
        names = ", ".join(f"'{name}'" for name in without)
        raise InvalidState(
            f"'{code.name}' cannot be tried on mocks: {names} has none. Upload one with the data, or decide without."
        )
    try:
        check_complete(submission, bound, is_final=False)
    except InvalidInput as missing:
        raise InvalidInput(
            f"{missing.public_message} For a run on mocks '{code.name}' takes from you: {what}."
        ) from None
    return bound
