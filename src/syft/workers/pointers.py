"""This module is a door: pointers of PySyft 0.2, which are the one pointer of this library between workers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final, NoReturn, Self

from syft.client.kept import send
from syft.client.pointer import HasSession
from syft.client.pointer import Pointer as CorePointer
from syft.client.present import cell
from syft.core.pointer import Pointer
from syft.errors import (
    AuthorizationException,
    InvalidInput,
    InvalidState,
    LocalError,
    NotFound,
    SyftException,
)
from syft.exceptions import (
    GetNotPermittedError,
    ObjectNotFoundError,
    SendNotPermittedError,
    TensorsNotCollocatedException,
)
from syft.model.messages.objects import ObjectView
from syft.model.uid import UID
from syft.workers import known
from syft.workers.abstract import id_of
from syft.workers.values import labelled, plain

_DIGITS: Final = 10**11
_ITEM: Final = (
    'Error, Please consider calling ".get" method instead of ".item" method: the value is at its worker, and '
    "`.get()` brings it here, where you may have it."
)


def digits(uid: UID) -> int:
    """A UID as the eye of 2020 knows ids: eleven digits at most. For showing and searching, never for telling apart."""
    return uid.value.int % _DIGITS


def not_found(what: object, worker: HasSession) -> ObjectNotFoundError:
    """The error for an object that is not at that worker."""
    return ObjectNotFoundError(
        f'Object "{what}" not found on worker!!! You just tried to interact with an object ID:{what} on '
        f"{worker!r} which does not exist!!! Use .send() and .get() on all your tensors to have them at one place. "
        "`.get()` and `.move()` take an object away from where it was; `.copy().get()` leaves it there."
    )


class PointerTensor(Pointer):
    """A reference to a value at a worker."""

    _home: HasSession | None = None

    @classmethod
    def to(cls, pointer: CorePointer) -> Self:
        """The same reference, with the old names."""
        if isinstance(pointer, cls):
            return pointer
        made = cls(pointer.id, session=pointer._session, client=pointer._client, view=pointer._view)
        if pointer.gc_enabled:
            pointer.let_live()
            made.let_die()
        return made

    @classmethod
    def found(cls, worker: HasSession, view: ObjectView) -> Self:
        """A reference to what a worker has said that it has; nothing goes with it."""
        return cls(view.uid, client=worker, view=view)

    # --- the value

    def get(
        self,
        request_block: bool = False,
        timeout_secs: float = 20,
        reason: str = "",
        delete_obj: bool = True,
        verbose: bool = False,
        user: object = None,
    ) -> Any:
        """The value, taken from the worker with its tags and description: it is gone there.

        Args:
            request_block: ask for it where you may not have it, and wait for the answer.
            timeout_secs: for how long.
            reason: why; the owner reads it.
            delete_obj: whether to take it. What is not yours stays where it is, whatever is said here.
            verbose: kept for the old signature.
            user: kept for the old signature: who asks is known by their key.
        Returns:
            The value; None where the request was denied, or nobody answered.
        Raises:
            GetNotPermittedError: you may not read it; ask with `.request()`.
            ObjectNotFoundError: it is gone.
            ReferenceError: it was taken by this pointer before.
        """
        try:
            value = super().get(request_block, timeout_secs, reason, delete_obj, verbose)
        except AuthorizationException as error:
            self._refuse(error)
        return labelled(value, self.tags, self.description) if self._view else value

    def copy(self) -> Self:
        """A pointer to a copy at the same worker, without its tags, that goes when the pointer does.

        Raises:
            GetNotPermittedError: you may not read it.
            ObjectNotFoundError: it is gone.
        """
        pointer = send(self.client, self._read(), pointable=False)
        return type(self).to(pointer)

    clone = copy

    def move(self, location: Any, requires_grad: bool = False) -> Self:
        """Take the value to another worker, with its tags, description and mock: it is gone here.

        It goes through the caller, who must be able to read it. What is not yours stays where it is as well.

        Args:
            location: a worker, or the id of one that this process knows.
            requires_grad: kept for the old signature.
        Returns:
            A pointer to it there; this one is exhausted.
        Raises:
            GetNotPermittedError: you may not read it.
            SendNotPermittedError: the other worker takes nothing from you.
            ObjectNotFoundError: it is gone.
        """
        worker: HasSession = known.get(location)
        if self._is_at(worker):
            return self
        value, view = self._read(), self.refresh()._about()
        twin = {"mock": self.mock} if view.has_mock else {}
        with sending():
            pointer = send(
                worker,
                value,
                tags=view.tags,
                description=view.description,
                pointable=not self.gc_enabled and view.findable,
                **twin,
            )
        moved = type(self).to(pointer)
        # Taken away only now that it has arrived; who cannot take it away has moved a copy.
        with contextlib.suppress(LocalError):
            self.delete()
        return moved

    def remote_send(self, location: Any, change_location: bool = False) -> Self:
        """Have the value go on to another worker; `remote_get` has it come back.

        Args:
            location: a worker, or the id of one that this process knows.
            change_location: whether to forget where it came from.
        Returns:
            A pointer to it there; this one is exhausted.
        """
        home, moved = self.location, self.move(location)
        if moved is not self and not change_location:
            moved._home = home
        return moved

    def remote_get(self) -> Self:
        """Have the value come back to where `remote_send` sent it from; elsewhere it is where it should be."""
        return self if self._home is None else self.move(self._home)

    def item(self) -> NoReturn:
        """What a number here would say; a pointer has none."""
        raise RuntimeError(_ITEM)

    # --- where it is

    @property
    def location(self) -> HasSession:
        """The worker that has the value."""
        return self.client

    @property
    def owner(self) -> Any:
        """The worker that has the pointer: the one of this process."""
        return known.find(known.LOCAL)

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Of the value; None where it has none, or you may not read it."""
        return self._about().shape

    @property
    def garbage_collect_data(self) -> bool:
        """Whether the value goes when this pointer does.

        Set to False, the object stays until it is deleted, and everybody who may look around at that node finds it.
        """
        return self.gc_enabled

    @garbage_collect_data.setter
    def garbage_collect_data(self, collected: bool) -> None:
        if collected and not self.gc_enabled:
            if self.refresh()._about().lease_until is None:
                raise InvalidState("The object is kept until somebody deletes it: `pointer.delete()`.")
            self.let_die()
        elif not collected and self.gc_enabled:
            self.update_searchability(True)

    gc = garbage_collect_data

    # --- computed with

    def _operate(self, op: str, *inputs: Any, **options: Any) -> Any:
        pointers = [one for one in inputs if isinstance(one, CorePointer)]
        for one in pointers:
            if one._place is not None and one._place[0] != self._there().info.uid:
                raise TensorsNotCollocatedException(_apart(op, self, one))
        try:
            return type(self).to(super()._operate(op, *map(plain, inputs), **options))
        except NotFound as error:
            for one in pointers:
                with contextlib.suppress(NotFound):
                    one.refresh()
                    continue
                raise not_found(digits(one.id), self.location) from error
            raise

    # --- in parts

    def _is_at(self, worker: HasSession) -> bool:
        return self._place is not None and self._place[0] == worker.session.info.uid

    def _read(self) -> Any:
        try:
            return self.get_copy()
        except NotFound as error:
            self._refuse(error)

    def _refuse(self, error: SyftException) -> NoReturn:
        """Say whether it is not there or may not be read, as far as the node tells."""
        try:
            self.refresh()
        except NotFound:
            raise not_found(digits(self.id), self.location) from error
        raise GetNotPermittedError(
            f"You may not read the object {digits(self.id)} on {self.location!r}. Ask its owner: "
            "`pointer.request(reason=...)`."
        ) from error

    def __repr__(self) -> str:
        # Of what is known already: to show a pointer asks nobody.
        there = "nowhere" if self._client is None else cell(id_of(self._client))
        number = digits(self.id)
        lines = [f"(Wrapper)>[PointerTensor | {known.LOCAL}:{number} -> {there}:{number}]"]
        if self._view is not None:
            if self._view.tags:
                lines.append(f"\tTags: {' '.join(cell(tag) for tag in self._view.tags)}")
            if self._view.shape is not None:
                lines.append(f"\tShape: {self._view.shape}")
            if self._view.description:
                lines.append(f"\tDescription: {cell(self._view.description)}")
        return "\n".join(lines)

    __str__ = __repr__


@contextlib.contextmanager
def sending() -> Iterator[None]:
    """Say it in the words of 2020 where a node takes nothing from the caller."""
    try:
        yield
    except AuthorizationException as error:
        raise SendNotPermittedError(error.public_message) from error


def _apart(op: str, one: CorePointer, other: CorePointer) -> str:
    here, there = (getattr(pointer, "_client", None) for pointer in (one, other))
    places = [
        f"'{cell(id_of(worker))}'" if worker is not None else "another node" for worker in (here, there)
    ]
    return (
        f"You tried to call {op} involving two tensors which are not on the same machine! One tensor is on "
        f"{places[0]} while the other is on {places[1]}. Use a combination of .move(), .get(), and/or .send() to "
        "co-locate them to the same machine."
    )


def check_worker(worker: Any) -> HasSession:
    """The worker that is meant.

    Raises:
        WorkerNotFoundException: an id that nobody in this process has.
        InvalidInput: no worker at all.
    """
    found = known.get(worker)
    if not hasattr(found, "session"):
        raise InvalidInput(
            "Send it to a worker: a `sy.VirtualWorker`, or a client of `sy.login(...)`; not to a "
            f"{type(found).__name__}."
        )
    meant: HasSession = found
    return meant
