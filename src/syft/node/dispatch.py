"""This module is the table: for each kind of message the capability it takes and the one function that handles it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from syft.access.checks import check_capability
from syft.errors import InvalidInput
from syft.model.message import Message, tag_of
from syft.model.messages.nodes import Custom
from syft.model.permission import Capability
from syft.node.context import Attached, Context
from syft.node.enrolment import enrolled

M = TypeVar("M", bound=Message)
# What it answers; None where the message has no answer: it was taken, and that is all.
Handler = Callable[[Context, Any], Message | Attached | None]
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True)
class Entry:
    """One row of the table.

    Args:
        needs: what a caller must be able to do.
        handler: what is done then.
        may_wait: of a `Custom` kind, whether it may be eventual; of others the message itself says so.
    """

    needs: Capability
    handler: Handler
    enrols: bool = False
    may_wait: bool = False


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


# What a gateway has a word in: itself, its members, and who runs it. It keeps nothing of anybody's.
_AT_A_GATEWAY: Final = frozenset({"node", "network", "session", "users", "settings", "events", "mail"})


def find_entry(
    message: Message, added: Mapping[str, Entry], *, kind_of_node: str = "", eventual: bool = False
) -> Entry:
    """The row of a message.

    Args:
        message: what was said.
        added: by name, what the process that this node is in taught it besides.
        kind_of_node: a gateway handles few kinds only.
        eventual: whether it came as a letter.
    Raises:
        InvalidInput: nobody handles this kind of message, or not as a letter.
    """
    kind = message.name if isinstance(message, Custom) else tag_of(message)
    entry = added.get(kind) if isinstance(message, Custom) else _TABLE.get(type(message))
    if kind_of_node == "gateway" and tag_of(message).partition(".")[0] not in _AT_A_GATEWAY:
        raise InvalidInput(
            "This is a gateway: it keeps no data and runs nothing. Ask one of its members: `client.members` lists them."
        )
    if entry is None or (eventual and isinstance(message, Custom) and not entry.may_wait):
        raise InvalidInput(f"This node does not take messages of kind '{kind[:200]}'.")
    return entry


def admitted(context: Context, entry: Entry, message: Message) -> Context:
    """The surroundings in which a handler is called, if the sender may send such messages at all.

    Raises:
        AuthorizationException: the sender's role does not have the capability.
    """
    if entry.enrols:
        context = enrolled(context)
    kind = message.name[:200] if isinstance(message, Custom) else tag_of(message)
    check_capability(context.caller, entry.needs, kind)
    return context
