"""This module is the table: for each kind of message the capability it takes and the one function that handles it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from syft.access.checks import check_capability
from syft.errors import InvalidInput
from syft.model.message import Message, tag_of
from syft.model.permission import Capability
from syft.node.context import Attached, Context
from syft.node.enrolment import enrolled

M = TypeVar("M", bound=Message)
Handler = Callable[[Context, Any], Message | Attached]
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True)
class Entry:
    """One row of the table."""

    needs: Capability
    handler: Handler
    enrols: bool = False


_TABLE: dict[type[Message], Entry] = {}
_frozen = False


def handles(kind: type[Message], *, needs: Capability, enrols: bool = False) -> Callable[[H], H]:
    """Make a function the handler of that kind of message.

    Args:
        kind: of message; each has one handler.
        needs: what a caller must be able to do before the handler is even called.
        enrols: whether a key without an account gets one by sending it, where the node is set so
            (`NodeSettings.key_accounts`). For what brings or asks; never for looking around.
    Raises:
        AssertionError: the kind has a handler, or a node has started: nobody adds one behind its back.
    """

    def keep(handler: H) -> H:
        if _frozen:
            raise AssertionError(f"the table is closed; {tag_of(kind)!r} comes too late")
        if kind in _TABLE:
            raise AssertionError(f"{tag_of(kind)!r} has a handler already")
        _TABLE[kind] = Entry(needs, handler, enrols)
        return handler

    return keep


def freeze() -> None:
    """Close the table; called when the first node starts."""
    global _frozen
    _frozen = True


def table() -> dict[type[Message], Entry]:
    """The whole table, for tests and documents."""
    return dict(_TABLE)


def dispatch(context: Context, message: Message) -> Message | Attached:
    """Hand a message to its handler, if its sender may send such messages at all.

    Raises:
        InvalidInput: nobody handles this kind of message.
        AuthorizationException: the sender's role does not have the capability.
        SyftException: whatever the handler refuses.
    """
    entry = _TABLE.get(type(message))
    if entry is None:
        raise InvalidInput(f"This node does not take messages of kind '{tag_of(message)}'.")
    if entry.enrols:
        context = enrolled(context)
    check_capability(context.caller, entry.needs, tag_of(message))
    return entry.handler(context, message)
