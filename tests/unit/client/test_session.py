"""A session: it ends, it expires, and it says so."""

from __future__ import annotations

import pytest

from syft.client.client import Client
from syft.client.login import login
from syft.client.session import Session
from syft.errors import AuthenticationError, AuthorizationException
from syft.model.identity import Identity
from syft.model.messages.users import GetAccount, ListUsers, UserReply, UsersReply
from syft.model.permission import Role
from syft.transport.memory import MemoryRoute


def test_an_expired_session_says_to_log_in_again(scientist: Client, route: MemoryRoute) -> None:
    account = scientist.session.account
    session = Session(route, Identity.generate(), route.describe(), account=account, expires_in_s=0.0)
    assert session.has_expired
    with pytest.raises(AuthenticationError, match=r"has expired. Log in again: `sy.login"):
        session.ask(GetAccount(), UserReply)


def test_before_that_a_refusal_is_a_refusal(scientist: Client) -> None:
    assert not scientist.session.has_expired
    with pytest.raises(AuthorizationException):
        scientist.ask(ListUsers(), UsersReply)


def test_after_logging_out_nothing_is_asked(scientist: Client, route: MemoryRoute) -> None:
    client = login("sheldon@test.org", "123", route=route)
    assert "Logged out of 'test site'" in client.logout().message
    assert client.logout().is_ok()
    with pytest.raises(AuthenticationError, match="You have logged out"):
        client.refresh()
    # The node has forgotten the key as well.
    again = Session(route, client.identity, route.describe())
    with pytest.raises((AuthenticationError, AuthorizationException)):
        again.ask(GetAccount(), UserReply)


def test_a_guest_has_the_guests_role(route: MemoryRoute) -> None:
    assert Session(route, Identity.generate(), route.describe()).role is Role.GUEST
