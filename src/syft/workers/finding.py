"""This module is a door: what a worker has, found by ids, tags and words, as pointers by kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from syft.client.kept import Objects
from syft.client.pointer import HasSession
from syft.errors import InvalidState, NotFound
from syft.model.messages.objects import GetObject, ObjectReply, ObjectView
from syft.model.object import ObjectKind
from syft.model.uid import UID
from syft.workers.pointers import PointerTensor, check_worker, digits, not_found

Query = str | int | UID | Iterable[str | int | UID]
# A pointer to what that worker says it has; and the thing itself, for kinds that are fetched as they are.
PointerMaker = Callable[[HasSession, ObjectView], Any]
Fetcher = Callable[[HasSession, ObjectView], Any]

_pointers: dict[ObjectKind, PointerMaker] = {}
_fetchers: dict[ObjectKind, Fetcher] = {}


def point_with(kind: ObjectKind, pointer: PointerMaker, fetcher: Fetcher) -> None:
    """Say how objects of that kind are pointed to and fetched; said once, by the module that has the classes.

    Args:
        kind: of object.
        pointer: makes what a search returns of one, of its worker and what that says of it.
        fetcher: brings the thing itself.
    """
    if kind in _pointers:
        raise AssertionError(f"it is said twice how to point to a {kind.value}")
    _pointers[kind] = pointer
    _fetchers[kind] = fetcher


def pointer_to(worker: HasSession, view: ObjectView) -> Any:
    """A pointer to an object at that worker, by the object's kind; nothing goes with it."""
    return _pointers.get(view.kind, PointerTensor.found)(worker, view)


def search(worker: Any, query: Query = ()) -> list[Any]:
    """Pointers to what a worker has, as far as you may know of it, oldest first.

    All of it is looked through, a page at a time, unless an id is among the terms. A result that was computed in
    passing stands in no list, so that only its id finds it.

    Args:
        worker: a virtual worker or a client of a node, or the id of one that this process knows.
        query: a term or several, each of which must match: by the object's id, by one of its tags, or as a part of its
            description. Without a term, everything.
    """
    there, terms = check_worker(worker), _terms(query)
    return [
        pointer_to(there, view) for view in _seen(there, terms) if all(_matches(view, one) for one in terms)
    ]


def find(worker: Any, object_id: str | int | UID) -> ObjectView:
    """What a worker says of the object of that id.

    Raises:
        ObjectNotFoundError: it has none, as far as you may know.
    """
    there = check_worker(worker)
    for view in _seen(there, [object_id]):
        if _is_id(view.uid, object_id):
            return view
    raise not_found(object_id, there)


def fetch(worker: Any, kind: ObjectKind, object_id: str | int | UID) -> Any:
    """A plan or protocol that a worker has, itself.

    Raises:
        ObjectNotFoundError: it has none of that id and kind.
        InvalidState: nothing in this process knows what one is.
    """
    there = check_worker(worker)
    if kind not in _fetchers:
        raise InvalidState(f"A {kind.value} cannot be fetched before `syft.messaging` has been imported.")
    view = find(there, object_id)
    if view.kind is not kind:
        raise not_found(object_id, there)
    return _fetchers[kind](there, view)


def _terms(query: Query) -> list[str | int | UID]:
    return [query] if isinstance(query, str | int | UID) else list(query)


def _seen(worker: HasSession, terms: list[str | int | UID]) -> Iterator[ObjectView]:
    """Every object that can match: one where an id is among the terms."""
    uid = next((found for found in map(_as_uid, terms) if found is not None), None)
    if uid is None:
        for pointer in Objects(worker):
            yield pointer._about()
        return
    try:
        yield worker.session.ask(GetObject(uid=uid), ObjectReply).object
    except NotFound:
        return


def _as_uid(term: str | int | UID) -> UID | None:
    if isinstance(term, UID):
        return term
    try:
        return UID.from_string(term) if isinstance(term, str) else None
    except ValueError:
        return None


def _is_id(uid: UID, term: str | int | UID) -> bool:
    return uid == _as_uid(term) or str(term) == str(digits(uid))


def _matches(view: ObjectView, term: str | int | UID) -> bool:
    return _is_id(view.uid, term) or str(term) in view.tags or str(term) in view.description
