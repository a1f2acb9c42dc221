"""This module holds what is said about accounts."""

from __future__ import annotations

from syft.model.message import Message
from syft.model.permission import Role
from syft.model.uid import UID
from syft.model.user import UserView


class Register(Message, frozen=True, tag="users.register"):
    """Make an account for whoever sends this; it becomes a data scientist. Answered by `UserReply`.

    There is deliberately no field for a role: a guest who could name one would name administrator.

    Args:
        email: the new account's login.
        name: shown to others.
        sealed: `Credentials`, sealed to the node's key.
        institution: free text.
        website: free text.
    """

    email: str
    name: str
    sealed: bytes
    institution: str = ""
    website: str = ""


class CreateUser(Message, frozen=True, tag="users.create"):
    """Make an account for somebody else. Answered by `UserReply`."""

    email: str
    name: str
    sealed: bytes
    role: Role = Role.DATA_SCIENTIST
    institution: str = ""
    website: str = ""
    mock_execution: bool = False


class GetAccount(Message, frozen=True, tag="users.me"):
    """Who am I here? Answered by `UserReply`."""


class ListUsers(Message, frozen=True, tag="users.list"):
    """Which accounts are there, oldest first? Answered by `UsersReply`.

    Args:
        email: only with this text in the e-mail.
        name: only with this text in the name.
        uid: only this one.
        limit: how many at most; 0 for no bound but the node's.
        offset: how many to skip.
    """

    email: str = ""
    name: str = ""
    uid: UID | None = None
    limit: int = 0
    offset: int = 0


class UpdateUser(Message, frozen=True, tag="users.update"):
    """Change an account; None leaves a field as it is. Answered by `UserReply`."""

    uid: UID
    email: str | None = None
    name: str | None = None
    role: Role | None = None
    institution: str | None = None
    website: str | None = None
    mock_execution: bool | None = None
    sealed: bytes | None = None


class DeleteUser(Message, frozen=True, tag="users.delete"):
    """Remove an account; its keys stop working at once."""

    uid: UID


class UserReply(Message, frozen=True, tag="users.reply"):
    """One account."""

    user: UserView


class UsersReply(Message, frozen=True, tag="users.list.reply"):
    """A page of accounts, and how many there are in all."""

    users: tuple[UserView, ...]
    total: int
