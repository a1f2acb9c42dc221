"""This module hands values over to other sites of a protocol, seals what callers carry there, and forgets the rest."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from syft.errors import InvalidInput, NodeUnreachable, NotFound, RemoteError, SyftException, WireError
from syft.model.code import Code, Part
from syft.model.event import Event
from syft.model.message import Done
from syft.model.messages.objects import PART_BYTES
from syft.model.messages.protocols import Carried, HandOver
from syft.model.protocol import Deployment, Edge, Site
from syft.model.request import Request, RequestState
from syft.model.transit import Direction, InTransit
from syft.model.uid import UID
from syft.node.context import Attached, Context
from syft.node.reach import Way, address_of
from syft.node.removal import forget
from syft.policy.parts import deployment_of
from syft.policy.terms import has_ended
from syft.store.base import Reader, Transaction
from syft.transport.ask import exchange, expect, now_ms
from syft.transport.base import Parcel
from syft.wire.envelope import hide, seal

# Whoever runs a step waits for it; what has not got through by then they carry.
_SENDING_S: Final = 40.0
# Who carries a value sees how many bytes travel, and the code that made it chose how many: not to the byte.
_LEAST_PADDED: Final = 4096


@dataclass(frozen=True)
class Leaving:
    """A value, the edge it goes over, and the site at its end."""

    value: InTransit
    edge: Edge
    site: Site


def deployed(code: Code) -> tuple[Deployment, int]:
    """The deployment that a code is a step of, and which.

    Raises:
        InvalidInput: it is none.
    """
    part = code.submission.part
    if not isinstance(part, Part):
        raise InvalidInput(
            f"'{code.name}' is no step of a protocol. Call it: `client.code.{code.name}(...)`."
        )
    return deployment_of(part), part.step


# --- leaving


def leaving_of(ctx: Context, reader: Reader, code: Code, run: UID) -> dict[int, Leaving]:
    """What a step has made in a run and may still hand over, by the edge's place.

    Nothing where the approval under which it was let go has been withdrawn since, or has ended.
    """
    deployment, step = deployed(code)
    edges = deployment.protocol.leaving(step)
    found = {}
    for one in reader.select(InTransit, run=run, code_uid=code.uid, direction=Direction.OUT):
        request = reader.find(Request, uid=one.request_uid)
        if request is None or request.state is not RequestState.APPROVED or one.has_expired(ctx.now):
            continue
        if has_ended(request.terms, ctx.now):
            continue
        edge = edges[one.edge]
        found[one.edge] = Leaving(one, edge, deployment.site_of(edge.target))
    return found


def hand_over(ctx: Context, code: Code, run: UID) -> tuple[bool, ...]:
    """Send what a step has made to the sites that take it, as far as they can be reached from here.

    No transaction is open meanwhile. A failure is no error: whoever runs the protocol carries it.

    Args:
        ctx: of whoever runs the step.
        code: the step.
        run: which run.
    Returns:
        By the edge's place, whether the value is at the other site.
    """
    deployment, step = deployed(code)
    count = len(deployment.protocol.leaving(step))
    with ctx.site.store.reading() as reader:
        leaving = leaving_of(ctx, reader, code, run)
    due: dict[bytes, list[Leaving]] = defaultdict(list)
    for one in leaving.values():
        if not one.value.handed_over:
            due[one.site.key].append(one)
    if due:
        with ctx.node.reach.turn() as free:
            sent = _sent(ctx, due) if free else []
        if sent:
            _note_sent(ctx, sent)
        there = {one.value.edge for one in sent}
        return tuple(
            number in leaving and (leaving[number].value.handed_over or number in there)
            for number in range(count)
        )
    return tuple(number in leaving for number in range(count))


def _sent(ctx: Context, due: dict[bytes, list[Leaving]]) -> list[Leaving]:
    ends_at = time.monotonic() + _SENDING_S
    own = ctx.site.identity.verify_key
    sent = []
    for key, values in due.items():
        if key == own:
            sent += [one for one in values if _kept_here(ctx, one)]
            continue
        ways = ctx.node.reach.ways(values[0].site)
        sent += [one for one in values if _goes_by(ctx, one, ways, ends_at)]
    return sent


def _goes_by(ctx: Context, one: Leaving, ways: list[Way], ends_at: float) -> bool:
    """Whether a value has arrived by one of the ways; those that lead nowhere are taken out."""
    while ways:
        try:
            _send(ctx, one, ways[0], ends_at)
        except (RemoteError, WireError):
            ways.pop(0)
        except SyftException:
            return False  # the site itself does not want it
        else:
            return True
    return False


def _send(ctx: Context, one: Leaving, way: Way, ends_at: float) -> None:
    """Bring a value to its site, part by part.

    Raises:
        SyftException: the site refused.
        RemoteError: it cannot be reached by that way, or not in time.
    """
    identity = ctx.site.identity
    offset: int | None = 0
    while offset is not None:
        if time.monotonic() > ends_at:
            raise NodeUnreachable("It takes too long.")
        parcel, uid, offset = _sealed(ctx, one, way, offset)
        answer = exchange(way.route, parcel, identity.verify_key, uid, way.node, unhide=identity.unseal)
        expect(answer, Done)


def _sealed(ctx: Context, one: Leaving, way: Way | None, offset: int) -> tuple[Parcel, UID, int | None]:
    """A part of a value as only its site can read it, the message's UID, and where the next begins.

    Sealed anew whenever it is asked for: an envelope is good for a short time.

    Args:
        ctx: of whoever runs the step.
        one: the value.
        way: by which it goes; None where the caller carries it.
        offset: where the part begins.
    """
    is_watched = way is None or not way.is_direct
    total = padded(one.value.value.size) if is_watched else one.value.value.size
    length = min(PART_BYTES, total - offset)
    data = _bytes_of(ctx, one, offset, length)
    identity, uid = ctx.site.identity, UID()
    attachment = hide(
        data + bytes(length - len(data)), recipient=one.site.key, sender=identity.verify_key, uid=uid
    )
    envelope, _ = seal(
        _message(one, offset),
        identity=identity,
        recipient=one.site.key,
        address=way.node.address if way else address_of(one.site),
        now_ms=now_ms(),
        attachment=attachment,
        uid=uid,
        hidden=True,
    )
    following = offset + length
    return Parcel(envelope, attachment), uid, following if following < total else None


def padded(size: int) -> int:
    """How many bytes travel for a value of that size where somebody looks on: a power of two."""
    return max(_LEAST_PADDED, 1 << (size - 1).bit_length())


def _message(one: Leaving, offset: int) -> HandOver:
    return HandOver(
        protocol=one.value.protocol,
        run=one.value.run,
        source=one.edge.source,
        target=one.edge.target,
        parameter=one.edge.parameter,
        digest=one.value.value.digest,
        size=one.value.value.size,
        offset=offset,
        type_name=one.value.value.type_name,
    )


def _bytes_of(ctx: Context, one: Leaving, offset: int, length: int) -> bytes:
    value = one.value.value
    if value.inline is not None:
        return value.inline[offset : offset + length]
    return ctx.site.blobs.read(value.digest, offset, length)


def _kept_here(ctx: Context, one: Leaving) -> bool:
    """Whether a value whose next step is at this site has been taken for it."""
    own = ctx.site.identity.verify_key
    try:
        for offset in _offsets(one):
            event = _event(ctx, "value.arrived", one)
            data = _bytes_of(ctx, one, offset, PART_BYTES)
            ctx.site.arrivals.take(own, _message(one, offset), data, event)
    except SyftException:
        return False
    return True


def _offsets(one: Leaving) -> Iterator[int]:
    return iter(range(0, max(1, one.value.value.size), PART_BYTES))


def _note_sent(ctx: Context, sent: list[Leaving]) -> None:
    with ctx.site.store.writing(_event(ctx, "value.handed_over", sent[0])) as tx:
        for one in sent:
            current = tx.find(InTransit, uid=one.value.uid)
            if current is not None:
                tx.replace(msgspec.structs.replace(current, handed_over=True))


def _event(ctx: Context, verb: str, one: Leaving) -> Event:
    """Not the event of the message: that one has its own, and a message counts once."""
    return Event(
        verb=verb,
        actor_uid=ctx.caller.uid,
        actor_key=ctx.caller.verify_key.hex(),
        subject_uid=one.value.job_uid,
        detail={"protocol": one.value.protocol, "step": str(one.edge.target + 1), "site": one.site.key.hex()},
        created_at=ctx.now,
    )


def carried(ctx: Context, one: Leaving, offset: int) -> Attached:
    """A part of a value, sealed for its site, for the caller to bring there.

    Raises:
        InvalidInput: no part begins there.
    """
    if offset % PART_BYTES or not 0 <= offset < padded(one.value.value.size):
        raise InvalidInput(f"No part of that value begins at byte {offset}.")
    parcel, _, following = _sealed(ctx, one, None, offset)
    return Attached(Carried(parcel.envelope, following), parcel.attachment)


# --- forgetting


def values_of(reader: Reader, author_uid: UID, protocol: str, run: UID) -> list[InTransit]:
    """What a run of a protocol has left here, of that author's."""
    own = {None, *own_codes(reader, author_uid, protocol)}
    return [one for one in reader.select(InTransit, run=run, protocol=protocol) if one.code_uid in own]


