"""From an address to a client."""

from __future__ import annotations

import getpass
import re

import pytest

from syft.client.client import Client
from syft.client.login import connect, login, login_as_guest, normal_url, register
from syft.errors import AuthenticationError, InvalidInput, NodeUnreachable
from syft.model.permission import Role
from syft.transport.memory import MemoryRoute


@pytest.mark.parametrize(
    ("url", "port", "normal"),
    [
        ("localhost", 8080, "http://localhost:8080"),
        ("localhost", "8080", "http://localhost:8080"),
        ("http://localhost", 8080, "http://localhost:8080"),
        ("http://localhost/", 8080, "http://localhost:8080"),
        ("http://localhost:8080", None, "http://localhost:8080"),
        ("http://localhost:8080", 8080, "http://localhost:8080"),
        ("localhost:8080", None, "http://localhost:8080"),
        ("https://data.example.org", None, "https://data.example.org"),
        ("https://data.example.org/syft/", None, "https://data.example.org/syft"),
        ("HTTP://Data.Example.org", None, "http://data.example.org"),
        (" 10.0.0.1 ", 80, "http://10.0.0.1:80"),
        ("0.0.0.0", 8080, "http://localhost:8080"),
        ("http://[::1]", 8080, "http://[::1]:8080"),
        ("http://[::]:8080", None, "http://localhost:8080"),
    ],
)
def test_addresses(url: str, port: int | str | None, normal: str) -> None:
    assert normal_url(url, port) == normal


@pytest.mark.parametrize(
    ("url", "port", "said"),
    [
        ("", None, "not an address"),
        ("http://", None, "not an address"),
        ("ftp://localhost", None, "not an address"),
        ("http://localhost:99999", None, "not an address"),
        ("http://localhost:80", 81, "port 80, and port=81"),
        ("localhost", "auto", "'auto' is not a port"),
        ("localhost", 0, "'0' is not a port"),
        ("http://me:secret@localhost", None, "Leave name and password out"),
        ("http://localhost?x=1", None, "not an address"),
    ],
)
def test_what_is_not_an_address(url: str, port: int | str | None, said: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(said)):
        normal_url(url, port)


def test_nobody_there() -> None:
    with pytest.raises(NodeUnreachable, match="syft launch"):
        login("a@b.org", "x", url="localhost", port=1)


def test_login_says_as_whom(route: MemoryRoute, capsys: pytest.CaptureFixture[str]) -> None:
    client = login("info@openmined.org", "changethis", route=route)
    assert capsys.readouterr().out == (
        "Logged into <test site: High side Datasite> as <info@openmined.org>\n"
        "You are using a default password. Please change the password using "
        "`[your_client].account.set_password([new_password])`.\n"
    )
    assert client.user_role is Role.ADMIN
    assert client.logged_in_user == "info@openmined.org"


def test_no_warning_for_a_password_of_ones_own(
    scientist: Client, route: MemoryRoute, capsys: pytest.CaptureFixture[str]
) -> None:
    login("sheldon@test.org", "123", route=route)
    assert capsys.readouterr().out == "Logged into <test site: High side Datasite> as <sheldon@test.org>\n"


def test_guests(route: MemoryRoute, capsys: pytest.CaptureFixture[str]) -> None:
    guest = login_as_guest(route=route)
    assert capsys.readouterr().out == "Logged into <test site: High-side Datasite> as GUEST\n"
    assert guest.user_role is Role.GUEST
    assert guest.logged_in_user == ""
    with pytest.raises(AuthenticationError, match="Guests have no account"):
        _ = guest.account


def test_the_password_is_asked_for(
    scientist: Client, route: MemoryRoute, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts: list[str] = []
    monkeypatch.setattr(getpass, "getpass", lambda prompt: prompts.append(prompt) or "123")
    assert login("sheldon@test.org", route=route).authed
    assert prompts == ["Password for sheldon@test.org at test site: "]


def test_wrong_password(route: MemoryRoute) -> None:
    with pytest.raises(AuthenticationError, match="Invalid credentials"):
        login("sheldon@test.org", "124", route=route)


def test_register(admin: Client, route: MemoryRoute) -> None:
    done = register(route=route, name="Amy", email="amy@test.org", password="x", password_verify="x")
    assert done.message == "User 'Amy' successfully registered!"
    assert login("amy@test.org", "x", route=route).logged_in_username == "Amy"
    with pytest.raises(InvalidInput, match="Passwords do not match"):
        connect(route=route).register("Amy", "amy2@test.org", "x", password_verify="y")


def test_each_login_has_a_key_of_its_own(scientist: Client, route: MemoryRoute) -> None:
    one, other = (login("sheldon@test.org", "123", route=route) for _ in range(2))
    assert one.verify_key != other.verify_key
    assert isinstance(one, Client)
    one.logout()
    assert other.account.email == "sheldon@test.org"
    other.refresh()
