"""This module does what is asked about accounts."""

from __future__ import annotations

import msgspec

from syft.access.checks import check_can_allow_mocks, check_can_give_role, check_can_manage
from syft.config import DEFAULT_PASSWORD
from syft.errors import AlreadyExists, AuthorizationException, InvalidInput, NotFound
from syft.model.message import Done, Message
from syft.model.messages.users import (
    CreateUser,
    DeleteUser,
    GetAccount,
    ListUsers,
    Register,
    UpdateUser,
    UserReply,
    UsersReply,
)
from syft.model.permission import Capability, Role
from syft.model.uid import UID
from syft.model.user import KEY_DOMAIN, SessionKey, User, check_email, check_name
from syft.node.context import LOCAL_ORIGINS, Context, page
from syft.node.dispatch import handles
from syft.node.passwords import hash_password
from syft.node.services.session import close_sessions, unseal_password
from syft.store.base import Condition, Contains, OneOf, Reader, Transaction

# Kept beside the accounts so that a starting server need not spend a hash to find out.
DEFAULT_PASSWORD_SETTING = "root_password_is_default"  # noqa: S105 - the name of a setting


@handles(Register, needs=Capability.REGISTER)
def register(ctx: Context, message: Register) -> Message:
    """Make an account for a guest; it is a data scientist's, whatever else was said.

    Raises:
        AuthorizationException: guests may not register here.
        AlreadyExists: the e-mail has an account.
    """
    site = ctx.site
    if not site.node_settings().signup_enabled and not ctx.caller.can(Capability.MANAGE_USERS):
        raise AuthorizationException(
            "You have no permission to create an account. Please contact the Datasite owner."
        )
    if ctx.caller.user is None and ctx.caller.origin not in LOCAL_ORIGINS:
        # Accounts cost disk and a hash each: a stranger makes a few, not thousands.
        site.origin_throttle.attempt(ctx.caller.origin)
    return _add(ctx, message, Role.DATA_SCIENTIST, mock_execution=False)


@handles(CreateUser, needs=Capability.MANAGE_USERS)
def create_user(ctx: Context, message: CreateUser) -> Message:
    """Make an account for somebody else.

    Raises:
        AuthorizationException: with a role that the caller may not give.
        AlreadyExists: the e-mail has an account.
    """
    check_can_give_role(ctx.caller, message.role)
    return _add(ctx, message, message.role, mock_execution=message.mock_execution)


def _add(ctx: Context, message: Register | CreateUser, role: Role, *, mock_execution: bool) -> Message:
    check_email(message.email)
    check_name(message.name)
    _check_is_no_keys(message.email)
    user = User(
        uid=UID(),
        email=message.email.lower(),
        name=message.name,
        role=role,
        password_hash=hash_password(unseal_password(ctx, message.sealed)),
        institution=message.institution,
        website=message.website,
        mock_execution=mock_execution,
        # Also of who registers while logged in: they make it, and choose its password, for somebody else.
        made_by=ctx.caller.uid,
        created_at=ctx.now,
    )
    with ctx.site.store.writing(ctx.event("user.created", user.uid, role=role.name)) as tx:
        if tx.find(User, email=user.email) is not None:
            raise AlreadyExists(f"User {user.email} already exists. Log in, or use another e-mail.")
        tx.add(user)
    return UserReply(user.view)


def _check_is_no_keys(email: str) -> None:
    """Raise for a name that only a key's own account has: nobody takes it before the key comes."""
    if email.lower().endswith(KEY_DOMAIN):
        raise InvalidInput(f"Addresses that end in {KEY_DOMAIN} are for keys. Use one that takes mail.")


@handles(GetAccount, needs=Capability.USE_ACCOUNT)
def get_account(ctx: Context, message: GetAccount) -> Message:
    """The caller's own account."""
    with ctx.site.store.reading() as reader:
        return UserReply(reader.get(User, ctx.user_uid).view)


@handles(ListUsers, needs=Capability.VIEW_USERS)
def list_users(ctx: Context, message: ListUsers) -> Message:
    """A page of accounts, without anything secret."""
    limit, offset = page(message.limit, message.offset)
    conditions: list[Condition] = []
    if message.email:
        conditions.append(Contains("email", message.email))
    if message.name:
        conditions.append(Contains("name", message.name))
    if message.uid is not None:
        conditions.append(OneOf("uid", [message.uid]))
    with ctx.site.store.reading() as reader:
        found = reader.select(User, *conditions, limit=limit, offset=offset)
        total = reader.count(User, *conditions)
    return UsersReply(tuple(user.view for user in found), total)


