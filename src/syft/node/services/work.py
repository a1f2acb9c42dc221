"""This module gives orders to workers on other machines, and takes in what they say of them.

Whoever sends these messages is an admitted worker's key (`Capability.TAKE_WORK`); which order it may speak of is
looked up by its key, the order and the order's token together. No record is read here, and none written: a worker
reaches nothing but what it holds.
"""

from __future__ import annotations

import math
from typing import Final

from syft.errors import AuthorizationException, InvalidInput, NotFound
from syft.jobs.order import Order
from syft.jobs.order_calls import OrderCalls
from syft.model.message import Done, Message
from syft.model.messages.work import (
    MAX_SAID,
    PIECE_BYTES,
    Attend,
    Collect,
    Collected,
    FetchInput,
    FinishOrder,
    Launch,
    Launched,
    LeavePool,
    NewsReply,
    Piece,
    PutLaunch,
    PutResult,
    TakeWork,
    TellOrder,
    WorkReply,
)
from syft.model.permission import Capability
from syft.model.uid import UID
from syft.model.worker import Worker
from syft.node.context import Attached, Context
from syft.node.dispatch import handles
from syft.node.services.waiting import MAX_WAIT_S

# Where too many answers wait already, a worker asks again so often.
_PAUSE_S: Final = 1.0


def _worker(ctx: Context) -> Worker:
    if ctx.caller.worker is None:  # pragma: no cover - the capability says so first
        raise AuthorizationException("Only a worker's key may say this.")
    return ctx.caller.worker


def _held(ctx: Context, uid: UID, token: bytes) -> Order:
    return ctx.site.orders.held(_worker(ctx), uid, token)


def _patience(ctx: Context, wait_s: float) -> tuple[float, float]:
    """How long an answer may wait, and how long its worker is to wait before it asks again."""
    if not math.isfinite(wait_s) or wait_s <= 0:
        return 0.0, 0.0
    if ctx.site.orders.is_full:
        return 0.0, _PAUSE_S
    return min(wait_s, MAX_WAIT_S), 0.0


def _piece(ctx: Context) -> bytes | memoryview:
    if len(ctx.attachment) > PIECE_BYTES:
        raise InvalidInput(f"A part of a result has at most {PIECE_BYTES >> 20} MiB.")
    return ctx.attachment


@handles(TakeWork, needs=Capability.TAKE_WORK)
def take_work(ctx: Context, message: TakeWork) -> Message:
    """An order for a worker that has a slot, as soon as there is one.

    Raises:
        NotFound: it has not joined, or was away for too long.
    """
    wait_s, pause_s = _patience(ctx, message.wait_s)
    order = ctx.site.orders.take(_worker(ctx), message.session, wait_s, message.order)
    return WorkReply(order.view() if order else None, pause_s)


@handles(Attend, needs=Capability.TAKE_WORK)
def attend(ctx: Context, message: Attend) -> Message:
    """Note that a worker is there, and tell it what it must know.

    Raises:
        NotFound: it has not joined, or was away for too long.
    """
    wait_s, pause_s = _patience(ctx, message.wait_s)
    news = ctx.site.orders.attend(_worker(ctx), message.session, message.held, message.after, wait_s)
    return NewsReply(news, pause_s)


@handles(LeavePool, needs=Capability.TAKE_WORK)
def leave_pool(ctx: Context, message: LeavePool) -> Message:
    """Count no more on a worker's process."""
    ctx.site.orders.leave(_worker(ctx), message.session)
    return Done()


@handles(FetchInput, needs=Capability.TAKE_WORK)
def fetch_input(ctx: Context, message: FetchInput) -> Attached:
    """Part of a value that an order takes, for the worker that holds it.

    Raises:
        NotFound: it holds no such order, or that takes no such value.
    """
    order = _held(ctx, message.order, message.token)
    data, size = order.contents.read(message.digest, message.offset)
    order.moved("in")
    return Attached(Piece(size), data)


@handles(PutResult, needs=Capability.TAKE_WORK)
def put_result(ctx: Context, message: PutResult) -> Message:
    """The next part of a result. What may become of it is decided when the job is settled, as of any run.

    Raises:
        NotFound: it holds no such order.
        InvalidState: the order is over, or has returned more than it may.
    """
    _held(ctx, message.order, message.token).put(message.offset, _piece(ctx))
    return Done()


@handles(TellOrder, needs=Capability.TAKE_WORK)
def tell_order(ctx: Context, message: TellOrder) -> Message:
    """How far a run is, and what it prints.

    Raises:
        NotFound: it holds no such order.
        InvalidInput: no numbers that progress can have, or more text than a message of it holds.
    """
    for number in (message.current, message.total):
        if number is not None and not 0 <= number < 2**62:
            raise InvalidInput("Progress is told in numbers from 0 on.")
    if len(message.stdout) > MAX_SAID or len(message.stderr) > MAX_SAID:
        raise InvalidInput("This is more text than a run may print.")
    order = _held(ctx, message.order, message.token)
    order.tell(message.current, message.total, message.stdout, message.stderr)
    return Done()


@handles(FinishOrder, needs=Capability.TAKE_WORK)
def finish_order(ctx: Context, message: FinishOrder) -> Message:
    """How a run has ended.

    Raises:
        NotFound: it holds no such order.
        InvalidInput: it is no outcome, or not that of the bytes that came.
        InvalidState: the order is over.
    """
    order = _held(ctx, message.order, message.token)
    order.finish(message.outcome, message.offset, _piece(ctx), message.digest)
    ctx.site.orders.over(order)
    return Done()


def _calls(ctx: Context, uid: UID, token: bytes) -> OrderCalls:
    calls = _held(ctx, uid, token).calls
    if calls is None:
        raise NotFound("This order's run can launch nothing.")
    return calls


@handles(PutLaunch, needs=Capability.TAKE_WORK)
def put_launch(ctx: Context, message: PutLaunch) -> Message:
    """Part of the inputs of functions that a run launches.

    Raises:
        NotFound: the worker holds no such order.
    """
    _calls(ctx, message.order, message.token).put(message.offset, _piece(ctx))
    return Done()


@handles(Launch, needs=Capability.TAKE_WORK)
def launch(ctx: Context, message: Launch) -> Message:
    """Have functions launched on behalf of a run, if its approval names them; the host checks all that it is told.

    Raises:
        NotFound: the worker holds no such order.
    """
    calls = _calls(ctx, message.order, message.token)
    return Launched(calls.launch(message.launches, message.offset, _piece(ctx)))


@handles(Collect, needs=Capability.TAKE_WORK)
def collect(ctx: Context, message: Collect) -> Attached:
    """What became of a launch, for the run that launched it.

    Raises:
        NotFound: the worker holds no such order, or its run launched no such function.
        SyftException: the launched function did not end well; as its launcher is told.
    """
    found = _calls(ctx, message.order, message.token).collect(message.call, message.offset)
    if found is None:
        return Attached(Collected(ended=False), b"")
    data, size = found
    return Attached(Collected(ended=True, size=size), data)
