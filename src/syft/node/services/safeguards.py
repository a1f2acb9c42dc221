"""This module keeps what owners demand before anything made of an object of theirs leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from syft.errors import AuthorizationException, InvalidInput
from syft.model.message import Message
from syft.model.messages.datasets import NewSafeguards
from syft.model.messages.objects import ObjectReply, SetSafeguards
from syft.model.permission import Capability
from syft.model.terms import Safeguards
from syft.model.uid import UID
from syft.model.user import User
from syft.node.context import Context
from syft.node.dispatch import handles
from syft.node.services.kept import changeable, object_view
from syft.store.base import Reader


def accounts_of(
    ctx: Context, reader: Reader, emails: Sequence[str], known: Mapping[str, UID] | None = None
) -> tuple[UID, ...]:
    """The accounts of these e-mails, each once.

    Args:
        ctx: who names them.
        reader: of the store.
        emails: of accounts.
        known: those of which the caller knows anyway, by e-mail in lower case.
    Raises:
        AuthorizationException: the caller may not know which accounts there are.
        InvalidInput: there is none of that e-mail.
    """
    found: dict[UID, None] = {}
    for email in emails:
        uid = (known or {}).get(email.lower())
        if uid is None:
            # Whoever may not list accounts must not find out by naming them.
            if not ctx.caller.can(Capability.VIEW_USERS):
                raise AuthorizationException(
                    "Accounts are named by data owners and administrators, who may know which there are."
                )
            user = reader.find(User, email=email)
            if user is None:
                raise InvalidInput(f"There is no account '{email[:100]}' on this node.")
            uid = user.uid
        found[uid] = None
    return tuple(found)


def safeguards_from(ctx: Context, reader: Reader, given: NewSafeguards) -> Safeguards:
    """What the caller demands, as it is kept.

    Raises:
        AuthorizationException: they name approvers, and may not know which accounts there are.
        InvalidInput: there is no account of one of the e-mails.
    """
    return Safeguards(
        approvals=given.approvals,
        approvers=accounts_of(ctx, reader, given.approvers),
        review=given.review,
    )


def said(safeguards: Safeguards) -> dict[str, str]:
    """What the log says of them."""
    return {
        "approvals": str(safeguards.approvals),
        "approvers": ",".join(uid.hex for uid in safeguards.approvers),
        "review": str(safeguards.review).lower(),
    }


@handles(SetSafeguards, needs=Capability.KEEP_OBJECTS)
def set_safeguards(ctx: Context, message: SetSafeguards) -> Message:
    """Demand this from now on of whatever runs on an object of the caller's, also of what was approved before.

    Raises:
        NotFound: not there, or not the caller's.
        AuthorizationException: they name approvers, and may not know which accounts there are.
        InvalidInput: there is no account of one of the e-mails.
    """
    with ctx.site.store.reading() as reader:
        changeable(ctx, reader, message.uid)
        safeguards = safeguards_from(ctx, reader, message.safeguards)
    event = ctx.event("object.safeguarded", message.uid, **said(safeguards))
    with ctx.site.store.writing(event) as tx:
        record = msgspec.structs.replace(changeable(ctx, tx, message.uid), safeguards=safeguards)
        tx.replace(record)
        return ObjectReply(object_view(ctx, tx, record))
