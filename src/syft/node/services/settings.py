"""This module does what is asked about a node's settings."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from syft.model.message import Message
from syft.model.messages.settings import GetSettings, SettingsReply, UpdateSettings
from syft.model.permission import Capability
from syft.model.settings import SETTINGS
from syft.node.context import Context
from syft.node.dispatch import handles


def switched(given: Mapping[str, object]) -> dict[str, str]:
    """What the log says of new settings: switches and numbers, by name. Texts people write themselves, so not those."""
    return {name: str(value).lower() for name, value in given.items() if isinstance(value, bool | int)}


@handles(GetSettings, needs=Capability.VIEW_SETTINGS)
def get_settings(ctx: Context, message: GetSettings) -> Message:
    """The settings as they are."""
    return SettingsReply(ctx.site.node_settings())


@handles(UpdateSettings, needs=Capability.CHANGE_SETTINGS)
def update_settings(ctx: Context, message: UpdateSettings) -> Message:
    """Change what was named; the rest stays."""
    given = {name: getattr(message, name) for name in message.__struct_fields__}
    given = {name: value for name, value in given.items() if value is not None}
    settings = msgspec.structs.replace(ctx.site.node_settings(), **given)
    with ctx.site.store.writing(
        ctx.event("settings.changed", None, fields=",".join(given), **switched(given))
    ) as tx:
        tx.put_setting(SETTINGS, msgspec.json.encode(settings).decode())
    ctx.site.settings_changed(settings)
    return SettingsReply(settings)
