"""This module is a door: the smallest message there is, as PySyft 0.5 had it."""

from __future__ import annotations

from syft.core.common.message import ImmediateSyftMessageWithoutReply
from syft.core.common.vocabulary import stands_for
from syft.model.message import Message
from syft.model.messages.nodes import ShowNode


@stands_for(ShowNode)
class ReprMessage(ImmediateSyftMessageWithoutReply):  # type: ignore[type-arg]  # its `mro()` is in the notebook
    """Write down who you are."""

    @property
    def core(self) -> Message:
        """What it is in the core."""
        return ShowNode()
