"""This module does what is asked about the node itself."""

from __future__ import annotations

from syft.logger import tell
from syft.model.messages.nodes import ShowNode
from syft.model.permission import Capability
from syft.node.context import Context
from syft.node.dispatch import handles

# As people of 2021 know the kinds; "datasite" and "gateway" came later.
_KIND_NAMES = {"vm": "VirtualMachine"}


@handles(ShowNode, needs=Capability.ADMINISTER)
def show_node(ctx: Context, message: ShowNode) -> None:
    """Write down who the node is, in its log; nothing is answered."""
    info = ctx.node.info
    kind = _KIND_NAMES.get(info.kind, info.kind.capitalize())
    tell("CRITICAL", f"{kind}: {info.name}: {info.uid}")
