"""This module runs a protocol over sites that are all the caller's own: one message a step, nobody has to be asked."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec

from syft.client.datasets import AssetView
from syft.client.objects import bring, fetch
from syft.client.pointer import Pointer
from syft.client.session import Session
from syft.errors import InvalidInput, LimitExceeded, NotFound, SyftException
from syft.federation.run import drive, last_steps
from syft.model.code import CodeSubmission, Constant, MustBe
from syft.model.message import Done
from syft.model.messages.datasets import NewValue
from syft.model.messages.objects import Brought, DropLeases, ObjectView
from syft.model.messages.plans import PlanReply, RunPlan
from syft.model.object import ValueRef
from syft.model.plan import Plan
from syft.model.protocol import FromRun, FromStep, Protocol
from syft.model.uid import UID
from syft.wire import codec

# What comes back inside an answer; a larger result is kept at its site and fetched in parts.
_INLINE_BYTES: Final = 512 * 1024
# Steps, of some 100 bytes each.
_SMALL_PLAN: Final = 50


class Place(NamedTuple):
    """Where a step runs.

    Args:
        session: the caller's, who may read everything at that node.
        plan_uid: the object there that holds the step's plan.
    """

    session: Session
    plan_uid: UID

    @property
    def node_uid(self) -> UID:
        """Of the node."""
        return self.session.info.uid


@dataclass
class _Results:
    """What a step returned: as values, as objects at its site, or as both."""

    place: Place
    values: tuple[ValueRef, ...] = ()
    objects: tuple[ObjectView, ...] = ()


@dataclass
class OwnedRun:
    """One run.

    Args:
        protocol: the steps, every one of them a plan.
        places: where each runs.
        arguments: of the run, by name: values, or pointers to objects at a node of the caller's.
    """

    protocol: Protocol
    places: Sequence[Place]
    arguments: Mapping[str, Any]
    _results: dict[int, _Results] = field(default_factory=dict)

    def run(self) -> list[tuple[int, ObjectView]]:
        """Run every step; what the last ones return, with their numbers, kept at their sites.

        Raises:
            StepFailed: one did not end well.
        """
        last = last_steps(self.protocol)
        try:
            drive(self.protocol, self._run_step, [place.session.info.name for place in self.places])
        except BaseException:
            self._let_go(())
            raise
        self._let_go(last)
        return [(number, view) for number in last for view in self._results[number].objects]

    def _let_go(self, last: Sequence[int]) -> None:
        """Nothing of a run stays but its results."""
        for number, results in self._results.items():
            if results.objects and number not in last:
                with contextlib.suppress(SyftException):  # then their lease ends by itself
                    uids = tuple(view.uid for view in results.objects)
                    results.place.session.ask(DropLeases(uids), Done)

    def _run_step(self, number: int) -> None:
        place = self.places[number]
        step = self.protocol.steps[number]
        brought: list[Brought] = []
        inputs: list[UID] = []
        for parameter in step.code.parameters:
            found = self._input(number, parameter.name, place)
            if found is None:
                break  # it and those after it have defaults, which the plan knows
            if isinstance(found, NewValue):
                brought.append(Brought(UID(), found))
                found = brought[-1].uid
            inputs.append(found)
        edges = self.protocol.leaving(number)
        targets = {self.places[edge.target].node_uid for edge in edges}
        keeps = place.node_uid in targets or not edges
        # Large results do not fit into an answer: they are kept, and fetched in parts.
        small = all(one.value.inline is not None and len(one.value.inline) < _INLINE_BYTES for one in brought)
        along = _goes_along(step.code)

        def ask(keep: tuple[UID, ...]) -> PlanReply:
            message = RunPlan(
                plan=along,
                plan_uid=None if along is not None else place.plan_uid,
                inputs=tuple(inputs),
                brought=tuple(brought),
                keep=keep,
            )
            return place.session.ask(message, PlanReply)

        uids = tuple(UID() for _ in range(_count(step.code.plan)))
        if keeps or not small or len(brought) < len(inputs):
            reply = ask(uids)
        else:
            try:
                reply = ask(())
            except LimitExceeded:  # a plan may make much of little
                reply = ask(uids)
        self._results[number] = _Results(place, reply.values, reply.objects)

    def _input(self, number: int, parameter: str, place: Place) -> UID | NewValue | None:
        """What a parameter gets: an object that is there already, or a value that is brought.

        Raises:
            InvalidInput: it has to be passed as something else.
        """
        step = self.protocol.steps[number]
        wire = step.wires.get(parameter)
        if isinstance(wire, FromRun):
            return _brought(self.arguments[wire.name], place) if wire.name in self.arguments else None
        if isinstance(wire, FromStep):
            return self._handed(wire, place)
        match step.code.input_policy.rules.get(parameter):
            case MustBe(object_uid=uid):
                return uid
            case Constant(value=data):
                return bring(place.session, codec.decode(data))
        return None

    def _handed(self, wire: FromStep, place: Place) -> UID | NewValue:
        results = self._results[wire.step]
        count = len(results.values or results.objects)
        if wire.output is None and count > 1:
            return bring(place.session, tuple(self._value(results, one) for one in range(count)))
        at = wire.output or 0
        if at >= count:
            raise InvalidInput(f"Step {wire.step + 1} returned {count} values; there is no number {at + 1}.")
        if results.objects and results.place.node_uid == place.node_uid:
            return results.objects[at].uid
        if results.values:
            value = results.values[at]
            return NewValue(type_name=value.type_name, shape=value.shape, inline=value.inline)
        return bring(place.session, self._value(results, at))

    def _value(self, results: _Results, at: int) -> Any:
        if results.values:
            data = results.values[at].inline
            if data is None:
                raise NotFound("The site sent a value without its bytes.")
            return codec.decode(data)
        return fetch(results.place.session, results.objects[at].uid).value


def _brought(value: Any, place: Place) -> UID | NewValue:
    if isinstance(value, AssetView):
        if value.is_at(place.node_uid):
            return value.action_id  # used in place
        return bring(place.session, value.data)
    if isinstance(value, Pointer) and not value.is_here:
        there = value.client.session
        if there.info.uid == place.node_uid:
            return value.id  # used in place
        return bring(place.session, fetch(there, value.id).value)
    return bring(place.session, value.get() if isinstance(value, Pointer) else value)


def _goes_along(code: CodeSubmission) -> Plan | None:
    """A small plan, which is sooner sent than looked up where it is kept."""
    plan = code.plan
    if isinstance(plan, msgspec.UnsetType) or plan.state or len(plan.steps) > _SMALL_PLAN:
        return None
    return plan


def _count(plan: Any) -> int:
    return len(plan.outputs)
