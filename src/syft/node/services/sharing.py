"""This module lets owners say who else may read an object of theirs, without having been asked."""

from __future__ import annotations

from typing import Final

from syft.errors import InvalidInput, NotFound
from syft.model.message import Done, Message
from syft.model.messages.objects import GrantObject
from syft.model.object import ObjectRecord
from syft.model.permission import Capability, Grant
from syft.model.uid import UID
from syft.model.user import User
from syft.node.context import Context
from syft.node.dispatch import handles
from syft.node.services.grants import is_for
from syft.node.services.kept import changeable
from syft.store.base import OneOf, Transaction

MAX_EMAILS: Final = 100


@handles(GrantObject, needs=Capability.KEEP_OBJECTS)
def grant_object(ctx: Context, message: GrantObject) -> Message:
    """Grant, or withdraw, the right to read an object's value as it is now.

    Whether an account has an e-mail is not told: otherwise granting would be a way to ask who is here.

    Raises:
        NotFound: not there, or not the caller's.
        InvalidInput: too many at once.
    """
    if len(message.emails) > MAX_EMAILS:
        raise InvalidInput(f"At most {MAX_EMAILS} accounts in one message.")
    verb = "object.withdrawn" if message.withdraw else "object.granted"
    with ctx.site.store.writing(ctx.event(verb, message.uid)) as tx:
        record = changeable(ctx, tx, message.uid)
        if record.private is None:
            raise NotFound("This object only announces data that is not here; there is nothing to read.")
        people = tx.select(User, OneOf("email", [email.lower() for email in message.emails]))
        _grant(ctx, tx, record, [person.uid for person in people], withdraw=message.withdraw)
    return Done()


def _grant(ctx: Context, tx: Transaction, record: ObjectRecord, people: list[UID], *, withdraw: bool) -> None:
    assert record.private is not None
    there = tx.select(Grant, OneOf("user_uid", people), object_uid=record.uid)
    if withdraw:
        for grant in there:
            tx.remove(Grant, grant.uid)
            tx.also(ctx.event("grant.withdrawn", grant.user_uid, object=record.uid.hex))
        return
    granted = {grant.user_uid for grant in there if is_for(grant, record)}
    for person in people:
        if person not in granted and person != record.owner_uid:
            tx.add(
                Grant(
                    uid=UID(),
                    object_uid=record.uid,
                    user_uid=person,
                    granted_by=ctx.user_uid,
                    created_at=ctx.now,
                    digest=record.private.digest,
                )
            )
            # Who may read what: the message's own event names the object only.
            tx.also(ctx.event("grant.made", person, object=record.uid.hex))
