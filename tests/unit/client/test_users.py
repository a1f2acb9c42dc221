"""Accounts, as an administrator and as their owners see them."""

from __future__ import annotations

import getpass
from collections.abc import Iterator

import pytest

from syft.client.client import Client
from syft.client.login import login
from syft.client.users import UserView, as_role
from syft.errors import AlreadyExists, AuthenticationError, AuthorizationException, InvalidInput, NotFound
from syft.model.permission import Role
from syft.model.uid import UID
from syft.transport.memory import MemoryRoute


@pytest.fixture
def user(admin: Client, request: pytest.FixtureRequest) -> Iterator[UserView]:
    """An account for one test."""
    user = admin.users.create(email=f"{UID().short()}@test.org", name="Leonard", password="one")
    yield user
    admin.users.delete(user.id)


def test_listed_found_and_shown(admin: Client, scientist: Client) -> None:
    assert admin.users[0].email == "info@openmined.org"
    assert admin.users[1].email == admin.users[admin.users[1].id].email
    assert admin.users["Sheldon@test.org"].name == "Sheldon"
    assert admin.users[-1].id == list(admin.users)[-1].id
    assert [one.name for one in admin.users.search(name="heldo")] == ["Sheldon"]
    assert [one.name for one in admin.users.search(email="sheldon@")] == ["Sheldon"]
    assert admin.users.view(admin.users[0].id).role is Role.ADMIN
    assert admin.users.get_current_user().email == "info@openmined.org"
    assert repr(admin.users).startswith("UserView List\nTotal: ")
    assert "Data scientist" in admin.users._repr_html_()
    assert repr(admin.users["sheldon@test.org"]).startswith("Sheldon\nid: ")
    with pytest.raises(InvalidInput, match="Invalid search parameters"):
        admin.users.search()
    for key in ("nobody@test.org", UID(), 10_000):
        with pytest.raises(NotFound):
            admin.users[key]


def test_scientists_do_not_see_them(scientist: Client) -> None:
    with pytest.raises(AuthorizationException):
        scientist.users[0]
    assert "no access" in repr(scientist.users)


def test_made_changed_and_removed(admin: Client, route: MemoryRoute) -> None:
    user = admin.users.create(
        email="penny@test.org",
        name="Penny",
        password="a",
        password_verify="a",
        role="data_owner",
        institution="x",
    )
    assert (user.role, user.institution, user.website, user.mock_execution_permission) == (
        Role.DATA_OWNER,
        "x",
        "",
        False,
    )
    assert user.update(name="P", role="data scientist").message == "User details successfully updated."
    assert (user.name, user.role) == ("P", Role.DATA_SCIENTIST)
    assert user.set_email("p@test.org").message == "Email updated to 'p@test.org'."
    changed = admin.users.update(user.id, website="https://example.org", password="b", role=Role.DATA_OWNER)
    assert changed.website == "https://example.org"
    assert login("p@test.org", "b", route=route).user_role is Role.DATA_OWNER
    with pytest.raises(AlreadyExists):
        admin.users.create(email="p@test.org", name="Again", password="a")
    assert admin.users.delete(user.id) == user.id
    with pytest.raises(AuthenticationError):
        login("p@test.org", "b", route=route)


def test_passwords_that_differ(admin: Client) -> None:
    with pytest.raises(InvalidInput, match="Passwords do not match"):
        admin.users.create(email="x@test.org", name="X", password="a", password_verify="b")


def test_a_password_is_changed_without_asking(user: UserView, route: MemoryRoute) -> None:
    client = login(user.email, "one", route=route)
    done = client.account.set_password("two")
    assert done.message == f"Successfully updated password for user '{user.email}'."
    assert client.account.name == "Leonard"
    with pytest.raises(AuthenticationError):
        login(user.email, "one", route=route)
    assert login(user.email, "two", route=route).authed


def test_a_password_that_is_asked_for(
    user: UserView, route: MemoryRoute, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter(["three", "three", "four", "five", "six"])
    monkeypatch.setattr(getpass, "getpass", lambda prompt: next(typed))
    client = login(user.email, "one", route=route)
    client.account.set_password()
    assert login(user.email, "three", route=route).authed
    with pytest.raises(InvalidInput, match="do not match"):
        client.account.set_password()
    with pytest.raises(InvalidInput, match="do not match"):
        client.account.set_password("seven", confirm=True)


def test_ones_own_account_stays_up_to_date(user: UserView, route: MemoryRoute) -> None:
    client = login(user.email, "one", route=route)
    client.account.update(name="Leo", institution="Caltech")
    assert (client.logged_in_username, client.me.institution) == ("Leo", "Caltech")
    with pytest.raises(AuthorizationException):
        client.account.update(role=Role.ADMIN)


@pytest.mark.parametrize("text", ["admin", "ADMIN", " Admin "])
def test_roles_by_name(text: str) -> None:
    assert as_role(text) is Role.ADMIN
    assert as_role(Role.GUEST) is Role.GUEST


def test_no_such_role() -> None:
    with pytest.raises(InvalidInput, match="There is: guest, data_scientist, data_owner, admin"):
        as_role("king")
