"""The table of handlers: closed, one for each kind, and what of it a gateway and letters get."""

from __future__ import annotations

import pytest

from syft.errors import InvalidInput
from syft.model.message import Done, Message
from syft.model.messages.datasets import ListDatasets
from syft.model.messages.nodes import Custom
from syft.model.messages.session import GetNodeInfo
from syft.model.messages.users import UsersReply
from syft.model.permission import Capability
from syft.node import dispatch, services  # noqa: F401 - importing them fills the table
from syft.node.context import Context
from syft.node.dispatch import Entry, find_entry, handles, table


def handler(ctx: Context, message: Message) -> Message:
    return Done()


def test_nobody_adds_or_replaces_a_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS 2.5: neither a second handler for a kind, nor any once a node has started."""
    before = table()
    monkeypatch.setattr(dispatch, "_frozen", False)
    with pytest.raises(AssertionError, match="has a handler already"):
        handles(GetNodeInfo, needs=Capability.LOOK_AROUND)(handler)
    dispatch.freeze()
    with pytest.raises(AssertionError, match="comes too late"):
        handles(UsersReply, needs=Capability.LOOK_AROUND)(handler)
    assert table() == before
    # What is handed out is a copy.
    table().clear()
    assert table() == before


def test_a_gateway_takes_few_kinds() -> None:
    """THREATS 2.7: it has no data, and nothing that is said about data reaches a handler there."""
    assert find_entry(ListDatasets(), {}, kind_of_node="datasite").needs is Capability.BROWSE_DATASETS
    assert find_entry(GetNodeInfo(), {}, kind_of_node="gateway").needs is Capability.LOOK_AROUND
    with pytest.raises(InvalidInput, match="This is a gateway"):
        find_entry(ListDatasets(), {}, kind_of_node="gateway")


def test_a_kind_of_ones_own_waits_only_where_it_may() -> None:
    """THREATS 2.5: unknown kinds, and such as are answered at once or not at all."""
    message = Custom("mine", b"")
    patient, impatient = (
        Entry(Capability.LOOK_AROUND, handler, may_wait=True),
        Entry(Capability.LOOK_AROUND, handler),
    )
    assert find_entry(message, {"mine": patient}, eventual=True) is patient
    assert find_entry(message, {"mine": impatient}) is impatient
    for added, eventual in (({"mine": impatient}, True), ({}, False), ({"other": patient}, False)):
        with pytest.raises(InvalidInput, match="does not take messages of kind 'mine'"):
            find_entry(message, added, eventual=eventual)
    with pytest.raises(InvalidInput, match=r"users\.list\.reply"):
        find_entry(UsersReply((), 0), {})
