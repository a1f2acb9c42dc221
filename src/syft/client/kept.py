"""This module holds the objects at a node as a person calls about them: sends, searches, picks one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final

from syft.client.lists import Listing, ViewList
from syft.client.objects import bring
from syft.client.plans import pointer_to
from syft.client.pointer import HasSession, Pointer
from syft.errors import InvalidInput, MissingExtra
from syft.model.messages.objects import (
    FindObjects,
    GetObject,
    ObjectReply,
    ObjectsReply,
    ObjectView,
    PutObject,
    ReplaceObject,
)
from syft.model.object import ObjectKind
from syft.model.uid import UID

# Shorter text is no part of a UID that anybody means.
_LEAST_OF_UID: Final = 5
_NO_MOCK: Final = object()


def send(
    client: HasSession,
    value: Any,
    *,
    tags: Iterable[str] = (),
    description: str = "",
    pointable: bool = True,
    uid: UID | None = None,
    mock: Any = _NO_MOCK,
    leased: bool | None = None,
) -> Pointer:
    """Take a value to a node, to be kept there, yours.

    Args:
        client: of the node.
        value: of a type that travels.
        tags: to find it by.
        description: for people.
        pointable: whether everybody finds it. What is not is forgotten once nobody here points to it, or has
            used it for an hour.
        uid: to know it by; one is chosen where it is left out.
        mock: an invented one of the same type, for whoever finds it.
        leased: whether it is forgotten so; left out: as `pointable` says.
    Returns:
        A pointer to it.
    Raises:
        UnsupportedType: it cannot travel.
        AuthorizationException: guests may not.
        AlreadyExists: an object has that UID, or had it.
        QuotaExceeded: you keep as much there as the node allows.
    """
    if isinstance(tags, str):
        raise InvalidInput("Tags are a list of texts: tags=['...'].")
    session = client.session
    message = PutObject(
        value=bring(session, value),
        uid=uid,
        tags=tuple(dict.fromkeys(tags)),
        description=description,
        findable=pointable,
        leased=not pointable if leased is None else leased,
        mock=None if mock is _NO_MOCK else bring(session, mock),
    )
    view = session.ask(message, ObjectReply).object
    pointer = Pointer(view.uid, client=client, view=view)
    if message.leased:
        pointer.let_die()
    return pointer


class Objects(Listing[Pointer]):
    """The objects at a node that you may know of: `client.objects`, by place, tag or UID.

    Args:
        client: of the node.
        tags: only those that have all of these.
    """

    _title: ClassVar[str] = "Object List"
    _what: ClassVar[str] = "object"

    def __init__(self, client: HasSession, tags: tuple[str, ...] = ()) -> None:
        self._client = client
        self._tags = tags

    def _page(self, limit: int, offset: int) -> tuple[Sequence[Pointer], int]:
        reply = self._client.session.ask(FindObjects(self._tags, limit, offset), ObjectsReply)
        return [_pointer(self._client, view) for view in reply.objects], reply.total

    def _by_uid(self, uid: UID) -> Pointer:
        view = self._client.session.ask(GetObject(uid=uid), ObjectReply).object
        return _pointer(self._client, view)

    def _named(self, key: str) -> Pointer:
        """The one object with that tag, or whose UID has this text in it.

        Raises:
            KeyError: none, or several.
        """
        tagged, total = Objects(self._client, (*self._tags, key))._page(2, 0) if _may_be_tag(key) else ((), 0)
        if total > 1:
            raise KeyError(f"More than one item with tag:{key}")
        if tagged:
            return tagged[0]
        if len(key) < _LEAST_OF_UID:
            raise KeyError(
                f"No such item found for tag: {key}, and we don't consider it as part of id string because its too "
                "short."
            )
        part = key.replace("-", "").lower()
        named = [pointer for pointer in self if part in pointer.id.hex]
        if len(named) != 1:
            raise KeyError(
                f"More than one item with {key} in its id" if named else f"No such item found for id:{key}"
            )
        return named[0]

    def send(
        self,
        value: Any,
        *,
        tags: Iterable[str] = (),
        description: str = "",
        pointable: bool = True,
        uid: UID | None = None,
        mock: Any = _NO_MOCK,
    ) -> Pointer:
        """See `send`."""
        return send(
            self._client, value, tags=tags, description=description, pointable=pointable, uid=uid, mock=mock
        )

    def replace(self, uid: UID, value: Any) -> Pointer:
        """Put another value in the place of an object's of yours. What was granted was the old one.

        Raises:
            NotFound: not there, or not yours.
            InvalidState: it is part of a dataset, or a result.
        """
        session = self._client.session
        view = session.ask(ReplaceObject(uid, bring(session, value)), ObjectReply).object
        return Pointer(view.uid, client=self._client, view=view)

    def search(self, *tags: str) -> ViewList[Pointer]:
        """Those that have all of these tags; without tags, all."""
        return Objects(self._client, tuple(dict.fromkeys((*self._tags, *tags)))).get_all()

    def get_by_uid(self, uid: UID) -> Pointer:
        """The object of that UID.

        Raises:
            NotFound: not there, or not yours to see.
        """
        return self._by_uid(uid)

    @property
    def pandas(self) -> Any:
        """All of them as a table with the columns ID, Tags, Description and object_type.

        Raises:
            MissingExtra: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtra("This needs pandas: pip install 'datasite[data]'.") from None
        rows = [
            {
                "ID": pointer.id,
                "Tags": pointer.tags,
                "Description": pointer.description,
                "object_type": pointer.object_type,
            }
            for pointer in self
        ]
        return pd.DataFrame(rows, columns=["ID", "Tags", "Description", "object_type"])


def _pointer(client: HasSession, view: ObjectView) -> Pointer:
    """A pointer to what was found, of the kind that it is."""
    if view.kind is ObjectKind.PLAN:
        return pointer_to(client, view)
    return Pointer(view.uid, client=client, view=view)


def _may_be_tag(key: str) -> bool:
    return bool(key.strip()) and key.isprintable()
