"""This module holds pointers: a value that is elsewhere; `get()` brings it, where it may leave."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from syft.client.access import AccessRequest, ask_for
from syft.client.objects import fetch
from syft.client.operators import Operators, operate
from syft.client.present import Block, Card, Shown, SyftSuccess, Text, Value, cell, kind, size
from syft.client.session import Session
from syft.errors import InvalidInput, InvalidState, NotFound, SyftException
from syft.model.message import Done
from syft.model.messages.objects import (
    DeleteObject,
    DescribeObject,
    GetObject,
    GrantObject,
    ObjectReply,
    ObjectView,
    RenewLeases,
)
from syft.model.object import Face, ValueRef
from syft.model.uid import UID
from syft.wire import codec

_NOT_HERE: Final = object()


class HasSession(Protocol):
    """A client, as far as a pointer needs one."""

    @property
    def session(self) -> Session:
        """Through which to ask."""
        ...


def id_of(worker: HasSession) -> str:
    """What a worker goes by: its id in this process where it has one, else the name of its node."""
    return str(getattr(worker, "worker_id", worker.session.info.name))


class Pointer(Operators, Shown):
    """A reference to a value.

    Args:
        uid: of the object that holds it.
        session: through which to fetch it; None for a value that is here.
        ref: what is known of the value without fetching it, and its bytes where they are few.
        value: the value itself, where it is here.
        face: which of the object's values is meant.
        note: how the value came about, shown beside it.
        client: through which it came, in place of a session.
        view: what the node last said of the object.
    """

    def __init__(
        self,
        uid: UID,
        *,
        session: Session | None = None,
        ref: ValueRef | None = None,
        value: Any = _NOT_HERE,
        face: Face = Face.PRIVATE,
        note: str = "",
        client: HasSession | None = None,
        view: ObjectView | None = None,
    ) -> None:
        self.id = uid
        self._client = client
        self._session = session if client is None else client.session
        self._ref = ref
        self._value = value
        self._face = face
        self._note = note
        self._view = view
        self._is_gone = False
        self._watch: weakref.finalize[[UID], object] | None = None

    @classmethod
    def to_value(cls, value: Any, *, note: str = "") -> Pointer:
        """A pointer to a value that is here.

        Args:
            value: any.
            note: how it came about, shown beside it.
        """
        return cls(UID(), value=value, note=note)

    # --- the value

    @property
    def is_here(self) -> bool:
        """Whether the value can be had without asking a node."""
        return self._value is not _NOT_HERE or (self._ref is not None and self._ref.inline is not None)

    def get(self) -> Any:
        """The value; the second time, as it was the first. The object stays where it is.

        Raises:
            NotFound: it is gone, or you may not have it.
            SyftException: the node refused, or was not reached.
        """
        if self._value is _NOT_HERE:
            if self._ref is not None and self._ref.inline is not None:
                self._value = codec.decode(self._ref.inline)
            elif self._session is None:
                raise InvalidInput("This pointer belongs to no client; use `pointer.get_from(client)`.")
            else:
                self._ref, self._value = fetch(self._there(), self.id, self._face)
        return self._value

    @property
    def mock(self) -> Any:
        """The invented value beside the private one, for looking at.

        Raises:
            NotFound: there is none.
        """
        try:
            return fetch(self._there(), self.id, Face.MOCK).value
        except NotFound as error:
            raise NotFound(
                "There is no mock to look at. An object has one if it was sent with `mock=...`; what was computed has "
                "one if all that went into it has."
            ) from error

    def get_copy(self) -> Any:
        """The value as it is now, fetched anew.

        Raises:
            NotFound: it is gone, or you may not have it.
        """
        return self.get() if self._session is None else fetch(self._there(), self.id, self._face).value

    def get_from(self, client: HasSession) -> Any:
        """The value, asked for by that client.

        Raises:
            NotFound: it is gone, or that client may not have it.
        """
        return fetch(client.session, self.id, self._face).value

    def delete(self) -> SyftSuccess:
        """Have the node forget the object; it must be yours.

        Raises:
            NotFound: it is gone, or not yours.
            InvalidState: it is part of a dataset, or a result.
        """
        self._there().ask(DeleteObject(self.id), Done)
        self.let_live()
        self._is_gone = True
        return SyftSuccess(f"Object {self.id.hex} deleted.")

    def give_up(self) -> None:
        """Have the node forget an object that was made in passing and whose value is here, some time soon."""
        self._there().drops.note_taken(self.id)
        self.let_live()
        self._is_gone = True

    # --- what is said of it

    @property
    def id_at_location(self) -> UID:
        """Of the object, at its node."""
        return self.id

    @property
    def client(self) -> HasSession:
        """Through which it came.

        Raises:
            InvalidInput: it belongs to no client.
        """
        if self._client is None:
            raise InvalidInput("This pointer belongs to no client; use `pointer.get_from(client)`.")
        return self._client

    @property
    def tags(self) -> list[str]:
        """To find the object by."""
        return list(self._about().tags)

    @property
    def description(self) -> str:
        """What the object is, for people."""
        return self._about().description

    @property
    def object_type(self) -> str:
        """What the value is, such as "numpy.ndarray"."""
        return self._about().type_name

    @property
    def pointable(self) -> bool:
        """Whether everybody finds the object. Reading it is another question."""
        return self._about().findable

    @pointable.setter
    def pointable(self, pointable: bool) -> None:
        self.update_searchability(pointable)

    def update_searchability(self, pointable: bool = True) -> None:
        """Let everybody find the object, or nobody but those who may read it.

        Raises:
            NotFound: it is gone, or not yours.
        """
        self._describe(DescribeObject(self.id, findable=pointable))
        if pointable:
            self.let_live()

    def describe(self, description: str | None = None) -> Pointer:
        """Change what the object is said to be; returns the pointer.

        Without a text, what pandas calls so: a pointer to a summary of the table or column.

        Raises:
            NotFound: it is gone, or not yours.
        """
        if description is None:
            return self._operate("describe", self)
        return self._describe(DescribeObject(self.id, description=description))

    def tag(self, *tags: str) -> Pointer:
        """Add to the object's tags; returns the pointer.

        Raises:
            NotFound: it is gone, or not yours.
        """
        return self.retag((*self.refresh().tags, *tags))

    def retag(self, tags: Iterable[str]) -> Pointer:
        """Give the object these tags and no others; returns the pointer.

        Raises:
            NotFound: it is gone, or not yours.
        """
        return self._describe(DescribeObject(self.id, tags=tuple(dict.fromkeys(tags))))

    def refresh(self) -> Pointer:
        """Read anew what the node says of the object; returns the pointer.

        Raises:
            NotFound: it is gone, or no longer yours to see.
        """
        self._view = self._there().ask(GetObject(uid=self.id), ObjectReply).object
        return self

    def _describe(self, message: DescribeObject) -> Pointer:
        self._view = self._there().ask(message, ObjectReply).object
        return self

    def _about(self) -> ObjectView:
        if self._view is None:
            self.refresh()
        assert self._view is not None
        return self._view

    # --- who may read it

    def check_access(self) -> bool:
        """Whether you may read the value now."""
        try:
            return self.refresh()._about().readable
        except NotFound:
            return False

    def request(
        self, reason: str = "", block: bool = False, timeout_secs: float | None = None
    ) -> AccessRequest:
        """Ask the owner to let you read the value.

        Args:
            reason: why; the owner reads it.
            block: whether to wait for the answer.
            timeout_secs: after which nobody need answer any more, in seconds; None: it waits until somebody
                does. With `block`, also how long to wait, half a minute where left out.
        Returns:
            The request, with the answer if there is one.
        Raises:
            NotFound: no such object, as far as you may know.
            AlreadyExists: you asked before, and are waiting.
            InvalidState: you may read it already.
        """
        return ask_for(self._there(), self.id, reason, block=block, timeout_s=timeout_secs)

    def grant(self, *emails: str) -> SyftSuccess:
        """Let accounts of these e-mails read the value, as it is now; it must be yours.

        Whether there are such accounts is not told.

        Raises:
            NotFound: it is gone, or not yours.
        """
        self._there().ask(GrantObject(self.id, emails), Done)
        return SyftSuccess(f"Whoever has {', '.join(emails)} may read it.")

    def withdraw_grant(self, *emails: str) -> SyftSuccess:
        """Take back what `grant`, or the answer to a request, has given. What was read is read.

        Raises:
            NotFound: it is gone, or not yours.
        """
        self._there().ask(GrantObject(self.id, emails, withdraw=True), Done)
        return SyftSuccess(f"Whoever has {', '.join(emails)} may no longer read it.")

    # --- computed with

    def _operate(self, op: str, *inputs: Any, **options: Any) -> Pointer:
        """A pointer to what the node computes.

        Raises:
            InvalidInput: no such operation, not with these, or a pointer to another node.
            CodeFailed: it cannot be computed.
            LimitExceeded: it would take too much.
        """
        return self._made(operate(self._there(), op, inputs, options))

    def _made(self, view: ObjectView) -> Pointer:
        """A pointer to what was computed with this one: a subclass may want another of its own kind."""
        result = Pointer(view.uid, session=self._session, client=self._client, view=view)
        result.let_die()
        return result

    @property
    def _place(self) -> tuple[UID, UID] | None:
        """Its node, and the object there; None where there is no node."""
        return None if self._session is None else (self._there().info.uid, self.id)

    # --- how long it stays

    def let_die(self) -> None:
        """Have the node forget the object when this pointer is gone: for what was made in passing only."""
        if self._watch is None:
            self._watch = self._there().drops.watch(self, self.id)

    def let_live(self) -> None:
        """Undo `let_die`."""
        if self._watch is not None:
            self._watch.detach()
            self._watch = None

    @property
    def gc_enabled(self) -> bool:
        """Whether the node forgets the object when this pointer is gone."""
        return self._watch is not None

    def renew(self) -> None:
        """Keep the object for another hour, where it is only leased."""
        self._there().ask(RenewLeases((self.id,)), Done)

    # --- shown

    def _there(self) -> Session:
        """Through which to ask.

        Raises:
            InvalidInput: it belongs to no client.
            InvalidState: it was deleted.
        """
        if self._is_gone:
            raise InvalidState("The object has been deleted. This pointer is exhausted.")
        if self._session is None:
            raise InvalidInput("This pointer belongs to no client; use `pointer.get_from(client)`.")
        return self._session

    def row(self) -> Mapping[str, object]:
        """Its line in a list."""
        view = self._about()
        return {
            "ID": view.uid.hex,
            "Tags": ", ".join(view.tags),
            "Description": view.description or view.name,
            "object_type": kind(view.type_name, view.shape),
        }

    def _card(self) -> Card:
        title = f"Pointer ({self._note})" if self._note else "Pointer"
        facts: list[tuple[str, object]] = []
        block: Block
        if self.is_here:
            block = self._shown()
        elif self._ref is not None:
            block = Text(
                f"{kind(self._ref.type_name, self._ref.shape)}, {size(self._ref.size)}; `.get()` fetches it"
            )
        elif self._view is not None:
            facts = [(name, value) for name, value in self.row().items() if value]
            may = "`.get()` fetches it" if self._view.readable else "`.request(reason=...)` asks its owner"
            block = Text(f"{cell(kind(self._view.type_name, self._view.shape))}; {may}")
        else:
            block = Text(f"{self.id}; `.get()` fetches it, where you may have it")
        return Card(title, facts, [("", block)])

    def _shown(self) -> Block:
        try:
            return Value(self.get())
        except SyftException as error:  # showing must not raise
            return Text(f"a value that cannot be read here: {error.public_message}")
