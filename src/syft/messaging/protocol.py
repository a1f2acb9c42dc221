"""This module is a door: the Protocol of PySyft 0.2, which is the one protocol of this library, and pointers to one."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Final, Self

from syft.client import protocols as core
from syft.client.function import SyftFunction
from syft.client.kept import Objects
from syft.client.kept import send as keep
from syft.client.pointer import Pointer
from syft.client.present import clean
from syft.errors import AlreadyExists, InvalidInput, NotDeployed
from syft.generic.object import AbstractObject
from syft.messaging import protobuf
from syft.messaging.assignments import assigned, look_up
from syft.messaging.protobuf import Assignment
from syft.model.code import CodeSubmission
from syft.model.messages.objects import ObjectView
from syft.model.object import ObjectKind
from syft.model.protocol import SharedProtocol
from syft.model.uid import UID
from syft.workers import PointerTensor, fetch, get_worker, id_of, local_worker, point_with
from syft.workers.pointers import digits

Id = UID | int | str
_UID_BITS: Final = 128


def uid_of(protocol_id: Id) -> UID:
    """Under which a protocol of that id is kept at a worker: its own where it is a UID."""
    if isinstance(protocol_id, UID):
        return protocol_id
    if isinstance(protocol_id, int) and 0 <= protocol_id < 1 << _UID_BITS:
        return UID(uuid.UUID(int=protocol_id))
    return UID.with_seed(f"protocol {protocol_id}")


class Protocol(AbstractObject, core.Protocol):
    """Coordinates a sequence of plans: deploys them on distant workers, and runs them in a single pass.

    It can be sent to a worker, found there, fetched by others, and deployed on workers of theirs.

    Args:
        plans: pairs (worker, plan). A worker is a real one, or a name for one that is given at deployment: the same
            name twice is the same worker. A plan is a `Plan`, a `PointerPlan` or a Syft function. Instead of a pair a
            `sy.Step`, which says where each parameter comes from.
        id: its own; a fresh one when left out.
        owner: the worker it is at; the local one when left out.
        tags: to find it by.
        description: for people.
    """

    def __init__(
        self,
        plans: Sequence[Any] | None = None,
        id: Id | None = None,
        owner: Any = None,
        tags: Iterable[str] | None = None,
        description: str | None = None,
    ) -> None:
        AbstractObject.__init__(self, id, owner, tags, description)
        core.Protocol.__init__(self, plans, tags=tags, description=description)
        self.location: Any = None

    # --- deployed

    def deploy(self, *workers: Any, **options: Any) -> Protocol:
        """Deploy the protocol; see the protocol of the core. A worker of this process may be given by its id.

        Returns:
            This protocol.
        Raises:
            NotDeployed: it is deployed, or the workers are too few or too many; a RuntimeError.
            WorkerNotFoundException: an id that nobody in this process goes by.
        """
        found = {
            name: get_worker(one) if isinstance(one, str) and name != "reason" else one
            for name, one in options.items()
        }
        core.Protocol.deploy(
            self, *(get_worker(one) if isinstance(one, str) else one for one in workers), **found
        )
        return self

    def tag(self, *tags: str) -> Self:
        """Have it found by these tags, too; returns the protocol. What has been sent keeps the tags it had."""
        super().tag(*tags)
        self._tags = set(self.tags or ())
        return self

    def describe(self, description: str) -> Self:
        """Say what it is, for people; returns the protocol."""
        self._description = description
        return super().describe(description)

    # --- run

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Run the protocol by executing the plans sequentially; see the protocol of the core.

        After `send`, it is run from the worker that it was sent to, on arguments that are there.

        Raises:
            NotDeployed: it was sent elsewhere than the arguments are, or is not deployed; a RuntimeError.
        """
        if self.location is None or self.location is local_worker:
            return core.Protocol.run(self, *args, **kwargs)
        place = self.find_args_location((*args, *kwargs.values()))
        if id_of(place) != id_of(self.location):
            raise NotDeployed(
                f"This protocol has been sent to {id_of(self.location)}, but you provided local arguments or "
                f"pointers to {id_of(place)}. Send them there first (`x.send(worker)`), or use "
                "`protocol.request_remote_run(worker, args, kwargs)`, which takes them along."
            )
        return self.request_remote_run(self.location, args, kwargs)

    __call__ = run

    def request_remote_run(self, location: Any, args: Any, kwargs: Any) -> Any:
        """Have the protocol run with arguments that are at a worker, and its result noted there.

        Whoever asks drives the run: a node has no authority of its own at other sites.

        Args:
            location: the worker.
            args: pointers to the arguments there, or values.
            kwargs: likewise, by name.
        Returns:
            A pointer to the note at `location`; its `.get()` is the pointer to the result, whose `.get()` is the value.
        """
        result = core.Protocol.run(self, *args, **kwargs)
        pointers = result if isinstance(result, list) else [result]
        note = [{"worker": one.client.session.info.uid.hex, "object": one.id.hex} for one in pointers]
        return PointerToResult.to_note(keep(location, note, pointable=False), result)

    @staticmethod
    def find_args_location(args: Iterable[Any]) -> Any:
        """The worker of the first pointer among the arguments, else the local one."""
        for one in args:
            if isinstance(one, Pointer) and not one.is_here:
                return one.client
        return local_worker

    def _pointer(self, worker: Any, view: ObjectView) -> Pointer:
        return PointerTensor.to(core.Protocol._pointer(self, worker, view))

    # --- sent

    def send(self, location: Any) -> None:
        """Send the protocol to a worker, to be found and fetched by everybody there; see `share`.

        Args:
            location: the worker.
        """
        self.share(location)
        self.location = get_worker(location)

    def share(self, location: Any, *, pointable: bool = True) -> Pointer:
        """Keep the protocol at a worker, under its tags and description.

        Args:
            location: the worker.
            pointable: whether everybody there finds it, and then may fetch it; else only whom its owner names:
                `pointer.grant("eve@x.org")`.
        Returns:
            A pointer to it there.
        """
        worker, uid, value = get_worker(location), uid_of(self.id), self.shared()
        tags, description = sorted(self.tags or ()), self.description or ""
        try:
            return keep(
                worker, value, tags=tags, description=description, uid=uid, pointable=pointable, leased=False
            )
        except AlreadyExists:
            # It was sent there before: what is there now is what it is now.
            pointer = Objects(worker).replace(uid, value).retag(tags).describe(description)
            pointer.update_searchability(pointable)
            return pointer

    def create_pointer(self, owner: Any, garbage_collect_data: bool = False) -> PointerProtocol:
        """A pointer to this protocol, where it was sent; where it was not, at its owner.

        Args:
            owner: of the pointer.
            garbage_collect_data: kept for the old signature: dropping a pointer deletes nothing.
        """
        return PointerProtocol(
            location=self.location or self.owner,
            id_at_location=self.id,
            owner=owner,
            tags=self.tags,
            description=self.description,
            garbage_collect_data=garbage_collect_data,
        )

    # --- as bytes

    @staticmethod
    def simplify(worker: Any, protocol: Protocol) -> tuple[Any, ...]:
        """The attributes of a protocol: id, tags, description, pairs of worker and plan ids, whether these are real.

        Args:
            worker: who serializes.
            protocol: which.
        Raises:
            TypeError: a plan is no `sy.Plan` or `sy.PointerPlan`.
        """
        tags = None if protocol.tags is None else set(protocol.tags)
        return (protocol.id, tags, protocol.description, assigned(protocol), protocol.workers_resolved)

    @staticmethod
    def create_from_attributes(
        worker: Any,
        id: Id,
        tags: Iterable[str] | None,
        description: str | None,
        workers_resolved: bool,
        plans_assignments: Sequence[Assignment],
    ) -> Protocol:
        """A protocol from its attributes.

        Args:
            worker: who deserializes; plans that are not here are fetched from it.
            id: the protocol's.
            tags: the protocol's.
            description: the protocol's.
            workers_resolved: whether the workers are real ones.
            plans_assignments: pairs of worker and plan ids.
        Raises:
            ObjectNotFoundError: a plan is nowhere to be found.
            WorkerNotFoundException: a real worker is not known here.
        """
        plans = [look_up(worker, one, workers_resolved) for one in plans_assignments]
        return Protocol(plans, id=id, owner=worker, tags=tags, description=description)

    @staticmethod
    def detail(worker: Any, protocol_tuple: Sequence[Any]) -> Protocol:
        """The protocol that `simplify` took apart; see `create_from_attributes`.

        Args:
            worker: who deserializes.
            protocol_tuple: what `simplify` returned.
        """
        id, tags, description, assignments, workers_resolved = protocol_tuple
        return Protocol.create_from_attributes(worker, id, tags, description, workers_resolved, assignments)

    @staticmethod
    def bufferize(worker: Any, protocol: Protocol) -> Any:
        """The same attributes as a protobuf message.

        Args:
            worker: who serializes.
            protocol: which.
        Raises:
            TypeError: a plan is no `sy.Plan` or `sy.PointerPlan`.
            MissingExtra: protobuf is not installed.
        """
        return protobuf.to_message(
            protocol.id,
            tuple(protocol.tags or ()),
            protocol.description,
            protocol.workers_resolved,
            assigned(protocol),
        )

    @staticmethod
    def unbufferize(worker: Any, pb_protocol: Any) -> Protocol:
        """The protocol that `bufferize` took apart; see `create_from_attributes`.

        Args:
            worker: who deserializes.
            pb_protocol: the message.
        Raises:
            DecodeError: not such a message.
        """
        id, tags, description, workers_resolved, assignments = protobuf.from_message(pb_protocol)
        return Protocol.create_from_attributes(
            worker, id, tags or None, description, workers_resolved, assignments
        )

    # --- shown

    def __repr__(self) -> str:
        resolved = " resolved" if self.workers_resolved else ""
        lines = [f"<Protocol id:{shown_id(self.id)} owner:{id_of(self.owner)}{resolved}>"]
        for worker, plan in self.plans:
            where = worker if isinstance(worker, str) else id_of(worker)
            lines.append(f" - {where}: {_shown_code(plan)}")
        # Of a fetched one, roles are a stranger's words; to some terminals a single letter is a command.
        return clean("\n".join(lines))

    __str__ = __repr__

    @classmethod
    def fetched(cls, worker: Any, view: ObjectView) -> Protocol:
        """A protocol as a worker keeps it: with its workers, where it was deployed and this process knows them."""
        shared = Pointer(view.uid, client=worker, view=view).get_copy()
        if not isinstance(shared, SharedProtocol):
            raise InvalidInput(f"The object {view.uid.hex} at '{id_of(worker)}' is no protocol.")
        self = cls(id=view.uid, tags=view.tags or None, description=view.description or None)
        self.take_over(shared, known_by_node())
        return self


