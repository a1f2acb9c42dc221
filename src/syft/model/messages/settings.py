"""This module holds what is said about a node's settings."""

from __future__ import annotations

from syft.model.message import Message
from syft.model.settings import NodeSettings


class GetSettings(Message, frozen=True, tag="settings.get"):
    """How is this node set? Answered by `SettingsReply`."""


class UpdateSettings(Message, frozen=True, tag="settings.update"):
    """Change settings; None leaves one as it is. Answered by `SettingsReply`."""

    organization: str | None = None
    description: str | None = None
    admin_email: str | None = None
    signup_enabled: bool | None = None
    guest_sessions: bool | None = None
    key_accounts: bool | None = None
    key_account_limit: int | None = None
    objects_per_account: int | None = None
    bytes_per_account: int | None = None
    members_may_join: bool | None = None
    approvals_needed: int | None = None


class SettingsReply(Message, frozen=True, tag="settings.reply"):
    """The settings as they now are."""

    settings: NodeSettings
