"""What a person holds of a node."""

from __future__ import annotations

import getpass

import msgspec
import pytest

from syft.client.client import Client
from syft.client.login import connect, login
from syft.client.present import SyftSuccess
from syft.errors import AuthorizationException
from syft.model.messages.session import GetNodeInfo, NodeInfoReply
from syft.model.permission import Role
from syft.model.settings import NodeInfo
from syft.transport.memory import MemoryRoute


def test_who_and_where(scientist: Client, route: MemoryRoute) -> None:
    assert repr(scientist) == "<DatasiteClient: test site>"
    assert scientist.name == "test site"
    assert scientist.id == scientist.metadata.uid == route.describe().uid
    assert scientist.user_role is Role.DATA_SCIENTIST
    assert scientist.logged_in_user == "sheldon@test.org"
    assert scientist.logged_in_username == "Sheldon"
    assert scientist.authed
    assert len(scientist.verify_key) == 64
    assert scientist.verify_key == scientist.identity.verify_key.hex()
    assert scientist.me.email == scientist.account.email == "sheldon@test.org"
    assert scientist.ask(GetNodeInfo(), NodeInfoReply).info.name == "test site"


def test_the_card_offers_what_the_role_has_a_use_for(
    admin: Client, scientist: Client, route: MemoryRoute
) -> None:
    guest = connect(route=route)
    cards = {client.user_role: client._repr_html_() for client in (guest, scientist, admin)}
    assert "Welcome to test site" in cards[Role.GUEST]
    assert "Isolation of submitted code" in cards[Role.ADMIN]
    assert "&lt;your_client&gt;.datasets" in cards[Role.GUEST]
    assert ".register(" in cards[Role.GUEST]
    assert ".register(" not in cards[Role.DATA_SCIENTIST]
    for command, least in (
        ("requests", Role.DATA_SCIENTIST),
        ("users", Role.DATA_OWNER),
        ("events", Role.ADMIN),
    ):
        for role, card in cards.items():
            assert (f"&lt;your_client&gt;.{command}" in card) is (role >= least)


def test_unknown_names_say_what_there_is(scientist: Client) -> None:
    for name in ("dataset", "projekts"):
        with pytest.raises(
            AttributeError, match=f"has no submodule or method '{name}'. It has: datasets, objects, code"
        ):
            getattr(scientist, name)
    with pytest.raises(AttributeError, match="has no submodule or method 'nothing'"):
        scientist.api.services.nothing


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("dataset", "Dataset Dicttuple"),
        ("datasets", "Dataset Dicttuple"),
        ("user", "UserView List"),
        ("code", "UserCode List"),
        ("request", "Request List"),
        ("job", "Job List"),
        ("jobs", "Job List"),
        ("settings", "Settings"),
        ("log", "Event List"),
    ],
)
def test_services_by_the_names_of_before(name: str, title: str, admin: Client) -> None:
    assert repr(getattr(admin.api.services, name)).startswith(title)
    assert "client.datasets" in repr(admin.api)


def test_refresh_reads_anew(admin: Client, scientist: Client) -> None:
    admin.settings.update(organization="Somewhere", description="Data about people.")
    scientist.refresh()
    assert scientist.metadata.organization == "Somewhere"
    assert "Data about people." in scientist._repr_html_()


def test_settings(admin: Client, scientist: Client, route: MemoryRoute) -> None:
    assert admin.settings.allow_guest_signup(enable=False) == SyftSuccessIs(
        "Registration feature successfully disabled"
    )
    with pytest.raises(AuthorizationException, match="You have no permission to create an account"):
        connect(route=route).register("A", "a@test.org", "x")
    assert admin.settings.allow_guest_signup(enable=True) == SyftSuccessIs(
        "Registration feature successfully enabled"
    )
    now = admin.settings.get()
    assert now.signup_enabled
    assert repr(now).startswith("Settings\nOrganization: ")
    assert "<b>Signup enabled:</b> True" in now._repr_html_()
    assert "Signup enabled: True" in repr(admin.settings)
    with pytest.raises(AuthorizationException):
        scientist.settings.allow_guest_signup(enable=True)
    assert "no access" in repr(scientist.settings)


class SyftSuccessIs:
    """Equal to a success of these words."""

    def __init__(self, message: str) -> None:
        self.message = message

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SyftSuccess) and other.message == self.message

    def __hash__(self) -> int:
        return hash(self.message)


def test_events(admin: Client, scientist: Client) -> None:
    first = admin.events[0]
    assert first.seq == 1
    assert first.verb == "node.created"
    assert first.detail["name"] == "test site"
    assert "What: node.created" in repr(first)
    verbs = [event.verb for event in admin.events]
    assert {"dataset.created", "user.created", "session.opened"} <= set(verbs)
    assert len(admin.events) >= len(verbs)
    created = next(event for event in admin.events if event.verb == "dataset.created")
    assert created.actor_uid == admin.account.id
    assert created.subject_uid == admin.datasets["People"].id
    assert created.created_at.year >= 2024
    assert repr(admin.events).startswith("Event List\nTotal: ")
    with pytest.raises(AuthorizationException):
        scientist.events[0]


class NamedByAnEnemy(MemoryRoute):
    """A way to a node that says of itself what would do something to a terminal."""

    said = "x\x1b[2J\u202e\nLogged into <bank>"

    def describe(self) -> NodeInfo:
        return msgspec.structs.replace(
            super().describe(), name=self.said, side_type=self.said, kind=self.said
        )


def test_a_nodes_name_is_one_line_of_text(
    admin: Client, route: MemoryRoute, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(getpass, "getpass", lambda prompt: asked.append(prompt) or "changethis")
    client = login("info@openmined.org", route=NamedByAnEnemy(route._node))
    lines = capsys.readouterr().out.splitlines()
    client.login_as_guest()
    lines += capsys.readouterr().out.splitlines()
    assert [line.partition(" <")[0] for line in lines if "<" in line] == ["Logged into"] * 2
    texts = [*lines, *asked, repr(client), repr(client.logout()), client._repr_html_()]
    assert [text for text in texts if "\x1b" in text or "\u202e" in text] == []
    assert [text for text in texts[:-1] if "\n" in text] == []
    assert client.name == NamedByAnEnemy.said