def _shown_code(code: Any) -> str:
    """What runs at a step, on one line: its text is read at `plans`."""
    code = code.submission if isinstance(code, SyftFunction) else code
    if isinstance(code, CodeSubmission):
        return f"<Syft function {code.name}({', '.join(one.name for one in code.parameters)})>"
    return repr(code)


def shown_id(protocol_id: Id) -> Id:
    """An id as people read it: of a UID some digits."""
    return digits(protocol_id) if isinstance(protocol_id, UID) else protocol_id


def known_by_node() -> dict[UID, Any]:
    """The workers that this process knows, by their nodes."""
    return {worker.session.info.uid: worker for worker in local_worker._known_workers.values()}


class PointerToResult(PointerTensor):
    """A pointer to the note of a result: what `.get()` brings is the pointer to the result itself."""

    _result: Any

    @classmethod
    def to_note(cls, note: Pointer, result: Any) -> PointerToResult:
        """A pointer to that note, which stands for that result."""
        self = cls.to(note)
        self._result = result
        return self

    def get(self, *args: Any, **options: Any) -> Any:
        """The pointer to the result; the note goes."""
        super().get(*args, **options)
        return self._result


class PointerProtocol(AbstractObject):
    """A pointer to a protocol that a worker keeps.

    Args:
        location: the worker.
        id_at_location: the protocol's id there.
        owner: of the pointer; the local worker when left out.
        id: the pointer's own.
        garbage_collect_data: kept for the old signature: dropping a pointer deletes nothing.
        tags: of the protocol.
        description: of the protocol.
    """

    def __init__(
        self,
        location: Any = None,
        id_at_location: Id | None = None,
        owner: Any = None,
        id: Id | None = None,
        garbage_collect_data: bool = False,
        tags: Iterable[str] | None = None,
        description: str | None = None,
    ) -> None:
        super().__init__(id, owner, tags, description)
        if location is None or id_at_location is None:
            raise InvalidInput("A pointer to a protocol names the worker and the id it has there.")
        self.location = get_worker(location)
        self.id_at_location = id_at_location
        self.garbage_collect_data = garbage_collect_data

    @classmethod
    def found(cls, worker: Any, view: ObjectView) -> PointerProtocol:
        """A pointer to a protocol of which a worker has told."""
        return cls(worker, view.uid, tags=view.tags or None, description=view.description or None)

    def get(self, deregister_ptr: bool = True) -> Protocol:
        """The protocol, to be deployed or run from here; it stays where it is.

        Args:
            deregister_ptr: kept for the old signature.
        Raises:
            ObjectNotFoundError: it is not there, or not yours to see.
        """
        found: Protocol = fetch(self.location, ObjectKind.PROTOCOL, _at(self.id_at_location))
        return found

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Run the protocol where it is; its arguments must be there. See `Protocol.run`."""
        protocol = self.get()
        protocol.location = self.location
        return protocol.run(*args, **kwargs)

    __call__ = run

    def deploy(self, *workers: Any, **roles: Any) -> Protocol:
        """The protocol, fetched and deployed; see `Protocol.deploy`."""
        protocol = self.get()
        protocol.deploy(*workers, **roles)
        return protocol

    def __repr__(self) -> str:
        return (
            f"[PointerProtocol | {id_of(self.owner)}:{shown_id(self.id)} -> "
            f"{id_of(self.location)}:{shown_id(self.id_at_location)}]"
        )

    __str__ = __repr__


def _at(id_at_location: Id) -> UID | int | str:
    """The id as a worker finds it: an int or text that a person chose is kept as a UID."""
    return id_at_location if isinstance(id_at_location, UID) else uid_of(id_at_location)


point_with(ObjectKind.PROTOCOL, PointerProtocol.found, Protocol.fetched)
