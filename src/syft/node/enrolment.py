"""This module gives a key that nobody knows an account of its own, on nodes that are set so (`key_accounts`).

So who owns and who asks stay one concept, accounts, also where people have keys and no passwords. A key that
was ever known, and then revoked or expired, gets none: blocking it would mean nothing otherwise.
"""

from __future__ import annotations

import contextlib
import dataclasses
from datetime import UTC, datetime
from typing import Final

from syft.errors import QuotaExceeded
from syft.model.event import Event
from syft.model.permission import Role
from syft.model.uid import UID
from syft.model.user import KEY_DOMAIN, SessionKey, User
from syft.node.context import LOCAL_ORIGINS, Context
from syft.node.passwords import NO_PASSWORD

# The key is its own account: no login that could expire. It is revoked by hand.
NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)


class _KnownMeanwhile(Exception):
    """Another message of the same key was first; nothing is to be written."""


def enrolled(ctx: Context) -> Context:
    """The same surroundings; where the caller's key is unknown and the node is set so, with a new account.

    Raises:
        QuotaExceeded: there are as many such accounts as the node allows.
        TooManyAttempts: too many from that network address.
    """
    caller, site, settings = ctx.caller, ctx.site, ctx.site.node_settings()
    # The key of another node is no person's: it may what its relation says.
    is_person = caller.user is None and caller.peer is None
    if not is_person or not settings.key_accounts or not caller.guests_welcome:
        return ctx
    key = caller.verify_key.hex()
    with site.store.reading() as reader:
        if reader.find(SessionKey, verify_key=key) is not None:
            # Known: it was revoked, or has just got its account by another message.
            return dataclasses.replace(
                ctx,
                caller=dataclasses.replace(caller, user=site.sessions.user_of(caller.verify_key, ctx.now)),
            )
    if caller.origin not in LOCAL_ORIGINS:
        site.origin_throttle.attempt(caller.origin)
    user = User(
        uid=UID(),
        email=key[:16] + KEY_DOMAIN,
        name=f"key {key[:16]}",
        role=Role.DATA_SCIENTIST,
        password_hash=NO_PASSWORD,
        is_key=True,
        created_at=ctx.now,
    )
    # Not the event of the message: that one has its own, and a message counts once.
    event = Event(
        verb="user.key_enrolled", actor_uid=user.uid, actor_key=key, subject_uid=user.uid, created_at=ctx.now
    )
    session = SessionKey(uid=UID(), verify_key=key, user_uid=user.uid, created_at=ctx.now, expires_at=NEVER)
    with contextlib.suppress(_KnownMeanwhile), site.store.writing(event) as tx:
        # Counted and looked for in the transaction: first messages may come many at once.
        if tx.find(SessionKey, verify_key=key) is not None:
            raise _KnownMeanwhile
        if tx.count(User, is_key=True) >= settings.key_account_limit:
            raise QuotaExceeded(
                f"This node gives accounts to {settings.key_account_limit:,} keys and has that many. "
                "Ask its administrator for an account."
            )
        tx.add(user)
        tx.add(session)
    site.sessions.changed()
    found = site.sessions.user_of(caller.verify_key, ctx.now)
    return dataclasses.replace(ctx, caller=dataclasses.replace(caller, user=found))
