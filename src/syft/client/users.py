"""This module shows accounts and changes them."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from syft.client.lists import Listing, ViewList
from syft.client.present import Card, Shown, SyftSuccess
from syft.client.session import Session
from syft.errors import InvalidInput, NotFound
from syft.model.message import Done
from syft.model.messages.users import (
    CreateUser,
    DeleteUser,
    GetAccount,
    ListUsers,
    UpdateUser,
    UserReply,
    UsersReply,
)
from syft.model.permission import Role
from syft.model.uid import UID
from syft.model.user import UserView as UserRecord

UPDATED: Final = "User details successfully updated."


def as_role(role: Role | str) -> Role:
    """The role that was meant: a `Role`, or its name in any case.

    Raises:
        InvalidInput: there is none of that name.
    """
    if isinstance(role, Role):
        return role
    try:
        return Role[str(role).strip().upper().replace(" ", "_")]
    except KeyError:
        known = ", ".join(one.name.lower() for one in Role if one is not Role.NONE)
        raise InvalidInput(f"There is no role '{role}'. There is: {known}.") from None


class UserView(Shown):
    """An account at a node.

    Args:
        session: through which to change it.
        record: how it stood when the node was last asked.
    """

    def __init__(self, session: Session, record: UserRecord) -> None:
        self._session = session
        self._record = record

    @property
    def id(self) -> UID:
        """Its UID."""
        return self._record.uid

    @property
    def email(self) -> str:
        """Its login."""
        return self._record.email

    @property
    def name(self) -> str:
        """Shown to others."""
        return self._record.name

    @property
    def role(self) -> Role:
        """What it may do."""
        return self._record.role

    @property
    def institution(self) -> str:
        """Free text."""
        return self._record.institution

    @property
    def website(self) -> str:
        """Free text."""
        return self._record.website

    @property
    def mock_execution_permission(self) -> bool:
        """Whether it may run its own code on mock values at the node."""
        return self._record.mock_execution

    def allow_mock_execution(self, allow: bool = True) -> SyftSuccess:
        """Let it run its own code on mock values at the node, or no longer."""
        return self._update(UpdateUser(self.id, mock_execution=allow), UPDATED)

    def set_password(self, new_password: str | None = None, confirm: bool = False) -> SyftSuccess:
        """Change its password.

        Args:
            new_password: asked for, twice, when left out.
            confirm: ask for it again.
        Raises:
            InvalidInput: it was typed differently the second time, or is not good enough for the node.
        """
        asked = new_password is None
        password = getpass.getpass("New password: ") if new_password is None else new_password
        if (confirm or asked) and getpass.getpass("The same again: ") != password:
            raise InvalidInput("Passwords do not match. Nothing was changed.")
        sealed = self._session.seal_password(password)
        return self._update(
            UpdateUser(self.id, sealed=sealed), f"Successfully updated password for user '{self.email}'."
        )

    def set_email(self, email: str) -> SyftSuccess:
        """Change its login."""
        return self._update(UpdateUser(self.id, email=email), f"Email updated to '{email}'.")

    def update(
        self,
        *,
        name: str | None = None,
        institution: str | None = None,
        website: str | None = None,
        role: Role | str | None = None,
        mock_execution_permission: bool | None = None,
    ) -> SyftSuccess:
        """Change what is given; the rest stays."""
        message = UpdateUser(
            self.id,
            name=name,
            role=None if role is None else as_role(role),
            institution=institution,
            website=website,
            mock_execution=mock_execution_permission,
        )
        return self._update(message, UPDATED)

    def _update(self, message: UpdateUser, text: str) -> SyftSuccess:
        self._record = self._session.ask(message, UserReply).user
        account = self._session.account
        if account is not None and account.uid == self._record.uid:
            self._session.account = self._record
        return SyftSuccess(text, value=self)

    def row(self) -> Mapping[str, object]:
        """Its line in a list."""
        return {
            "id": self.id.hex,
            "Name": self.name,
            "Email": self.email,
            "Institute": self.institution,
            "Website": self.website,
            "Role": self.role.label.capitalize(),
            "Mock execution": "allowed" if self.mock_execution_permission else "",
        }

    def _card(self) -> Card:
        facts = [(label, text) for label, text in self.row().items() if text and label != "Name"]
        return Card(self.name, facts)


class Users(Listing[UserView]):
    """The accounts at a node: `client.users`, by place, e-mail or UID."""

    _title: ClassVar[str] = "UserView List"
    _what: ClassVar[str] = "user"

    def __init__(self, session: Session) -> None:
        self._session = session

    def _ask(self, message: ListUsers) -> tuple[list[UserView], int]:
        reply = self._session.ask(message, UsersReply)
        return [UserView(self._session, record) for record in reply.users], reply.total

    def _page(self, limit: int, offset: int) -> tuple[Sequence[UserView], int]:
        return self._ask(ListUsers(limit=limit, offset=offset))

    def _named(self, key: str) -> UserView:
        found, _ = self._ask(ListUsers(email=key))
        for user in found:
            if user.email == key.lower():
                return user
        raise NotFound(f"There is no user with the e-mail '{key}'. `client.users` lists those there are.")

    def _by_uid(self, uid: UID) -> UserView:
        found, _ = self._ask(ListUsers(uid=uid, limit=1))
        if not found:
            raise NotFound("There is no user with that UID. `client.users` lists those there are.")
        return found[0]

    def view(self, uid: UID) -> UserView:
        """The account with that UID."""
        return self._by_uid(uid)

    def get_current_user(self) -> UserView:
        """Your own account."""
        return UserView(self._session, self._session.ask(GetAccount(), UserReply).user)

    def search(
        self, email: str | None = None, name: str | None = None, id: UID | None = None
    ) -> ViewList[UserView]:
        """The accounts that fit everything that is given.

        Args:
            email: only with this text in the e-mail.
            name: only with this text in the name.
            id: only this one.
        Raises:
            InvalidInput: nothing is given.
        """
        if not (email or name or id):
            raise InvalidInput("Invalid search parameters: give an email, a name or an id.")
        found, _ = self._ask(ListUsers(email=email or "", name=name or "", uid=id))
        return ViewList(self._title, found)

    def create(
        self,
        email: str,
        name: str,
        password: str,
        password_verify: str | None = None,
        role: Role | str | None = None,
        institution: str = "",
        website: str = "",
        mock_execution_permission: bool = False,
    ) -> UserView:
        """Make an account for somebody.

        Args:
            email: its login.
            name: shown to others.
            password: to be changed by its owner.
            password_verify: the same again, where it was typed.
            role: data scientist when left out.
            institution: free text.
            website: free text.
            mock_execution_permission: whether it may run its own code on mock values at the node.
        Raises:
            InvalidInput: the passwords differ, or a field is not as it should be.
            AlreadyExists: the e-mail has an account.
        """
        check_same(password, password_verify)
        message = CreateUser(
            email=email,
            name=name,
            sealed=self._session.seal_password(password),
            role=Role.DATA_SCIENTIST if role is None else as_role(role),
            institution=institution,
            website=website,
            mock_execution=mock_execution_permission,
        )
        return UserView(self._session, self._session.ask(message, UserReply).user)

    def update(
        self,
        uid: UID,
        *,
        email: str | None = None,
        name: str | None = None,
        role: Role | str | None = None,
        password: str | None = None,
        institution: str | None = None,
        website: str | None = None,
        mock_execution_permission: bool | None = None,
    ) -> UserView:
        """Change what is given of an account; the rest stays."""
        message = UpdateUser(
            uid,
            email=email,
            name=name,
            role=None if role is None else as_role(role),
            institution=institution,
            website=website,
            mock_execution=mock_execution_permission,
            sealed=None if password is None else self._session.seal_password(password),
        )
        return UserView(self._session, self._session.ask(message, UserReply).user)

    def delete(self, uid: UID | str) -> UID:
        """Remove an account; its keys stop working at once.

        Args:
            uid: whose, by UID or e-mail.
        Raises:
            NotFound: nobody has that e-mail.
        """
        if isinstance(uid, str):
            found = [user for user in self.search(email=uid) if user.email == uid.lower()]
            if not found:
                raise NotFound(f"Nobody here has the e-mail '{uid}'. `client.users` lists who there is.")
            uid = found[0].id
        self._session.ask(DeleteUser(uid), Done)
        return uid


def check_same(password: str, again: str | None) -> None:
    """Raise unless a password was typed the same twice, where it was typed twice.

    Raises:
        InvalidInput: it was not.
    """
    if again is not None and again != password:
        raise InvalidInput("Passwords do not match. Type the same one twice.")
