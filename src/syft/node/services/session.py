"""This module lets people in: it checks a password and takes a key for as long as a session lasts."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import msgspec

from syft.config import DEFAULT_PASSWORD
from syft.errors import AuthenticationError, InvalidInput, TooManyAttempts
from syft.model.event import Event
from syft.model.message import Done, Message
from syft.model.messages.session import Credentials, GetNodeInfo, LoggedIn, LogIn, LogOut, NodeInfoReply
from syft.model.permission import Capability
from syft.model.uid import UID
from syft.model.user import SessionKey, User, check_email
from syft.node.context import LOCAL_ORIGINS, Context
from syft.node.dispatch import handles
from syft.node.passwords import is_password, nobody
from syft.store.base import Transaction
from syft.wire.records import decode_record

# A person has a few notebooks and a script or two; more keys than this at once are somebody else's.
MAX_SESSIONS: Final = 50


def unseal_password(ctx: Context, sealed: bytes) -> str:
    """The password that was sealed to this node for the very message that carries it.

    Raises:
        InvalidInput: it was sealed to another node, or for another sender's message.
    """
    plain = ctx.site.identity.unseal(sealed)
    if plain is None:
        raise InvalidInput("The password was not sealed for this node. Connect to it anew.")
    credentials = decode_record(Credentials, plain)
    # A sealed password recorded from somebody's message is worth nothing in another's.
    if credentials.sender != ctx.caller.verify_key:
        raise InvalidInput("The password was sealed for another sender's message.")
    return credentials.password


@handles(GetNodeInfo, needs=Capability.LOOK_AROUND)
def node_info(ctx: Context, message: GetNodeInfo) -> Message:
    """What the node says of itself, signed."""
    return NodeInfoReply(ctx.node.info)


@handles(LogIn, needs=Capability.LOG_IN)
def log_in(ctx: Context, message: LogIn) -> Message:
    """Take the sender's key for an account, if the password is right.

    Unknown e-mail and wrong password are one answer, after the same work.

    Raises:
        AuthenticationError: they do not belong together.
        TooManyAttempts: too many failures for this account or from this address.
    """
    site = ctx.site
    email = message.email.lower()
    check_email(email)
    # Looked up first in any case: that there is such an account must not make the answer take longer.
    with site.store.reading() as reader:
        user = reader.find(User, email=email)
    account = user.uid if user else None
    try:
        site.origin_throttle.attempt(ctx.caller.origin)
        site.account_throttle.attempt(email)
    except TooManyAttempts:
        site.refusals.login_throttled(ctx.caller, account)
        raise
    password = unseal_password(ctx, message.sealed)
    right = is_password(user.password_hash if user else nobody(), password)
    if user is None or not right:
        site.refusals.login_failed(ctx.caller, account, "password")
        raise AuthenticationError("Invalid credentials. Check e-mail and password.")
    site.origin_throttle.succeeded(ctx.caller.origin)
    site.account_throttle.succeeded(email)
    default = user.is_root and password == DEFAULT_PASSWORD
    if default and ctx.caller.origin not in LOCAL_ORIGINS:
        site.refusals.login_failed(ctx.caller, account, "default_password")
        raise AuthenticationError(
            "The default password is accepted on the node's own machine only. "
            "Log in there and change it: `client.account.set_password(...)`."
        )
    lasts = timedelta(hours=site.settings.session_hours)
    session = SessionKey(
        uid=UID(),
        verify_key=ctx.caller.verify_key.hex(),
        user_uid=user.uid,
        created_at=ctx.now,
        expires_at=ctx.now + lasts,
    )
    try:
        with site.store.writing(ctx.event("session.opened", user.uid)) as tx:
            _make_room(tx, user)
            earlier = tx.find(SessionKey, verify_key=session.verify_key)
            if earlier is not None and earlier.user_uid != user.uid:
                raise AuthenticationError("This key speaks for another account; log in with a fresh client.")
            if earlier is not None:
                tx.replace(msgspec.structs.replace(session, uid=earlier.uid))
            else:
                tx.add(session)
    except AuthenticationError:
        site.refusals.login_failed(ctx.caller, account, "key_in_use")
        raise
    site.sessions.changed()
    return LoggedIn(user.view, lasts.total_seconds(), default)


def _make_room(tx: Transaction, user: User) -> None:
    """Keep an account's keys below the bound: the oldest go first."""
    kept = tx.select(SessionKey, user_uid=user.uid)
    for old in kept[: max(0, len(kept) + 1 - MAX_SESSIONS)]:
        tx.remove(SessionKey, old.uid)


def close_sessions(tx: Transaction, user_uid: UID, but: str = "") -> None:
    """Make every key of that account stop working.

    Args:
        tx: the transaction in which its account changes.
        user_uid: whose.
        but: a key that stays, in hex: that of whoever changed their own password.
    """
    for session in tx.select(SessionKey, user_uid=user_uid):
        if session.verify_key != but:
            tx.remove(SessionKey, session.uid)


@handles(LogOut, needs=Capability.USE_ACCOUNT)
def log_out(ctx: Context, message: LogOut) -> Message:
    """Make the sender's key stop working."""
    event: Event = ctx.event("session.closed", ctx.caller.uid)
    with ctx.site.store.writing(event) as tx:
        session = tx.find(SessionKey, verify_key=ctx.caller.verify_key.hex())
        if session is not None:
            tx.replace(msgspec.structs.replace(session, revoked=True))
    ctx.site.sessions.changed()
    return Done()
