"""This module is a door: which class of PySyft 0.5 stands for which message of the core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from syft.core.io.address import Address
from syft.errors import InvalidInput
from syft.model.message import Message, tag_of
from syft.model.messages.nodes import Custom
from syft.model.uid import UID
from syft.wire.envelope import read_draft

C = TypeVar("C", bound=type)

_CLASSES: dict[type[Message], Any] = {}
# Kinds that people of 2021 define themselves, by name: each is put here when its class is made.
_CUSTOM: dict[str, Any] = {}


def stands_for(kind: type[Message]) -> Callable[[C], C]:
    """Make a class the one that shows messages of that kind.

    Args:
        kind: of the core; each has one class.
    """

    def keep(shown: C) -> C:
        if kind in _CLASSES:
            raise AssertionError(f"{tag_of(kind)!r} is shown by {_CLASSES[kind].__name__} already")
        _CLASSES[kind] = shown
        return shown

    return keep


def name_of(shown: type) -> str:
    """The name under which a class of people's own travels."""
    return f"{shown.__module__}.{shown.__qualname__}"


def define(shown: type) -> None:
    """Make a class of people's own known; a later one of the same name takes its place, as in a notebook."""
    _CUSTOM[name_of(shown)] = shown


def class_of(message: Message) -> Any:
    """The class that shows a message; None where PySyft 0.5 has no word for it."""
    if isinstance(message, Custom):
        return _CUSTOM.get(message.name)
    return _CLASSES.get(type(message))


def shown(message: Message, address: Address, uid: UID) -> Any:
    """A message of the core in the words of PySyft 0.5.

    Raises:
        InvalidInput: those have no word for it.
    """
    kind = class_of(message)
    if kind is None:
        raise InvalidInput(f"A message of kind '{tag_of(message)}' has no name in PySyft 0.5.")
    return kind.of(message, address, uid)


def read(draft: bytes) -> Any:
    """The message whose bytes these are, in the words of PySyft 0.5.

    Raises:
        WireError: they are not a message.
        InvalidInput: there is no word for it.
    """
    header, message = read_draft(draft)
    target = header.address.target
    return shown(message, Address.of(header.address, target.short() if target else ""), header.uid)
