"""This module shows what an administrator can change about a node, and changes it."""

from __future__ import annotations

import msgspec

from syft.client.present import Card, Shown, SyftSuccess, Text, when
from syft.client.session import Session
from syft.errors import SyftException
from syft.model.messages.settings import GetSettings, SettingsReply, UpdateSettings
from syft.model.settings import NodeSettings


class SettingsView(Shown, NodeSettings, frozen=True, kw_only=True):
    """The settings of a node, as they were when it was asked."""

    def _card(self) -> Card:
        return Card("Settings", _facts(self))


class ServerSettings(Shown):
    """The settings of a node: `client.settings`.

    Args:
        session: through which to change them.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self) -> SettingsView:
        """The settings as they are now."""
        now = self._session.ask(GetSettings(), SettingsReply).settings
        return SettingsView(**msgspec.structs.asdict(now))

    def update(
        self,
        *,
        organization: str | None = None,
        description: str | None = None,
        admin_email: str | None = None,
        signup_enabled: bool | None = None,
        allow_guest_sessions: bool | None = None,
        key_accounts: bool | None = None,
        key_account_limit: int | None = None,
        objects_per_account: int | None = None,
        bytes_per_account: int | None = None,
        members_may_join: bool | None = None,
        approvals_needed: int | None = None,
    ) -> SyftSuccess:
        """Change what is given; the rest stays.

        Args:
            organization: whose node it is.
            description: shown to everybody.
            admin_email: whom to ask.
            signup_enabled: whether guests may make themselves an account.
            allow_guest_sessions: whether guests may look around at all.
            key_accounts: whether a key that nobody knows gets an account of its own when it first brings or asks
                for something; not for a node that strangers reach.
            key_account_limit: how many such accounts there may be.
            objects_per_account: how many objects somebody who cannot upload datasets may keep.
            bytes_per_account: how many bytes they may have.
            members_may_join: of a gateway, whether a datasite that proves its key is a member without being decided
                about.
            approvals_needed: how many people who decide about requests by their role (data owners of the inputs and
                administrators) have to approve one that code may run. Its author never counts.
        """
        message = UpdateSettings(
            organization=organization,
            description=description,
            admin_email=admin_email,
            signup_enabled=signup_enabled,
            guest_sessions=allow_guest_sessions,
            key_accounts=key_accounts,
            key_account_limit=key_account_limit,
            objects_per_account=objects_per_account,
            bytes_per_account=bytes_per_account,
            members_may_join=members_may_join,
            approvals_needed=approvals_needed,
        )
        settings = self._session.ask(message, SettingsReply).settings
        return SyftSuccess("Settings updated successfully.", value=settings)

    def allow_guest_signup(self, enable: bool) -> SyftSuccess:
        """Let guests make themselves an account, or no longer."""
        settings = self._session.ask(UpdateSettings(signup_enabled=enable), SettingsReply).settings
        word = "enabled" if enable else "disabled"
        return SyftSuccess(f"Registration feature successfully {word}", value=settings)

    def _card(self) -> Card:
        try:
            settings = self.get()
        except SyftException as error:  # showing must not raise
            return Card("Settings", [], [("", Text(error.public_message))])
        info = self._session.info
        return Card(
            "Settings",
            [
                ("Id", info.uid.hex),
                ("Name", info.name),
                ("Deployed on", when(info.deployed_at)),
                *_facts(settings, info.kind),
            ],
        )


def _facts(settings: NodeSettings, kind: str = "") -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [
        ("Organization", settings.organization),
        ("Description", settings.description),
        ("Signup enabled", settings.signup_enabled),
        ("Admin email", settings.admin_email),
        ("Enable guest sessions", settings.guest_sessions),
        (
            "Accounts for unknown keys",
            f"up to {settings.key_account_limit:,}" if settings.key_accounts else False,
        ),
        ("Objects per account", f"{settings.objects_per_account:,} ({settings.bytes_per_account:,} bytes)"),
        ("Approvals needed", settings.approvals_needed),
    ]
    if kind == "gateway":
        facts.append(("Members may join", settings.members_may_join))
    return facts