@handles(UpdateUser, needs=Capability.USE_ACCOUNT)
def update_user(ctx: Context, message: UpdateUser) -> Message:
    """Change an account: one's own name, e-mail and password; others' only with the right to manage them.

    Raises:
        NotFound: not there, or not the caller's to change.
        AuthorizationException: a role that the caller may not give, or their own.
        InvalidInput: a field that does not satisfy what it should.
    """
    site = ctx.site
    own = message.uid == ctx.caller.uid
    password_hash = None
    if message.sealed is not None:
        # Asked before the work, and again in the transaction.
        with site.store.reading() as reader:
            _target(reader, ctx, message, own=own)
        password = unseal_password(ctx, message.sealed)
        password_hash = hash_password(password)
    fields = ("email", "name", "role", "institution", "website", "mock_execution")
    changed = [name for name in fields if getattr(message, name) is not None]
    detail = ",".join(changed + (["password"] if password_hash else []))
    role = {"role": message.role.name} if message.role is not None else {}
    with site.store.writing(ctx.event("user.updated", message.uid, fields=detail, **role)) as tx:
        target = _target(tx, ctx, message, own=own)
        _check_role_change(ctx, tx, target, message.role, own=own)
        if not own and not ctx.caller.is_admin and (message.sealed is not None or message.email is not None):
            # With a new password or e-mail an owner could log in as a scientist, and read what others released to them:
            # also of an account that they have made, which is its person's since.
            raise AuthorizationException("Only an administrator sets another's password or e-mail.")
        if message.mock_execution is not None and not ctx.caller.can(Capability.MANAGE_USERS):
            raise AuthorizationException("Only those who manage users can allow mock execution.")
        new = {name: getattr(message, name) for name in changed}
        if target.is_key and (password_hash is not None or "email" in new):
            raise InvalidInput("This account is a key's own: it has no e-mail and no password to change.")
        if "email" in new:
            _check_is_no_keys(new["email"])
        if "email" in new:
            new["email"] = new["email"].lower()
        if password_hash is not None:
            new["password_hash"] = password_hash
            # Whoever had the old password is out; the session that changed it stays.
            close_sessions(tx, target.uid, but=ctx.caller.verify_key.hex() if own else "")
            if target.is_root:
                tx.put_setting(DEFAULT_PASSWORD_SETTING, "yes" if password == DEFAULT_PASSWORD else "no")
        user = msgspec.structs.replace(target, **new)
        check_email(user.email)
        check_name(user.name)
        tx.replace(user)
    site.sessions.changed()
    return UserReply(user.view)


def _target(tx: Reader, ctx: Context, message: UpdateUser | DeleteUser, *, own: bool) -> User:
    target = tx.find(User, uid=message.uid)
    if target is None:
        raise NotFound("There is no such user, or they are not yours to manage.")
    if own:
        return target
    if message == UpdateUser(message.uid, mock_execution=True) or message == UpdateUser(
        message.uid, mock_execution=False
    ):
        check_can_allow_mocks(ctx.caller, target)
    else:
        check_can_manage(ctx.caller, target)
    return target


def _check_role_change(ctx: Context, tx: Transaction, target: User, role: Role | None, *, own: bool) -> None:
    if role is None or role == target.role:
        return
    if own:
        raise AuthorizationException("Nobody changes their own role. Ask an administrator.")
    check_can_give_role(ctx.caller, role)
    if target.is_root:
        raise AuthorizationException("Cannot update root role.")
    _check_an_admin_stays(tx, target)


def _check_an_admin_stays(tx: Transaction, target: User) -> None:
    if target.role is Role.ADMIN and tx.count(User, role=Role.ADMIN) < 2:
        raise InvalidInput("This is the last administrator; make another one first.")


@handles(DeleteUser, needs=Capability.MANAGE_USERS)
def delete_user(ctx: Context, message: DeleteUser) -> Message:
    """Remove an account with its keys. What it asked for and ran stays in the records.

    Raises:
        NotFound: not there, or not the caller's to manage.
        AuthorizationException: the root account.
        InvalidInput: the last administrator.
    """
    with ctx.site.store.writing(ctx.event("user.deleted", message.uid)) as tx:
        target = _target(tx, ctx, message, own=message.uid == ctx.caller.uid)
        if target.is_root:
            raise AuthorizationException("The root user cannot be deleted.")
        _check_an_admin_stays(tx, target)
        if target.is_key:
            # The key stays known, and blocked: a fresh account would be its next message away.
            for session in tx.select(SessionKey, user_uid=target.uid):
                tx.replace(msgspec.structs.replace(session, revoked=True))
        else:
            close_sessions(tx, target.uid)
        tx.remove(User, target.uid)
    ctx.site.sessions.changed()
    return Done()
