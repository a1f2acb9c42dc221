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
from syft.client.runplan import ask_to_run
from syft.client.session import Session
from syft.errors import InvalidInput, LimitExceeded, NotFound, SyftException
from syft.federation.run import drive, last_steps
from syft.model.code import Constant, MustBe
from syft.model.message import Done
from syft.model.messages.datasets import NewValue
from syft.model.messages.objects import DropLeases, ObjectView
from syft.model.object import ValueRef
from syft.model.plan import Plan
from syft.model.protocol import FromRun, FromStep, Protocol
from syft.model.uid import UID
from syft.wire import codec

# Of an input: where all are smaller, the results are asked for in the answer.
_SMALL_BYTES: Final = 512 * 1024
# Steps, of some 100 bytes each.
_SMALL_PLAN: Final = 50


class StepPlace(NamedTuple):
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

    place: StepPlace
    values: tuple[ValueRef, ...] = ()
    objects: tuple[ObjectView, ...] = ()


@dataclass
class OwnedRun:
    """One run.

    Args:
        protocol: the steps, every one of them a plan.
        places: where each runs.
        arguments: of the run, by name: values, or pointers to objects at a node of the caller's.
        large: the steps whose results have not fitted into an answer before; those that do not are added.
    """

    protocol: Protocol
    places: Sequence[StepPlace]
    arguments: Mapping[str, Any]
    large: set[int]
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
        plan = step.code.plan
        assert not isinstance(plan, msgspec.UnsetType)  # every step of such a run is one
        inputs = [self._input(number, parameter.name, place) for parameter in step.code.parameters]
        edges = self.protocol.leaving(number)
        stays = not edges or any(self.places[edge.target].node_uid == place.node_uid for edge in edges)
        # What fits into the answer need not be kept; what does not is known after the first run.
        told = not stays and number not in self.large and all(_may_be_small(one) for one in inputs)
        what = plan if _goes_along(plan) else place.plan_uid
        keep = tuple(UID() for _ in plan.outputs)
        try:
            reply = ask_to_run(place.session, what, inputs, () if told else keep)
        except LimitExceeded:
            if not told:
                raise
            self.large.add(number)
            reply = ask_to_run(place.session, what, inputs, keep)
        self._results[number] = _Results(place, reply.values, reply.objects)

    def _input(self, number: int, parameter: str, place: StepPlace) -> UID | NewValue:
        """What a parameter gets: an object that is there already, or a value that is brought.

        Raises:
            InvalidInput: nothing says what: a plan knows no defaults, each of its inputs is passed.
        """
        step = self.protocol.steps[number]
        wire = step.wires.get(parameter)
        if isinstance(wire, FromRun):
            if wire.name in self.arguments:
                return _brought(self.arguments[wire.name], place)
        elif isinstance(wire, FromStep):
            return self._handed(wire, place)
        match step.code.input_policy.rules.get(parameter):
            case MustBe(object_uid=uid):
                return uid
            case Constant(value=data):
                return bring(place.session, codec.decode(data))
        raise InvalidInput(f"Nothing was passed for '{parameter}'.")

    def _handed(self, wire: FromStep, place: StepPlace) -> UID | NewValue:
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


def _brought(value: Any, place: StepPlace) -> UID | NewValue:
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


def _may_be_small(value: UID | NewValue) -> bool:
    """Whether what is made of it may fit into an answer: of an object that is there, nothing is known."""
    return isinstance(value, UID) or (value.inline is not None and len(value.inline) < _SMALL_BYTES)


def _goes_along(plan: Plan) -> bool:
    """Whether a plan is sooner sent than looked up where it is kept."""
    return not plan.state and len(plan.steps) <= _SMALL_PLAN