def own_codes(reader: Reader, author_uid: UID, protocol: str) -> set[UID]:
    """The steps of a protocol that an account has here."""
    return {code.uid for code in reader.select(Code, owner_uid=author_uid, protocol=protocol)}


def forget_of(tx: Transaction, request: Request) -> set[str]:
    """Take away what an approval that has been withdrawn has left here; returns files that may go."""
    if request.code_uid is None or request.state is not RequestState.REVOKED:
        return set()
    values = tx.select(InTransit, request_uid=request.uid)
    code = tx.get(Code, request.code_uid)
    if code.protocol is not None and not _is_approved(tx, code.protocol, code.step):
        # What has arrived is for whoever may run that step; now nobody may.
        values += tx.select(InTransit, protocol=code.protocol, step=code.step, direction=Direction.IN)
    return forget(tx, values)


def _is_approved(reader: Reader, protocol: str, step: int | None) -> bool:
    return any(
        reader.count(Request, code_uid=code.uid, state=RequestState.APPROVED)
        for code in reader.select(Code, protocol=protocol, step=step)
    )


def find_leaving(ctx: Context, code: Code, run: UID, edge: int) -> Leaving:
    """What leaves a step by one edge.

    Raises:
        NotFound: nothing (any more).
    """
    with ctx.site.store.reading() as reader:
        one = leaving_of(ctx, reader, code, run).get(edge)
    if one is None:
        raise NotFound("There is nothing of that run to be carried: it has ended, or has not come so far.")
    return one
