"""This module is a door: what a person calls about a worker, in the words of PySyft 0.2."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Self

from syft.client.client import Client
from syft.client.kept import Objects
from syft.client.kept import send as send_to
from syft.client.objects import fetch as fetch_value
from syft.client.pointer import Pointer
from syft.client.session import Session
from syft.errors import LocalError, NotFound
from syft.exceptions import GetNotPermittedError
from syft.model.message import Done
from syft.model.messages.objects import DeleteObject
from syft.model.object import ObjectKind
from syft.model.settings import NodeInfo
from syft.model.uid import UID
from syft.workers import known
from syft.workers.abstract import AbstractWorker, WorkerId
from syft.workers.finding import Query, fetch, find, search
from syft.workers.pointers import PointerTensor, digits
from syft.workers.remote import Made, Remote, Tensors
from syft.workers.sending import send
from syft.workers.values import description_of, labelled, plain, tags_of

ObjectId = str | int | UID


class BaseWorker(AbstractWorker):
    """A worker by the caller's client of it.

    Args:
        worker_id: what it goes by in this process.
        client: of the node.
    """

    collects_garbage: ClassVar[bool] = True

    def __init__(self, worker_id: WorkerId, client: Client) -> None:
        self.worker_id = worker_id
        self.client = client
        self.is_client_worker = False
        self._remote = Remote(self)

    @property
    def id(self) -> WorkerId:
        """What it goes by in this process."""
        return self.worker_id

    @property
    def session(self) -> Session:
        """Through which everything is asked."""
        return self.client.session

    @property
    def info(self) -> NodeInfo:
        """What the node says of itself."""
        return self.session.info

    # --- other workers

    def add_worker(self, worker: Any) -> Self:
        """Have every worker of this process know that one: virtual ones do already, clients are told of so.

        Raises:
            RuntimeError: another has its id.
        """
        known.add(worker)
        return self

    def add_workers(self, workers: Iterable[Any]) -> Self:
        """`add_worker` for each."""
        for worker in workers:
            self.add_worker(worker)
        return self

    def get_worker(self, id_or_worker: Any, fail_hard: bool = False) -> Any:
        """The worker of that id; a worker is itself.

        Args:
            id_or_worker: either.
            fail_hard: whether to raise where nobody has that id; if not, the id comes back, and the log has a warning.
        Raises:
            WorkerNotFoundException: nobody has it.
        """
        return known.get(id_or_worker, fail_hard=fail_hard)

    def remove_worker_from_registry(self, worker_id: WorkerId) -> None:
        """Have nobody in this process know that worker by its id any more."""
        known.remove(worker_id)

    @property
    def _known_workers(self) -> dict[WorkerId, Any]:
        return known.every()

    # --- found

    def search(self, query: Query = ()) -> list[Any]:
        """Pointers to what this worker has; see `syft.workers.search`."""
        return search(self, query)

    def request_search(self, query: Query, location: Any) -> list[Any]:
        """Pointers to what another worker has; see `syft.workers.search`."""
        return search(location, query)

    def fetch_plan(self, plan_id: ObjectId, location: Any = None, copy: bool = False) -> Any:
        """A plan that a worker has.

        Args:
            plan_id: of the plan.
            location: which worker; this one when left out.
            copy: kept for the old signature: what is fetched is a copy, always.
        Raises:
            ObjectNotFoundError: it has no such plan.
        """
        return fetch(self if location is None else location, ObjectKind.PLAN, plan_id)

    def fetch_protocol(self, protocol_id: ObjectId, location: Any = None, copy: bool = False) -> Any:
        """A protocol that a worker has; see `fetch_plan`."""
        return fetch(self if location is None else location, ObjectKind.PROTOCOL, protocol_id)

    # --- kept

    def send(self, value: Any, *workers: Any, **options: Any) -> Any:
        """Take a value to this worker, or to those named; see `syft.workers.send`."""
        return send(value, *(workers or (self,)), **options)

    def register_obj(self, obj: Any, obj_id: UID | None = None) -> PointerTensor:
        """Keep a value here until it is removed, with its tags and description.

        Args:
            obj: the value.
            obj_id: to know it by; one is chosen where it is left out.
        Raises:
            AlreadyExists: an object has that id, or had it.
        """
        pointer = send_to(self, plain(obj), tags=tags_of(obj), description=description_of(obj), uid=obj_id)
        return PointerTensor.to(pointer)

    def load_data(self, data: Iterable[Any]) -> None:
        """`register_obj` for each."""
        for value in data:
            self.register_obj(value)

    def get_obj(self, obj_id: ObjectId) -> Any:
        """The value of an object, which stays where it is, with its tags and description.

        Raises:
            ObjectNotFoundError: there is none, as far as you may know.
            GetNotPermittedError: you may not read it.
        """
        view = find(self, obj_id)
        try:
            value = fetch_value(self.session, view.uid).value
        except NotFound as error:
            raise GetNotPermittedError(
                f"You may not read the object {digits(view.uid)} on {self!r}. Ask its owner: "
                "`pointer.request(reason=...)`."
            ) from error
        return labelled(value, view.tags, view.description)

    def rm_obj(self, obj_id: ObjectId) -> None:
        """Have the worker forget an object.

        Raises:
            ObjectNotFoundError: there is none, as far as you may know.
            NotFound: it is not yours.
        """
        self.session.ask(DeleteObject(find(self, obj_id).uid), Done)

    def de_register_obj(self, obj: Any) -> None:
        """`rm_obj` by a pointer to the object, or its id."""
        self.rm_obj(obj.id if isinstance(obj, Pointer) else obj)

    def clear_objects(self) -> Self:
        """Have the worker forget every object of yours that it lists; returns the worker."""
        for pointer in list(Objects(self)):
            try:
                pointer.delete()
            except LocalError:  # a dataset's, a result or somebody else's: it stays
                continue
        return self

    def current_objects(self) -> dict[UID, Any]:
        """Pointers to what the worker lists, by id."""
        return {pointer.id: pointer for pointer in search(self)}

    _objects = property(current_objects)

    def objects_count(self) -> int:
        """How many objects the worker lists: all but results that are only pointed to."""
        return len(Objects(self))

    @contextmanager
    def registration_enabled(self) -> Iterator[Self]:
        """Kept for old programs: what this worker is sent it keeps, within this and without."""
        yield self

    # --- made here

    @property
    def remote(self) -> Remote:
        """What can be made here: `worker.remote.numpy.zeros(3)`, `worker.remote.torch.zeros(2)`."""
        return self._remote

    @property
    def numpy(self) -> Made:
        """Arrays that are made here: `worker.numpy.zeros(3)`."""
        return self._remote.numpy

    @property
    def python(self) -> Made:
        """Python's own values, taken here: `worker.python.Int(5)`."""
        return self._remote.python

    @property
    def torch(self) -> Tensors:
        """Tensors that are made by torch and taken here: `worker.torch.zeros(2)`."""
        return self._remote.torch

    # --- as a container

    def __len__(self) -> int:
        return self.objects_count()

    def __bool__(self) -> bool:
        # An empty worker is a worker.
        return True

    def __contains__(self, item: object) -> bool:
        if isinstance(item, Pointer):
            return item._place is not None and item._place[0] == self.info.uid and item.id in self
        if not isinstance(item, str | int | UID):
            return False
        try:
            find(self, item)
        except NotFound:
            return False
        return True


BaseWorker.register(Client)
