"""This module holds accounts and the keys that speak for them."""

from __future__ import annotations

import re
from datetime import datetime

import msgspec

from syft.errors import InvalidInput
from syft.model.permission import Role
from syft.model.uid import UID

# Enough to catch a slip of the finger; whether an address takes mail, only mail can tell.
_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,255}")
MAX_NAME = 200
# The domain of the names of accounts that are keys; `.invalid` is nobody's, by RFC 2606.
KEY_DOMAIN = "@key.invalid"


def check_email(email: str) -> None:
    """Raise unless `email` looks like an address.

    Raises:
        InvalidInput: it does not.
    """
    if not _EMAIL.fullmatch(email):
        raise InvalidInput(f"Invalid email: '{email[:100]}'. An address looks like name@example.org.")


def check_name(name: str, what: str = "Name") -> None:
    """Raise unless `name` can be shown on one line.

    Args:
        name: what a person typed.
        what: what it is the name of, for the message.
    Raises:
        InvalidInput: empty, too long, or with control characters.
    """
    if not name.strip():
        raise InvalidInput(f"{what} can't be an empty string.")
    if len(name) > MAX_NAME:
        raise InvalidInput(f"{what} is longer than {MAX_NAME} characters.")
    if any(ord(char) < 32 or ord(char) == 127 for char in name):
        raise InvalidInput(f"{what} has control characters in it; please leave them out.")


class User(msgspec.Struct, frozen=True, kw_only=True):
    """An account, as the node keeps it. Only its `view` ever travels.

    Args:
        uid: the account's own.
        email: its login; unique on the node, compared in lower case.
        name: shown to others.
        role: what it may do.
        password_hash: Argon2id, with its salt and cost in the same text.
        institution: free text.
        website: free text.
        mock_execution: whether it may run code of its own on mock values on this node.
        is_root: the one account that cannot be deleted or demoted.
        is_key: whether it is a key's own, without a password: see `NodeSettings.key_accounts`.
        made_by: whoever made it for its person, and knows its first password; None for those that registered, for keys,
            and for accounts from before this was kept.
        created_at: when, in UTC.
    """

    uid: UID
    email: str
    name: str
    role: Role
    password_hash: str
    institution: str = ""
    website: str = ""
    mock_execution: bool = False
    is_root: bool = False
    is_key: bool = False
    made_by: UID | None = None
    created_at: datetime

    def __post_init__(self) -> None:
        check_email(self.email)
        check_name(self.name)
        for text, what in ((self.institution, "Institution"), (self.website, "Website")):
            if text:
                check_name(text, what)

    @property
    def view(self) -> UserView:
        """What may be shown: everything but the password's hash."""
        return UserView(
            uid=self.uid,
            email=self.email,
            name=self.name,
            role=self.role,
            institution=self.institution,
            website=self.website,
            mock_execution=self.mock_execution,
            is_root=self.is_root,
            created_at=self.created_at,
        )


class UserView(msgspec.Struct, frozen=True, kw_only=True):
    """An account as others see it; the fields of `User` without the password's hash."""

    uid: UID
    email: str
    name: str
    role: Role
    institution: str = ""
    website: str = ""
    mock_execution: bool = False
    is_root: bool = False
    created_at: datetime


class PersonView(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody as those see them who only share a request or a job with them.

    Args:
        uid: of the account.
        name: shown.
        email: how to reach them.
        institution: whose requests these are; empty where the reader is not the one to decide about them.
        made_by: the e-mail of whoever made the account for them, and chose its first password: they could speak for
            this person as long as it is in use. Empty likewise, and where they registered themselves.
    """

    uid: UID
    name: str
    email: str
    institution: str = ""
    made_by: str = ""


class SessionKey(msgspec.Struct, frozen=True, kw_only=True):
    """A public key that speaks for an account for a limited time.

    Args:
        uid: the record's own.
        verify_key: 64 hex digits; its secret half never left the person's machine.
        user_uid: the account.
        created_at: when it logged in, in UTC.
        expires_at: after which it is refused, in UTC.
        revoked: whether it was withdrawn before that.
    """

    uid: UID
    verify_key: str
    user_uid: UID
    created_at: datetime
    expires_at: datetime
    revoked: bool = False
